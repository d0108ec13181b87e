"""The dashboard: ``streamlit run app/dashboard.py -- CHECKPOINT... [--root FOLDER]``."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

# Streamlit puts the folder of this file on the path, not the one that holds the packages.
REPOSITORY = str(Path(__file__).resolve().parent.parent)
if REPOSITORY not in sys.path:
    sys.path.insert(0, REPOSITORY)

from app import measured  # noqa: E402
from app.arguments import parse  # noqa: E402
from app.progress import draw_progress  # noqa: E402
from app.session import load  # noqa: E402
from app.sidebar import draw_sidebar  # noqa: E402

ICON, LOGO = (str(Path(__file__).with_name(f"{name}.svg")) for name in ("icon", "logo"))

# The pages in the order of the menu; adding one is a file and a line here.
PAGES = [
    st.Page("app_pages/overview.py", title="Overview", icon=":material/compare:", default=True),
    st.Page(
        "app_pages/embeddings.py",
        title="Embeddings",
        icon=":material/scatter_plot:",
        url_path="embeddings",
    ),
    st.Page(
        "app_pages/training.py",
        title="Training",
        icon=":material/trending_down:",
        url_path="training",
    ),
]


def main() -> None:
    """Open what was asked for, then run the page that was chosen."""
    arguments = parse(sys.argv[1:])
    st.set_page_config(page_title="ngpt-inspect", page_icon=ICON, layout="wide")
    st.logo(LOGO, size="large", icon_image=ICON)
    page = st.navigation(PAGES)
    session = load(arguments)
    draw_sidebar(session, arguments.root)
    measured.begin()
    top = st.container()
    page.run()
    with top:
        draw_progress()


main()
