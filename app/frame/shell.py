"""What a browser is sent first: streamlit's page with our style, and what it will need soon."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The first screen is for results: streamlit leaves six lines above them. A colour is a dot. The
# buttons of a figure stand above it, and of them the keyboard stops at the last alone: the others
# are one step back. On a narrow page figures keep a width that can be read. On paper a figure that
# is not drawn yet says so.
STYLE = """<style>
[data-testid=stMainBlockContainer] {padding: 2.75rem 2.5rem 6rem}
[data-testid=stSidebar] [data-testid=stColorPicker] {display: flex; align-items: center}
[data-testid=stSidebar] [data-testid=stColorPicker] > div {min-height: 0}
[data-testid=stSidebar] [data-testid=stColorPickerBlock] {
  width: 0.9rem; height: 0.9rem; border-radius: 50%; padding: 0; min-height: 0;
  position: relative; top: 0.7rem}
[data-testid=stSidebar] [data-testid=stColorPickerBlock] > div {border-radius: 50%}
[class*=st-key-opened] [data-testid=stHorizontalBlock] {flex-wrap: nowrap}
[class*=st-key-opened] [data-testid=stColumn]:first-child {
  flex: none; width: 1.7rem; min-width: 1.7rem}
.st-key-preview {overflow-x: auto}
[data-testid=stPlotlyChart] .modebar-container {top: -1.6rem !important}
[data-testid=stPlotlyChart] {overflow: visible}
[data-testid=stPlotlyChart]:not(:hover, :focus-within) .modebar-group:not(:last-child) button {
  visibility: hidden}
[data-testid=stPlotlyChart]:focus-within .modebar {opacity: 1 !important}
@media print {[data-place]::before {content: attr(aria-label)}}
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
# What draws figures is a large file. Streamlit asks for it when the first figure is there, and
# running it takes a second; it is run as soon as a page has begun, while the server goes on.
EARLY = """<link rel="modulepreload" crossorigin href="./static/js/{0}">
<script type="module">
const run = () => document.querySelector('h1') ?
  import(new URL('./static/js/{0}', document.baseURI)) : setTimeout(run, 20);
run();
</script>"""


class Shell:
    """Adds ours to streamlit's page on its way to a browser, and lets all else pass.

    Our style stands in the body: of two rules that say as much the later one holds, and
    streamlit's come into the head.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and b"text/html" in dict(scope["headers"]).get(b"accept", b""):
            bare = [each for each in scope["headers"] if each[0] != b"accept-encoding"]
            await self._app({**scope, "headers": bare}, receive, _adding(send))
        else:
            await self._app(scope, receive, send)


def _adding(send: Send) -> Send:
    """Return a `send` that completes what is HTML."""
    held: list[Message] = []

    async def pass_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            if MutableHeaders(scope=message).get("content-type", "").startswith("text/html"):
                held.append(message)
                return
        elif held:
            held.append(message)
            if not message.get("more_body"):
                for each in _completed(*held):
                    await send(each)
            return
        await send(message)

    return pass_on


def _completed(start: Message, *parts: Message) -> tuple[Message, Message]:
    """Return a page with ours in it; a copy of it that is kept is not taken for streamlit's."""
    body = b"".join(each.get("body", b"") for each in parts)
    body = body.replace(b"</body>", _ours() + b"</body>")
    headers = MutableHeaders(scope=start)
    del headers["etag"], headers["last-modified"]
    if body:  # none where only the headers were asked for
        headers["content-length"] = str(len(body))
    return start, {"type": "http.response.body", "body": body}


@cache
def _ours() -> bytes:
    """Return the style, and the request for the file that draws figures, if there is one."""
    folder = Path(st.__file__).parent / "static" / "static" / "js"
    early = [EARLY.format(each.name) for each in folder.glob("PlotlyChart.*.js")]
    return "".join([STYLE, *early]).encode()
