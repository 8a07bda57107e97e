"""The degradation encoder of DASR trained by momentum contrast (Wang et al., CVPR 2021; He et al., CVPR 2020)."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.classes import Listing
from degcraft.errors import DegcraftError
from degcraft.extractors.dasr import encoder
from degcraft.io import ImagePack
from degcraft.pretraining.pairs import Pairs
from degcraft.pretraining.task import Task, recipe
from degcraft.training import Checkpoint, Recipe, Trainer

TEMPERATURE = 0.07
WIDTH = 256  # of features and keys


def build(
    images: ImagePack,
    listing: Listing | None,
    spec: dict[str, Any],
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> "Contrast":
    """Training of the encoder; arguments as in `degcraft.pretraining.build`, `listing` is not used."""
    steady = MomentumRecipe(**vars(recipe(spec)))
    return Contrast(images, steady, spec["pretrain"]["queue"], spec["seed"], device, autocast)


class MomentumRecipe(Recipe):
    """A recipe whose averaged weights move slowly from the first step on."""

    def ema_at(self, step: int) -> float:
        """Momentum of the key encoder: constant.

        A faster key encoder at the start would tell its keys from the older ones of
        the queue by their age: the loss is low then, and nothing is learnt.
        """
        return self.ema


class Contrasted(Trainer):
    """Encoder and head in training by contrast; `average`, their momentum copy, encodes the keys.

    Parameters
    ----------
    batches : Pairs
        What to learn from.
    network : torch.nn.Module
        As `projected_encoder` gives it, or one that holds it, whose class overrides `loss`.
    recipe : Recipe
        Optimiser and schedule; ``ema`` is the momentum of the key encoder.
    queue : int
        Number of keys of other degradations, a multiple of the batch.
    device, autocast
        As in `Trainer`.

    Attributes
    ----------
    queue : Tensor of shape (queue, 256), float32
        Keys of the last batches, of length 1, the oldest first.
    guess : float
        Contrast of a network that knows nothing, nats.
    """

    def __init__(
        self,
        batches: Pairs,
        network: nn.Module,
        recipe: Recipe,
        queue: int,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        if queue % recipe.batch:
            raise DegcraftError(
                f"{batches.section}.queue: {queue}, but batches of {recipe.batch}; a multiple of the batch is needed; "
                f"write queue: {-(-queue // recipe.batch) * recipe.batch}"
            )
        super().__init__(network, recipe, device, autocast)
        self.batches: Pairs = batches
        self.queue = torch.zeros(queue, WIDTH, device=device)
        self.guess = math.log(queue + 1)

    def begin(self) -> None:
        """Fill the queue with keys of the untrained encoder.

        Random vectors, as usual, would be so far from all keys that the first losses say nothing.
        """
        for step in range(-len(self.queue) // self.recipe.batch, 0):
            self.enqueue(self.encoded(self.average, self.batches[step][1]))

    def loss(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Contrast of two batches of patches (n, 3, h, w), uint8; the keys enter the queue."""
        encoded = self.encoded(self.average, keys)
        return self.compared(self.encoded(self.network, queries), encoded)

    def compared(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Contrast of encoded queries and keys (n, 256); the keys enter the queue."""
        loss = contrast(queries, keys, self.queue)
        self.enqueue(keys)
        return loss

    def encoded(self, network: nn.Module, images: Tensor) -> Tensor:
        """Vectors (n, 256) of length 1, float32, of uint8 patches; batch statistics are those of the batch."""
        with self.autocast():
            vectors = network(self.on_device(images))
        return F.normalize(vectors.float())

    def enqueue(self, keys: Tensor) -> None:
        """Drop the oldest keys for as many new ones."""
        self.queue = torch.cat([self.queue[len(keys) :], keys.detach()])

    def state(self) -> Checkpoint:
        """Everything that continues this training to the bit, the queue included."""
        return {**super().state(), "queue": self.queue}

    def load(self, state: Checkpoint) -> None:
        """Continue from `state`."""
        self.queue = state["queue"].to(self.device)
        super().load(state)


class Contrast(Contrasted, Task):
    """Training of the encoder as an extractor.

    Parameters
    ----------
    images : ImagePack
        HR training images.
    recipe, queue, device, autocast
        As in `Contrasted`.
    seed : int
        Seed of the run.
    """

    kind = "dasr"
    batches: Pairs

    def __init__(
        self,
        images: ImagePack,
        recipe: Recipe,
        queue: int,
        seed: int,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        super().__init__(Pairs(images, recipe, seed), projected_encoder(), recipe, queue, device, autocast)

    def extractor(self) -> nn.Module:
        """The encoder of the queries, under its plain names ``0.weight`` ... ``16.running_var``."""
        trained: nn.Module = self.network.get_submodule("0")
        return trained

    def summary(self) -> dict[str, Any]:
        """Contrast at the beginning, at the end, and of a guess among the keys of the queue and the right one."""
        return {"loss_start": self.losses[0][1], "loss_end": self.losses[-1][1], "loss_guess": self.guess}


def projected_encoder() -> nn.Sequential:
    """The encoder and, after it, the head that only the contrast sees; 1,147,200 + 131,584 parameters."""
    return nn.Sequential(
        encoder(), nn.Flatten(), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.1, inplace=True), nn.Linear(WIDTH, WIDTH)
    )


def contrast(queries: Tensor, keys: Tensor, queue: Tensor) -> Tensor:
    """Mean contrastive loss (InfoNCE), nats.

    Parameters
    ----------
    queries, keys : Tensor of shape (n, c)
        Vectors of length 1; a query's own key has its number.
    queue : Tensor of shape (k, c)
        Keys of other degradations, of length 1.

    Returns
    -------
    Tensor of shape (), float32
        ``-log(exp(q.k / T) / (exp(q.k / T) + sum exp(q.queue / T)))``, T = .07, averaged over queries.
    """
    similar = torch.cat([(queries * keys).sum(dim=1, keepdim=True), queries @ queue.T], dim=1) / TEMPERATURE
    return F.cross_entropy(similar, torch.zeros(len(queries), dtype=torch.long, device=queries.device))
