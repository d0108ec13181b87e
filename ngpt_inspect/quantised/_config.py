"""What a checkpoint says of its own quantisation."""

from collections.abc import Mapping
from typing import Any

from ngpt_inspect.stored import Contents

INT4_OF_TORCHAO = "Int4Tensor"
KEYS = ("quantization_config", "compression_config")


def quantisation(contents: Contents) -> Mapping[str, Any]:
    """Return the quantisation config of config.json, or AutoGPTQ's beside it; empty without any."""
    found = contents.find(*KEYS)
    if found and isinstance(found[0], Mapping) and found[0]:
        return found[0]
    beside = contents.config.get("quantize_config")
    return {"quant_method": "gptq", **beside} if isinstance(beside, Mapping) else {}


def type_by_torchao(contents: Contents, name: str) -> str:
    """Return the class that torchao notes for a tensor in the metadata; empty where it is none."""
    said = contents.config.get(name)
    kind = said.get("_type") if isinstance(said, Mapping) else None
    return kind if isinstance(kind, str) else ""
