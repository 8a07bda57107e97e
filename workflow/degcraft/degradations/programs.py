"""Degradations of whole batches in PyTorch, each image in its own way, on any device.

Images of a batch take different steps in different order and have different sizes in between. A program, made on the
processor, says which images take the same kind of step together, and holds the numbers of all steps in one tensor, so
that one copy brings them to the device. There, every image lies in the upper left corner of a square that is large
enough for all; nothing is drawn once for a batch, and nothing waits for the device.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from degcraft.degradations import codec, steps_at
from degcraft.degradations.first_order import SCALE
from degcraft.degradations.steps import LUMA, Blur, Compress, Noise, Photons, Resample, Step

EAGER = (Blur, Resample, Noise, Photons)  # all but JPEG, which costs most

_FAST = 16  # sides of Fourier transforms are multiples: fast, and few different ones for a GPU to prepare

Arrays = list[NDArray[Any]]


class Group(NamedTuple):
    """One kind of step for some images at once.

    Attributes
    ----------
    kind : str
        Name of the step's class in `degcraft.degradations.steps`.
    side : int
        Of the largest of these images before the step.
    shapes : tuple of tuple of int
        Of the arrays that follow each other in the program's numbers: which images, their sides, the steps' values.
    """

    kind: str
    side: int
    shapes: tuple[tuple[int, ...], ...]


class Program(NamedTuple):
    """What to do with a batch; torch's DataLoader can hand it on and pin its memory.

    Attributes
    ----------
    groups : tuple of Group
        In order.
    numbers : Tensor of shape (count,), float32
        Of all groups.
    """

    groups: tuple[Group, ...]
    numbers: Tensor


def assembled(recipes: Sequence[Sequence[Step]], side: int) -> Program:
    """Program for a batch of square images.

    Parameters
    ----------
    recipes : sequence of sequences of Step
        What each image goes through; maps of rows and of columns are the same.
    side : int
        Of the images before all steps, pixels.

    Returns
    -------
    Program
    """
    sides = [side] * len(recipes)
    groups, arrays = [], []
    for members in scheduled(recipes):
        images, steps = [image for image, _ in members], [step for _, step in members]
        before = [sides[image] for image in images]
        found = [np.array(images), np.array(before), *_values(steps)]
        groups.append(Group(type(steps[0]).__name__, max(before), tuple(array.shape for array in found)))
        arrays += [array.ravel().astype(np.float32) for array in found]
        for image, step in members:
            if isinstance(step, Resample):
                sides[image] = step.rows.shape[0]
    return Program(tuple(groups), torch.from_numpy(np.concatenate(arrays)))


def programmed(points: NDArray[np.float64], side: int, degradation: dict[str, Any]) -> Program:
    """Program that degrades a batch as `degcraft.degradations.degrade` does image by image.

    Parameters
    ----------
    points : ndarray of shape (n, d), float64
        In [0, 1], in the order of the model's PARAMETERS.
    side : int
        Of the HR images, pixels, a multiple of 4.
    degradation : dict
        One of `degcraft.degradations.MODELS` alone, with that section of the config.

    Returns
    -------
    Program
        Without noise the results are those of `degrade` but for rounding.
    """
    return assembled([steps_at(point, (side, side), degradation) for point in points], side)


def scheduled(recipes: Sequence[Sequence[Step]]) -> Iterator[list[tuple[int, Step]]]:
    """Images and their steps that are taken together, all of a kind; each image's own steps stay in order.

    The kind is the one that is due for most images; only JPEG waits until nothing else is due.

    Examples
    --------
    >>> code, noise = Compress(50), Photons(1.0, grey=True)
    >>> [[image for image, _ in members] for members in scheduled([[code], [noise, code], [code, noise]])]
    [[1], [0, 1, 2], [2]]
    """
    taken = [0] * len(recipes)
    while due := [(image, steps[taken[image]]) for image, steps in enumerate(recipes) if taken[image] < len(steps)]:
        kinds = [type(step) for _, step in due]
        most: type[Step] = max(EAGER, key=kinds.count)
        kind = most if most in kinds else Compress
        members = [(image, step) for image, step in due if isinstance(step, kind)]
        for image, _ in members:
            taken[image] += 1
        yield members


def run(hr: Tensor, program: Program, generator: torch.Generator) -> Tensor:
    """Degrade a batch, in single precision wherever it is called.

    Parameters
    ----------
    hr : Tensor of shape (n, 3, side, side), uint8
        HR images, RGB; side is that of the program.
    program : Program
        Its numbers may be on another device.
    generator : torch.Generator
        Draws the noise; on the device of `hr`.

    Returns
    -------
    Tensor of shape (n, 3, side // 4, side // 4), uint8
        LR images, RGB.
    """
    counts = [int(np.prod(shape)) for group in program.groups for shape in group.shapes]
    parts = iter(torch.split(program.numbers.to(hr.device, non_blocking=True), counts))
    small, room = hr.shape[3] // SCALE, max(group.side for group in program.groups) - hr.shape[3]
    canvas = functional.pad(hr.float(), (0, room, 0, room))
    with torch.autocast(hr.device.type, enabled=False):
        for kind, side, shapes in program.groups:
            images, sizes, *values = (next(parts).view(tuple(shape)) for shape in shapes)
            before = canvas[:, :, :side, :side].index_select(0, images.long())
            after = _STEPS[kind](before, sizes.long(), generator, *values)
            canvas[:, :, : after.shape[2], : after.shape[3]].index_copy_(0, images.long(), after)
    return _rounded(canvas[:, :, :small, :small])


def reflected(places: Tensor, sizes: Tensor) -> Tensor:
    """Places along an axis folded into 0..size - 1, the ends not repeated; shapes broadcast."""
    period = 2 * (sizes - 1).clamp(min=1)
    folded = places.remainder(period)
    return torch.minimum(torch.minimum(folded, period - folded), sizes - 1)


def _values(steps: Sequence[Any]) -> Arrays:
    """Numbers of steps of one kind, as the function in _STEPS takes them, the images first."""
    if isinstance(steps[0], Blur):
        size = max(len(step.kernel) for step in steps)
        return [np.stack([np.pad(step.kernel, (size - len(step.kernel)) // 2) for step in steps])]
    if isinstance(steps[0], Resample):
        shapes = [step.rows.shape for step in steps]
        matrices = np.zeros((len(steps), *np.max(shapes, axis=0)), np.float32)
        for matrix, step, (target, source) in zip(matrices, steps, shapes, strict=True):
            matrix[:target, :source] = step.rows.toarray()
        return [matrices, np.array([step.clipped for step in steps])]
    if isinstance(steps[0], Noise):
        return [np.stack([np.pad(step.mixing, ((0, 0), (0, 3 - step.mixing.shape[1]))) for step in steps])]
    if isinstance(steps[0], Photons):
        return [np.array([step.scale for step in steps]), np.array([step.grey for step in steps])]
    return [np.array([step.quality for step in steps])]


def _blurred(images: Tensor, sizes: Tensor, generator: torch.Generator, kernels: Tensor) -> Tensor:
    """By Fourier transforms; what wraps around falls on the continuation by reflection."""
    (m, channels, side, _), reach = images.shape, kernels.shape[-1] // 2
    full = -(-(side + 2 * reach) // _FAST) * _FAST
    index = reflected(torch.arange(-reach, full - reach, device=images.device), sizes.view(-1, 1))  # (m, full)
    tall = images.gather(2, index[:, None, :, None].expand(m, channels, full, side))
    padded = tall.gather(3, index[:, None, None].expand(m, channels, full, full))
    spectrum = torch.fft.rfft2(padded) * torch.fft.rfft2(kernels, s=(full, full))[:, None]
    whole = torch.fft.irfft2(spectrum, s=(full, full))
    return whole[:, :, 2 * reach : 2 * reach + side, 2 * reach : 2 * reach + side]


def _resampled(images: Tensor, sizes: Tensor, generator: torch.Generator, matrices: Tensor, clipped: Tensor) -> Tensor:
    found = matrices[:, None] @ images @ matrices[:, None].mT  # zero beyond each image's own sizes
    return torch.where(_each(clipped) > 0, found.clamp(0, 255), found)


def _noisy(images: Tensor, sizes: Tensor, generator: torch.Generator, mixing: Tensor) -> Tensor:
    fields = torch.randn(images.shape, generator=generator, device=images.device)
    return (images + (mixing @ fields.flatten(2)).view_as(images)).clamp(0, 255)


def _photographed(images: Tensor, sizes: Tensor, generator: torch.Generator, scale: Tensor, grey: Tensor) -> Tensor:
    one = _each(grey) > 0
    luma = sum(weight * images[:, [channel]] for channel, weight in enumerate(LUMA.tolist()))
    mean = torch.where(one, luma, images).clamp(0, 255).round()
    gain = 255 / _each(_levels(mean, sizes))
    field = torch.poisson(mean / gain, generator) * gain - mean
    return (images + _each(scale) * torch.where(one, field[:, :1], field)).clamp(0, 255)


def _levels(images: Tensor, sizes: Tensor) -> Tensor:
    """Number of grey levels in each image, up to the next power of two."""
    inside = torch.arange(images.shape[3], device=images.device) < sizes.view(-1, 1)
    own = torch.where(inside[:, None, :, None] & inside[:, None, None], images, images[:, :, :1, :1])
    seen = torch.zeros((len(images), 256), device=images.device).scatter_(1, own.long().flatten(1), 1.0)
    return torch.exp2((seen.sum(1) - 0.5).log2().ceil().clamp(min=0))  # 0.5: powers of two are safe from rounding


def _compressed(images: Tensor, sizes: Tensor, generator: torch.Generator, quality: Tensor) -> Tensor:
    return codec.round_trip(_rounded(images), quality.long(), sizes=sizes).float()


_STEPS: dict[str, Callable[..., Tensor]] = {
    "Blur": _blurred,
    "Resample": _resampled,
    "Noise": _noisy,
    "Photons": _photographed,
    "Compress": _compressed,
}


def _each(values: Tensor) -> Tensor:
    """One number per image, for all of its pixels."""
    return values.view(-1, 1, 1, 1)


def _rounded(images: Tensor) -> Tensor:
    return images.clamp(0, 255).round().to(torch.uint8)
