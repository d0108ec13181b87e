"""Opens a checkpoint: bytes to named tensors to weights with roles. Reads headers only."""

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ngpt_inspect.architectures import (
    ARCHITECTURES,
    Spec,
    absent_roles,
    declared,
    find_architecture,
    read_spec,
)
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.formats import read_contents
from ngpt_inspect.formats.places.folder import INNER
from ngpt_inspect.hub_cache import is_cache, model_of, revision_of
from ngpt_inspect.placement import constants_of, weights_of
from ngpt_inspect.places import Openable
from ngpt_inspect.runs import STEP_FOLDER, step_of
from ngpt_inspect.stored import Contents
from ngpt_inspect.weights import ModelShape, WeightSet

UNTELLING_NAMES = {
    *("mp_rank_00_model_states", "zero_pp_rank_0_mp_rank_00_model_states"),
    *("model", "ckpt", "pytorch_model", "checkpoint", "state_dict", "lit_model", "last"),
    *("adapter_model", "adapter"),
    *("consolidated", "consolidated.00"),
}
"""File names that say nothing: the folder's name labels such a checkpoint."""

STEP_KEYS = (
    *("reference_model.step", "iter_num", "step", "iteration", "global_step"),
    *("trainer_state.global_step", "meta.step", "global_steps"),
)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep garbage from being looked for meanwhile: thousands of tensors that stay are listed.

    Python would walk everything there is, torch too, once or twice for them: two fifths of the
    time. Whoever switched it off switches it on again, so threads may overlap.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_uncollected()
def open_checkpoint(
    source: Openable,
    *,
    architecture: str | None = None,
    spec: Spec | None = None,
    heads: int | None = None,
    constants: Mapping[str, float] | None = None,
    part: str | None = None,
    label: str | None = None,
) -> WeightSet:
    """Open a checkpoint and give every tensor its role.

    Parameters
    ----------
    source
        A file, a folder holding a model, or the folder of a training run (its last step);
        a path or a URI (``hf://``, ``s3://``, ``gs://``, ``https://``). Or what is in memory: a
        module, a state dict (or a dict that holds one), an open file, bytes; no copy is made
        of the tensors of a model in memory.
    architecture
        Name of the layout, where detection cannot tell.
    spec
        A layout of one's own: a JSON file or a mapping, as in docs/specs.md. It is used in the
        place of the built-in ones.
    heads
        Number of query heads, where the files do not say.
    constants
        Values for what the weights do not hold (``{"alpha_init": 0.1}``); they go before
        what the checkpoint records.
    part
        Which set of weights, where the file holds several (``ema`` beside ``model``); by
        default the usual one, and a note says so.
    label
        Short name for tables and legends; by default taken from the path.

    Returns
    -------
    WeightSet
        Its tensors are read one at a time, when they are asked for.

    Raises
    ------
    UnreadableFile
        Missing, broken, or unsafe to read.
    UnknownArchitecture
        The tensors fit several declared layouts, or not the one that is asked for. What fits
        none is opened as `unknown`.
    WrongOption
        An architecture, a constant or a part of that name does not exist; a number or a spec
        cannot be meant.
    """
    if heads is not None and heads < 1:
        raise WrongOption(f"{heads} heads", next_step="give at least 1, or leave it out")
    own = None if spec is None else read_spec(spec)
    if own is None:
        known_layouts = ARCHITECTURES
    else:
        layout = declared(own, where="spec" if isinstance(spec, Mapping) else str(spec))
        known_layouts = {layout.name: layout}
    contents = read_contents(source, part)
    found = find_architecture(
        contents, known_layouts, name=architecture, n_heads=heads, or_unknown=own is None
    )
    resolved = constants_of(found, contents, constants or {})
    known: dict[str, float] = {**found.dimensions} | {
        constant.name: constant.value for constant in resolved
    }
    path = Path(contents.source)
    return WeightSet(
        label=_writable(label or (_label(path) if part is None else f"{_label(path)} {part}")),
        step=_step(contents, path),
        architecture=found.architecture.name,
        family=found.architecture.family,
        contents=contents,
        shape=_shape(found.dimensions),
        weights=weights_of(found, contents, known),
        ignored=found.ignored,
        buffers=found.buffers,
        unrecognised=found.unplaced,
        absent=absent_roles(found),
        constants=resolved,
        notes=(*found.architecture.notes, *found.cautions),
        # The spec itself, not its path: another process need not see that file.
        settings={
            "architecture": architecture,
            "spec": own,
            "heads": heads,
            "constants": dict(constants or {}),
            "part": part,
        },
    )


def _shape(known: Mapping[str, int]) -> ModelShape:
    # Of a model with nothing but experts their width is the width of its MLP.
    sizes = {"d_mlp": known["d_expert"], **known} if "d_expert" in known else known
    return ModelShape(**{name: sizes[name] for name in ModelShape.__annotations__ if name in sizes})


def _step(contents: Contents, path: Path) -> int | None:
    for key in STEP_KEYS:
        value = contents.lookup(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    named = (step_of(each) for each in (*(path, *path.parents)[:3], Path(revision_of(path))))
    return next((step for step in named if step is not None), None)


def _label(path: Path) -> str:
    """Return the name of the run, or of the folder where the file's own name says nothing."""
    named = _named(path)
    if is_cache(named):
        revision = revision_of(path)
        told = f"@{revision}" if revision and step_of(Path(revision)) is None else ""
        return named.name.rpartition("--")[2] + told
    return named.name if named != path or path.is_dir() else _stem(path)


def _named(path: Path) -> Path:
    """Return the file, or the folder above it, whose name tells the model and not just a step."""
    cache = model_of(path)
    if cache is not None:
        return cache
    if path.is_dir() or _says_no_model(path.name):
        untelling = _says_no_model(path.name)
    else:
        untelling = _stem(path) in UNTELLING_NAMES or step_of(path) is not None
    above = path.parent
    is_host = above.parent.name.endswith(":")  # of an address
    if not (untelling and above.name) or is_host:
        return path
    return _named(above) if _says_no_model(above.name) else above


def _says_no_model(folder: str) -> bool:
    if folder == "original":  # where Meta's own files are kept beside transformers'
        return True
    return STEP_FOLDER.match(folder) is not None or INNER.fullmatch(folder) is not None


def _writable(label: str) -> str:
    """Return a label that tables can hold: bytes of a file's name that are no text as escapes."""
    return label.encode(errors="backslashreplace").decode()


def _stem(path: Path) -> str:
    """Return a file's name without its suffix: ``model`` of ``model.safetensors.index.json``."""
    return Path(path.name.removesuffix(".index.json")).stem


def distinct(checkpoints: list[WeightSet]) -> list[WeightSet]:
    """Return the checkpoints with labels that tell them apart.

    Steps of one run share its label: the `step` column tells them apart. Otherwise equal
    labels are lengthened by parent folders, and numbered when one file is given twice.
    """
    out: list[WeightSet] = []
    for place, checkpoint in enumerate(checkpoints):
        others = [c for i, c in enumerate(checkpoints) if i != place and _clash(c, checkpoint)]
        if not others:
            out.append(checkpoint)
            continue
        mine = Path(checkpoint.contents.source)
        depth = 1
        while depth < len(mine.parts) and any(
            _tail(Path(c.contents.source), depth) == _tail(mine, depth) for c in others
        ):
            depth += 1
        same_file = depth == len(mine.parts)
        label = f"{checkpoint.label} #{place + 1}" if same_file else _tail(mine, depth)
        out.append(replace(checkpoint, label=label))
    return out


def _clash(one: WeightSet, other: WeightSet) -> bool:
    """Return whether two checkpoints would get rows that cannot be told apart."""
    same_run = _home(Path(one.contents.source)) == _home(Path(other.contents.source))
    told_by_step = same_run and one.step != other.step
    return one.label == other.label and not told_by_step


def _home(path: Path) -> Path:
    """Return the folder of the run that a checkpoint is of, or else the one it is in."""
    named = _named(path)
    return path.parent if named == path else named


def _tail(path: Path, depth: int) -> str:
    """Return the last parts of a path, without names that say nothing."""
    return "/".join((*_named(path).parts[:-1], _label(path))[-depth:])
