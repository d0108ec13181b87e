"""What a browser is sent first: streamlit's page, with ours in it."""

import asyncio
import re
from pathlib import Path

import pytest
import streamlit as st

from app.frame.shell import STYLE, Shell

PAGE = b"<html><body><div id=root></div></body></html>"
HTML = {b"content-type": b"text/html; charset=utf-8", b"etag": b'"1"'}


def answered(parts, headers, accept=b"text/html,*/*;q=0.8"):
    """Send a request through the shell; return what was asked for inside, and what came of it."""
    asked, sent = {}, []
    size = {b"content-length": str(sum(map(len, parts))).encode()}

    async def streamlit(scope, _receive, send):
        asked.update(scope["headers"])
        start = {"type": "http.response.start", "status": 200}
        await send(start | {"headers": list((headers | size).items())})
        for at, part in enumerate(parts, 1):
            more = at < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})

    async def send(message):
        sent.append(message)

    given = [(b"accept", accept), (b"accept-encoding", b"gzip")]
    scope = {"type": "http", "method": "GET", "headers": given}
    asyncio.run(Shell(streamlit)(scope, None, send))
    start, *bodies = sent
    return asked, dict(start["headers"]), b"".join(each["body"] for each in bodies)


@pytest.mark.parametrize("cut", [0, 9, 38])
def test_a_page_has_our_style_in_its_body_after_all_that_streamlit_puts_there(cut):
    parts = [each for each in (PAGE[:cut], PAGE[cut:]) if each]
    asked, headers, page = answered(parts, HTML)
    head, _, tail = PAGE.partition(b"</body>")
    assert page.startswith(head + STYLE.encode())
    assert page.endswith(b"</body>" + tail)
    assert headers[b"content-length"] == str(len(page)).encode()
    assert b"etag" not in headers, "a browser would be told that its older copy is as good"
    assert b"accept-encoding" not in asked, "ours cannot be put into what is compressed"


def test_what_draws_figures_is_asked_for_at_once_and_is_there():
    page = answered([PAGE], HTML)[2].decode()
    (early,) = set(re.findall(r"\./static/js/[^\"']+", page))
    assert (Path(st.__file__).parent / "static" / early).is_file()


@pytest.mark.parametrize(
    ("headers", "accept"),
    [
        ({b"content-type": b"text/csv", b"etag": b'"1"'}, b"text/html"),
        (HTML, b"*/*"),
    ],
)
def test_all_else_passes_as_it_is(headers, accept):
    _, told, body = answered([PAGE, PAGE], headers, accept)
    assert body == PAGE * 2
    assert told == headers | {b"content-length": str(2 * len(PAGE)).encode()}


def test_where_only_headers_are_asked_for_they_are_those_of_the_answer():
    _, headers, body = answered([b""], HTML)
    assert not body
    assert headers[b"content-length"] == b"0"
