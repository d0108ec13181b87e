from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from click.testing import Result
from formats_helpers import refusal, safetensors_bytes
from models import tiny_gpt, write_llama
from safetensors.torch import save_file
from servers import Served, http_server

import ngpt_inspect as ni
from ngpt_inspect.errors import MissingLibrary, UnreadableFile
from ngpt_inspect.formats import read_contents
from ngpt_inspect.formats.places import remote as _remote
from ngpt_inspect.stored import Contents

WIDE = torch.arange(100_000.0).reshape(500, 200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of small checkpoints of every kind that is read from afar."""
    at = tmp_path_factory.mktemp("served")
    save_file({"w": WIDE, "b": torch.ones(3)}, at / "one.safetensors", {"format": "pt"})
    torch.save({"w": WIDE.T, "tied": WIDE}, at / "two.pt")
    write_llama(tiny_gpt(), at / "llama", shards=3)
    return at


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    with http_server(folder) as server:
        yield server


def test_one_tensor_by_its_range(served: Served, folder: Path) -> None:
    contents = read_contents(f"{served.url}/one.safetensors")
    assert contents.source == f"{served.url}/one.safetensors"
    # The size, the first 100 kB, one byte to see that ranges work; then the settings beside it.
    assert served.asked == [
        ("HEAD", "one.safetensors", "", 0),
        ("GET", "one.safetensors", "bytes=0-99999", 100_000),
        ("GET", "one.safetensors", f"bytes={(size := file_size(folder)) - 1}-{size - 1}", 1),
        *[(method, f"{name}.json", "", 0) for name in SETTINGS for method in ("HEAD", "GET")],
    ]
    served.asked.clear()
    assert torch.equal(contents.tensors["w"].read(300, 310), WIDE[300:310])
    assert served.n_bytes == 10 * 200 * 4
    assert len(served.asked) == 1


SETTINGS = ("config", "model_config")


def file_size(folder: Path) -> int:
    return (folder / "one.safetensors").stat().st_size


def test_a_torch_file(served: Served) -> None:
    tensors = read_contents(f"{served.url}/two.pt").tensors
    listed = served.n_bytes
    assert listed < 100_000 + 10_000
    assert tensors["w"].location == tensors["tied"].location
    assert torch.equal(tensors["tied"].read(400, 401), WIDE[400:401])
    assert served.n_bytes - listed <= 200 * 4 + 30
    assert torch.equal(tensors["w"].read(), WIDE.T)


def test_a_header_longer_than_the_guess(tmp_path: Path) -> None:
    names = [f"h.{i}.{'x' * 100}" for i in range(1000)]
    save_file({name: torch.full((2,), float(i)) for i, name in enumerate(names)}, tmp_path / "m")
    with http_server(tmp_path) as server:
        tensors = read_contents(f"{server.url}/m").tensors
        assert len(tensors) == 1000
        assert tensors[names[-1]].read().tolist() == [999, 999]


def test_listing_shards_reads_headers_and_measuring_a_layer_reads_that_layer(
    served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{served.url}/llama/model.safetensors.index.json"
    headers = {
        path.name: 8 + int.from_bytes(path.read_bytes()[:8], "little")
        for path in (folder / "llama").glob("*.safetensors")
    }
    monkeypatch.setattr(_remote, "HEAD", max(headers.values()))
    model = ni.open_checkpoint(url)
    sent = dict.fromkeys(headers, 0)
    for _, name, _, n_bytes in served.asked:
        if name in sent:
            sent[name] += n_bytes
    assert sum(sent.values()) <= len(headers) * max(headers.values()) + 1
    assert model.label == "llama"
    served.asked.clear()
    table = ni.measure(model, "condition_numbers", layers=[1], roles=["W_q", "W_oMLP"])
    layer = [w.tensor for w in model.select(layers=(1,)) if w.role in ("W_q", "W_oMLP")]
    assert served.n_bytes <= sum(tensor.n_bytes for tensor in layer)
    assert served.n_bytes > 0.5 * sum(tensor.n_bytes for tensor in layer)
    assert {name for _, name, *_ in served.asked} <= {
        tensor.location[0].rpartition("/")[2] for tensor in layer
    }
    local = ni.measure(folder / "llama", "condition_numbers", layers=[1], roles=["W_q", "W_oMLP"])
    assert table["value"].equals(local["value"])


def test_a_folder_that_lists_itself(served: Served, folder: Path) -> None:
    contents = read_contents(f"{served.url}/llama/")
    assert contents.source == f"{served.url}/llama/model.safetensors.index.json"
    assert contents.tensors.keys() == read_contents(folder / "llama").tensors.keys()
    assert contents.config["config"]["model_type"] == "llama"


def test_fingerprints_follow_the_version_on_the_server(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with http_server(tmp_path) as server:

        def fingerprint(value: float) -> str:
            save_file({"w": torch.full((100_000,), value)}, path)
            return read_contents(f"{server.url}/w.safetensors").fingerprint

        first = fingerprint(0.0)
        again = read_contents(f"{server.url}/w.safetensors").fingerprint
        assert first == again != fingerprint(1.0)


def test_a_step_in_the_name(served: Served, folder: Path) -> None:
    write_llama(tiny_gpt(), folder / "step-000300")
    model = ni.open_checkpoint(f"{served.url}/step-000300/model.safetensors")
    assert model.label == "step-000300"


def test_a_server_without_ranges_is_refused_before_it_sends_a_file(folder: Path) -> None:
    with http_server(folder, ranges=False) as server:
        message = refusal(f"{server.url}/one.safetensors")
    assert "its server sends whole files only, no ranges" in message
    assert message.endswith("download it, and name the local file")


def test_a_signed_address_is_used_and_not_shown(served: Served) -> None:
    signed = f"{served.url}/one.safetensors?signature=secret"
    index = f"{served.url}/llama/model.safetensors.index.json?signature=secret"
    model = ni.open_checkpoint(index)
    assert model.label == "llama"
    with ThreadPoolExecutor(1) as executor:
        table = ni.measure(model, "unit_norm", roles=["W_q"], executor=executor)
    assert set(table["status"]) == {"ok"}, "whoever gets the work opens it again"
    assert "secret" not in str(table.attrs)
    contents = read_contents(signed)
    assert contents.source == f"{served.url}/one.safetensors"
    assert contents.address == signed
    assert "secret" not in str(contents.tensors["w"].location)
    message = refusal(f"{served.url}/gone.safetensors?signature=secret")
    assert "secret" not in message


def test_what_is_not_there(served: Served) -> None:
    message = refusal(f"{served.url}/gone.safetensors")
    assert message.endswith("there is no such file or folder; " + _remote.CHECK_ADDRESS)


def test_nobody_at_the_address() -> None:
    message = refusal("http://127.0.0.1:9/w.safetensors")
    assert message.startswith("http://127.0.0.1:9/w.safetensors: cannot be reached (Cannot connect")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("forbidden", "there is no such file or folder for you (403, message='Forbidden')"),
        ("broken", "cannot be reached (500, message='Internal Server Error')"),
    ],
)
def test_a_server_that_lets_nobody_see(place: str, said: str, served: Served) -> None:
    message = refusal(f"{served.url}/{place}/w.safetensors?signature=secret")
    assert said in message
    assert "secret" not in message


PROMISE = {"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<!doctype html><html>log in</html>", "is a web page, not a checkpoint"),
        (safetensors_bytes(PROMISE, bytes(4)), "bytes too short for its tensors"),
    ],
    ids=["a page", "a promise of more than there is"],
)
def test_what_is_no_file_of_weights(data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(data)
    with http_server(tmp_path) as server:
        assert said in refusal(f"{server.url}/w.safetensors")
        assert server.n_bytes < 1000


@pytest.mark.parametrize("index_name", ["http://evil/w", "../w", "a?b"])
def test_an_index_cannot_lead_elsewhere(index_name: str, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": index_name}}))
    with http_server(tmp_path) as server:
        message = refusal(f"{server.url}/{index.name}")
    assert "which is not a file name in its folder" in message


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "simplecache::http://x/y", "ftp://x/y"])
def test_other_schemes_are_refused(uri: str) -> None:
    with pytest.raises(UnreadableFile, match=r"are not read; name a local path|no such file"):
        read_contents(uri)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingLibrary, match=re.escape("pip install 'ngpt-inspect[remote]'")):
        read_contents("https://example.org/w.safetensors")


def test_the_command_line_takes_an_address(served: Served, cli: Callable[..., Result]) -> None:
    done = cli("tensors", f"{served.url}/llama/")
    assert done.exit_code == 0, done.stderr
    assert "model.layers.1.self_attn.q_proj.weight" in done.stdout


def check_values(contents: Contents, local: Path) -> None:
    expected = read_contents(local).tensors
    assert contents.tensors.keys() == expected.keys()
    for name, tensor in contents.tensors.items():
        assert torch.equal(tensor.read(), expected[name].read())


def test_a_model_of_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec.config

    with http_server(folder / "llama") as hub:
        monkeypatch.setitem(fsspec.config.conf, "hf", {"endpoint": hub.url, "token": False})
        contents = read_contents("hf://org/name")
        listed = hub.n_bytes
        assert contents.source == "hf://org/name/model.safetensors.index.json"
        assert contents.config["config"]["model_type"] == "llama"
        there = {path.name for path in (folder / "llama").iterdir()}
        assert {name for _, name, *_ in hub.asked} == there
        check_values(contents, folder / "llama")
        assert ni.open_checkpoint("hf://org/name@main").label == "name@main"
        assert "there is no such file or folder" in refusal("hf://org/name/gone.safetensors")
    assert listed


def test_a_name_of_the_hub_is_never_fetched_unasked(tmp_path: Path) -> None:
    assert refusal("org/name").endswith("say hf://org/name")
    assert "hf://" not in refusal("org/name.safetensors")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Serve a double of S3 and return its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_bucket(s3: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    for name, value in (("ENDPOINT_URL", s3), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")):
        monkeypatch.setenv(f"AWS_{name}", value)
    fs = s3fs.S3FileSystem()
    fs.mkdir("bucket")
    fs.put(str(folder / "llama"), "bucket/llama", recursive=True)
    fs.put(str(folder / "one.safetensors"), "bucket/one.safetensors")
    fetched: list[int] = []
    original = _remote.RemoteFile._fetch

    def counting(file: _remote.RemoteFile, start: int, stop: int) -> bytes:
        fetched.append(stop - start)
        return original(file, start, stop)

    monkeypatch.setattr(_remote.RemoteFile, "_fetch", counting)
    one = read_contents("s3://bucket/one.safetensors").tensors["w"]
    assert fetched == [100_000, 1]
    assert torch.equal(one.read(400, 402), WIDE[400:402])
    assert fetched[2:] == [2 * 200 * 4]
    check_values(read_contents("s3://bucket/llama"), folder / "llama")
    assert "there is no such file or folder" in refusal("s3://bucket/gone")
