"""AlexNet trained to tell textures or materials apart (paper, section 4.1: AlexNet trained on MINC)."""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from degcraft.classes import Listing
from degcraft.errors import DegcraftError
from degcraft.extractors.alexnet import single_column
from degcraft.extractors.convolutional import IMAGENET
from degcraft.pretraining.task import Task, recipe, window
from degcraft.streams import stream
from degcraft.training import Recipe

Images = Sequence[NDArray[np.uint8]]


def build(
    images: Images,
    listing: Listing | None,
    spec: dict[str, Any],
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> "Classification":
    """Training of AlexNet; arguments as in `degcraft.pretraining.build`.

    Raises
    ------
    DegcraftError
        There are no textures.
    """
    if listing is None:
        raise DegcraftError(
            "extractors: kind alexnet with weights: trained has no textures; a folder of classes is needed; write "
            "textures: FOLDER into its entry in config.yaml"
        )
    return Classification(images, listing, recipe(spec), spec["seed"], device, autocast)


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """Training batches of a texture data set; item `step` is the same on any worker.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width, 3), uint8
        RGB; both sides of each are at least ``recipe.patch``.
    listing : Listing
        Their classes and split.
    recipe : Recipe
        Batch and patch size.
    seed : int
        Seed of the run.
    """

    def __init__(self, images: Images, listing: Listing, recipe: Recipe, seed: int) -> None:
        self.images, self.labels, self.recipe, self.seed = images, listing.labels, recipe, seed
        self.chosen = [number for number, held_out in enumerate(listing.held_out) if not held_out]

    def __len__(self) -> int:
        return self.recipe.iterations

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Crops (batch, patch, patch, 3), uint8, and their classes (batch,), int64."""
        crops, labels = zip(*(self._crop(step, item) for item in range(self.recipe.batch)), strict=True)
        return torch.from_numpy(np.stack(crops)), torch.tensor(labels)

    def _crop(self, step: int, item: int) -> tuple[NDArray[np.uint8], int]:
        rng = stream(self.seed, "pretrain", "alexnet", step, item)
        number = self.chosen[int(rng.integers(len(self.chosen)))]
        # paper: 4.1 training on MINC is not described; crops at full resolution, since blur is what features must see.
        crop = window(self.images[number], self.recipe.patch, rng)
        down, across = (1 - 2 * int(turn) for turn in rng.integers(2, size=2))
        return crop[::down, ::across], self.labels[number]


class Classification(Task):
    """AlexNet with a linear classifier in training; parameters as in `build`."""

    kind = "alexnet"

    def __init__(
        self,
        images: Images,
        listing: Listing,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        super().__init__(classifier(len(listing.classes)), recipe, device, autocast)
        self.images, self.listing = images, listing
        self.batches = Crops(images, listing, recipe, seed)
        self.guess = math.log(len(listing.classes))

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy, nats, of crops (n, h, w, 3), uint8, and their classes (n,)."""
        with self.autocast():
            scores = self.network(IMAGENET.apply(images.to(self.device, non_blocking=True)))
        return F.cross_entropy(scores.float(), labels.to(self.device, non_blocking=True))

    def extractor(self) -> nn.Module:
        """The convolutional part, under the names ``features.0.weight`` ... ``features.10.bias``."""
        return nn.Sequential(OrderedDict(features=self.average.features))

    def summary(self) -> dict[str, Any]:
        """Classes, numbers of images, and the accuracy on the middle crops of those held out."""
        held_out = [number for number, kept in enumerate(self.listing.held_out) if kept]
        labels = np.array([self.listing.labels[number] for number in held_out])
        return {
            "classes": list(self.listing.classes),
            "training_images": len(self.listing.files) - len(held_out),
            "held_out_images": len(held_out),
            "held_out_accuracy": float((self.predicted(held_out) == labels).mean()),
            "chance_accuracy": float(np.bincount(labels).max() / len(labels)),  # of naming the commonest class always
        }

    def predicted(self, numbers: Sequence[int]) -> NDArray[np.int64]:
        """Most probable class of the middle crop of each of some images, shape (len(numbers),)."""
        self.average.eval()
        found = []
        for start in range(0, len(numbers), self.recipe.batch):
            batch = numbers[start : start + self.recipe.batch]
            crops = torch.from_numpy(np.stack([middle(self.images[number], self.recipe.patch) for number in batch]))
            with torch.inference_mode():
                found.append(self.average(IMAGENET.apply(crops.to(self.device))).argmax(dim=1).cpu().numpy())
        return np.concatenate(found)


def middle(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Middle square of an image: a view of shape (side, side, 3)."""
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def classifier(classes: int) -> nn.Sequential:
    """AlexNet's convolutions, ``features``, and a linear ``classifier`` of their mean over positions."""
    # paper: 4.1 the classifier is not described, and not used after training; torchvision's has 54 M parameters more.
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(256, classes))
    return nn.Sequential(OrderedDict(features=single_column(), classifier=head))
