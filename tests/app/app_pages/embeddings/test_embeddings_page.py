"""The page of embeddings: the figure, the tokens, and one token in every checkpoint."""

import json

import pytest
from safetensors.torch import load_file, save_file
from seen import charts, table, words
from small_models import VOCAB, write_gpt, write_ngpt

import ngpt_inspect as ni
from app.app_pages.embeddings import blocks


def write_texts(folder, *, reverse=False):
    vocab = {f"Ġw{place}": VOCAB - 1 - place if reverse else place for place in range(VOCAB)}
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = {"model": {"vocab": vocab}, "decoder": {"type": "ByteLevel"}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


@pytest.fixture(scope="module")
def texted(tmp_path_factory):
    """Write a GPT and an nGPT with texts of their tokens. Read only, and maybe measured already."""
    folder = tmp_path_factory.mktemp("texted")
    write_texts(folder)
    return [write_gpt(folder / "gpt.safetensors"), write_ngpt(folder / "ngpt.safetensors")]


@pytest.fixture
def see(run):
    return lambda *paths, **query: run(*paths, page="embeddings", **query)


def neighbours(app):
    return [each.value for each in app.dataframe if "Nearest tokens" in each.proto.alt]


@pytest.mark.slow
def test_one_checkpoint_without_texts(see, models):
    app = see(models[1])
    assert len(charts(app)) == 1
    assert "no texts of tokens: no tokenizer" in words(app).replace("\\", "")
    tokens = table(app, "Tokens of E_input of ngpt")
    assert sorted(tokens["token"]) == list(range(VOCAB))
    assert "text" not in tokens
    assert tokens["nearest_cosine"].is_monotonic_decreasing
    assert tokens["s_z"].notna().all()
    assert not app.warning


@pytest.mark.slow
def test_two_checkpoints_side_by_side_with_texts(see, texted):
    app = see(*texted, token="5", embedding="E_output")
    assert "Neighbours of token 5 ␣w5" in [each.value for each in app.subheader]
    assert table(app, "Tokens of E_output of gpt")["text"].str.startswith("␣w").all()
    counts = table(app, "How many tokens")
    assert counts["checkpoint"].tolist() == ["gpt", "gpt", "ngpt", "ngpt"]
    for path, shown in zip(texted, neighbours(app), strict=True):
        near = ni.measure(path, "neighbours", token="5", count=12, roles=["E_output"])
        near = near[near["measure"] == "neighbour_cosine"]
        assert shown["id"].tolist() == near["partner"].tolist()
        assert shown["text"].tolist() == [f"␣w{token}" for token in near["partner"]]
        assert shown["cosine"].tolist() == near["value"].tolist()
    largest = table(app, "Pairs of largest cosine in E_output of gpt")
    assert largest["value"].is_monotonic_decreasing


def test_a_search_finds_and_the_address_keeps_it(see, texted):
    app = see(*texted, search="w1", tokens_of="ngpt", further="uniformity")
    assert any("Uniformity" in chart.proto.alt for chart in charts(app))
    assert table(app, "Tokens of E_input of ngpt")["token"].tolist() == [1, 10, 11]
    assert "Neighbours of token 1 ␣w1" in [each.value for each in app.subheader]
    app.text_input(key="search").input("␣w7").run()
    assert table(app, "Tokens of E_input of ngpt")["token"].tolist() == [7]
    app.text_input(key="search").input("*nowhere*").run()
    assert not app.exception
    assert "No token of ngpt is like '*nowhere*'" in words(app).replace("\\", "")
    assert not neighbours(app)


def test_a_token_that_is_not_there_is_said(see, texted):
    for wanted in ("99999", "the", "-1"):
        app = see(*texted, token=wanted)
        (note,) = app.info
        assert f"There is no token '{wanted}' here" in note.value.replace("\\", "")
    assert not see(*texted, token="7", search="w1").info


@pytest.mark.slow
def test_vocabularies_are_matched_by_text(see, tmp_path):
    paths = []
    for name, reverse in (("one", False), ("two", True)):
        write_texts(tmp_path / name, reverse=reverse)
        paths.append(write_ngpt(tmp_path / name / "model.safetensors", seed=3))
    app = see(*paths, token="2", tokens_of="one")
    captions = [each.value for each in app.caption]
    assert any(caption.startswith("id 2,") for caption in captions)
    assert any(caption.startswith("id 9,") for caption in captions)


def test_a_gpt_with_dead_rows_and_tied_embeddings(see, tmp_path):
    path = write_gpt(tmp_path / "gpt.safetensors")
    tensors = load_file(path)
    tensors["model.embed_tokens.weight"][4] = 0
    del tensors["lm_head.weight"]
    save_file(tensors, path)
    other = write_ngpt(tmp_path / "ngpt.safetensors")
    app = see(path, other, token="4", order="shortest")
    assert table(app, "How many tokens")["zero_tokens"].tolist() == [1, 0, 0]
    shortest = table(app, "Tokens of E_input of gpt").iloc[0]
    assert (shortest["token"], shortest["norm"], shortest["notes"]) == (4, 0, "norm zero")
    assert "not in the tokenizer" not in words(app)
    assert "has no direction" in words(app)
    output = see(path, other, tokens_of="ngpt", embedding="E_output")
    assert "tied to E_input; this is E_input" in words(output).replace("\\", "")
    assert len(neighbours(output)) == 2


@pytest.mark.slow
def test_a_broken_tokenizer_is_a_sentence(see, own_models, tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"model":')
    app = see(own_models[0])
    assert "is not valid JSON" in words(app)
    assert len(neighbours(app)) == 1


@pytest.mark.slow
def test_a_row_of_nan_leaves_the_others(see, tmp_path):
    path = write_gpt(tmp_path / "gpt.safetensors")
    tensors = load_file(path)
    tensors["lm_head.weight"][3, 0] = float("nan")
    save_file(tensors, path)
    app = see(path, embedding="E_output", order="shortest")
    tokens = table(app, "Tokens of E_output of gpt").set_index("token")
    assert "NaN" in tokens["notes"][3]
    assert tokens["mean_cosine"].notna().sum() == VOCAB - 1


def test_order_and_search_reach_rows_that_do_not_travel(see, models, monkeypatch):
    monkeypatch.setattr(blocks, "MOST", 3)
    norms = ni.measure(models[0], "embedding_norms", roles="E_input")
    norms = norms[norms["index"].notna() & norms["statistic"].isna()].set_index("index")["value"]
    app = see(models[0], order="shortest")
    shown = table(app, "Tokens of E_input of gpt")
    assert shown["token"].tolist() == norms.sort_values().index[:3].tolist()
    assert f"The first 3 of {VOCAB} tokens: Order and Search above reach all." in words(app)
    last = int(norms.idxmax())
    app = see(models[0], order="shortest", search=str(last))
    assert table(app, "Tokens of E_input of gpt")["token"].tolist() == [last]
