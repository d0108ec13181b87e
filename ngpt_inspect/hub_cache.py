"""The cache of the Hugging Face hub: ``models--ORG--NAME`` with ``refs`` and ``snapshots``.

Layout: huggingface_hub, guides/manage-cache. A ref is a file that names a snapshot by its commit.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

MODEL = re.compile(r"models--(?:[^/\\]+--)?([^/\\]+)")
COMMIT = re.compile(r"[\w-]{1,64}", re.ASCII)
"""A folder of snapshots: a hash of the hub, or what somebody has put there."""
ADDRESS = re.compile(
    r"hf://(?:models/)?([\w.-]+)/([\w.-]+)"
    r"(?:@(refs/\w+/[\w.-]+|[\w.%-]+))?((?:/[\w.-]+)*)/?",
    re.ASCII,
)
MAIN = "main"
LARGEST = 200
"""Bytes of a ref."""


def is_cache(folder: Path) -> bool:
    """Tell the folder of one model in the cache."""
    return MODEL.fullmatch(folder.name) is not None and (folder / "snapshots").is_dir()


def model_of(path: Path) -> Path | None:
    """Return the folder of the model in the cache in whose snapshot a path lies."""
    above = (each for each in path.parents if each.name == "snapshots")
    snapshots = next(above, None)
    return None if snapshots is None or not is_cache(snapshots.parent) else snapshots.parent


def revisions(folder: Path) -> dict[str, Path]:
    """Return the snapshots of a model by the names they are known by: refs, or else commits."""
    named = dict(_refs(folder))
    commits = sorted(path for path in (folder / "snapshots").iterdir() if path.is_dir())
    return named | {each.name: each for each in commits if each not in named.values()}


def revision_of(path: Path) -> str:
    """Return the name of the revision a path lies in; ``main`` and outside the cache empty."""
    folder = model_of(path)
    if folder is None:
        return ""
    known = revisions(folder).items()
    return next((name for name, at in known if at in path.parents and name != MAIN), "")


def cached(address: str) -> Path | None:
    """Return where the cache has what an address of the hub names; None where it has not."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        return None
    owner, name, revision, inside = found.groups()
    folder = cache_folder() / f"models--{owner}--{name}"
    if ".." in inside or not is_cache(folder):
        return None
    revision = unquote(revision or MAIN)
    commit = folder / "snapshots" / revision if COMMIT.fullmatch(revision) else None
    snapshot = revisions(folder).get(revision, commit)
    place = None if snapshot is None else snapshot / inside.strip("/")
    return place if place is not None and place.exists() else None


def cache_folder() -> Path:
    """Return where huggingface_hub keeps what it downloads, by its environment variables."""
    told = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if told:
        return Path(told).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("HF_HOME") or Path(cache) / "huggingface").expanduser() / "hub"


def is_offline() -> bool:
    """Tell whether the user has said that there is no network."""
    said = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(each.upper() in ("1", "ON", "YES", "TRUE") for each in said)


def _refs(folder: Path) -> Iterator[tuple[str, Path]]:
    refs = folder / "refs"
    for path in sorted(refs.rglob("*")) if refs.is_dir() else ():
        if not path.is_file() or path.stat().st_size > LARGEST:
            continue
        commit = path.read_text(encoding="utf-8", errors="replace").strip()
        if COMMIT.fullmatch(commit) and (folder / "snapshots" / commit).is_dir():
            yield path.relative_to(refs).as_posix(), folder / "snapshots" / commit
