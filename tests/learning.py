"""Packs of a few images, and trainings on them."""

import torch

from degcraft.io import ImagePack, write_pack
from degcraft.training import fit


def pack_of(folder, images):
    images = list(images)
    names = [f"image{number}" for number in range(len(images))]
    write_pack(folder, images, names, names)
    return ImagePack(folder)


def train(phase, until=None, save=lambda state: None, every=1000):
    """The trainer of a phase after this step, or after its last one."""
    steps = range(phase.trainer.step, until or phase.trainer.recipe.iterations)
    fit(phase.trainer, (phase.batches[step] for step in steps), every, save, lambda line: None)
    return phase.trainer


def assert_same_training(one, other):
    """Two trainers have seen and learnt the same, to the bit."""
    assert one.losses == other.losses
    assert one.measurements == other.measurements
    for part in ("network", "average", "critic"):
        for key, value in getattr(one, part).state_dict().items():
            assert torch.equal(value, getattr(other, part).state_dict()[key]), (part, key)
