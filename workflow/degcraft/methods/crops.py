"""What compared methods learn from, in batches: HR patches, pairs of a known degradation, crops of references."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from degcraft.batches import Pairs, Patches
from degcraft.bins import Mixture, Region
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack
from degcraft.streams import stream
from degcraft.training import Recipe

CLEAN = {"blur": [0, 0], "noise": [0, 0], "quality": "none"}
# The operators that these methods were published with: a kernel of 21, MATLAB's bicubic, colour noise.
PLAIN = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}


class KnownPairs(Pairs):
    """Batches of pairs under the first-order model, with their degradations.

    Parameters
    ----------
    images : ImagePack
        HR training images.
    recipe : Recipe
        Batch, and patch size in HR pixels.
    setting : dict
        Ranges of blur, noise and quality, as in the config; `CLEAN` is bicubic downsampling alone.
    seeds : (int, int)
        Seed of the run and of this training.
    """

    def __init__(self, images: ImagePack, recipe: Recipe, setting: dict[str, Any], seeds: tuple[int, int]) -> None:
        draw = Mixture([Region.from_config(setting)], np.ones(1))
        super().__init__(Patches(images, recipe.patch, draw, seeds), range(recipe.batch), PLAIN)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """LR and HR, uint8, as from `Pairs`; blur, noise, quality (batch, 3), float32, infinite quality for none."""
        described = [self.patches.patch(step, item)[0].parameters for item in self.items]
        return *super().__getitem__(step), torch.tensor(described, dtype=torch.float32)


class ReferenceCrops(Dataset[Tensor]):
    """Batches of crops of a target's LR references, turned and mirrored; item `step` is the same on any worker.

    Parameters
    ----------
    references : ndarray of shape (n, height, width, 3), uint8, or None
        At least as many as a batch.
    batch : int
        Crops per step, all of different references.
    side : int
        Of the crops, LR pixels.
    seeds : (int, int)
        Seed of the run and of this training.

    Raises
    ------
    DegcraftError
        No references, too few, or too small ones.
    """

    def __init__(self, references: NDArray[np.uint8] | None, batch: int, side: int, seeds: tuple[int, int]) -> None:
        if references is None:
            raise DegcraftError(
                "methods: no references of a target; this method learns from them; train it for a setting or an "
                "application whose references are there"
            )
        self.references, self.batch, self.side, self.seeds = references, batch, side, seeds
        if len(references) < batch:
            raise DegcraftError(
                f"methods: {len(references)} references, but batches of {batch}; as many references as a batch are "
                f"needed; give more, or write batch: {len(references)} in the phases of the method"
            )
        if min(references.shape[1:3]) < side:
            found = min(references.shape[1:3])
            raise DegcraftError(
                f"methods: references of {found} LR pixels, but patches of {4 * side} HR pixels, {side} LR pixels; "
                f"larger references are needed; write patch: {4 * found} or less in the phases of the method"
            )

    def __getitem__(self, step: int) -> Tensor:
        """Crops (batch, 3, side, side), uint8."""
        rng = stream(self.seeds[0], "methods", self.seeds[1], "references", step)
        chosen = rng.choice(len(self.references), self.batch, replace=False)
        crops = np.stack([self._crop(self.references[index], rng) for index in chosen])
        return torch.from_numpy(crops).permute(0, 3, 1, 2)

    def _crop(self, image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        top, left = (int(rng.integers(length - self.side + 1)) for length in image.shape[:2])
        crop = np.rot90(image[top : top + self.side, left : left + self.side], int(rng.integers(4)))
        return np.ascontiguousarray(crop[:, :: 1 - 2 * int(rng.integers(2))])


class Beside(Dataset[tuple[Tensor, ...]]):
    """Batches of several sources next to each other: item `step` holds all tensors of item `step` of each."""

    def __init__(self, *sources: Dataset[Any]) -> None:
        self.sources = sources

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        """All tensors, in the order of the sources."""
        items = [source[step] for source in self.sources]
        return tuple(tensor for item in items for tensor in (item if isinstance(item, tuple) else (item,)))
