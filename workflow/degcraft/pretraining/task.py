"""What the trainings of extractors share: their recipe, patches, and when they have failed."""

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from degcraft.errors import DegcraftError
from degcraft.training import Recipe, Trainer


def recipe(spec: dict[str, Any]) -> Recipe:
    """Recipe of the options of one kind: Adam, one cosine period.

    Parameters
    ----------
    spec : dict
        ``pretrain``: iterations, batch, patch (pixels) and lr; and ``log_every``.
    """
    options = spec["pretrain"]
    # paper: 4.1 the networks are taken from others; DASR's lr falls in steps, here a cosine fits any number of steps.
    return Recipe(
        iterations=options["iterations"],
        batch=options["batch"],
        patch=options["patch"],
        lr=options["lr"],
        betas=(0.9, 0.999),
        periods=1,
        lr_floor=0.0,
        ema=0.999,
        log_every=min(spec["log_every"], options["iterations"]),
    )


def window(image: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Random square of an image, each place alike: a view of shape (side, side, 3)."""
    top, left = (int(rng.integers(length - side + 1)) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


class Task(Trainer, ABC):
    """Training of an extractor's network; a kind overrides what is not written here.

    Attributes
    ----------
    kind : str
        Kind of extractor: its section of ``pretrain``.
    batches : Dataset
        Item ``step`` is what `loss` takes at that step, the same on any worker.
    guess : float
        Loss of a network that knows nothing.
    """

    kind: str
    batches: Dataset[tuple[Tensor, ...]]
    guess: float

    def begin(self) -> None:
        """Prepare the first step of a fresh training."""

    @abstractmethod
    def extractor(self) -> nn.Module:
        """The trained network with the names under which `degcraft.extractors` reads it."""

    @abstractmethod
    def summary(self) -> dict[str, Any]:
        """What was reached, for ``model.json``."""

    def log(self) -> float:
        """Close a line of the loss curve; returns its mean loss.

        Losses near 0 may grow manifold without harm, so a training has diverged
        when it is ten times worse than a guess.

        Raises
        ------
        DegcraftError
            The training diverged.
        """
        loss = float(self.window) / self.recipe.log_every
        if not math.isfinite(loss) or loss > 10 * self.guess:
            raise DegcraftError(
                f"training diverged before step {self.step}: mean loss {loss:.4g}, a guess has {self.guess:.4g}; the "
                f"last good checkpoint is kept; lower pretrain.{self.kind}.lr (now {self.recipe.lr:g}), then run again"
            )
        self.losses.append((self.step, loss, self.recipe.lr_at(self.step - 1)))
        self.window.zero_()
        return loss
