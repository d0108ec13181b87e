"""The canvas: ticks say where they stand, panels share axes, figures fit a page."""

import re

import numpy as np
import plotly.graph_objects as go
import pytest
from exporting import needs_export

from ngpt_inspect.figures.canvas import Axis, Canvas, Panel, line_key
from ngpt_inspect.figures.canvas import render as rendering
from ngpt_inspect.figures.canvas.layout import PAGE
from ngpt_inspect.figures.canvas.legend import lines_of
from ngpt_inspect.figures.canvas.theme import DASHES, ONE_COLUMN, TWO_COLUMNS


def axis_of(values, **said):
    axis = Axis(**said)
    axis.cover(values)
    return axis


def line(x=(0, 1), y=(0, 1)):
    return go.Scatter(x=x, y=y)


@pytest.mark.parametrize("pixels", [60, 110, 250, 600])
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize(
    "axis",
    [
        axis_of([0, 1]),
        axis_of([-3e-7, 5e-7]),
        axis_of([0, 1_638_400]),
        axis_of([1, 80], log=True),
        axis_of([5.1, 5.4], log=True),
        axis_of([1e-7, 0.4], log=True),
        axis_of([2e-3, 3.2e-2], log=True, ticks_at=[8e-3, 2e-3, 4e-3, 3.2e-2]),
        axis_of([64, 2048], log=True, ticks_at=[2048, 64, 512, 128]),
    ],
)
def test_every_tick_says_the_value_it_stands_at(axis, pixels, upright):
    values, words = axis.ticks(pixels, upright=upright)
    assert values == sorted(values)
    assert all(axis.ends[0] <= value <= axis.ends[1] for value in values)
    for value, word in zip(values, words, strict=True):
        digit, _, power = word.removesuffix("</sup>").partition("10<sup>")
        number = float(digit.removesuffix("·") or 1) * 10.0 ** int(power) if power else float(word)
        assert number == pytest.approx(value)
    steps = np.diff(values)
    if not axis.log and len(steps):
        assert steps == pytest.approx(steps[0])
    assert len(values) >= (1 if pixels == 60 else 2)


def test_an_axis_holds_what_it_can_and_nothing_else():
    axis = axis_of([None, np.nan, np.inf, 0.0, -1.0, 3.0, 300.0, 7.0], log=True, top=100)
    assert (axis.low, axis.high) == (3.0, 7.0)
    assert axis_of([2.0, 5.0], from_zero=True).ends[0] == 0
    assert axis_of([-2.0, 5.0], from_zero=True).ends[0] < -2


def test_numbered_names_leave_out_evenly_what_has_no_room():
    axis = Axis(names=[str(layer) for layer in range(48)])
    values, words = axis.ticks(120, upright=True)
    assert words == [str(int(value)) for value in values]
    assert len(set(np.diff(values))) == 1
    assert 4 <= len(values) <= 12
    symbols = Axis(names=["W_q", "W_k"])
    assert symbols.ticks(10, upright=False) == ([0, 1], ["W_q", "W_k"])


def test_panels_with_one_axis_have_one_range_and_its_words_once():
    y, x = Axis(title="value"), Axis(title="rank")
    panels = [Panel(x=x, y=y) for _ in range(4)]
    canvas = Canvas([panels[:2], panels[2:]], TWO_COLUMNS)
    for number, panel in enumerate(panels):
        canvas.add(panel, line(y=[0, number + 1]))
    layout = canvas.finish().layout
    ys = [layout[f"yaxis{at}"] for at in range(1, 5)]
    assert len({axis.range for axis in ys}) == 1
    assert [axis.showticklabels for axis in ys] == [True, False, True, False]
    assert [axis.title.text for axis in ys] == ["value", "", "value", ""]
    xs = [layout[f"xaxis{at}"] for at in range(1, 5)]
    assert [axis.showticklabels for axis in xs] == [False, False, True, True]
    assert [axis.title.text for axis in xs] == ["", "", "rank", "rank"]


@pytest.mark.parametrize("log", [False, True])
def test_panels_of_other_orders_do_not_share_an_axis(log):
    x, y = Axis(title="rank"), Axis(title="value", log=log)
    panels = [Panel(x=x, y=y) for _ in range(4)]
    canvas = Canvas([panels], TWO_COLUMNS)
    for panel, top in zip(panels, (4e5, 5e4, 40, 30), strict=True):
        canvas.add(panel, line(y=[3, top]))
    layout = canvas.finish().layout
    ranges = [layout[f"yaxis{at}"].range for at in range(1, 5)]
    assert ranges[0] == ranges[1] != ranges[2] == ranges[3]
    ends = [10**end if log else end for end in (ranges[0][1], ranges[2][1])]
    assert 4e5 <= ends[0] < 4e6
    assert 40 <= ends[1] < 400
    shown = [layout[f"yaxis{at}"].showticklabels for at in range(1, 5)]
    assert shown == [True, False, True, False]


def test_panels_with_axes_of_their_own_say_them_all():
    panels = [Panel(x=Axis(title="a"), y=Axis(title="b")) for _ in range(2)]
    canvas = Canvas([panels], TWO_COLUMNS)
    for number, panel in enumerate(panels):
        canvas.add(panel, line(y=[0, number + 1]))
    layout = canvas.finish().layout
    assert layout.yaxis.range != layout.yaxis2.range
    assert layout.yaxis2.showticklabels


@pytest.mark.parametrize("width", [ONE_COLUMN, TWO_COLUMNS])
@pytest.mark.parametrize("n_panels", [1, 3, 8, 25])
def test_many_panels_get_lower_and_narrower_to_fit_a_page(n_panels, width):
    y = Axis(title="value")
    panels = [Panel(title="title", x=Axis(title="rank"), y=y) for _ in range(n_panels)]
    canvas = Canvas([panels], width, height=200)
    for panel in panels:
        canvas.add(panel, line())
    assert canvas.finish().layout.height <= PAGE


def test_a_legend_follows_its_words():
    assert lines_of([], 300) == 0
    assert lines_of(["a", "b", "c"], 300) == 1
    assert lines_of(["a" * 30, "b", "c"], 300) == 2, "not three as wide as the widest"
    assert lines_of(["a" * 30] * 3, 300) == 3


@needs_export
@pytest.mark.slow
def test_plotly_breaks_legends_into_no_more_lines():
    place = r'class="groups"(?: transform="translate\([-\d.]+, ?([-\d.]+)\)")?'
    with rendering.one_browser():
        for names in (["nGPT, context 512"] * 7, ["a", "a rather long name of a run"] * 3):
            panel = Panel(x=Axis(), y=Axis())
            canvas = Canvas([[panel]], ONE_COLUMN)
            canvas.add(panel, line())
            for number, name in enumerate(names):
                canvas.key(name, line_key("#d95f02"), group=str(number))
            figure = canvas.finish()
            drawn = rendering.render(figure, ".svg", "").decode()
            heights = re.findall(place, drawn[drawn.index('class="legend"') :])
            lines = len({round(float(height or 0)) for height in heights})
            margin = figure.layout.margin
            assert 1 < lines <= lines_of(names, ONE_COLUMN - margin.l - margin.r)


def test_dashes_are_in_pixels_with_gaps_that_no_step_of_a_histogram_falls_into():
    for dash in DASHES[1:]:
        gaps = dash.split(",")[1::2]
        assert set(gaps) == {"2px"}
