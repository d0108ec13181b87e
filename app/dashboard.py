"""The dashboard: ``streamlit run app/dashboard.py -- CHECKPOINT... [--root FOLDER]``."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

# Streamlit puts the folder of this file on the path, not the one that holds the packages.
REPOSITORY = str(Path(__file__).resolve().parent.parent)
if REPOSITORY not in sys.path:
    sys.path.insert(0, REPOSITORY)

from app.arguments import parse  # noqa: E402
from app.engine import measured  # noqa: E402
from app.frame.progress import draw_progress  # noqa: E402
from app.frame.session import load  # noqa: E402
from app.frame.sidebar import draw_sidebar  # noqa: E402

ICON, LOGO = (str(Path(__file__).with_name(f"{name}.svg")) for name in ("icon", "logo"))

# The pages in the order of the menu; adding one is a file and a line here.
PAGES = {
    "overview": ("Overview", "compare"),
    "embeddings": ("Embeddings", "scatter_plot"),
    "matrices": ("Matrices", "grid_on"),
    "scales": ("Rates and scales", "tune"),
    "training": ("Training", "trending_down"),
    "path": ("Path on the hypersphere", "route"),
    "export": ("Export", "download"),
}


def main() -> None:
    """Open what was asked for, then run the page that was chosen."""
    arguments = parse(sys.argv[1:])
    st.set_page_config(page_title="ngpt-inspect", page_icon=ICON, layout="wide")
    st.logo(LOGO, size="large", icon_image=ICON)
    page = st.navigation(
        [
            st.Page(
                f"app_pages/{name}.py",
                title=title,
                icon=f":material/{icon}:",
                url_path=name,
                default=name == next(iter(PAGES)),
            )
            for name, (title, icon) in PAGES.items()
        ]
    )
    session = load(arguments)
    draw_sidebar(session, arguments.root)
    measured.begin()
    top = st.container()
    page.run()
    with top:
        draw_progress()


main()
