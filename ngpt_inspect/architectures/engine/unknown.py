"""A checkpoint that no layout fits: its matrices have names, and perhaps its embeddings roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ngpt_inspect.architectures.engine.architecture import Architecture, Rule
from ngpt_inspect.architectures.engine.dimensions import dimensions
from ngpt_inspect.architectures.engine.match import SHOWN, Match
from ngpt_inspect.architectures.engine.placed import Placed
from ngpt_inspect.architectures.engine.template import FACTOR, unwrap
from ngpt_inspect.architectures.engine.words import told
from ngpt_inspect.errors import UnknownArchitecture
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.wording import cut, listed, quoted

UNKNOWN = Architecture(
    name="unknown",
    family="unknown",
    title="unknown",
    source="no layout fits",
    rules=(),
)
"""What stands in the place of a layout where none fits."""

NEAR = 0.8
"""Share of its tensors that a layout must know to be worth naming."""
ELSEWHERE = ("patch", "vision", "visual", "image", "audio", "encoder", "type", "segment")
"""Words of tables that are no token embeddings, or not those of the language model."""
HOW = (
    "matrices are measured whole, by name; with a layout they would have roles, heads and "
    "effective values: draft one with `ngpt-inspect tensors --suggest-spec`"
)


def as_unknown(contents: Contents, matches: Sequence[Match]) -> Match:
    """Return the match of no layout: embeddings where they cannot be mistaken, else names."""
    placed = tuple(_embeddings(contents))
    names = {each.tensor.name for each in placed}
    known, _ = dimensions(contents, (), None)
    if placed:
        known["vocab_size"], known["d_model"] = placed[0].tensor.shape
    return Match(
        architecture=UNKNOWN,
        placed=placed,
        dimensions={"n_layers": 0, **known},
        unplaced=tuple(t.name for t in contents.tensors.values() if t.name not in names),
        # As an error would be said: on one line, with nothing in it that a terminal obeys.
        cautions=(str(UnknownArchitecture(_why(contents, matches), next_step=HOW)),),
    )


def _embeddings(contents: Contents) -> Iterator[Placed]:
    """Yield the input embedding and the output embedding, where one tensor alone can be it."""
    size = contents.find("vocab_size")
    inputs = [t for t in _tables(contents, Role.E_INPUT) if size is None or t.shape[0] == size[0]]
    if len(inputs) != 1:
        return
    yield _placed(Role.E_INPUT, inputs[0])
    outputs = [t for t in _tables(contents, Role.E_OUTPUT) if t.shape == inputs[0].shape]
    if len(outputs) == 1:
        yield _placed(Role.E_OUTPUT, outputs[0])


def _tables(contents: Contents, role: Role) -> Iterator[StoredTensor]:
    for raw_name, tensor in contents.tensors.items():
        name = unwrap(raw_name)
        numbered = any(part.isdecimal() for part in name.split("."))
        plain = not numbered and not any(word in name.lower() for word in ELSEWHERE)
        tall = len(tensor.shape) == 2 and tensor.shape[0] > tensor.shape[1]
        if plain and tall and told(name) == {role}:
            yield tensor


def _placed(role: Role, tensor: StoredTensor) -> Placed:
    rule = Rule(name=tensor.name, role=role, shape="vocab_size, d_model")
    return Placed(rule=rule, layer=None, expert=None, tensor=tensor)


def nearest(matches: Iterable[Match]) -> Match:
    """Return the match that knows most of the tensors and lacks least."""
    return max(
        matches,
        key=lambda m: (len(m.known), len(m.placed), -len(m.conflicts), -len(m.missing)),
    )


def _why(contents: Contents, matches: Sequence[Match]) -> str:
    """Return what the config calls it, and the nearest layout where one is near."""
    said = contents.find("model_type")
    stated = "" if said is None else f"model_type {quoted(said[0])}: "
    near = nearest(matches) if matches else None
    total = sum(FACTOR not in name for name in contents.tensors)
    if near is None or not near.placed or len(near.known) < NEAR * total:
        left = () if near is None else near.unplaced
        names = [cut(name) for name in left or contents.tensors]
        why = f"no known layout has tensors named {listed(names, most=SHOWN)}"
    else:
        why = f"no known layout fits; the nearest, {near.evidence}"
    return f"{stated}{why}"
