"""A training's state on disk: kept after some steps, taken up again after a kill."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import torch

from degcraft.io import whole_file
from degcraft.training import Checkpoint, Trainer

_DIGEST = hashlib.sha256().digest_size


def save(state: Checkpoint, checkpoint: Path) -> None:
    """Keep a training's state in ``<definition>.pt`` or ``<definition>-<phase>.pt``; older definitions are dropped.

    The file is a SHA-256 and what ``torch.save`` writes, whose own checksums ``torch.load`` does not look at.
    """
    content = BytesIO()
    torch.save(state, content)
    with whole_file(checkpoint, recorded=False) as temporary, temporary.open("wb") as file:
        file.write(hashlib.sha256(content.getbuffer()).digest())
        file.write(content.getbuffer())
    for other in checkpoint.parent.glob("*.pt"):  # those that a kill left half-written, too
        if other.stem.partition("-")[0] != checkpoint.stem.partition("-")[0]:
            other.unlink(missing_ok=True)


def resume(trainer: Trainer, checkpoint: Path, report: Callable[[str], None]) -> bool:
    """Continue from the checkpoint of the same definition; False if there is none, or a damaged one."""
    if not checkpoint.exists():
        return False
    content = checkpoint.read_bytes()
    if hashlib.sha256(memoryview(content)[_DIGEST:]).digest() != content[:_DIGEST]:
        report(f"{checkpoint}: damaged (its checksum is wrong); training starts anew")
        return False
    trainer.load(torch.load(BytesIO(memoryview(content)[_DIGEST:]), map_location=trainer.device, weights_only=True))
    report(f"continuing from step {trainer.step}")
    return True
