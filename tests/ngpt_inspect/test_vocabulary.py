import re
from pathlib import Path

from ngpt_inspect.vocabulary import COLUMNS, FACTS, Kind, MatrixAxis, Role, Status, roles_of

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "table.md").read_text()


def test_documentation_names_the_columns_in_their_order() -> None:
    table = DOCUMENTED.split("## Quantities")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(COLUMNS)


def test_documentation_names_every_role_and_status() -> None:
    for word in (*Role, *Status):
        assert re.search(rf"\b{word}\b", DOCUMENTED), word


def test_unit_vectors_are_those_of_length_d_model() -> None:
    # Section 2.6, step 2: along the embedding dimension, the one called d_model.
    for role in roles_of(Kind.EMBEDDING, Kind.MATRIX):
        rows, columns = FACTS[role].shape.split(", ")
        length = {MatrixAxis.ROWS: columns, MatrixAxis.COLUMNS: rows}
        if FACTS[role].unit_axis is None:
            assert "d_model" not in length.values(), role
            continue
        assert length[FACTS[role].unit_axis] == "d_model", role


def test_heads_are_cut_along_the_axis_that_counts_them() -> None:
    for role, facts in FACTS.items():
        axes = dict(zip(MatrixAxis, facts.shape.split(", "), strict=False))
        counted = [axis for axis, size in axes.items() if "heads*" in size]
        assert ([facts.head_axis] if facts.head_axis else []) == counted, role


def test_every_role_has_facts_and_every_kind_has_roles() -> None:
    assert list(FACTS) == list(Role)
    assert all(roles_of(kind) for kind in Kind)
