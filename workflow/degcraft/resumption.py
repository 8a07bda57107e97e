"""A training's state on disk: kept after some steps, taken up again after a kill."""

import pickle
from collections.abc import Callable
from pathlib import Path

import torch

from degcraft.io import whole_file
from degcraft.training import Checkpoint, Trainer


def save(state: Checkpoint, checkpoint: Path) -> None:
    """Keep a training's state in ``<definition>.pt`` or ``<definition>-<phase>.pt``; older definitions are dropped."""
    with whole_file(checkpoint) as temporary:
        torch.save(state, temporary)
    for other in checkpoint.parent.glob("*.pt"):
        if other.stem.partition("-")[0] != checkpoint.stem.partition("-")[0]:
            other.unlink()


def resume(trainer: Trainer, checkpoint: Path, report: Callable[[str], None]) -> bool:
    """Continue from the checkpoint of the same definition; False if there is none, or a damaged one."""
    if not checkpoint.exists():
        return False
    try:
        trainer.load(torch.load(checkpoint, map_location=trainer.device, weights_only=True))
    except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
        # Checkpoints appear by rename, so a damaged one was damaged by hand: starting over is safe.
        report(f"{checkpoint}: damaged ({error}); training starts anew")
        return False
    report(f"continuing from step {trainer.step}")
    return True
