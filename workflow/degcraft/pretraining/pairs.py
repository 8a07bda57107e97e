"""Pairs of patches that share a degradation, for the contrast of DASR (Wang et al., CVPR 2021, section 3.1)."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from degcraft.degradations.first_order import SCALE, add_noise, downsampling_matrix
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack
from degcraft.pretraining.task import window
from degcraft.streams import stream
from degcraft.training import Recipe

KERNEL = 21  # side, pixels
SPREAD = (0.2, 4.0)  # standard deviation along each axis of the kernel, HR pixels
NOISE = (0.0, 25.0)  # standard deviation, grey levels of 255


def anisotropic_kernels(
    spreads: NDArray[np.float64], angles: NDArray[np.float64], size: int = KERNEL
) -> NDArray[np.float64]:
    """Truncated, normalised Gaussian kernels.

    Parameters
    ----------
    spreads : ndarray of shape (n, 2), float64
        Standard deviations along the two axes of each kernel, pixels, > 0.
    angles : ndarray of shape (n,), float64
        From the columns to the first axis, radians.
    size : int
        Odd side.

    Returns
    -------
    ndarray of shape (n, size, size), float64
        ``[k, row, column]``; each sums to 1.

    Examples
    --------
    >>> kernel = anisotropic_kernels(np.array([[2.0, 2.0]]), np.zeros(1))[0]
    >>> round(float(kernel[10, 10]), 8)
    0.03978874
    """
    offsets = np.arange(size) - size // 2
    cosine, sine = (function(angles)[:, None, None] for function in (np.cos, np.sin))
    along = cosine * offsets + sine * offsets[:, None]
    across = cosine * offsets[:, None] - sine * offsets
    first, second = (spreads[:, axis, None, None] for axis in (0, 1))
    kernels = np.exp(-0.5 * ((along / first) ** 2 + (across / second) ** 2))
    kernels[kernels < 1e-20] = 0  # they add nothing, and float32 is slow near its least number
    return kernels / kernels.sum(axis=(1, 2), keepdims=True)


def blur_and_downsample(patches: Tensor, kernels: Tensor) -> Tensor:
    """Blur each pair of patches with its kernel, then bicubic x1/4.

    Parameters
    ----------
    patches : Tensor of shape (n, c, side, side), float32
        Side is a multiple of 4; the channels of an item share its kernel.
    kernels : Tensor of shape (n, size, size), float32
        Size is odd.

    Returns
    -------
    Tensor of shape (n, c, side / 4, side / 4), float32
        The border is reflected for the blur.
    """
    reach, side = kernels.shape[-1] // 2, patches.shape[-1]
    padded = F.pad(patches, (reach,) * 4, mode="reflect")
    # Items are the channels of a grouped convolution, channels its items: nine times as fast as one item at a time.
    blurred = F.conv2d(padded.transpose(0, 1), kernels[:, None], groups=len(kernels)).transpose(0, 1)
    down = torch.from_numpy(downsampling_matrix(side, "bicubic")).float()
    return down @ blurred @ down.T


class Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Batches of query and key patches; item `step` is the same on any worker.

    Query and key are two places of one image under one kernel and one noise level.

    Parameters
    ----------
    images : ImagePack
        HR training images; both sides of each are at least ``recipe.patch``.
    recipe : Recipe
        Batch and patch size, HR pixels.
    seed : int
        Seed of the run.
    section : str
        Of the config, with the options; messages name it.
    stage, items : str, tuple of str and int
        What pairs depend on besides the seed, the step and their place in the batch.
    """

    def __init__(
        self,
        images: ImagePack,
        recipe: Recipe,
        seed: int,
        section: str = "pretrain.dasr",
        stage: str = "pretrain",
        items: tuple[str | int, ...] = ("dasr",),
    ) -> None:
        self.images, self.recipe, self.seed = images, recipe, seed
        self.section, self.stage, self.items = section, stage, items
        small = [name for number, name in enumerate(images.names) if min(images.shape(number)) < recipe.patch]
        if small:
            least = min(min(images.shape(number)) for number in range(len(images)))
            raise DegcraftError(
                f"{section}.patch: {recipe.patch}, but {len(small)} training images are smaller, first {small[0]}; "
                f"remove them or write patch: {least // SCALE * SCALE}"
            )

    def __len__(self) -> int:
        return self.recipe.iterations

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Queries and keys, each (batch, 3, patch / 4, patch / 4), uint8; steps below 0 exist, too."""
        _, noisy = self.degraded(step)
        return noisy[:, :3], noisy[:, 3:]

    def degraded(self, step: int) -> tuple[Tensor, Tensor]:
        """Patches (batch, 6, patch, patch) and what becomes of them (batch, 6, patch / 4, patch / 4), uint8."""
        rngs = [stream(self.seed, self.stage, *self.items, step, item) for item in range(self.recipe.batch)]
        patches = np.stack([self._patches(rng) for rng in rngs])
        spreads = np.stack([rng.uniform(*SPREAD, 2) for rng in rngs])
        kernels = anisotropic_kernels(spreads, np.array([rng.uniform(0, np.pi) for rng in rngs]))
        small = blur_and_downsample(torch.from_numpy(patches).float(), torch.from_numpy(kernels).float())
        noisy = torch.from_numpy(np.stack([_noisy(pair, rng) for pair, rng in zip(small.numpy(), rngs, strict=True)]))
        return torch.from_numpy(patches), noisy

    def _patches(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Two patches of one image, turned and flipped, one over the other: (6, patch, patch)."""
        image = np.rot90(self.images[int(rng.integers(len(self.images)))], int(rng.integers(4)))
        image = image[:, :: 1 - 2 * int(rng.integers(2))]
        return np.concatenate([window(image, self.recipe.patch, rng).transpose(2, 0, 1) for _ in range(2)])


class TruePairs(Pairs):
    """The same pairs, with the truth of the queries."""

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Queries and keys as from `Pairs`, and HR images of the queries (batch, 3, patch, patch), uint8."""
        patches, noisy = self.degraded(step)
        return noisy[:, :3], noisy[:, 3:], patches[:, :3]


def _noisy(pair: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Noise of one level on all six channels (6, height, width), then 8 bits."""
    return add_noise(pair.transpose(1, 2, 0), rng.uniform(*NOISE), "colour", rng).transpose(2, 0, 1)
