"""Meta's ``consolidated.00.pth``, ``consolidated.01.pth``, ...: each matrix cut among processes.

Queries, keys, values, w1, w3 and the output embedding are cut by rows, wo and w2 by columns,
vectors are in every part whole. The input embedding was cut by columns up to Llama 2 and is by
rows since Llama 3: the length of the last norm tells which (github.com/meta-llama/llama,
llama/model.py; llama3, llama/model.py: ColumnParallelLinear, RowParallelLinear).
"""

import re

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.formats._fingerprint import fingerprint
from ngpt_inspect.formats._format import Format
from ngpt_inspect.formats.parallel.joined import joined
from ngpt_inspect.formats.places.folder import MODEL_PART, missing
from ngpt_inspect.formats.safetensors_file import read_file
from ngpt_inspect.formats.torch_zip import read_file as read_torch
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.wording import quoted, sizes

BY_COLUMNS = re.compile(r"(?:^|\.)(?:wo|w2)\.weight$")
EMBEDDING, LAST_NORM = "tok_embeddings.weight", "norm.weight"
SAME = "name the folder of one model, with all its parts"
LOOKED_FOR = 4
"""Numbers by one of which another part of the same model is told."""


def _accepts(place: Place, head: bytes) -> bool:
    if not head or MODEL_PART.fullmatch(place.name) is None:
        return False
    others = (_part(place, number) for number in range(LOOKED_FOR))
    return any(each.name != place.name and each.is_file() for each in others)


def _part(place: Place, number: int) -> Place:
    """Return the file of another process beside one."""
    return place.parent / re.sub(r"\d+", f"{number:02d}", place.name, count=1)


def _read(place: Place) -> Contents:
    places = _parts(place)
    held = [(read_torch if each.suffix == ".pth" else read_file)(each) for each in places]
    names = held[0][0]
    for each, (tensors, _) in zip(places, held, strict=True):
        if tensors.keys() != names.keys():
            raise UnreadableFile(
                f"holds other tensors than {places[0].name}", where=str(each), next_step=SAME
            )
    width = names[LAST_NORM].shape if LAST_NORM in names else ()
    tensors = {name: _whole(name, [each[name] for each, _ in held], width) for name in names}
    return Contents(
        source=str(places[0]),
        format=MODEL_PARALLEL.name,
        tensors=tensors,
        config=dict(held[0][1]),
        fingerprint=fingerprint(places),
    )


def _parts(place: Place) -> list[Place]:
    """Return the files of all processes; none between the first and the last may be missing."""
    numbered = {
        int(found[1]): each
        for each in place.parent.iterdir()
        if (found := MODEL_PART.fullmatch(each.name)) and each.suffix == place.suffix
    }
    lost = set(range(len(numbered))) - numbered.keys()
    if lost:
        raise missing(f"part {_part(place, min(lost)).name}", place)
    return [numbered[number] for number in sorted(numbered)]


def _whole(name: str, pieces: list[StoredTensor], width: tuple[int, ...]) -> StoredTensor:
    if len(pieces[0].shape) < 2:
        if len({(each.shape, each.dtype) for each in pieces}) > 1:
            raise _refuse(name, pieces)
        return pieces[0]
    by_columns = pieces[0].shape[1:] != width if name == EMBEDDING else BY_COLUMNS.search(name)
    whole = joined(name, pieces, 1 if by_columns else 0)
    if whole is None:
        raise _refuse(name, pieces)
    return whole


def _refuse(name: str, pieces: list[StoredTensor]) -> UnreadableFile:
    shapes = ", ".join(f"{sizes(each.shape)} {each.dtype}" for each in pieces[:8])
    return UnreadableFile(
        f"the pieces of {quoted(name)} do not fit together: {shapes}",
        where=pieces[0].location[0],
        next_step=SAME,
    )


MODEL_PARALLEL = Format(
    name="model parallel",
    summary="consolidated.00.pth, consolidated.01.pth, ... of Meta's model parallelism, joined",
    accepts=_accepts,
    read=_read,
)
