"""Which number format matrix products take."""

from pathlib import Path
from typing import Literal

import torch

from reference_model.config import Precision


def resolve_precision(asked: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Turn "auto" into bfloat16 where the hardware multiplies it natively, else float32.

    Weights, their optimiser, norms and the residual stream stay float32 either way (autocast).
    """
    if asked != "auto":
        return asked
    native = torch.cuda.is_bf16_supported() if device.type == "cuda" else _cpu_has_bfloat16()
    return "bfloat16" if native else "float32"


def _cpu_has_bfloat16() -> bool:
    # elsewhere bfloat16 on a CPU is emulated and slower than float32
    info = Path("/proc/cpuinfo")
    return info.is_file() and "avx512_bf16" in info.read_text(encoding="utf-8", errors="replace")
