"""Which device to compute on."""

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.torch import torch


def usable(device: str) -> tuple[str, str]:
    """Return the device to take, and a note where it is not the one asked for.

    A CUDA device that is not there is replaced by the CPU: the numbers agree to about 1e-9, only
    the wait differs.

    Raises
    ------
    WrongOption
        torch knows no such device.
    """
    device = str(device)  # of torch.device, too
    if device == "cpu":
        return device, ""
    if device.partition(":")[0] == "cuda" and not torch.cuda.is_available():
        return "cpu", f"no {device} here, so computed on the CPU"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise WrongOption(
            f"no device {device!r} here", next_step="say cpu, or cuda for a GPU"
        ) from None
    return device, ""
