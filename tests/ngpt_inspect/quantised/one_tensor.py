"""Folders of quantised tensors, most of one alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ngpt_inspect.formats import read_contents
from ngpt_inspect.stored import StoredTensor

Tensors = dict[str, torch.Tensor]


def write(folder: Path, tensors: Tensors, **config: Any) -> Path:
    """Write a folder with these tensors and this config."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def only(folder: Path) -> StoredTensor:
    """Return the one tensor of a folder."""
    (tensor,) = read_contents(folder).tensors.values()
    return tensor
