"""The page of tensors: all of them, searched; one of them, drawn; layouts nobody knows."""

import torch
from safetensors.torch import save_file
from seen import charts, words


def test_all_tensors_with_what_they_are_and_one_of_them_drawn(run, models):
    app = run(models[1], page="tensors")
    table = app.dataframe[0].value
    assert {"tensor", "role", "shape", "dtype", "bytes", "norm", "kappa", "status"} <= set(table)
    assert f"{len(table)} of {len(table)} rows" in words(app)
    assert table.set_index("role").loc["W_q", "kappa"].min() >= 1
    assert (table["norm"] > 0).all()
    assert len(charts(app)) == 1
    app.text_input(key="find").input("W_q").run()
    found = app.dataframe[0].value
    assert set(found["role"]) == {"W_q"}
    assert app.query_params["find"] in ("W_q", ["W_q"])
    name = found["tensor"].iloc[-1]
    assert name in run(models[1], page="tensors", tensor=name).subheader[0].value.replace("\\", "")


def test_a_layout_nobody_knows_is_listed_and_drawn(run, tmp_path):
    tensors = {"odd.matrix": torch.eye(4), "odd.vector": torch.zeros(3)}
    save_file(tensors, tmp_path / "odd.safetensors")
    app = run(tmp_path / "odd.safetensors", page="tensors", tensor="odd.vector")
    assert "no known layout" in words(app)
    assert app.dataframe[0].value["tensor"].tolist() == list(tensors)
    assert len(charts(app)) == 1


def test_a_tensor_that_holds_no_real_numbers_is_a_sentence(run, tmp_path):
    tensors = {
        "a.position_ids": torch.arange(6),
        "b.weight": torch.eye(4),
        "c.scale": torch.ones(1),
    }
    save_file(tensors, tmp_path / "odd.safetensors")
    app = run(tmp_path / "odd.safetensors", page="tensors")
    assert "stored as I64" in words(app)
    assert not charts(app)
    one = run(tmp_path / "odd.safetensors", page="tensors", tensor="c.scale")
    assert "Its value is 1." in words(one)
