import pickle

import pytest

from ngpt_inspect.errors import InspectError, MissingRole


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"where": "a.pt", "next_step": "try b.pt"}, "a.pt: it is empty; try b.pt"),
        ({"where": "a.pt"}, "a.pt: it is empty"),
        ({"next_step": "try b.pt"}, "it is empty; try b.pt"),
        ({}, "it is empty"),
    ],
)
def test_one_line(parts: dict[str, str], line: str) -> None:
    assert str(InspectError("it is empty", **parts)) == line


def test_names_of_files_cannot_break_the_line() -> None:
    error = InspectError("has no \x1b[2J tensor", where="a\nb.pt", next_step="see \u202e\ud800 é")
    assert str(error) == r"a\nb.pt: has no \x1b[2J tensor; see \u202e\ud800 é"


def test_errors_travel_between_processes() -> None:
    sent = MissingRole("no layer 9", where="gpt", next_step="layers are 0 to 1")
    arrived = pickle.loads(pickle.dumps(sent))
    assert type(arrived) is MissingRole
    assert (arrived.what, arrived.where, arrived.next_step) == (
        "no layer 9",
        "gpt",
        "layers are 0 to 1",
    )
