"""DeepSpeed's ``*_model_states.pt``: the module itself, or, of ZeRO-3, the shards of all ranks.

Up to stage 2 ``module`` is the model's state dict. Of stage 3 it holds placeholders of shape [0];
each rank's ``*_optim_states.pt`` has flat fp32 groups, in which a parameter of n values takes
ceil(n / ranks) of each rank, one parameter after another as ``param_shapes`` lists them
(deepspeed, utils/zero_to_fp32.py). Frozen parameters are kept beside the module in like pieces.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats.parallel.flat import FlatTensor, Run
from ngpt_inspect.formats.parallel.joined import within
from ngpt_inspect.formats.pickles.torch_calls import PickledTensor
from ngpt_inspect.formats.places.folder import MODEL_STATES
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.formats.torch.archive import LOCAL_MARK
from ngpt_inspect.formats.torch.listing import TorchFile
from ngpt_inspect.formats.torch.state_dict import model_tensors, settings
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.wording import quoted, sizes

MODULE = "module"
OTHER_RANK = re.compile(r"(?:zero_pp_rank_0_)?mp_rank_(?!00)\d\d_model_states\.pt")
FLAT = "fp32_flat_groups"
CONVERT = "convert it where it was made: python zero_to_fp32.py . model.safetensors"
States = list[tuple[TorchFile, Mapping[Any, Any]]]
"""What the files of the ranks hold, in their order."""


def _accepts(place: Place, head: bytes) -> bool:
    return head.startswith(LOCAL_MARK) and MODEL_STATES.fullmatch(place.name) is not None


def _read(place: Place) -> Contents:
    if any(OTHER_RANK.fullmatch(each.name) for each in place.parent.iterdir()):
        raise UnreadableFile(
            "is one of several ranks that each hold a part of every matrix (mp_rank_01, ...)",
            where=str(place),
            next_step="convert it where it was made (Megatron-DeepSpeed: tools/convert_checkpoint)",
        )
    file, state = _opened(place)
    module = model_tensors(_dict(state.get(MODULE)))
    shapes = _shapes(state.get("param_shapes"))
    frozen = _shapes(state.get("frozen_param_shapes"))
    away = {name for name, tensor in module.items() if _is_placeholder(tensor)}
    away &= {*shapes, *frozen}
    files: list[Place] = [place]
    tensors: dict[str, StoredTensor] = {}
    for name, tensor in module.items():
        if name not in away:
            tensors[name] = file.tensor(name, tensor)
    if away:
        files = [*_files(place, "model"), *_files(place, "optim")]
        tensors |= _joined(place, shapes, frozen)
        tensors |= dict(_aliases(state.get("shared_params"), tensors))
    missing = away - tensors.keys()
    if missing:
        raise _refuse(place, f"holds a ZeRO-3 placeholder of {quoted(min(missing))}, and no shards")
    return Contents(
        source=str(place),
        format=DEEPSPEED.name,
        tensors=tensors,
        config=settings([(state, MODULE), (_dict(state.get(MODULE)), "")], file.scalar),
        fingerprint=fingerprint(files),
    )


def _opened(place: Place) -> tuple[TorchFile, Mapping[Any, Any]]:
    file = TorchFile(open_bytes(place))
    return file, _dict(file.unpickle())


def _dict(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _is_placeholder(tensor: Any) -> bool:
    return isinstance(tensor, PickledTensor) and tensor.shape == (0,)


def _shapes(value: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of parameters by name, of all groups."""
    found = {}
    for group in value if isinstance(value, list) else [value]:
        for name, shape in _dict(group).items():
            if isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 2**40 for n in shape):
                found[str(name)] = shape
    return found


def _files(place: Place, kind: str) -> list[Place]:
    """Return the files of all ranks of one kind, in the order of the ranks."""
    pattern = re.compile(rf"(?:bf16_)?zero_pp_rank_(\d{{1,4}})_mp_rank_00_{kind}_states\.pt")
    found = {
        int(match[1]): each
        for each in place.parent.iterdir()
        if (match := pattern.fullmatch(each.name)) is not None
    }
    return [found[rank] for rank in sorted(found)]


def _joined(
    place: Place, shapes: Mapping[str, tuple[int, ...]], frozen: Mapping[str, tuple[int, ...]]
) -> dict[str, StoredTensor]:
    """Return the parameters that are spread over the ranks."""
    optim = [_opened(each) for each in _files(place, "optim")]
    held = [(file, _dict(state.get("optimizer_state_dict"))) for file, state in optim]
    told = held[0][1].get("partition_count") if held else None
    ranks = max(told) if isinstance(told, list) and told else told
    if not held or (type(ranks) is int and ranks != len(held)):
        named = f" of {ranks}" if type(ranks) is int else ""
        raise _refuse(
            place,
            f"holds placeholders of ZeRO-3, and {len(held)}{named} optim_states files are here",
            "copy the shards of all ranks into its folder, or convert it where it was made",
        )
    flat = [list(_flat(place, file, state.get(FLAT))) for file, state in held]
    tensors: dict[str, StoredTensor] = {}
    offset = 0
    for name, shape in shapes.items():
        each = -(-math.prod(shape) // len(held))
        runs = [run for groups in flat for run in _runs(groups, offset, each)]
        tensors[name] = _tensor(place, name, shape, runs)
        offset += each
    if frozen:
        states = [_opened(each) for each in _files(place, "model")]
        tensors |= _frozen(place, frozen, states)
    return tensors


def _flat(place: Place, file: TorchFile, groups: Any) -> Iterator[StoredTensor]:
    """Yield the flat groups of one rank."""
    for group in groups if isinstance(groups, list) else ():
        if not isinstance(group, PickledTensor) or len(group.shape) != 1:
            raise _refuse(place, f"its {FLAT} are not flat tensors")
        yield file.tensor(FLAT, group)


def _runs(groups: list[StoredTensor], start: int, count: int) -> Iterator[Run]:
    """Yield where a rank keeps values start..start+count, counted through its groups."""
    lengths = (group.shape[0] for group in groups)
    for n, low, high in within(lengths, start, start + count):
        yield Run(of=groups[n], start=low, count=high - low)


def _frozen(
    place: Place, shapes: Mapping[str, tuple[int, ...]], states: States
) -> dict[str, StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    for name, shape in shapes.items():
        runs = []
        for file, state in states:
            piece = _dict(state.get("frozen_param_fragments")).get(name)
            if isinstance(piece, PickledTensor) and len(piece.shape) == 1:
                runs.append(Run(of=file.tensor(name, piece), start=0, count=piece.shape[0]))
        tensors[name] = _tensor(place, name, shape, runs)
    return tensors


def _tensor(place: Place, name: str, shape: tuple[int, ...], runs: list[Run]) -> FlatTensor:
    held, wanted = sum(run.count for run in runs), math.prod(shape)
    if not runs or held < wanted or len({run.of.dtype for run in runs}) > 1:
        raise _refuse(
            place, f"its shards hold {held} values of {quoted(name)}, which is {sizes(shape)}"
        )
    first = runs[0]
    path, begin = first.of.location
    return FlatTensor(
        name=name,
        shape=shape,
        dtype=first.of.dtype,
        location=(path, begin + first.start * first.of.n_bytes // max(1, first.of.n_values)),
        runs=tuple(runs),
    )


def _aliases(
    shared: Any, tensors: Mapping[str, StoredTensor]
) -> Iterator[tuple[str, StoredTensor]]:
    """Yield tied parameters under their other name."""
    pairs = list(shared.items()) if isinstance(shared, dict) else shared
    for pair in pairs if isinstance(pairs, list) else ():
        match pair:
            case [str(other), str(name)] | (str(other), str(name)) if name in tensors:
                yield other, tensors[name]


def _refuse(place: Place, what: str, next_step: str = CONVERT) -> UnreadableFile:
    return UnreadableFile(what, where=str(place), next_step=next_step)


DEEPSPEED = Format(
    name="deepspeed",
    summary="DeepSpeed's model_states.pt; shards of ZeRO-3 are joined",
    accepts=_accepts,
    read=_read,
)
