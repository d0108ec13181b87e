"""Where effective values come from, and the ends of learned vectors, against the tiny models."""

import numpy as np
import pytest
from models import CONSTANTS, tiny_ngpt

from ngpt_inspect import measure, open_checkpoint
from ngpt_inspect.tables.learned import ENDS, FORMULAS, ends, formulas


def rows_by_role(table):
    return {row["role"]: row for row in table.to_dict("records")}


def test_the_formula_names_every_constant_and_its_origin(layouts):
    table = formulas([open_checkpoint(layouts["reference_ngpt"])])
    assert list(table.columns) == list(FORMULAS)
    found = rows_by_role(table)
    assert list(found) == ["alpha_A", "alpha_M", "s_qk", "s_u", "s_nu", "s_z"]
    alpha = found["alpha_A"]
    assert alpha["effective"] == "|stored · alpha_init / alpha_scale|"
    assert alpha["factor"] == pytest.approx(CONSTANTS["alpha_init"] / CONSTANTS["alpha_scale"])
    assert alpha["starts_at"] == CONSTANTS["alpha_init"]
    assert "alpha_init = 0.05 (read from " in alpha["constants"]
    assert found["s_z"]["effective"] == "stored · s_z_init / s_z_scale"
    assert found["s_z"]["starts_at"] == 1


def test_what_was_assumed_or_given_is_said(layouts):
    given = open_checkpoint(layouts["nvidia_ngpt"], constants={"alpha_init": 0.1})
    found = rows_by_role(formulas([given]))
    assert "alpha_init = 0.1 (given)" in found["alpha_M"]["constants"]
    assert "s_u_init = 1 (assumed: written into model.py)" in found["s_u"]["constants"]


def test_gains_are_as_stored(layouts):
    table = formulas([open_checkpoint(layouts["llama"])])
    assert set(table["role"]) == {"gain_A", "gain_M", "gain_final"}
    assert set(table["effective"]) == {"stored"}
    assert set(table["factor"]) == {1.0}
    assert table["starts_at"].isna().all()
    assert set(table["constants"]) == {""}


def test_ends_are_those_of_the_vector(layouts):
    table = measure([layouts["reference_ngpt"], layouts["llama"]], "scaling_factors")
    found = ends(table[table["role"] == "s_z"], "scaling_factor", 4)
    wanted = tiny_ngpt().effective("s_z")
    order = np.argsort(wanted)
    assert list(found.columns) == list(ENDS)
    assert found["rank"].tolist() == [1, 2, 3, 4]
    assert found["largest_index"].tolist() == order[::-1][:4].tolist()
    assert found["smallest_index"].tolist() == order[:4].tolist()
    np.testing.assert_allclose(found["largest"], wanted[order[::-1][:4]])
    np.testing.assert_allclose(found["smallest"], wanted[order[:4]])
    assert found["largest_head"].isna().all()


def test_ends_name_the_head_of_s_qk(layouts):
    table = measure(layouts["reference_ngpt"], "scaling_factors", roles=["s_qk"], layers=[1])
    (row,) = ends(table, "scaling_factor", 1).to_dict("records")
    wanted = tiny_ngpt().effective("s_qk", 1)
    head, coordinate = np.unravel_index(wanted.argmax(), wanted.shape)
    assert (row["largest_head"], row["largest_index"]) == (head, coordinate)


def test_ends_of_nothing_are_an_empty_table(layouts):
    table = measure(layouts["llama"], "scaling_factors", roles=["gain_A"])
    assert list(ends(table[:0], "scaling_factor", 3).columns) == list(ENDS)
    assert len(ends(table[table["layer"] == 0], "scaling_factor", 1000)) == 16
