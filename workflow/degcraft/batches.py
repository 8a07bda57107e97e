"""Training batches: crops of HR images and how each is degraded, the same on any worker and device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from degcraft.bins import Mixture
from degcraft.degradations import MODELS, SCALE, batched, degrade, programs, sharpening
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack
from degcraft.spaces import Cells
from degcraft.streams import stream


@dataclass(frozen=True)
class Patch:
    """One HR patch and its degradation.

    Attributes
    ----------
    image : int
        Which of the training images it is cut from.
    top, left : int
        Its first row and column there.
    turns : int
        Quarter turns counter-clockwise, 0 to 3.
    mirrored : bool
        Left and right are exchanged, after the turns.
    parameters : tuple of float
        As `degcraft.degradations.degrade` takes them.
    """

    image: int
    top: int
    left: int
    turns: int
    mirrored: bool
    parameters: tuple[float, ...]


class Patches:
    """Which patches a training sees.

    Parameters
    ----------
    images : ImagePack
        HR training images; both sides of each are at least `side`.
    side : int
        Of HR patches, pixels.
    draw : Mixture or Cells
        Distribution of training degradations.
    seeds : (int, int)
        Seed of the run and of this training. Crops do not depend on the draw, so
        that all rows of a table see the same ones.
    sharpen : bool
        Unsharp masking of every patch: of what is degraded and of the truth.

    Raises
    ------
    DegcraftError
        An image is smaller than a patch, or a patch too small for unsharp masking.
    """

    def __init__(
        self, images: ImagePack, side: int, draw: Mixture | Cells, seeds: tuple[int, int], sharpen: bool = False
    ) -> None:
        self.images, self.side, self.draw, self.seeds, self.sharpen = images, side, draw, seeds, sharpen
        if sharpen and side <= sharpening.SIZE // 2:
            least = (sharpening.SIZE // 2 // SCALE + 1) * SCALE
            raise DegcraftError(
                f"train.patch: {side}, but a draw with sharpened truth; its window of {sharpening.SIZE} pixels is "
                f"reflected at the border, which needs more than {sharpening.SIZE // 2}; write train.patch: {least}"
            )
        sizes = [images.shape(index) for index in range(len(images))]
        small = [images.names[i] for i, size in enumerate(sizes) if min(size) < side]
        if small:
            raise DegcraftError(
                f"train.patch: {side}, but {len(small)} training images are smaller, first {small[0]}; "
                f"remove them or write train.patch: {min(min(size) for size in sizes) // SCALE * SCALE}"
            )
        # paper: 4.1 sampling of crops is not stated; by area, as equal sub-images would be.
        areas = np.array([(h - side + 1) * (w - side + 1) for h, w in sizes], dtype=np.float64)
        self.cumulative = np.cumsum(areas / areas.sum())

    def patch(self, step: int, item: int) -> tuple[Patch, np.random.Generator]:
        """Patch `item` of batch `step`, and the generator that its noise comes from."""
        rng = stream(self.seeds[0], "train", self.seeds[1], step, item)
        chosen = min(int(np.searchsorted(self.cumulative, rng.random(), side="right")), len(self.images) - 1)
        top, left = (int(rng.integers(length - self.side + 1)) for length in self.images.shape(chosen))
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        return Patch(chosen, top, left, turns, mirrored, self.draw.draw(rng)), rng

    def pixels(self, patch: Patch) -> NDArray[np.uint8]:
        """The patch itself, shape (side, side, 3), uint8."""
        rows, columns = (slice(first, first + self.side) for first in (patch.top, patch.left))
        turned = np.rot90(self.images[patch.image][rows, columns], patch.turns)
        return np.ascontiguousarray(turned[:, ::-1] if patch.mirrored else turned)


class Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Batches degraded by the processor; item `step` is the same on any worker.

    Parameters
    ----------
    patches : Patches
        What to cut and how to degrade it.
    items : sequence of int
        Which items of each batch: all of them, or the share of one of several processes.
    degradation : dict
        The config section of the draw's model, as `degcraft.degradations.degrade` takes it.
    """

    def __init__(self, patches: Patches, items: Sequence[int], degradation: dict[str, Any]) -> None:
        self.patches, self.items, self.degradation = patches, items, degradation

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """LR (items, 3, side / 4, side / 4) and HR (items, 3, side, side), uint8."""
        pairs = [self._pair(step, item) for item in self.items]
        lr, hr = (_stacked(images) for images in zip(*pairs, strict=True))
        return lr, hr

    def _pair(self, step: int, item: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        patch, rng = self.patches.patch(step, item)
        hr = self.patches.pixels(patch)
        if self.patches.sharpen:
            hr = sharpening.sharpened_image(hr)
        return degrade(hr, patch.parameters, rng, self.degradation), hr


def loaded(
    batches: Dataset[Any], first: int, iterations: int, device: torch.device, workers: int
) -> DataLoader[tuple[Tensor, ...]]:
    """Batches from step `first` on: made by this process for a CPU, by `workers` others for a GPU."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=range(first, iterations),
        num_workers=0 if device.type == "cpu" else workers,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # else the loader would draw from the stream of dropout, and resuming change it
    )


Degradations = Tensor | programs.Program


class Plans(Dataset[tuple[Tensor, Degradations, int]]):
    """What a GPU needs to make batches itself: the same patches and degradations as `Pairs`, noise of its own.

    Parameters
    ----------
    patches, items, degradation
        As for `Pairs`.
    resident : bool
        The images are in the GPU's memory; else patches are cut here.
    """

    def __init__(self, patches: Patches, items: Sequence[int], degradation: dict[str, Any], resident: bool) -> None:
        self.patches, self.items, self.degradation, self.resident = patches, items, degradation, resident

    def __getitem__(self, step: int) -> tuple[Tensor, Degradations, int]:
        """Crops, degradations, and a seed for the noise.

        Degradations are parameters (items, 3), float32, of the first-order model, and programs of the others.

        Crops are HR (items, 3, side, side), uint8; or, of resident images, their places (items, 6), int64: offset
        of the image, its width, top, left, turns, mirrored.
        """
        chosen = [self.patches.patch(step, item)[0] for item in self.items]
        degradations = self._degradations(np.array([patch.parameters for patch in chosen]))
        seeds = self.patches.seeds
        seed = int(stream(seeds[0], "train", seeds[1], step, "noise", self.items[0]).integers(2**62))
        if self.resident:
            return torch.tensor([self._place(patch) for patch in chosen]), degradations, seed
        return _stacked([self.patches.pixels(patch) for patch in chosen]), degradations, seed

    def _degradations(self, parameters: NDArray[np.float64]) -> Degradations:
        if first_order(self.degradation):
            return torch.from_numpy(parameters.astype(np.float32))
        return programs.programmed(parameters, self.patches.side, self.degradation)

    def _place(self, patch: Patch) -> tuple[int, ...]:
        offset, _, width = self.patches.images.place(patch.image)
        return offset, width, patch.top, patch.left, patch.turns, patch.mirrored


class Maker:
    """Makes batches of pairs from `Plans`, on the GPU.

    Parameters
    ----------
    patches : Patches
        Gives the images and the size of patches.
    degradation : dict
        As for `Pairs`.
    device : torch.device
        Where to compute.
    resident : bool
        Keep all images in the device's memory, as bytes.
    compiled : bool
        Have PyTorch compile the first-order degradation, many small steps, into few.
    """

    def __init__(
        self, patches: Patches, degradation: dict[str, Any], device: torch.device, resident: bool, compiled: bool
    ) -> None:
        self.side, self.sharpen, self.degradation, self.device = patches.side, patches.sharpen, degradation, device
        self.pixels = torch.from_numpy(patches.images.pixels.copy()).to(device) if resident else None
        self.generator = torch.Generator(device)
        self.degrade = torch.compile(batched.degrade) if compiled else batched.degrade

    @torch.no_grad()
    def __call__(self, crops: Tensor, degradations: Degradations, seed: int) -> tuple[Tensor, Tensor]:
        """LR and HR of one plan, uint8, as `Pairs` gives them; nothing waits for the GPU."""
        hr = crops.to(self.device, non_blocking=True)
        if self.pixels is not None:
            hr = cut(self.pixels, hr, self.side)
        if self.sharpen:
            hr = sharpening.sharpened(hr)
        self.generator.manual_seed(seed)
        if not isinstance(degradations, Tensor):
            return programs.run(hr, degradations, self.generator), hr
        parameters = degradations.to(self.device, non_blocking=True)
        channels, side = 1 if self.degradation["noise"] == "grey" else 3, self.side // SCALE
        field = torch.randn((len(hr), channels, side, side), generator=self.generator, device=self.device)
        return self.degrade(hr, parameters, field, self.degradation), hr


def first_order(degradation: dict[str, Any]) -> bool:
    """Whether a config section is the first-order model's."""
    return not MODELS.keys() & degradation.keys()


def cut(pixels: Tensor, places: Tensor, side: int) -> Tensor:
    """Patches of images that lie one after the other in memory.

    Parameters
    ----------
    pixels : Tensor of shape (bytes,), uint8
        All images, each (height, width, 3).
    places : Tensor of shape (n, 6), int64
        As from `Plans`.
    side : int
        Of the patches.

    Returns
    -------
    Tensor of shape (n, 3, side, side), uint8
        Turned and mirrored.
    """
    offset, width, top, left, turns, mirrored = (column.view(-1, 1, 1) for column in places.unbind(1))
    along = torch.arange(side, device=places.device)
    i, j = along.view(1, -1, 1), along.view(1, 1, -1)
    j = torch.where(mirrored == 1, side - 1 - j, j)  # mirrored last, so undone first
    row = torch.where(turns == 0, i, torch.where(turns == 1, j, torch.where(turns == 2, side - 1 - i, side - 1 - j)))
    column = torch.where(turns == 0, j, torch.where(turns == 1, side - 1 - i, torch.where(turns == 2, side - 1 - j, i)))
    first = offset + ((top + row) * width + left + column) * 3
    return pixels[first[:, None] + torch.arange(3, device=places.device).view(1, 3, 1, 1)]


def _stacked(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
