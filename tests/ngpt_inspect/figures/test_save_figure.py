"""Saving: what is in the files, what is refused, and that nothing half-written stays."""

import asyncio
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from exporting import needs_export
from models import tiny_gpt, write_reference

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError, MissingLibrary, WrongOption
from ngpt_inspect.figures.canvas import render as rendering
from ngpt_inspect.figures.canvas.render import one_browser
from ngpt_inspect.plotting import save_figure


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    path = write_reference(tiny_gpt(), tmp_path_factory.mktemp("model") / "gpt.safetensors")
    return ni.figure("embedding_norms", path)


def test_html_works_offline_and_does_not_share(figure, tmp_path):
    page = save_figure(figure, tmp_path / "new folder" / "figure.html").read_text("utf-8")
    assert len(page) > 3_000_000  # plotly.js is inside
    assert '"showSendToCloud": false' in page
    assert '"displaylogo": false' in page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)
    assert "<title>figure</title>" in page


def test_json_is_plotly_json(figure, tmp_path):
    found = json.loads(save_figure(figure, tmp_path / "figure.json").read_text("utf-8"))
    assert {"data", "layout"} <= set(found)
    assert found["layout"]["width"] == 648


@pytest.mark.parametrize("name", ["figure.bmp", "figure", "figure.htm"])
def test_other_suffixes_are_refused(figure, tmp_path, name):
    with pytest.raises(WrongOption, match=r"\.html, \.pdf, \.png, \.svg, \.json"):
        save_figure(figure, tmp_path / name)
    assert not [*tmp_path.iterdir()]


def test_a_folder_in_the_way_is_one_sentence_and_leaves_nothing(figure, tmp_path):
    (tmp_path / "figure.json").mkdir()
    with pytest.raises(InspectError, match=r"figure\.json"):
        save_figure(figure, tmp_path / "figure.json")
    assert [path.name for path in tmp_path.iterdir()] == ["figure.json"]


def test_without_kaleido_the_next_step_is_named(figure, tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "find_spec", lambda name: None)
    with pytest.raises(MissingLibrary, match=r"pip install 'ngpt-inspect\[export\]'"):
        save_figure(figure, tmp_path / "figure.pdf")
    save_figure(figure, tmp_path / "figure.json")


def test_without_a_browser_the_next_step_is_named(figure, tmp_path, monkeypatch):
    pytest.importorskip("kaleido")
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "no browser"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingLibrary, match="BROWSER_PATH"):
        save_figure(figure, tmp_path / "figure.png")


def test_a_browser_that_does_not_start_is_one_line_and_nothing_waits_for_it(
    figure, tmp_path, monkeypatch
):
    pytest.importorskip("kaleido")
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    sleep = asyncio.sleep  # kaleido's library looks at what has ended once a second
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: sleep(seconds / 100))
    with pytest.raises(InspectError, match="broke down"), one_browser():
        pass
    with pytest.raises(InspectError, match="broke down"):
        save_figure(figure, tmp_path / "figure.png")
    assert not (tmp_path / "figure.png").exists()


def test_a_browser_makes_the_images_of_those_who_opened_it(figure, tmp_path, monkeypatch):
    kaleido = pytest.importorskip("kaleido")

    class Kept:
        calc_fig = staticmethod(lambda *_: b"kept")
        close = staticmethod(lambda: None)

    monkeypatch.setattr(rendering, "_Browser", Kept)
    monkeypatch.setattr(rendering, "has_browser", lambda: True)
    monkeypatch.setattr(kaleido, "calc_fig_sync", lambda *_, **__: b"of its own")

    def saved():
        return save_figure(figure, tmp_path / "figure.png").read_bytes()

    with one_browser(), ThreadPoolExecutor(1) as elsewhere:
        assert saved() == b"kept"
        assert elsewhere.submit(saved).result() == b"of its own"
    assert saved() == b"of its own"


def children():
    """Return the command lines of what this process has started."""
    listed = ["ps", "-ww", "-o", "args", "--ppid", str(os.getpid())]
    return subprocess.run(listed, capture_output=True).stdout


@pytest.mark.browser
@needs_export
def test_images_have_the_size_of_the_layout_and_their_browser_leaves_no_process(figure, tmp_path):
    with one_browser():
        for suffix in ("png", "pdf", "svg"):
            save_figure(figure, tmp_path / f"figure.{suffix}")
        assert b"chrom" in children()
    assert b"chrom" not in children()
    png = (tmp_path / "figure.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    size = int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
    assert size == (648 * 3, figure.layout.height * 3)
    assert b"<svg" in (tmp_path / "figure.svg").read_bytes()[:200]
    pdf = tmp_path / "figure.pdf"
    assert pdf.read_bytes().startswith(b"%PDF")
    if shutil.which("pdffonts") is None:
        pytest.skip("PDF made; pdffonts (poppler-utils) is not here to look at its fonts")
    run = subprocess.run(["pdffonts", str(pdf)], capture_output=True, text=True, check=True)
    assert len(run.stdout.splitlines()) > 2
    assert "Type 3" not in run.stdout
