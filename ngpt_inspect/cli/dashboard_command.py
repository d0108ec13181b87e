"""``ngpt-inspect dashboard``: what was typed is checked, then this process becomes the server."""

import os
import runpy
import socket
import sys
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Command
from ngpt_inspect.cli.options import RulesFile
from ngpt_inspect.errors import MissingLibrary, WrongOption

_PACKAGE = Path(__file__).resolve().parents[1]
_HOMES = (_PACKAGE / "app", _PACKAGE.parent / "app")
"""Where the dashboard lies: inside the package where it was installed, beside it in a clone."""


@dataclass(kw_only=True)
class DashboardCommand(Command):
    """Serve the dashboard: checkpoints side by side in the browser."""

    example: ClassVar[str] = "runs/gpt runs/ngpt --port 8600"

    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE...]", help="Checkpoints, runs, training results."),
    ] = None
    root: Annotated[
        Path,
        typer.Option(
            help="Folder below which files can be opened from the page.",
            exists=True,
            file_okay=False,
        ),
    ] = Path()
    rules: RulesFile = None
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8501
    address: Annotated[
        str, typer.Option("--address", "--host", help="Address to listen on; 0.0.0.0: all.")
    ] = "127.0.0.1"
    token: Annotated[
        str,
        typer.Option(
            envvar="NGPT_INSPECT_TOKEN", help="What visitors have to know; better in the variable."
        ),
    ] = ""
    user_header: Annotated[
        str, typer.Option(help="Serve only those whom a reverse proxy names in this header.")
    ] = ""
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin that pages may be asked from, such as https://lab.example."),
    ] = None
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Write nothing below the root: pin no views.")
    ] = False
    upload_mb: Annotated[
        int, typer.Option(help="Megabytes of a file that is sent; 0: none.", min=0, max=1024)
    ] = 64
    most_sessions: Annotated[
        int, typer.Option(help="Browser sessions at once; 0: any number.", min=0)
    ] = 0

    def run(self) -> None:
        """Check that the server can start, and that the rules of health can be read."""
        from ngpt_inspect.rules.reading import VARIABLE, rules_of

        rules_of(self.rules)
        if self.rules is not None:  # the server's sessions read them there
            os.environ[VARIABLE] = str(self.rules.absolute())
        _check(self.address, self.port)

    def carry_out(self) -> None:
        """Check, then serve: signals and faults are the server's from then on."""
        super().carry_out()
        script = next(home / "dashboard.py" for home in _HOMES if (home / "dashboard.py").is_file())
        # The server runs in this process: no signal, whatever it is, leaves it behind on its port.
        sys.argv = ["streamlit", "run", str(script)]
        sys.argv += ["--server.address", self.address, "--server.port", str(self.port)]
        sys.argv += ["--server.maxUploadSize", str(max(self.upload_mb, 1))]
        for origin in self.origin or ():
            sys.argv += ["--server.corsAllowedOrigins", origin]
        sys.argv += ["--", "--root", str(self.root), "--user-header", self.user_header]
        sys.argv += ["--upload-mb", str(self.upload_mb), "--most-sessions", str(self.most_sessions)]
        sys.argv += ["--read-only"] if self.read_only else []
        sys.argv += ["--", *(self.checkpoints or [])]
        os.environ["NGPT_INSPECT_TOKEN"] = self.token
        with redirect_stdout(None) if self.quiet else nullcontext():
            runpy.run_module("streamlit", run_name="__main__")


def _check(address: str, port: int) -> None:
    """Raise where the server could not start.

    Raises
    ------
    MissingLibrary
        Streamlit is not installed.
    WrongOption
        Nobody may listen there, or somebody does already.
    """
    if find_spec("streamlit") is None:
        raise MissingLibrary(
            "the dashboard needs streamlit", next_step="pip install 'ngpt-inspect[app]'"
        )
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":  # as servers do: a port that was closed a moment ago is free
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WrongOption(
            f"cannot be listened on ({reason})",
            where=f"{address}:{port}",
            next_step="choose another --port or --address",
        ) from error
