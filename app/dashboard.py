"""The dashboard: ``streamlit run app/dashboard.py -- CHECKPOINT... [--root FOLDER]``."""

from __future__ import annotations

import sys
from itertools import takewhile
from pathlib import Path

import streamlit as st

# Streamlit runs this file as a script, outside any package. It lies in `app` in a clone and in
# `ngpt_inspect.app` where it was installed: which one, its folders say, and imports are relative.
_HERE = Path(__file__).resolve()
_PACKAGES = [*takewhile(lambda folder: (folder / "__init__.py").is_file(), _HERE.parents)]
if (_ROOT := str(_PACKAGES[-1].parent)) not in sys.path:
    sys.path.insert(0, _ROOT)
__package__ = ".".join(folder.name for folder in reversed(_PACKAGES))

from .app_pages import PAGES  # noqa: E402
from .arguments import parse  # noqa: E402
from .engine import answers  # noqa: E402
from .engine.sweeping import sweeper  # noqa: E402
from .frame.admission import admitted  # noqa: E402
from .frame.menu import draw_menu, offer  # noqa: E402
from .frame.opening import draw_refused, draw_waiting  # noqa: E402
from .frame.pinning import draw_pin_box  # noqa: E402
from .frame.progress import draw_progress  # noqa: E402
from .frame.session import load  # noqa: E402
from .frame.sidebar import draw_sidebar  # noqa: E402

ICON, LOGO = (str(_HERE.with_name(f"{name}.svg")) for name in ("icon", "logo"))

# The first screen is for results: streamlit leaves six lines above them. A colour is a dot. The
# buttons of a figure stand above it; on a narrow page figures keep a width that can be read.
STYLE = """<style>
[data-testid=stMainBlockContainer] {padding: 2.75rem 2.5rem 6rem}
[data-testid=stSidebar] [data-testid=stColorPicker] {display: flex; align-items: center}
[data-testid=stSidebar] [data-testid=stColorPicker] > div {min-height: 0}
[data-testid=stSidebar] [data-testid=stColorPickerBlock] {
  width: 1.1rem; height: 1.1rem; border-radius: 50%; padding: 0; min-height: 0;
  margin-top: 0.45rem}
[data-testid=stSidebar] [data-testid=stColorPickerBlock] > div {border-radius: 50%}
[data-testid=stPlotlyChart] .modebar-container {top: -1.6rem !important}
[data-testid=stPlotlyChart] {overflow: visible}
@media (max-width: 1000px) {
  [data-testid=stMainBlockContainer] {padding: 2.75rem 0.75rem 6rem}
  [data-testid=stSidebar] {min-width: 220px !important; max-width: 220px !important}
  [data-testid=stSidebarContent] > div {padding-left: 0.6rem; padding-right: 0.6rem}
  [data-testid=stSidebar] [data-testid=stPageLink-NavLink] {padding-left: 0.2rem; padding-right: 0}
  [data-testid=stHorizontalBlock]:has(> [data-testid=stColumn] [data-testid=stPlotlyChart]) {
    flex-direction: column; align-items: stretch}
  [data-testid=stColumn]:has([data-testid=stPlotlyChart]) {width: 100%; flex: none}
  [data-testid=stElementContainer]:has([data-testid=stPlotlyChart]) {min-width: 540px}
}
</style>"""


def main() -> None:
    """Open what was asked for, then run the page that was chosen."""
    arguments = parse(sys.argv[1:])
    st.set_page_config(page_title="ngpt-inspect", page_icon=ICON, layout="wide")
    st.html(STYLE)
    st.logo(LOGO, size="large", icon_image=ICON)
    page = offer(PAGES)
    if not admitted(arguments):
        return
    session = load(arguments)
    draw_pin_box(session, draw_menu(page))
    draw_sidebar(session, arguments.root, arguments.upload_mb)
    sweeper().tell()
    answers.begin()
    draw_refused(session, arguments.root)
    draw_waiting(session)
    top = st.container()
    page.run()
    with top:
        draw_progress()


main()
