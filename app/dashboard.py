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
from .blocks.one_file import draw_one_file  # noqa: E402
from .engine.sharing import share  # noqa: E402
from .engine.sweeping import sweeper  # noqa: E402
from .frame import parts  # noqa: E402
from .frame.address import missed  # noqa: E402
from .frame.admission import admitted  # noqa: E402
from .frame.menu import draw_menu, offer  # noqa: E402
from .frame.opening import draw_refused, draw_waiting  # noqa: E402
from .frame.pinning import draw_pin_box  # noqa: E402
from .frame.progress import draw_progress  # noqa: E402
from .frame.session import load  # noqa: E402
from .frame.sidebar import draw_sidebar  # noqa: E402
from .frame.style import draw_style  # noqa: E402
from .frame.text import plain  # noqa: E402

ICON, LOGO = (str(_HERE.with_name(f"{name}.svg")) for name in ("icon", "logo"))


def main() -> None:
    """Open what was asked for, then run the page that was chosen."""
    share()
    arguments = parse(sys.argv[1:])
    parts.begin()
    st.set_page_config(page_title="ngpt-inspect", page_icon=ICON, layout="wide")
    draw_style()
    st.logo(LOGO, size="large", icon_image=ICON)
    page = offer(PAGES)
    if not admitted(arguments):
        return
    session = load(arguments)
    draw_pin_box(session, draw_menu(page))
    one_file = st.sidebar.container()
    draw_sidebar(session, arguments.root, arguments.upload_mb)
    sweeper().tell()
    parts.begin_drawing()
    draw_refused(session, arguments.root)
    draw_waiting(session)
    top = st.container()
    page.run()
    with one_file:  # what is looked at is measured before what may be sent
        draw_one_file(session.checkpoints)
    with top:
        draw_progress()
        for sentence in missed():
            st.info(plain(sentence), icon=":material/help:")
    parts.end()


main()
