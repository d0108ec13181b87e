"""``ngpt-inspect dashboard`` as a process: what it refuses before it starts, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from browsing import PATIENCE, await_health, free_port
from typer.testing import CliRunner

from app.frame.shell import STYLE
from ngpt_inspect.cli.commands import app

ORIGINS = ["--origin", "https://inspect.example.org", "--origin", "https://other.example"]
COMMAND = [sys.executable, "-c", "from ngpt_inspect.cli import main; main()", "dashboard"]


def refused(*words):
    """Return what is said where nothing is served: one sentence, and wrong use."""
    done = CliRunner().invoke(app, ["dashboard", *map(str, words)])
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    return re.sub(r"[\s│]+", " ", done.output)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--port", 99999), ("--port", 0), ("--port", "http"), ("--root", "no/such/folder")],
)
def test_what_can_be_no_port_or_root_is_a_sentence(option, value):
    assert f"Invalid value for '{option}'" in refused(option, value)


@pytest.mark.parametrize("address", ["192.0.2.1", "x" * 300, "no such host"])
def test_an_address_that_is_not_of_this_machine_is_a_sentence(address):
    said = refused("--address", address, "--port", 8501)
    assert "cannot be listened on" in said
    assert "choose another --port or --address" in said


def test_a_port_that_is_taken_is_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}: cannot be listened on" in refused("--port", port)


def handshake(port, origin):
    """Ask for what a page is sent by, as a page of this origin does; return the answer's status."""
    lines = ["GET /_stcore/stream HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Origin: {origin}"]
    lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    lines += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as asking:
        asking.sendall("\r\n".join(lines).encode())
        return int(asking.recv(64).split()[1])


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    "how", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_origins_are_allowed_by_name_and_a_signal_ends_the_server_and_frees_its_port(how, tmp_path):
    port = free_port()
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*COMMAND, "--port", str(port), *ORIGINS], stdout=out, stderr=out, cwd=tmp_path
        )
    try:
        await_health(f"http://127.0.0.1:{port}", process, log)
        allowed = (*ORIGINS[1::2], f"http://127.0.0.1:{port}")
        assert {origin: handshake(port, origin) for origin in allowed} == dict.fromkeys(
            allowed, 101
        )
        for origin in ("https://evil.example", "https://inspect.example.org.evil.example", "null"):
            assert handshake(port, origin) == 403, origin
        asked = urllib.request.Request(f"http://127.0.0.1:{port}", headers={"Accept": "text/html"})
        with urllib.request.urlopen(asked, timeout=60) as reply:
            assert STYLE in reply.read().decode()
        process.send_signal(how)
        assert process.wait(PATIENCE) == -how
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port)).close()
    finally:
        process.kill()
        process.wait()
