"""The residual stream of a decoder, seen from outside: hooks on its own modules, and nothing else.

What a layer adds is told by what its modules take and give, not by their names: the state between
attention and MLP is the tensor that a module takes after attention and that no module gave. A
layer whose two blocks run in parallel has no such tensor; there the state between is the input plus
what attention gave, as the layer adds it.

Shapes: S = 2 n_layers blocks, T tokens, D = d_model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.later.torch import torch
from ngpt_inspect.tables import Progress

MIXERS = ("attn", "attention", "mixer", "mamba", "temporal", "conv", "recurrent")
"""How what lets tokens see each other is called, in part, by its name or its class."""
CLOSE = 1e-3
"""How far what a block adds may be from a multiple of what one of its modules gave."""
NEXT_STEP = "write the trace in the model's own code (docs/traces.md)"


@dataclass
class _Layer:
    """What one layer took and gave, and its modules in the order in which they ran."""

    before: torch.Tensor = field(init=False)
    after: torch.Tensor = field(init=False)
    taken: list[tuple[str, torch.Tensor]] = field(default_factory=list)
    given: list[tuple[str, torch.Tensor]] = field(default_factory=list)

    def hear(
        self, into: list[tuple[str, torch.Tensor]], said: str, tensor: torch.Tensor | None
    ) -> None:
        """Note a hidden state; some models run their modules on the tokens of all texts as one."""
        if tensor is not None and hasattr(self, "before"):
            alike = tensor.numel() == self.before.numel()
            into.append((said, tensor.reshape(self.before.shape) if alike else tensor))


@dataclass(frozen=True)
class Stream:
    """The hidden states of one prompt on their way through a model."""

    states: torch.Tensor
    """(S + 1, T, D): before the first block, then after each."""
    parallel: bool
    """Whether the blocks of a layer run side by side: then every second state is never there."""

    @property
    def added(self) -> torch.Tensor:
        """(S, T, D): what each block adds."""
        return self.states.diff(dim=0)


def layers_of(model: Any) -> torch.nn.ModuleList:
    """Return the list of a model's layers: the first that is as long as the config says.

    Raises
    ------
    UnreadableFile
        It has none of that length.
    """
    config = model.config.get_text_config() if hasattr(model, "config") else None
    wanted = getattr(config, "num_hidden_layers", None)
    lists = [
        each
        for name, each in model.named_modules()
        if isinstance(each, torch.nn.ModuleList) and len(each) == wanted and "vision" not in name
    ]
    if not lists:
        raise refused(model, f"no list of {wanted} layers was found in it")
    return lists[0]


@contextlib.contextmanager
def listening(
    model: torch.nn.Module, progress: Progress | None = None
) -> Iterator[Callable[[], Stream]]:
    """Listen to the layers during a call; yields what makes the stream of it afterwards.

    `progress` is told of each layer that has run.
    """
    layers = layers_of(model)
    heard = [_Layer() for _ in layers]
    with contextlib.ExitStack() as stack:
        for layer, record in zip(layers, heard, strict=True):
            for handle in _hooks(layer, record):
                stack.callback(handle.remove)
            if progress is not None:
                ran = partial(_tell, progress, layers)
                stack.callback(layer.register_forward_hook(ran).remove)
        yield lambda: _stream(model, heard)


def _tell(progress: Progress, layers: torch.nn.ModuleList, layer: torch.nn.Module, *_: Any) -> None:
    done = next(n for n, each in enumerate(layers, 1) if each is layer)
    progress(done, len(layers))


def _hooks(layer: torch.nn.Module, record: _Layer) -> Iterator[Any]:
    def take(_: Any, args: Any, kwargs: Any) -> None:
        found = _first(args, kwargs)
        if found is not None:
            record.before = found

    def give(_: Any, __: Any, output: Any) -> None:
        found = _tensor(output)
        if found is not None:
            record.after = found

    yield layer.register_forward_pre_hook(take, with_kwargs=True)
    yield layer.register_forward_hook(give)
    for name, module in layer.named_children():
        said = f"{name} {type(module).__name__}".lower()

        def take_part(_: Any, args: Any, kwargs: Any, said: str = said) -> None:
            record.hear(record.taken, said, _first(args, kwargs))

        def give_part(_: Any, __: Any, output: Any, said: str = said) -> None:
            record.hear(record.given, said, _tensor(output))

        yield module.register_forward_pre_hook(take_part, with_kwargs=True)
        yield module.register_forward_hook(give_part)


def _first(args: Any, kwargs: Any) -> torch.Tensor | None:
    return _tensor(args) if args else _tensor(kwargs.get("hidden_states"))


def _tensor(output: Any) -> torch.Tensor | None:
    """Return the hidden states of what a module took or gave: the first of several."""
    if isinstance(output, tuple | list):
        output = output[0] if output else None
    return output if isinstance(output, torch.Tensor) and output.is_floating_point() else None


def _stream(model: torch.nn.Module, heard: list[_Layer]) -> Stream:
    states, parallel = [], False
    for number, record in enumerate(heard):
        if not (hasattr(record, "before") and hasattr(record, "after")):
            raise refused(model, f"layer {number} takes or gives no hidden state")
        between = _between(record)
        if between is None:
            between = _side_by_side(record)
            parallel = True
        if between is None:
            raise refused(model, f"what attention adds in layer {number} could not be told")
        states += [record.before[0], between[0]]
    states.append(heard[-1].after[0])
    return Stream(torch.stack([each.detach().float() for each in states]), parallel)


def _attention_at(record: _Layer) -> int | None:
    """Return which of the modules that ran was attention (or what stands in its place)."""
    at = [n for n, (said, _) in enumerate(record.given) if any(word in said for word in MIXERS)]
    at = [n for n in at if "norm" not in record.given[n][0]]
    return at[0] if at else None


def _between(record: _Layer) -> torch.Tensor | None:
    """Return the state between the blocks: taken after attention, given by no module."""
    at = _attention_at(record)
    if at is None:
        return None
    given = [tensor for _, tensor in record.given]
    for _, tensor in record.taken[at + 1 :]:
        if tensor.data_ptr() in {each.data_ptr() for each in (*given, record.before)}:
            continue
        sums = (tensor - record.before, record.after - tensor)
        if all(_explained(added, given) for added in sums):
            return tensor
    normed = _normed(record, at)
    return _with_input(record, given[at]) if normed is None else normed


def _normed(record: _Layer, at: int) -> torch.Tensor | None:
    """Return what the norm after attention gave, in a layer that norms after each sum."""
    norms = [tensor for said, tensor in record.given[at + 1 :] if "norm" in said or "ln" in said]
    return norms[0] if len(norms) > 1 and _alike(norms[-1], record.after) else None


def _with_input(record: _Layer, whole: torch.Tensor) -> torch.Tensor | None:
    """Return what attention gave, if it added its input by itself, as the last module does too."""
    last = record.given[-1][1]
    there = whole.shape == record.after.shape
    if there and (_alike(last, record.after) or _explained(record.after - whole, [last])):
        return whole
    return None


def _side_by_side(record: _Layer) -> torch.Tensor | None:
    """Return the input plus what attention gave, where the layer adds what another gave too."""
    at = _attention_at(record)
    if at is None:
        return None
    attention = record.given[at][1]
    for _, other in record.given:
        if other is attention or other.shape != attention.shape:
            continue
        # the second: a model that adds what attention gave to the other output, in its place
        for whole in (record.before + attention + other, record.before + other):
            if _alike(whole, record.after):
                return record.before + attention
    return None


def _explained(added: torch.Tensor, given: list[torch.Tensor]) -> bool:
    """Whether what was added is a multiple of what a module gave (some models scale it)."""
    return any(each.shape == added.shape and _alike(_fitted(each, added), added) for each in given)


def _fitted(given: torch.Tensor, added: torch.Tensor) -> torch.Tensor:
    weight = given.double().square().sum()
    factor = (given.double() * added.double()).sum() / weight if weight else weight
    return given * factor


def _alike(x: torch.Tensor, y: torch.Tensor) -> bool:
    if x.shape != y.shape:
        return False
    return bool((x.double() - y.double()).norm() <= CLOSE * y.double().norm())


def refused(model: Any, what: str) -> UnreadableFile:
    """Return the error that says what a model is not, or does not do."""
    return UnreadableFile(what, where=type(model).__name__, next_step=NEXT_STEP)
