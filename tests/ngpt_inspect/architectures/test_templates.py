import pytest

from ngpt_inspect.architectures.engine.template import Templates, fill, match, unwrap

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
        ("a.{layer}.x|b.{layer}.y", "b.2.y", (2, None)),
        ("a.{layer}.x|b.{layer}.y", "b.2.x", None),
        ("layers.{layer}.0.[fn.]to_q", "layers.3.0.fn.to_q", (3, None)),
        ("layers.{layer}.0.[fn.]to_q", "layers.3.1.fn.to_q", None),
        ("m.{layer}.fc1.weight{expert}", "m.0.fc1.weight12", (0, 12)),
        ("m.{layer}.fc1.weight{expert}", "m.0.fc2.weight12", None),
        ("[a.][b.]x", "b.x", (None, None)),
        ("[a.][b.]x", "b.a.x", None),
        # A number nobody's model has would make us count to it.
        ("h.{layer}.w", "h.99999.w", None),
        ("h.{layer}.w", "h." + "9" * 5000 + ".w", None),
        ("h.{layer}.w", "h.#.w", None),
    ],
)
def test_match(template: str, name: str, found: tuple[int | None, int | None] | None) -> None:
    assert match(template, name) == found


@pytest.mark.parametrize(
    "name",
    [
        "_orig_mod.a.b",
        "a.base_layer.base_layer.b",
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
    assert fill(LAYERED, 3) == "h.3.attn.c_attn.weight"
    assert fill("e.{layer}.experts.{expert}.w1", 1) == "e.1.experts.{expert}.w1"
    assert fill("sz", None) == "sz"
    assert fill("a.{layer}.e.{expert}|b.{layer}", 1, 2) == "a.1.e.2"


def test_templates_find_all_that_stands_for_a_name() -> None:
    templates = Templates([("h.{layer}.w", "one"), ("h.0.w", "two"), ("h.{layer}.v", "three")])
    assert list(templates.find("h.0.w")) == [("one", (0, None)), ("two", (None, None))]
    assert list(templates.find("h.1.w")) == [("one", (1, None))]
    assert list(templates.find("h.w")) == []
