"""The numbers of one matrix side by side, and the heads there are to choose from."""

import numpy as np
import pytest
import torch
from models import tiny_gpt, tiny_ngpt
from tolerances import rounding

from ngpt_inspect import measure
from ngpt_inspect.tables.matrix_views import FACTS, matrices_of, matrix_facts, n_heads_of
from ngpt_inspect.vocabulary import Role

MEASURES = ["condition_numbers", "normalized_condition_numbers", "singular_values"]


@pytest.fixture(scope="module")
def checkpoints(open_layout):
    return [open_layout("reference_ngpt"), open_layout("reference_gpt")]


@pytest.fixture(scope="module")
def table(checkpoints):
    return measure(checkpoints, MEASURES)


@pytest.mark.parametrize("head", [0, 1, None])
def test_one_row_a_checkpoint_with_the_numbers_of_numpy(table, head):
    facts = matrix_facts(table, 1, "W_q", head)
    assert [*facts["checkpoint"]] == ["ngpt", "gpt"]
    for row, model in zip(facts.to_dict("records"), (tiny_ngpt(), tiny_gpt()), strict=True):
        heads = np.asarray(model.heads("W_q", 1), dtype=float)
        matrix = np.concatenate(heads) if head is None else heads[head]
        s = np.linalg.svd(matrix, compute_uv=False)
        stored = rounding(16, dtype=torch.float32)
        assert row["sigma_max"] == pytest.approx(s[0], rel=stored)
        assert row["condition_number"] == pytest.approx(s[0] / s[-1], rel=stored * s[0] / s[-1])
        assert row["stable_rank"] == pytest.approx((s**2).sum() / s[0] ** 2, rel=stored)
        p = s / s.sum()
        assert row["effective_rank"] == pytest.approx(np.exp(-(p * np.log(p)).sum()), rel=stored)
        unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
        u = np.linalg.svd(unit, compute_uv=False)
        assert row["normalized_condition_number"] == pytest.approx(
            u[0] / u[-1], rel=stored * u[0] / u[-1]
        )
        assert row["status"] in ("ok", "below_resolution")


def test_a_matrix_that_is_not_there_has_no_row(table):
    assert matrix_facts(table, 99, "W_q", 0).empty
    assert matrix_facts(table, 0, "W_q", 99).empty
    assert set(FACTS) < set(matrix_facts(table, 99, "W_q", 0).columns)
    one = table[table["checkpoint"].eq("gpt")]
    assert [*matrix_facts(one, 0, "W_q", 0)["checkpoint"]] == ["gpt"]


def test_heads_are_those_of_the_role(checkpoints):
    assert n_heads_of(checkpoints, Role.W_Q) == len(tiny_gpt().heads("W_q", 0))
    assert n_heads_of(checkpoints, Role.W_U) == 0
    assert n_heads_of([], Role.W_Q) == 0


def test_matrices_come_in_the_order_of_the_paper(checkpoints):
    found = matrices_of(checkpoints)
    assert found[0] is Role.W_Q
    assert Role.E_INPUT not in found
    assert matrices_of([]) == []
