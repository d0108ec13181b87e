"""One model of an experiment: what it is called, how it is trained, what its log says."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference_model.checkpoint import checkpoint_path
from reference_model.config import FAMILY, Architecture, ModelConfig, NGPTConfig, TrainConfig
from reference_model.experiments.scales import Scale
from reference_model.presets import model_config, train_config
from reference_model.schedule import decay_exposure
from reference_model.training.metrics import read_metrics


@dataclass(frozen=True, kw_only=True)
class Run:
    """A model to train once; experiments that plan the same run share it."""

    model: ModelConfig
    training: TrainConfig
    size: str
    """Name of the scale."""
    variant: str = ""
    """What distinguishes an ablation; empty for the plain model."""

    @property
    def family(self) -> str:
        """GPT or nGPT."""
        return FAMILY["ngpt" if isinstance(self.model, NGPTConfig) else "gpt"]

    @property
    def name(self) -> str:
        """Folder of the run; tells all that differs between the runs of a scale."""
        training = self.training
        parts = [
            self.family.lower(),
            self.variant.replace(" ", "-").replace("/", "_"),
            f"context{self.model.context_length}",
            f"steps{training.steps}",
            f"rate{training.learning_rate:g}",
            f"seed{training.seed}",
        ]
        return "-".join(part for part in parts if part)

    @property
    def identity(self) -> dict[str, Any]:
        """Columns that say in every results table which run a row is of."""
        return {
            "run": self.name,
            "family": self.family,
            "size": self.size,
            "variant": self.variant,
            "context_length": self.model.context_length,
            "batch_size": self.training.batch_size,
            "steps": self.training.steps,
            "learning_rate": self.training.learning_rate,
            "seed": self.training.seed,
        }

    @property
    def flops(self) -> float:
        """Products and sums of training, tokens (6 N + 12 L d T): for estimates of time only.

        N are the parameters of matrices, L layers, d = d_model, T the context length.
        Source: arXiv 2204.02311, appendix B.
        """
        m = self.model
        block = 4 * m.d_model**2 + 3 * m.d_model * m.d_mlp
        matrices = 2 * m.vocab_size * m.d_model + m.n_layers * block
        attention = 12 * m.n_layers * m.d_model * m.context_length
        tokens = self.training.steps * self.training.batch_size * m.context_length
        return float(tokens) * (6 * matrices + attention)


def plan(
    scale: Scale,
    architecture: Architecture,
    *,
    context_length: int,
    steps: int,
    rate: float,
    seed: int = 0,
    variant: str = "",
    **changes: Any,
) -> Run:
    """Plan one run of a scale; `changes` replace fields of the preset's model.

    Raises
    ------
    UsageError
        If a setting is impossible.
    """
    training = train_config(
        architecture,
        scale.preset,
        steps=steps,
        batch_size=scale.tokens_per_step // context_length,
        micro_batch_size=scale.micro_tokens // context_length,
        learning_rate=rate,
        seed=seed,
        validation_every=scale.validation_every,
        validation_sequences=scale.validation_tokens // context_length,
        checkpoint_every=0,
    )
    if scale.gpt_exposure is not None and architecture == "gpt":
        unit = decay_exposure(replace(training, weight_decay=1.0))
        training = replace(training, weight_decay=round(scale.gpt_exposure / unit, 4))
    model = model_config(architecture, scale.preset, context_length=context_length, **changes)
    return Run(model=model, training=training, size=scale.name, variant=variant)


def loss_rows(run: Run, folder: Path) -> list[dict[str, Any]]:
    """Every validation loss of a run: one row each, the last one at step == steps.

    A run that diverged ends with a row without a loss, at the step where it did.
    """
    rows, seconds = [], 0.0
    for line in read_metrics(folder):
        seconds += line["seconds"] or 0.0
        loss = None if _diverged(line) else line["validation_loss"]
        if loss is None and not _diverged(line):
            continue
        measured = {"step": line["step"], "tokens": line["tokens"], "seconds": round(seconds, 2)}
        rows.append({**run.identity, **measured, "validation_loss": loss})
    return rows


def is_finished(run: Run, folder: Path) -> bool:
    """Whether the weights of the last step are there."""
    return checkpoint_path(folder, run.training.steps).is_file()


def final_loss(run: Run, folder: Path) -> float | None:
    """Read the validation loss after the last step in nats per token; None if training diverged."""
    last = read_metrics(folder)[-1]
    ended = last["step"] == run.training.steps and not _diverged(last)
    return last["validation_loss"] if ended else None


def _diverged(line: dict[str, float | None]) -> bool:
    return line["train_loss"] is None or line["gradient_norm"] is None
