import pytest

from ngpt_inspect.architectures._template import fill, match, unwrap

LAYERED = "[transformer.]h.{layer}.attn.c_attn.weight"


@pytest.mark.parametrize(
    ("template", "name", "found"),
    [
        (LAYERED, "transformer.h.3.attn.c_attn.weight", (3, None)),
        (LAYERED, "h.12.attn.c_attn.weight", (12, None)),
        (LAYERED, "h.0.attn.c_attn.weight", (0, None)),
        (LAYERED, "h.03.attn.c_attn.weight", None),
        (LAYERED, "h.x.attn.c_attn.weight", None),
        (LAYERED, "h.3.attn.c_attn.weight.more", None),
        (LAYERED, "other.h.3.attn.c_attn.weight", None),
        (LAYERED, "h.3.attnXc_attn.weight", None),
        ("e.{layer}.experts.{expert}.w1", "e.1.experts.7.w1", (1, 7)),
        ("sz", "sz", (None, None)),
        ("sz", "s.sz", None),
    ],
)
def test_match(template: str, name: str, found: tuple[int | None, int | None] | None) -> None:
    assert match(template, name) == found


@pytest.mark.parametrize(
    "name",
    [
        "_orig_mod.a.b",
        "module.a.b",
        "module._orig_mod.a.b",
        "_orig_mod.module.a.b",
        "_fsdp_wrapped_module.a._fsdp_wrapped_module.b",
        "a._orig_mod.b",
        "a.b",
    ],
)
def test_unwrap(name: str) -> None:
    assert unwrap(name) == "a.b"


def test_fill() -> None:
    assert fill(LAYERED, 3) == "transformer.h.3.attn.c_attn.weight"
    assert fill("e.{layer}.experts.{expert}.w1", 1) == "e.1.experts.{expert}.w1"
    assert fill("sz", None) == "sz"
