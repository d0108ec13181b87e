"""One file to send: what it says, what it holds, and that nothing of it comes from elsewhere."""

import base64
import gzip
import json
import re
from html import escape

import numpy as np
import pytest
from models import tiny_gpt, tiny_ngpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.plotting import pictured
from ngpt_inspect.report import changed_in, figures_for, making, measures_for, report_of
from ngpt_inspect.report._bundle import bundle
from ngpt_inspect.report._thinning import thinned_trace

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    gpt = write_reference(tiny_gpt(), folder / "gpt.safetensors")
    ngpt = write_reference(tiny_ngpt(), folder / f"{HOSTILE.replace('/', '')}.safetensors")
    return [ni.open_checkpoint(gpt), ni.open_checkpoint(ngpt)]


@pytest.fixture(scope="module")
def page(models):
    chosen = figures_for(models, "unit_norm")
    return report_of(models, ni.measure(models, measures_for(chosen)), chosen).decode()


def unpacked(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))


def whole(value, arrays):
    """Return what a browser makes of a figure: arrays in the place of their numbers."""
    if isinstance(value, dict) and "array" in value:
        return arrays[value["array"]]
    if isinstance(value, dict):
        return {name: whole(each, arrays) for name, each in value.items()}
    return [whole(each, arrays) for each in value] if isinstance(value, list) else value


def test_a_thinned_line_lights_the_same_pixels():
    pixels, random = 50, np.random.default_rng(0)
    x, y = np.sort(random.random(5000)), random.standard_normal(5000)
    thin = thinned_trace({"mode": "lines", "x": x, "y": y, "text": [*range(5000)]}, pixels)
    assert len(thin["x"]) <= 4 * pixels
    assert all(y[at] == value for at, value in zip(thin["text"], thin["y"], strict=True))

    def lit(x, y):
        """Return the lowest and highest point of each column of pixels."""
        column = np.minimum((x - x.min()) / np.ptp(x) * pixels, pixels - 1).astype(int)
        return [(y[column == each].min(), y[column == each].max()) for each in range(pixels)]

    assert lit(np.array(thin["x"]), np.array(thin["y"])) == lit(x, y)


@pytest.mark.parametrize(
    "trace",
    [
        {"mode": "markers", "x": np.arange(900.0), "y": np.ones(900)},
        {"mode": "lines", "x": np.arange(900.0), "y": np.ones(900), "fill": "toself"},
        {"mode": "lines", "x": np.arange(900.0)[::-1], "y": np.ones(900)},
        {"mode": "lines", "x": np.arange(90.0), "y": np.ones(90)},
    ],
    ids=["markers", "area", "backwards", "short"],
)
def test_what_cannot_or_need_not_be_thinned_stays(trace):
    assert len(thinned_trace(trace, 50)["x"]) == len(trace["x"])


def test_a_gap_stays_a_gap():
    y = np.ones(1000)
    y[500:510] = np.nan
    thin = thinned_trace({"mode": "lines", "x": np.arange(1000.0), "y": y}, 50)
    (gap,) = np.flatnonzero(np.diff(np.isnan(thin["y"]).astype(int)) == 1)
    assert thin["x"][gap] == 499


def test_the_figures_are_those_that_are_drawn_and_each_array_is_there_once(models):
    chosen = figures_for(models, ["embedding_norms", "unit_norm"])
    table = ni.summarise(ni.measure(models, measures_for(chosen)))
    drawn = list(pictured(chosen, table, models))
    told = unpacked(bundle(drawn))
    texts = [json.dumps(each) for each in told["arrays"]]
    assert len(texts) == len(set(texts))
    assert set(told["grounds"]) == {"light", "dark"}
    for each in drawn:
        for look in ("wide", "narrow"):
            made = whole(told["figures"][each.figure.name][look], told["arrays"])
            expected = getattr(each, look)
            assert len(made["data"]) == len(expected.data)
            for mine, trace in zip(made["data"], expected.data, strict=True):
                if trace.y is not None and len(mine["y"]) == len(trace.y):
                    ys = np.array(mine["y"], float), np.array(trace.y, float)
                    spread = np.nan_to_num(np.ptp(ys[1])) if len(ys[1]) else 0
                    near = max(spread, np.abs(ys[1]).max(initial=0) * 1e-5)
                    np.testing.assert_allclose(*ys, atol=1e-4 * near)


def test_it_draws_what_says_something_by_itself(models):
    names = {each.name for each in figures_for(models)}
    assert {"condition_numbers", "embedding_norms", "scaling_factors"} <= names
    assert not names & {"matrix_spectrum", "neighbours", "embeddings", "trajectories"}


def test_it_says_everything_a_reader_needs(page, models):
    facts = ni.differences(models)
    for heading in ("Checkpoints", "Health", "Matrices", "Differences", "Where the numbers"):
        assert f"<h2>{heading}" in page
    assert "nGPT keeps the vectors of embeddings and matrices at length 1" in page
    assert f"{facts.attrs['differ']} recorded facts differ" in page
    for name in measures_for(figures_for(models, "unit_norm")):
        measure = ni.MEASURES[name]
        assert escape(measure.source) in page
        for quantity, formula in measure.quantities.items():
            broken = quantity.replace("_", "_<wbr>")
            assert f"<dt><code>{broken}</code></dt><dd>{escape(formula)}</dd>" in page
    for checkpoint in models:
        assert checkpoint.contents.fingerprint in page
        for constant in checkpoint.constants:
            assert escape(constant.origin) in page


def test_names_out_of_files_are_words(page):
    assert HOSTILE not in page
    assert escape(HOSTILE) in page


def test_nothing_of_it_is_elsewhere(page):
    assert "default-src 'none'" in page
    markup = re.sub(r'<script type="text/plain".*?</script>', "", page)
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']?(?!#)[^\"' >]*//", markup)
    assert not re.findall(r"@import|url\(|fetch\(", markup)


@pytest.mark.slow
def test_a_single_checkpoint_differs_from_nothing(models):
    chosen = figures_for(models[:1], "unit_norm")
    page = report_of(models[:1], ni.measure(models[:1], measures_for(chosen)), chosen).decode()
    assert "<h2>Differences" not in page


def test_it_tells_what_changed_and_where_the_most(tmp_path):
    """Three times a matrix: no angle, twice its length; a negated one: 180 degrees."""
    before = tiny_gpt()
    after = before.changed(
        **{"E_input": 3 * before.arrays["E_input", None], "W_q_0": -before.arrays["W_q", 0]}
    )
    models = [
        ni.open_checkpoint(write_reference(model, tmp_path / f"{step}.safetensors"))
        for step, model in enumerate((before, after))
    ]
    chosen = figures_for(models, "changes")
    table = ni.measure(models, measures_for(chosen))
    changed = changed_in(models, chosen)
    page = report_of(models, table, chosen, changed).decode()
    section = page.partition('<section id="changes">')[2].partition("</section>")[0]
    first, *_ = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', section)[:2]
    assert first[0] == "W<sub>q</sub> layer 0"
    assert re.findall(">([^<]+)</td>", first[1])[:2] == ["180", "2"]
    assert 'data-figure="changes"' in section
    assert "byte for byte" in section
    told = unpacked(re.search(r'id="figures">([^<]+)<', page)[1])
    assert list(told["figures"]) == ["changes"]
    assert "<h2>Changes" not in report_of(models, table, chosen).decode()
    assert changed_in(models, figures_for(models, "unit_norm")) is None


def test_the_command_writes_the_file_and_names_it(cli, models, tmp_path):
    done = cli(
        "report", models[0].contents.source, "-o", tmp_path / "a.html", "--names", "unit_norm"
    )
    assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / "a.html"))
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")
    assert [each.name for each in tmp_path.iterdir()] == ["a.html"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--names", "unit_nrom"], "did you mean unit_norm"),
        (["-o", ".", "--names", "unit_norm"], "is a folder; name a file in it"),
        (["-o", "nowhere/at/all.html", "--names", "unit_norm"], "give a path in a folder"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_measured(
    cli, models, tmp_path, monkeypatch, words, said
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(making, "measure", lambda *_, **__: pytest.fail("measured all the same"))
    done = cli("report", models[0].contents.source, *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
