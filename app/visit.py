"""What happens at every visit: what was asked for is opened, and the page that was chosen drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

from .app_pages import PAGES
from .arguments import parse
from .blocks.one_file import draw_one_file
from .engine.sweeping import sweeper
from .frame import parts
from .frame.address import missed
from .frame.admission import admitted
from .frame.menu import draw_menu, offer
from .frame.opening import draw_refused, draw_waiting
from .frame.pinning import draw_pin_box
from .frame.progress import draw_progress
from .frame.session import load
from .frame.sidebar import draw_sidebar
from .frame.sight import watch_places
from .frame.text import plain

ICON, LOGO = (str(Path(__file__).with_name(f"{name}.svg")) for name in ("icon", "logo"))


def visit() -> None:
    """Open what was asked for, then run the page that was chosen."""
    arguments = parse(sys.argv[1:])
    parts.begin()
    st.set_page_config(page_title="ngpt-inspect", page_icon=ICON, layout="wide")
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
    watch_places()
    with one_file:  # what is looked at is measured before what may be sent
        draw_one_file(session.checkpoints)
    with top:
        draw_progress()
        for sentence in missed():
            st.info(plain(sentence), icon=":material/help:")
    parts.end()
