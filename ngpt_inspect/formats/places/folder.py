"""What a folder means: the one file in it that stands for the model."""

import re
import shlex
from pathlib import Path

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.hub_cache import MAIN, is_cache, revisions
from ngpt_inspect.places import Place
from ngpt_inspect.runs import STEP_FILE, holds_weights, is_run, step_files
from ngpt_inspect.wording import listed

INDEX = ".safetensors.index.json"
TORCH_INDEX = ".bin.index.json"
TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
DISTRIBUTED = "model_and_optim"
"""The folder of torch.distributed.checkpoint inside a checkpoint of OLMo-core."""
NOT_MODELS = frozenset(
    f"{stem}{suffix}"
    for stem in ("optimizer", "scheduler", "scaler", "rng_state", "training_args", "train", "val")
    for suffix in TORCH_SUFFIXES
)
"""What trainers keep beside the model, and nanoGPT's tokens."""
SHARD = re.compile(r"-\d+-of-(?!0*1\.)\d+\.\w+$")
"""One part of several."""
PART = re.compile(r"-\d+-of-(?!0*1\.)\d+\.gguf$")
"""Any part of a GGUF model in several files."""
LATER_PART = re.compile(r"-(?!0*1-of-)\d+-of-\d+\.gguf$")
"""Any part of a GGUF model but the first, which stands for all."""
MODEL_PART = re.compile(r"consolidated\.(\d{1,4})\.(?:pth|safetensors)", re.ASCII)
"""What one process of Meta's model parallelism has saved; the first stands for all."""
MODEL_STATES = re.compile(r"(?:zero_pp_rank_0_)?mp_rank_00_model_states\.pt")
"""What the first rank of DeepSpeed has saved; it stands for all."""
LONGEST_NAME = 200
OF_RANK = re.compile(r"mp_rank_\d+(?:_\d+)?")
"""The folder of one rank of Megatron-LM; where there is one alone, it is the model."""
FSDP = re.compile(r"pytorch_model_fsdp_\d+")
LATEST = "latest"
"""The file in which DeepSpeed names the last of its folders."""
INNER = re.compile(rf"{DISTRIBUTED}|{FSDP.pattern}|global_step\d+")
"""Folders whose settings lie in the folder around: of OLMo-core, accelerate and DeepSpeed."""
ORIGINAL = "original"
"""The folder of Meta's own files, where the others are not."""
MOST_COMMANDS = 6
LOOKED_FOR = "*.safetensors, *.safetensors.index.json, *.pt, *.pth, *.bin, *.ckpt or *.gguf"


def find_model(folder: Place) -> Place:
    """Return the file a folder stands for, or the folder in it.

    In this order: of a model in the hub's cache its main revision; the distributed checkpoint
    of OLMo-core; the only rank of Megatron-LM; a safetensors index; the last
    ``step-N.safetensors`` of a training run; ``model.safetensors``, or the only safetensors
    file; an index of torch files; ``pytorch_model.bin``, ``ckpt.pt``, or the only torch file;
    the only GGUF model; the last of what else is named for a step; what the folder ``original``
    stands for.

    Raises
    ------
    UnreadableFile
        None, or several of which none comes first.
    """
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        raise UnreadableFile(
            "is an empty folder",
            where=str(folder),
            next_step="name a checkpoint file or its folder",
        )
    if isinstance(folder, Path) and is_cache(folder):
        return _snapshot(folder)
    ranks = [name for name in names if OF_RANK.fullmatch(name) and (folder / name).is_dir()]
    inner = [name for name in names if name == DISTRIBUTED or FSDP.fullmatch(name)]
    inner += ranks if len(ranks) == 1 else []
    if inner:
        return folder / inner[0]
    index = _choose(names, (INDEX,), (f"model{INDEX}",), folder)
    if index is not None:
        return index
    steps = step_files(folder)
    last = _latest(folder, names) or (steps[max(steps)] if steps else None)
    if last is not None and STEP_FILE.fullmatch(last.name):
        return last
    found = (
        _choose(names, (".safetensors",), ("model.safetensors",), folder, last)
        or _choose(names, (TORCH_INDEX,), (f"pytorch_model{TORCH_INDEX}",), folder)
        or _choose(names, TORCH_SUFFIXES, ("pytorch_model.bin", "ckpt.pt"), folder, last)
        or _only([n for n in names if n.endswith(".gguf") and not LATER_PART.search(n)], folder)
        or last
    )
    if found is None and ORIGINAL in names and (folder / ORIGINAL).is_dir():
        return find_model(folder / ORIGINAL)
    if found is None:
        raise _nothing_there(folder, names)
    return found


def _latest(folder: Place, names: list[str]) -> Place | None:
    """Return the folder that DeepSpeed's file names, if it is one in this folder."""
    if LATEST not in names or not (folder / LATEST).is_file():
        return None
    said = open_bytes(folder / LATEST).head(LONGEST_NAME).decode(errors="replace").strip()
    return folder / said if said in names and (folder / said).is_dir() else None


def _snapshot(folder: Path) -> Path:
    """Return the main revision of a model in the hub's cache, the only one, or the last step."""
    held, steps = revisions(folder), step_files(folder)
    if MAIN in held or len(held) == 1:
        return held.get(MAIN) or next(iter(held.values()))
    if steps:
        return steps[max(steps)]
    places = [str(at.relative_to(folder)) for at in held.values()]
    raise UnreadableFile(
        f"holds {len(held)} revisions, and none is main: {listed(held)}",
        where=str(folder),
        next_step=_one_of(folder, places) if held else "download one with `hf download`",
    )


def _choose(
    names: list[str],
    suffixes: tuple[str, ...],
    usual: tuple[str, ...],
    folder: Place,
    last: Place | None = None,
) -> Place | None:
    """Return the file with a usual name, the only one with such a suffix, or the last step."""
    for name in usual:
        if name in names:
            return folder / name
    of_ranks = [name for name in names if MODEL_STATES.fullmatch(name)]
    if of_ranks and suffixes == TORCH_SUFFIXES:
        return folder / min(of_ranks)
    found = [name for name in names if name.endswith(suffixes) and name not in NOT_MODELS]
    if found and all(MODEL_PART.fullmatch(name) for name in found):
        return folder / found[0]
    shards = [name for name in found if SHARD.search(name)]
    if shards:
        raise UnreadableFile(
            f"holds parts of a checkpoint ({listed(shards)}), not all of them, and no index",
            where=str(folder),
            next_step="copy or download the others into the same folder",
        )
    return last if last is not None and last.name in found else _only(found, folder)


def _only(found: list[str], folder: Place) -> Place | None:
    if len(found) > 1:
        raise UnreadableFile(
            f"holds {len(found)} checkpoints, and none has the usual name: {listed(found)}",
            where=str(folder),
            next_step=_one_of(folder, found),
        )
    return folder / found[0] if found else None


def _nothing_there(folder: Place, names: list[str]) -> UnreadableFile:
    inside = [name for name in names if holds_weights(folder / name) or is_run(folder / name)]
    if inside:
        return UnreadableFile(
            f"holds no checkpoint itself, but folders that do: {listed(inside)}",
            where=str(folder),
            next_step=_one_of(folder, inside),
        )
    return UnreadableFile(
        f"holds no checkpoint; looked for {LOOKED_FOR}, and found {listed(names)}",
        where=str(folder),
        next_step="name a checkpoint file or its folder",
    )


def _one_of(folder: Place, names: list[str]) -> str:
    """Return the command for each of what a folder holds, of the first few."""
    commands = [f"`ngpt-inspect summary {shlex.quote(str(folder / name))}`" for name in names]
    more = f" (or {len(names) - MOST_COMMANDS} more)" if len(names) > MOST_COMMANDS else ""
    return f"say {' or '.join(commands[:MOST_COMMANDS])}{more}"


def missing(what: str, whole: Place) -> UnreadableFile:
    """Return the error for one of several files of a checkpoint that is not there."""
    return UnreadableFile(
        f"its {what} is missing",
        where=str(whole),
        next_step="copy or download it into the same folder",
    )


def is_plain_name(name: str) -> bool:
    """Tell a bare file name from anything that could lead out of the folder."""
    return name not in ("", ".", "..") and not set(name) & set("/\\:\0?#")
