"""What is looked at of a table of changes."""

import numpy as np
import pytest
from models import tiny_gpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.comparing.views import changed_tokens, changed_weights
from ngpt_inspect.tokens import TokenTexts


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Write a model and the same with other embeddings, W_u of layer 1 doubled, W_v turned."""
    folder = tmp_path_factory.mktemp("pair")
    model = tiny_gpt()
    before = write_reference(model, folder / "before.safetensors")
    names = {str(w.role): w.tensor.name for w in ni.open_checkpoint(before) if w.layer in (None, 1)}

    def change(tensors):
        tensors[names["W_u"]] *= 2
        tensors[names["W_v"]] *= -1
        tensors[names["E_input"]][3] *= -1
        tensors[names["E_input"]][5, 0] += 0.1

    return before, write_reference(model, folder / "after.safetensors", change=change)


def test_the_most_changed_comes_first(pair):
    table = ni.changes(*pair)
    by_angle = changed_weights(table)
    assert by_angle.loc[0, ["role", "layer"]].tolist() == ["W_v", 1]
    assert by_angle["angle"][0] == pytest.approx(180)
    by_size = changed_weights(table, "relative_change").set_index(["role", "layer"])
    assert by_size.index[:2].tolist() == [("W_v", 1), ("W_u", 1)]
    assert by_size["relative_change"].iloc[:2].tolist() == pytest.approx([2, 1])
    assert by_size["row_angle"].iloc[1] == pytest.approx(0, abs=1e-5)
    assert len(by_angle) == len(ni.open_checkpoint(pair[0]).weights)
    assert (by_angle["reason"] == "equal: the same bytes").sum() == len(by_angle) - 3


def test_tokens_that_turned_come_with_their_angle(pair):
    texts = TokenTexts()
    found = changed_tokens(ni.changes(*pair), "E_input", texts)
    old, new = (ni.open_checkpoint(each)["E_input"][0].values().double().numpy() for each in pair)
    cosine = (old * new).sum(1) / np.linalg.norm(old, axis=1) / np.linalg.norm(new, axis=1)
    assert found["token"].tolist()[:2] == [3, 5]
    assert found["angle"][0] == pytest.approx(180)
    assert found["angle"][1] == pytest.approx(np.degrees(np.arccos(cosine[5])), rel=1e-6)
    assert found["angle"][2:].tolist() == pytest.approx([0] * (len(found) - 2), abs=1e-5)
    assert changed_tokens(ni.changes(*pair), "E_output", texts).empty
