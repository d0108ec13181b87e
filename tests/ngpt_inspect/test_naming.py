"""Things that go by names, and one or several of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from models import tiny_gpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.naming import meant, named, several

THERE = {"E_input": 1, "W_q": 2, "near-duplicates": 3}


@pytest.mark.parametrize(("name", "thing"), [("W_q", 2), ("W-q", 2), ("near-duplicates", 3)])
def test_a_name_is_spelled_with_underscores_or_hyphens(name: str, thing: int) -> None:
    assert named(name, THERE, "thing") == thing


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("w_q", "at: no thing 'w_q'; did you mean W_q? there are E_input, W_q, near-duplicates"),
        ("E_inptu", "at: no thing 'E_inptu'; did you mean E_input? there are E_input, W_q"),
        ("pie", "at: no thing 'pie'; there are E_input, W_q, near-duplicates"),
        ("x" * 200, f"at: no thing '{'x' * 79}...; there are E_input"),
        (5, "at: no thing 5; there are E_input"),
    ],
)
def test_a_name_of_nothing_says_what_may_be_meant(name: str, message: str) -> None:
    with pytest.raises(WrongOption) as raised:
        named(name, THERE, "thing", where="at")
    assert str(raised.value).startswith(message)


def test_of_many_names_the_first_are_listed_and_the_others_counted() -> None:
    letters = "abcdef"
    assert meant("x", letters, most=4) == "there are a, b, c, d, 2 more"
    assert meant("F", letters, most=4) == "did you mean f? there are a, b, c, d, 2 more"
    assert meant("x", letters, most=6) == "there are a, b, c, d, e, f"


def test_one_or_several() -> None:
    assert several("ab", what="a text") == ["ab"]
    assert several(Path("x"), what="a path") == [Path("x")]
    assert several(3, int, what="a number") == [3]
    assert several(("ab", "c"), what="a text") == ["ab", "c"]
    with pytest.raises(WrongOption, match="3 is not a text; give one, or a list"):
        several(3, what="a text")


def test_the_face_takes_one_where_it_takes_several(tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors")
    one = ni.measure(path, "vector_norms", roles="W_q", layers=1)
    assert one.equals(ni.measure([path], ["vector_norms"], roles=["W_q"], layers=[1]))
    assert set(one["role"]) == {"W_q"}
    drawn = ni.save_figures(path, tmp_path, "json", names="vector_norms", roles="W_q")
    assert [each.name for each in drawn] == ["vector_norms"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: ni.summarise([path]), "a list, is no table; give what `measure` returned"),
        (lambda path: ni.summarise(ni.differences([path, path])), "has no column architecture"),
        (lambda path: ni.figure("unit_norm", table=path), "is no table"),
        (lambda path: ni.save_figure(path, path), "is no figure; give what `figure` returned"),
        (lambda path: ni.measure(path, "unit_norm", layers="0"), "no layer '0'; give whole"),
        (lambda path: ni.measure(3, "unit_norm"), "3 is not a checkpoint"),
        (lambda path: ni.measure(path, "dot_products", bins="5"), "bins is '5'; give a whole"),
        (lambda path: ni.training_results("losss", path), "did you mean losses?"),
    ],
)
def test_what_cannot_be_meant_is_said(call, message: str, tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors")
    with pytest.raises(ni.InspectError) as raised:
        call(path)
    assert message in str(raised.value)
