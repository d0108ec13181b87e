"""Servers on this machine that count what they send: HTTP with ranges and without, and S3."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web


@dataclass
class Served:
    """What a server was asked and what it sent."""

    url: str = ""
    asked: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Method, file name, range (empty: the whole) and bytes sent of each request."""

    @property
    def n_bytes(self) -> int:
        """Bytes of all answers."""
        return sum(sent for *_, sent in self.asked)


@contextmanager
def http_server(folder: Path, *, ranges: bool = True) -> Iterator[Served]:
    """Serve the files of a folder, with byte ranges or, like the simplest servers, without."""
    served = Served()

    async def answer(request: web.Request) -> web.StreamResponse:
        path = folder / request.match_info["path"]
        wanted = request.headers.get("Range", "")
        if path.is_dir():
            links = "".join(f'<a href="{name}">{name}</a>' for name in sorted(os.listdir(path)))
            return web.Response(text=f"<html>{links}</html>", content_type="text/html")
        if not path.is_file():
            served.asked.append((request.method, path.name, wanted, 0))
            raise web.HTTPNotFound
        if ranges:
            response: web.StreamResponse = web.FileResponse(path)
        else:
            response = web.Response(body=path.read_bytes())
        await response.prepare(request)
        sent = int(response.headers["Content-Length"]) if request.method == "GET" else 0
        served.asked.append((request.method, path.name, wanted, sent))
        return response

    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        served.url = f"http://127.0.0.1:{port}"

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
