"""Where and how networks are computed."""

from contextlib import AbstractContextManager
from typing import Any

import torch

from degcraft.errors import DegcraftError


def device(compute: dict[str, Any]) -> torch.device:
    """Device that the config asks for.

    Parameters
    ----------
    compute : dict
        The config section ``compute``; ``device`` is auto, cuda, mps or cpu.

    Returns
    -------
    torch.device
        For auto: CUDA, else an Apple GPU, else the CPU.

    Raises
    ------
    DegcraftError
        The device that was asked for is absent.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    asked = compute["device"]
    if asked == "auto":
        return torch.device(next(name for name, here in present.items() if here))
    if not present[asked]:
        raise DegcraftError(
            f"compute.device: {asked} is not available to PyTorch {torch.__version__} on this machine; "
            f"{', '.join(name for name, here in present.items() if here)} can be used; write device: auto"
        )
    return torch.device(asked)


def start(compute: dict[str, Any]) -> None:
    """Set the threads of this process; call it before the first network.

    With a fixed number of threads the operations that degcraft uses give the
    same bytes on a CPU. (PyTorch's switch for deterministic algorithms changes
    none of them there, and costs seconds.) On a GPU the fastest kernels are
    taken, which need not be deterministic.
    """
    torch.set_num_threads(compute["threads"])
    if torch.get_num_interop_threads() != 1:  # it may be set only once
        torch.set_num_interop_threads(1)
    torch.backends.cudnn.benchmark = True


def autocast(compute: dict[str, Any], device: torch.device) -> AbstractContextManager[Any]:
    """Context in which a forward pass computes in ``compute.precision``: fp32 (as it is) or bf16 (mixed)."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=compute["precision"] == "bf16")
