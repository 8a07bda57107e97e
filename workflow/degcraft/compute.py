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
    """Set threads and deterministic kernels of this process; call it before the first network.

    The same config gives the same bytes on a CPU. On a GPU the fastest
    kernels are taken, which need not be deterministic.
    """
    torch.set_num_threads(compute["threads"])
    if torch.get_num_interop_threads() != 1:  # it may be set only once
        torch.set_num_interop_threads(1)
    on_cpu = device(compute).type == "cpu"
    torch.use_deterministic_algorithms(on_cpu)
    torch.backends.cudnn.benchmark = not on_cpu


def autocast(compute: dict[str, Any], device: torch.device) -> AbstractContextManager[Any]:
    """Context in which a forward pass computes in ``compute.precision``: fp32 (as it is) or bf16 (mixed)."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=compute["precision"] == "bf16")
