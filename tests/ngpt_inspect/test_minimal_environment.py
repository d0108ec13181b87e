"""What works without the extras, and what importing costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WITHOUT_EXTRAS = """
import sys
for name in ("streamlit", "pyarrow", "kaleido", "tokenizers", "distributed", "gguf", "fsspec"):
    sys.modules[name] = None
import ngpt_inspect as ni
path, saved = sys.argv[1:]
roles = set(ni.open_checkpoint(path).roles)
table = ni.summarise(ni.measure(path, [n for n, m in ni.MEASURES.items() if roles & set(m.roles)]))
assert set(table.loc[table["status"] == "skipped", "value"]) == set()
ni.figure("condition_numbers", path)

from typer.testing import CliRunner
from ngpt_inspect.cli.commands import app
def run(*words):
    return CliRunner().invoke(app, list(words))
for words in (["--format", "json"], ["--format", "csv"], ["--figure", saved], []):
    done = run("condition-numbers", path, *words)
    assert done.exit_code == 0, done.stderr
gguf = saved + ".gguf"
with open(gguf, "wb") as file:
    file.write(b"GGUF" + bytes(64))
for words, extra in (
    (["unit-norm", path, "--format", "parquet"], "parquet"),
    (["unit-norm", path, "--figure", "x.pdf"], "export"),
    (["unit-norm", path, "--scheduler", "tcp://127.0.0.1:1"], "cluster"),
    (["dashboard", path], "app"),
    (["tensors", "https://localhost/w.safetensors"], "remote"),
    (["tensors", gguf], "gguf"),
):
    done = run(*words)
    assert done.exit_code == 2, (words, done.exit_code, done.stderr)
    assert f"pip install 'ngpt-inspect[{extra}]'" in done.stderr, done.stderr
print("fine")
"""


def test_measures_and_command_line_without_the_extras(
    layouts: dict[str, Path], tmp_path: Path
) -> None:
    words = [str(layouts["reference_ngpt"]), str(tmp_path / "x.html")]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_EXTRAS, *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


IMPORTED = """
import importlib, sys
from pkgutil import iter_modules
import ngpt_inspect
dir(ngpt_inspect); ngpt_inspect.Role; ngpt_inspect.MEASURES
HEAVY = {"torch", "pandas", "scipy", "plotly", "streamlit", "kaleido"}
assert not (HEAVY | {"numpy"}) & set(sys.modules), "the package"
import ngpt_inspect.figures, ngpt_inspect.plotting
assert not HEAVY & set(sys.modules), "figures"
from ngpt_inspect import numerics
names = [each.name for each in iter_modules(numerics.__path__)]
assert len(names) > 10
for name in names:
    importlib.import_module(f"ngpt_inspect.numerics.{name}")
assert "torch" not in sys.modules, "kernels"
"""


def test_importing_the_package_its_figures_and_kernels_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


WITHOUT_TORCH = """
import sys
from pathlib import Path
import ngpt_inspect as ni
from ngpt_inspect.cli import main
from ngpt_inspect.finding import found_below
from ngpt_inspect.runs import checkpoints_of
from ngpt_inspect.summary import headers
path = sys.argv[1]
commands = ["--help", "summary --help", "skill"]
commands += [f"differences {path} {path}", f"summary {path}.not"]
commands += [f"{each} {path}" for each in (
    "tensors", "vector-norms", "embedding-norms", "unit-norm", "eigen-learning-rates",
    "scaling-factors",
)]
for command in commands:
    sys.argv = ["ngpt-inspect", *command.split()]
    try:
        main()
    except SystemExit:
        pass
    assert "torch" not in sys.modules, command
model = ni.open_checkpoint(path)
assert len(headers([model])) > 3
assert found_below(Path(path).parent) and checkpoints_of(path, "last")
assert len(ni.summarise(ni.measure(path, ["vector_norms", "scaling_factors"])))
assert "torch" not in sys.modules, "functions"
"""


def test_headers_learned_vectors_and_norms_are_read_without_torch(layouts: dict[str, Path]) -> None:
    words = [sys.executable, "-c", WITHOUT_TORCH, str(layouts["reference_ngpt"])]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_face() -> None:
    import ngpt_inspect as ni

    assert dir(ni) == sorted(ni.__all__)
    assert all(getattr(ni, name) is not None for name in ni.__all__)
    assert not hasattr(ni, "measures_of_nothing")
