"""The left column: what is open, hidden, at which step; what lies below the root; pinned views."""

from __future__ import annotations

import json

import pytest
from app_runs import write_run
from seen import asked, charts, words
from small_models import write_ngpt

from app.engine import tree
from app.engine.pins import FILE, Pin, pin, pins_in, unpin
from ngpt_inspect.errors import UnreadableFile

pytestmark = pytest.mark.usefixtures("idle")


@pytest.fixture
def root(tmp_path):
    for name in ("gpt", "ngpt"):
        write_run(tmp_path / "runs" / name, name)
    return tmp_path


def shown(app):
    return [(each.label, each.step) for each in app.session_state["session"].checkpoints]


def test_the_tree_is_searched_ticked_and_knows_steps(run, root):
    app = run("--root", root)
    boxes = {each.label: each for each in app.checkbox}
    assert list(boxes) == ["gpt (run, 2 steps)", "ngpt (run, 2 steps)"]
    boxes["ngpt (run, 2 steps)"].check().run()
    assert shown(app) == [("ngpt", 20)]
    assert asked(app, "open") == ["runs/ngpt"]
    app.text_input(key="search tree").input("ngpt 10").run()
    (box,) = app.checkbox
    assert box.label == "step-000010.safetensors (step)"
    box.check().run()
    assert shown(app) == [("ngpt", 20), ("ngpt", 10)]
    app.checkbox[0].uncheck().run()
    assert shown(app) == [("ngpt", 20)]


def test_results_and_single_files_are_in_the_tree(tmp_path):
    (tmp_path / "step_time.csv").write_text("run,family\n")
    for name in ("a", "b"):  # one alone would be what its folder stands for
        write_ngpt(tmp_path / f"{name}.safetensors")
    leaves, cut = tree.leaves_once(str(tmp_path))
    files = {f"{name}.safetensors": "file" for name in ("a", "b")}
    assert {leaf.path: leaf.kind for leaf in leaves} == files | {"step_time.csv": "results"}
    assert not cut


def test_a_run_is_shown_at_any_step_and_the_link_reopens_it(run, root):
    folder = root / "runs" / "ngpt"
    app = run(folder, "--root", root)
    app.select_slider[0].set_value(10).run()
    assert shown(app) == [("ngpt", 10)]
    assert asked(app, "at") == [f"{folder}:10"]
    assert shown(run(folder, "--root", root, at=[f"{folder}:10"])) == [("ngpt", 10)]
    assert shown(run(folder, "--root", root, at=[f"{folder}:11"])) == [("ngpt", 20)]


def test_what_is_hidden_is_nowhere_and_keeps_its_colour(run, root):
    gpts = [root / "runs" / "gpt" / f"step-0000{step}.safetensors" for step in (10, 20)]
    app = run(*gpts, "--root", root)
    before = {each.checkpoint.step: each.look for each in app.session_state["session"].opened}
    assert before[10] != before[20]
    app.button(key=f"eye {gpts[0]}").click().run()
    assert shown(app) == [("gpt", 20)]
    assert asked(app, "hidden") == [str(gpts[0])]
    palette = app.session_state["palette"]
    assert palette["gpt", 20] == before[20], "the other keeps its own"
    app.button(key=f"eye {gpts[0]}").click().run()
    assert len(shown(app)) == 2
    chosen = run(gpts[0], "--root", root, color=[f"{gpts[0]}:00ff00"])
    assert chosen.session_state["palette"]["gpt", 10][0] == "#00ff00"
    bad = run(gpts[0], "--root", root, color=[f"{gpts[0]}:red;}}"])
    assert bad.session_state["palette"]["gpt", 10] == before[10]


def test_a_folder_of_runs_offers_them_and_a_wrong_path_says_what_is_meant(run, root):
    app = run("--root", root)
    app.text_input(key="path").input("runs").run()
    assert not app.warning
    app.button(key="offer runs/ngpt").click().run()
    assert shown(app) == [("ngpt", 20)]
    app.text_input(key="path").input("runs/gtp").run()
    assert "runs/gtp" in app.warning[0].value
    assert asked(app, "open") == ["runs/ngpt"], "a wrong path is not in the address"
    app.button(key="meant runs/gtp runs/gpt").click().run()
    assert not app.warning
    assert len(shown(app)) == 2


def test_a_folder_with_nothing_in_it_waits_and_a_first_line_draws_curves(run, root):
    folder = root / "ngpt-new"
    folder.mkdir()
    app = run(folder, "--root", root, page="training")
    assert "nothing there yet" in app.info[0].value
    write_run(folder, "ngpt", done=1, saved=())
    app.run()
    assert not app.info
    assert not app.warning
    assert "step 1" in str([each.value for each in app.caption])
    (curves,) = [json.loads(each.proto.spec) for each in charts(app)]
    assert [each["y"] for each in curves["data"] if each.get("x", [None])[0] == 1]


def test_a_view_is_pinned_listed_and_taken_out(run, root):
    app = run(root / "runs" / "ngpt", "--root", root, page="matrices", of="heads")
    app.text_input(key="pin name").input("*the* heads").run()
    app.text_area(key="pin note").input("look at W_q").run()
    app.button(key="pin").click().run()
    (view,) = pins_in(root)
    assert (view.name, view.note, view.page) == ("*the* heads", "look at W_q", "matrices")
    assert view.query == {"of": ["heads"]}
    overview = run(root / "runs" / "ngpt", "--root", root)
    link = next(each.proto for each in overview.get("page_link") if "the" in each.proto.label)
    assert (link.page, link.query_string) == ("matrices", "of=heads")
    assert r"look at W\_q" in words(overview)
    overview.button(key="unpin *the* heads").click().run()
    assert pins_in(root) == []
    guest = run(root / "runs" / "ngpt", "--root", root, "--read-only")
    assert not [each for each in guest.button if each.key == "pin"]


def test_a_file_of_views_that_is_not_ours_is_one_sentence(tmp_path):
    view = Pin(name="a", note="", page="overview", query={"x": ["1"]})
    pin(tmp_path, view)
    pin(tmp_path, view)
    assert pins_in(tmp_path) == [view]
    unpin(tmp_path, "a")
    for text in (
        "{",
        "[1]",
        '[{"name": 1}]',
        "[" * 100_000,
        '[{"name":"","note":"","page":"","query":1}]',
    ):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(UnreadableFile, match="pinned views"):
            pins_in(tmp_path)
