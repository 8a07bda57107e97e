"""Where and how networks are computed."""

import os
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import distributed

from degcraft import cards
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
    """Set the threads of this process, and take a card if it may use one; call it before the first network.

    With a fixed number of threads the operations that degcraft uses give the
    same bytes on a CPU. (PyTorch's switch for deterministic algorithms changes
    none of them there, and costs seconds.) On a GPU the fastest kernels are
    taken, which need not be deterministic.
    """
    if compute["device"] in ("auto", "cuda"):
        cards.take()
    torch.set_num_threads(compute["threads"])
    if torch.get_num_interop_threads() != 1:  # it may be set only once
        torch.set_num_interop_threads(1)
    torch.backends.cudnn.benchmark = True


def autocast(compute: dict[str, Any], device: torch.device) -> AbstractContextManager[Any]:
    """Context in which a forward pass computes in ``compute.precision``: fp32 (as it is) or bf16 (mixed)."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=compute["precision"] == "bf16")


def join(compute: dict[str, Any]) -> tuple[int, int, torch.device]:
    """Where a process stands among those that torchrun started to train one network.

    Returns
    -------
    rank : int
        From 0; 0 alone writes results.
    processes : int
        1 without torchrun.
    device : torch.device
        Each process has a GPU of its own; CPU processes share the machine.

    Raises
    ------
    DegcraftError
        There are fewer GPUs than processes.
    """
    found, processes = device(compute), int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        return 0, 1, found
    if found.type == "cuda":
        place, present = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= present:
            raise DegcraftError(
                f"train.gpus: {processes}, but this machine has {present}; write train.gpus: {present}, or let the "
                "cluster choose a machine with more"
            )
        found = torch.device("cuda", place)
        torch.cuda.set_device(found)
    distributed.init_process_group("nccl" if found.type == "cuda" else "gloo")
    return distributed.get_rank(), processes, found


def leave() -> None:
    """End what `join` began, when all processes are here."""
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def fits(size: int, device: torch.device) -> bool:
    """Whether so many bytes take at most half of the memory that is free on a GPU."""
    free, _ = torch.cuda.mem_get_info(device)
    return 2 * size <= free
