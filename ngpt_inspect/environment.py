"""What a bug report needs to be told of this installation and this machine."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata

from ngpt_inspect.errors import InspectError
from ngpt_inspect.house import house
from ngpt_inspect.version import __version__

DISTRIBUTION = "ngpt-inspect"
FOR_WORK_ON_IT = ("all", "callbacks", "dev", "families")
"""Extras that nobody needs to use it."""
TELLING = re.compile(r"(NGPT_INSPECT|OMP|MKL|OPENBLAS|CUDA_VISIBLE|PYTORCH)_?\w*")
"""Variables of the environment that change what is computed, or how."""
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:.*extra\s*==\s*['\"](?P<extra>[\w-]+)['\"])?")


def environment() -> dict[str, str]:
    """Return the versions, extras, platform, devices and threads, each as a line of text."""
    needed = required()
    return {
        DISTRIBUTION: __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": platform.platform(),
        **{name: version_of(name) for name in needed.get("", ())},
        **{
            f"extra {extra}": ", ".join(f"{name} {version_of(name)}" for name in names)
            for extra, names in needed.items()
            if extra and extra not in FOR_WORK_ON_IT
        },
        **_computing(),
        **_said_by_the_house(),
        **{name: value for name, value in sorted(os.environ.items()) if TELLING.fullmatch(name)},
    }


def _said_by_the_house() -> Mapping[str, str]:
    """Return the file of house defaults and what it says, or why it cannot be read."""
    try:
        said = asdict(house())
    except InspectError as error:
        return {"house defaults": str(error)}
    file = said.pop("file")
    found = {name: value for name, value in said.items() if value}
    words = {
        name: ", ".join(value) if isinstance(value, tuple) else str(value)
        for name, value in found.items()
    }
    return {
        "house defaults": str(file) if file.is_file() else f"none at {file}",
        **{f"house {name}": text for name, text in words.items()},
    }


def required() -> dict[str, list[str]]:
    """Return what is required, by the extra that requires it; under "" what always is.

    Empty where the package is not installed but lies in a folder.
    """
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, list[str]] = {"": []}
    for each in filter(None, map(REQUIREMENT.match, lines)):
        found.setdefault(each["extra"] or "", []).append(each["name"])
    return found


def version_of(name: str) -> str:
    """Return the version that is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _computing() -> Mapping[str, str]:
    """Return the devices and threads torch has; why it cannot be loaded, where it cannot."""
    cores = {"cores": str(os.cpu_count())}
    try:
        import torch
    except (ImportError, OSError) as error:
        return cores | {"torch cannot be loaded": str(error).partition("\n")[0]}
    devices = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return cores | {
        "threads": str(torch.get_num_threads()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "CUDA": f"{torch.version.cuda}: {', '.join(devices) or 'no device'}",
    }
