from __future__ import annotations

from pathlib import Path

import pytest

from ngpt_inspect.places import is_uri, public_name


@pytest.mark.parametrize("source", ["s3://b/k", "hf://org/name@main", "https://h/x", "gs://b"])
def test_addresses(source: str) -> None:
    assert is_uri(source)
    assert public_name(source) == source


@pytest.mark.parametrize("source", ["runs/gpt", "/a/b.pt", "C:/x", Path("s3://b/k"), "a:b", "://x"])
def test_paths(source: str | Path) -> None:
    assert not is_uri(source)
    assert public_name(str(source)) == str(source)


def test_secrets_are_not_shown() -> None:
    signed = "https://me:word@h.org/a/w.pt?X-Amz-Signature=1234#frag"
    assert public_name(signed) == "https://h.org/a/w.pt"
    assert public_name("hf://org/name@refs/pr/1/w.pt") == "hf://org/name@refs/pr/1/w.pt"
