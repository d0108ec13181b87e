"""Name templates: ``[transformer.]h.{layer}.attn.c_attn.weight`` as a pattern and back."""

from __future__ import annotations

import re
from functools import cache

WRAPPERS = ("_orig_mod.", "module.", "_fsdp_wrapped_module.")
"""Prefixes that torch.compile, DDP and FSDP add; they can occur anywhere in a name."""

_TOKEN = re.compile(r"\{(layer|expert)\}|\[([^\]]+)\]")


def unwrap(name: str) -> str:
    """Return a tensor name without the prefixes of torch.compile, DDP and FSDP."""
    for wrapper in WRAPPERS:
        name = name.removeprefix(wrapper).replace("." + wrapper, ".")
    return name if not name.startswith(WRAPPERS) else unwrap(name)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for token in _TOKEN.finditer(template):
        pattern += re.escape(template[end : token.start()])
        if token[1]:
            pattern += rf"(?P<{token[1]}>0|[1-9][0-9]*)"
        else:
            pattern += f"(?:{re.escape(token[2])})?"
        end = token.end()
    return re.compile(pattern + re.escape(template[end:]))


def match(template: str, name: str) -> tuple[int | None, int | None] | None:
    """Return (layer, expert) when a name fits a template, else None."""
    found = _pattern(template).fullmatch(name)
    if found is None:
        return None
    numbers = found.groupdict()
    layer, expert = numbers.get("layer"), numbers.get("expert")
    return (None if layer is None else int(layer), None if expert is None else int(expert))


def fill(template: str, layer: int | None) -> str:
    """Return the name a template stands for, for messages."""
    name = _TOKEN.sub(lambda token: token[2] or f"{{{token[1]}}}", template)
    return name if layer is None else name.replace("{layer}", str(layer))
