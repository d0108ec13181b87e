"""The settings that lie beside a checkpoint: config.json and model_config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ngpt_inspect.formats._json import read_object
from ngpt_inspect.places import Place
from ngpt_inspect.stored import Contents

SETTINGS = ("config", "model_config")


def with_settings(contents: Contents, folder: Place) -> Contents:
    """Attach ``config.json`` as ``config["config"]``, ``model_config.json`` likewise.

    Where the checkpoint itself holds something of that name, the file's settings go under
    ``config_json`` (``model_config_json``).

    Raises
    ------
    UnreadableFile
        One of them is broken.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for name in SETTINGS:
        path = folder / f"{name}.json"
        if path.is_file():
            key = f"{name}_json" if name in contents.config else name
            found[key] = read_object(path, "it", "repair it, or move it elsewhere")
    return replace(contents, config={**contents.config, **found}) if found else contents
