"""What lies beside a checkpoint and belongs to it: settings, and the other files of a model."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, TypeVar

from ngpt_inspect.formats.places.folder import (
    INDEX,
    INNER,
    MODEL_PART,
    MODEL_STATES,
    PART,
    TORCH_INDEX,
)
from ngpt_inspect.formats.places.opening import open_bytes
from ngpt_inspect.formats.places.strict_json import read_object
from ngpt_inspect.places import Place
from ngpt_inspect.runs import STEP_FOLDER
from ngpt_inspect.stored import Contents, Stamp
from ngpt_inspect.trainer_state import TRAINER_STATE, facts_of

P = TypeVar("P", bound=Place)
SETTINGS = ("config", "model_config")
TRAINER = TRAINER_STATE.removesuffix(".json")
STEP_OF_NANOCHAT = re.compile(r"model_(\d{6})\.pt", re.ASCII)
LITGPT = "litgpt"
LARGEST = 1 << 16
SETTING = re.compile(r"^(\w+): (\w[\w.+-]{,99})\r?$", re.ASCII | re.MULTILINE)
ADAPTER_CONFIG = "adapter_config.json"
UNREAD = re.compile(r".*\.(log|txt|jsonl|csv|md|out|err|lock|part|tmp)|events\.out\.tfevents\..*")
"""What others write beside a model while it lies there: no format reads it."""
REPAIR = "repair it, or move it elsewhere"


def with_settings(contents: Contents, folder: Place) -> Contents:
    """Attach ``config.json`` as ``config["config"]``, ``model_config.json`` likewise.

    Where the checkpoint itself holds something of that name, the file's settings go under
    ``config_json`` (``model_config_json``). So are ``params.json``, of Meta and Mistral, and of
    ``trainer_state.json`` all but the history, and AutoGPTQ's ``quantize_config.json``;
    ``meta_000500.json`` beside nanochat's ``model_000500.pt`` becomes ``meta``, and what
    ``model_config.yaml`` says is ``litgpt``.

    Raises
    ------
    UnreadableFile
        One of them is broken.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for name, path in _beside(folder, PurePath(contents.source).name).items():
        if path.is_file():
            key = f"{name}_json" if name in contents.config else name
            said = _of_litgpt(path) if name == LITGPT else read_object(path, "it", REPAIR)
            found[key] = facts_of(said) if name == TRAINER else said
    return replace(contents, config={**contents.config, **found}) if found else contents


def _of_litgpt(path: Place) -> dict[str, Any]:
    """Return the numbers, flags and words of a YAML file, a line each: all that litgpt tells."""
    text = open_bytes(path).head(LARGEST).decode(errors="replace")
    return {found[1]: _scalar(found[2]) for found in SETTING.finditer(text)}


def _scalar(text: str) -> Any:
    """Return what a plain word of YAML is; numbers, flags and null are written as in JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _beside(folder: P, file: str) -> dict[str, P]:
    """Return the files beside one that may belong to it, by what they are called.

    At an address, where each costs a question, only those that its names let one expect.
    """
    is_local, step = isinstance(folder, Path), STEP_OF_NANOCHAT.fullmatch(file)
    files = {name: folder / f"{name}.json" for name in SETTINGS}
    if is_local or file.startswith("consolidated"):
        files["params"] = folder / "params.json"
    if is_local or file.startswith("gptq_model"):
        files["quantize_config"] = folder / "quantize_config.json"
    if is_local:
        files[LITGPT] = folder / "model_config.yaml"
    if is_local or STEP_FOLDER.match(folder.name):
        files[TRAINER] = folder / TRAINER_STATE
    if step is not None:
        files["meta"] = folder / f"meta_{step[1]}.json"
    return files


def files_of(path: Path) -> list[Path]:
    """Return the files that opening a path reads, and perhaps some more beside them.

    All files of a folder; of a file itself; of an index, or of one part of several, all files of
    its folder; always the settings beside them, and around a folder that has none of its own.
    What others write there while a model lies there (logs) is none of them.

    Raises
    ------
    OSError
        There is nothing at this path.
    """
    folder = path if path.is_dir() else path.parent
    outer = _settings_in(folder.parent) if INNER.fullmatch(folder.name) else []
    if path.is_dir():
        inner = [each for each in path.iterdir() if INNER.fullmatch(each.name) and each.is_dir()]
        within = (file for each in sorted(inner) for file in _files_in(each))
        return [*_files_in(path), *outer, *within]
    if path.name.endswith((INDEX, TORCH_INDEX)) or _is_part(path.name):
        return [path, *(each for each in _files_in(folder) if each != path), *outer]
    return [path, *_settings_in(folder, path.name), *outer]


def stamp_of(path: Path) -> Stamp:
    """Return what changes when the files that opening a path reads do, without reading them.

    Raises
    ------
    OSError
        There is nothing at this path.
    """
    path.stat()
    return tuple(_state_of(each) for each in files_of(path))


def _state_of(file: Path) -> tuple[str, int, int]:
    try:
        found = file.stat()
    except OSError:  # a link that leads nowhere: whoever reads it says so
        return file.name, 0, 0
    return file.name, found.st_size, found.st_mtime_ns


def _is_part(name: str) -> bool:
    return PART.search(name) is not None or any(
        part.fullmatch(name) for part in (MODEL_PART, MODEL_STATES)
    )


def _files_in(folder: Path) -> list[Path]:
    files = (each for each in folder.iterdir() if not UNREAD.fullmatch(each.name))
    return sorted(each for each in files if not each.is_dir())


def _settings_in(folder: Path, file: str = "") -> list[Path]:
    files = [*_beside(folder, file).values(), folder / ADAPTER_CONFIG]
    return [each for each in files if each.is_file()]
