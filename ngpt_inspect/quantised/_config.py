"""What a checkpoint says of its own quantisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ngpt_inspect.stored import Contents

KEYS = ("quantization_config", "compression_config")


def quantisation(contents: Contents) -> Mapping[str, Any]:
    """Return the quantisation config of config.json; empty when there is none."""
    found = contents.find(*KEYS)
    return found[0] if found and isinstance(found[0], Mapping) else {}
