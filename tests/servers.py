"""Servers on this machine that count what they send: HTTP with ranges and without, and S3."""

from __future__ import annotations

import asyncio
import hashlib
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


def _entry(path: Path, folder: Path) -> dict[str, object]:
    """Describe a file as the Hugging Face hub does."""
    name = str(path.relative_to(folder))
    if path.is_dir():
        return {"type": "directory", "path": name, "oid": "d" * 40}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    size = path.stat().st_size
    lfs = {"oid": digest, "size": size, "pointerSize": 134}
    return {"type": "file", "path": name, "size": size, "oid": digest[:40], "lfs": lfs}


@contextmanager
def http_server(folder: Path, *, ranges: bool = True) -> Iterator[Served]:
    """Serve the files of a folder, with byte ranges or, like the simplest servers, without.

    It is also a double of the Hugging Face hub, whose only model, ``org/name``, is that folder.
    """
    served = Served()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked_for = request.match_info["path"]
        if asked_for.startswith(("forbidden/", "broken/")):
            return web.Response(status=403 if asked_for.startswith("forbidden/") else 500)
        if asked_for.startswith("api/models/org/name/tree/main"):
            return web.json_response([_entry(path, folder) for path in folder.rglob("*")])
        if asked_for.startswith("api/models/org/name"):
            return web.json_response({"id": "org/name", "sha": "0" * 40, "siblings": []})
        path = folder / asked_for.removeprefix("org/name/resolve/main/")
        if path.is_dir():
            links = "".join(
                f'<a href="{name}">{name}</a>' for name in sorted(p.name for p in path.iterdir())
            )
            return web.Response(text=f"<html>{links}</html>", content_type="text/html")
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(path) if ranges else web.Response(body=path.read_bytes())

    async def count(request: web.Request, response: web.StreamResponse) -> None:
        name = request.path.rpartition("/")[2]
        sends = request.method == "GET" and response.status in (200, 206)
        sent = int(response.headers.get("Content-Length", 0)) if sends else 0
        if "." in name:
            served.asked.append((request.method, name, request.headers.get("Range", ""), sent))

    loop = asyncio.new_event_loop()
    app = web.Application()
    app.on_response_prepare.append(count)
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
