"""What a compared method is: networks that learn in phases from some material, and the one that restores."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from degcraft.checkpoints import Weights
from degcraft.io import ImagePack
from degcraft.methods.adversaries import Measured


@dataclass(frozen=True)
class Material:
    """What a method may learn from, and where.

    Attributes
    ----------
    images : ImagePack
        HR training images.
    references : ndarray of shape (n, height, width, 3), uint8, or None
        LR references of the target, for methods that learn from them.
    perceptual : (dict, Weights) or None
        Entry of the config's ``extractors`` (kind vgg) and its weights, None without either or for random ones.
    seeds : (int, int)
        Seed of the run and of this training.
    log_every : int
        Steps between lines of the loss curve.
    device : torch.device
        Where to compute.
    autocast : callable
        Returns the context of the forward pass.
    """

    images: ImagePack
    references: NDArray[np.uint8] | None
    perceptual: tuple[dict[str, Any], Weights | None] | None
    seeds: tuple[int, int]
    log_every: int
    device: torch.device
    autocast: Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Phase:
    """One part of a method's training.

    Attributes
    ----------
    name : str
        As in ``methods.<name>.phases``.
    trainer : Measured
        Its networks, at the beginning.
    batches : Dataset
        Item ``step`` is what ``trainer.advance`` takes at that step, the same on any worker.
    """

    name: str
    trainer: Measured
    batches: Dataset[tuple[Tensor, ...]]


class Learning(ABC):
    """A method in training; ``methods/<kind>/learning.py`` defines one, and ``networks.py`` builds what restores.

    Parameters
    ----------
    options : dict
        Entry of the config section ``methods``.
    material : Material
        What to learn from.
    """

    def __init__(self, options: dict[str, Any], material: Material) -> None:
        self.options, self.material = options, material

    @abstractmethod
    def phases(self) -> Iterator[Phase]:
        """Parts of the training in order; each is trained to its end before the next one is asked for."""

    @abstractmethod
    def restorer(self) -> nn.Module:
        """What restores: the network that ``networks.build`` of the method gives, trained."""

    def kernels(self) -> Tensor | None:
        """Blur kernels (n, size, size) that were learnt, for a picture; None where a method learns none."""
        return None


def learning(options: dict[str, Any], material: Material) -> Learning:
    """The training of an entry of the config section ``methods`` that has a ``kind``."""
    module = importlib.import_module(f"degcraft.methods.{options['kind']}.learning")
    made: Learning = module.build(options, material)
    return made


@dataclass(frozen=True)
class Learnt:
    """What a method made of one test image that it learnt from.

    Attributes
    ----------
    restored : ndarray of shape (4 height, 4 width, 3), uint8
        SR image.
    kernel : Tensor of shape (size, size), float32
        Blur kernel that was learnt, of sum 1, in HR pixels.
    measurements : list of (phase, step, name, value)
        Means over the steps of each line of the loss curve.
    """

    restored: NDArray[np.uint8]
    kernel: Tensor
    measurements: list[tuple[str, int, str, float]]
