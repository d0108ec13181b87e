"""How all pages look beyond streamlit's theme, and what their first byte asks the browser for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

# The first screen is for results: streamlit leaves six lines above them. A colour is a dot. The
# buttons of a figure stand above it, and of them the keyboard stops at the last alone: the others
# are one step back. On a narrow page figures keep a width that can be read.
STYLE = """<style>
[data-testid=stMainBlockContainer] {padding: 2.75rem 2.5rem 6rem}
[data-testid=stSidebar] [data-testid=stColorPicker] {display: flex; align-items: center}
[data-testid=stSidebar] [data-testid=stColorPicker] > div {min-height: 0}
[data-testid=stSidebar] [data-testid=stColorPickerBlock] {
  width: 0.9rem; height: 0.9rem; border-radius: 50%; padding: 0; min-height: 0;
  position: relative; top: 0.7rem}
[data-testid=stSidebar] [data-testid=stColorPickerBlock] > div {border-radius: 50%}
[data-testid=stSidebar] [data-testid=stColumn]:has([data-testid=stColorPicker]) {
  flex: none; width: 1.7rem; min-width: 1.7rem}
[data-testid=stSidebar] [data-testid=stHorizontalBlock]:has([data-testid=stColorPicker]) {
  flex-wrap: nowrap}
.st-key-preview {overflow-x: auto}
[data-testid=stPlotlyChart] .modebar-container {top: -1.6rem !important}
[data-testid=stPlotlyChart] {overflow: visible}
[data-testid=stPlotlyChart]:not(:hover, :focus-within) .modebar-group:not(:last-child) button {
  visibility: hidden}
[data-testid=stPlotlyChart]:focus-within .modebar {opacity: 1 !important}
@media (max-width: 1000px) {
  [data-testid=stMainBlockContainer] {padding: 2.75rem 0.75rem 6rem}
  [data-testid=stSidebar] {min-width: 220px !important; max-width: 220px !important}
  [data-testid=stSidebarContent] {padding-left: 0; padding-right: 0}
  [data-testid=stSidebarUserContent] {padding-left: 0; padding-right: 0}
  [data-testid=stSidebar] [data-testid=stPageLink-NavLink] {padding-left: 0.1rem; padding-right: 0}
  [data-testid=stSidebar] [data-testid=stPageLink-NavLink] * {white-space: normal}
  [data-testid=stHorizontalBlock]:has(> [data-testid=stColumn] [data-testid=stPlotlyChart]) {
    flex-direction: column; align-items: stretch}
  [data-testid=stColumn]:has([data-testid=stPlotlyChart]) {width: 100%; flex: none}
  [data-testid=stElementContainer]:has([data-testid=stPlotlyChart]) {min-width: 540px}
}
</style>"""
# What draws figures is a large file, which streamlit asks for when the first figure is there.
EARLY = """<script>
const early = Object.assign(document.createElement('link'), {
  rel: 'modulepreload', href: new URL('./static/js/%s', document.baseURI)});
if (!document.querySelector(`link[href="${early.href}"]`)) document.head.append(early);
</script>"""


def draw_style() -> None:
    """Send the style of all pages, and have the browser fetch what draws figures."""
    code = _drawing_code()
    early = EARLY % code if code else ""
    st.html(f"{STYLE}{early}", unsafe_allow_javascript=True)


@cache
def _drawing_code() -> str:
    """Return the name of the file that draws figures in a browser; empty if there is none."""
    folder = Path(st.__file__).parent / "static" / "static" / "js"
    return next((each.name for each in folder.glob("PlotlyChart.*.js")), "")
