"""The page of eigen learning rates and scaling factors, in every state that matters."""

import re

import numpy as np
import pytest
from safetensors.torch import load_file
from seen import alts, charts, words


def headings(app):
    return [each.value for each in app.subheader]


def test_an_ngpt_alone_has_no_section_of_gains(run, models):
    app = run(models[1], page="scales")
    assert len(charts(app)) == 3
    assert "Norm gains of a GPT" not in headings(app)
    assert not app.warning


@pytest.mark.slow
def test_both_families_have_all_sections_and_every_constant_its_origin(run, models):
    app = run(*models, page="scales")
    assert headings(app) == [
        "By layer",
        "Distributions over all layers",
        "One vector, value by value",
        "Norm gains of a GPT",
        "Where these values come from",
    ]
    assert len(charts(app)) == 4
    named = [re.search(r" of (gpt and ngpt|gpt)\.", alt)[1] for alt in alts(app)]
    assert named == ["gpt and ngpt"] * 3 + ["gpt"]
    # Every constant is named with its origin.
    (origins,) = [each.value for each in app.dataframe if "origin" in each.value]
    told = origins.set_index("constant").loc["alpha_init"]
    assert (told["value"], told["origin"]) == (0.05, "assumed: written into model.py")
    (table,) = [each.value for each in app.dataframe if "effective" in each.value]
    alpha = table[table["role"] == "alpha_A"].iloc[0]
    assert alpha["effective"] == "|stored · alpha_init / base_scale|"
    np.testing.assert_allclose(alpha["factor"], 0.05 * np.sqrt(8))
    assert (table[table["role"] == "gain_A"]["effective"] == "stored").all()


def test_a_gpt_alone_shows_its_gains_and_one_sentence(run, models):
    app = run(models[0], page="scales")
    assert headings(app)[0] == "One vector, value by value"
    assert "a GPT has no eigen learning rates and no scaling factors" in words(app)
    assert len(charts(app)) == 2
    assert not any("Nothing to draw" in alt for alt in alts(app))


def test_the_vector_is_the_one_of_the_address_and_its_ends_are_its_own(run, models):
    app = run(*models, page="scales", vector="s_z")
    stored = load_file(models[1])["sz"].numpy()
    effective = stored * np.sqrt(8)  # s_z_init 1 over base_scale 1/sqrt(d_model)
    (ends,) = [each.value for each in app.dataframe if "largest_index" in each.value]
    order = np.argsort(effective)
    assert ends["largest_index"].tolist() == order[::-1][:10].tolist()
    assert ends["smallest_index"].tolist() == order[:10].tolist()
    np.testing.assert_allclose(ends["largest"], effective[order[::-1][:10]])
    assert "token id" in words(app)


@pytest.mark.slow
def test_another_vector_is_shown_when_it_is_chosen(run, models):
    app = run(*models, page="scales", vector="s_u")
    chosen = app.selectbox(key="vector")
    assert chosen.value == "s_u", "the address says so"
    chosen.select("s_qk").run()
    assert not app.exception
    assert "scale of unit queries and keys" in words(app)
    (ends,) = [each.value for each in app.dataframe if "largest_index" in each.value]
    stored = load_file(models[1])["transformer.h.0.sqk"].numpy() * np.sqrt(8)
    np.testing.assert_allclose(ends["largest"].iloc[0], stored.max())
