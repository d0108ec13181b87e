"""``ngpt-inspect trace``: the path of a prompt through a model of transformers, as a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Command
from ngpt_inspect.cli.options import Device
from ngpt_inspect.cli.terminal import note


@dataclass(kw_only=True)
class TraceCommand(Command):
    """Run a Hugging Face causal model on a prompt and write what becomes of its hidden states.

    Local files only: a folder of save_pretrained with its tokenizer, or a model in the Hugging
    Face cache. Look at the trace with ngpt-inspect path, its figures, or in the dashboard.
    """

    example: ClassVar[str] = "./gpt2 --prompt Hello -o gpt2.safetensors"

    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder, or a cached model.")]
    prompt: Annotated[str, typer.Option(help="The text.", metavar="TEXT")]
    output: Annotated[Path, typer.Option("-o", "--output", help="The trace.")] = Path(
        "trace.safetensors"
    )
    device: Device = "cpu"
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run code that comes with the model.")
    ] = False

    def run(self) -> None:
        """Write the trace, and say where it is."""
        from ngpt_inspect.tracing import trace_model

        with self.progress("Trace") as progress:
            path = trace_model(
                self.model,
                self.prompt,
                self.output,
                device=self.device,
                allow_code=self.allow_code,
                progress=progress,
            )
        if not self.quiet:
            note(f"done: {path}")
