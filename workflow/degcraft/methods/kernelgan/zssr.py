"""ZSSR: super-resolution learnt from one image and its kernel (Shocher et al., CVPR 2018), as KernelGAN uses it."""

import contextlib
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from degcraft.methods.adversaries import Measured
from degcraft.methods.kernelgan.estimation import Kernel, Measurements, corners, correlated, steepness
from degcraft.methods.kernelgan.networks import ZSSR
from degcraft.methods.schedules import Stepped, common

# Of 3,000 steps: between errors, between decisions on the learning rate, after its last change before the next one.
SAMPLED, DECIDED, STEADY = 50 / 3000, 60 / 3000, 256 / 3000
FITTED = 5  # errors that a line is fitted to
SLOPES = 1.5  # times the fall of the line must reach its own deviation
LOWEST = 9e-6  # learning rate below which nothing more is learnt
PROJECTIONS = 2


class Restoration(Measured):
    """A ZSSR network in training for one scale; its learning rate falls when the error does not.

    Parameters
    ----------
    network : ZSSR
        Fresh, or trained for a smaller scale.
    recipe : Recipe
        Most steps, and the first learning rate.
    check : tuple of Tensor
        The son of the image, upscaled, and the image: their distance is the error.
    device : torch.device
        Where to compute.

    Attributes
    ----------
    lr : float
        Learning rate of the next step.
    errors : list of (step, error)
        Mean squared errors of the image from its son, [0, 1] squared.
    changed : int
        Steps before the last change of the learning rate.
    """

    def __init__(self, network: ZSSR, recipe: Stepped, check: tuple[Tensor, Tensor], device: torch.device) -> None:
        super().__init__(network, recipe, device, contextlib.nullcontext)
        self.check, self.lr = check, recipe.lr
        self.errors: list[tuple[int, float]] = []
        self.changed = 0
        self.sampled, self.decided = (max(1, round(share * recipe.iterations)) for share in (SAMPLED, DECIDED))

    def loss(self, son: Tensor, father: Tensor, weights: Tensor) -> Tensor:  # type: ignore[override]
        """Weighted mean absolute error of crops (n, 3, h, w) in [0, 1]; `weights` (n, 1, h, w) have about mean 1."""
        loss: Tensor = ((self.network(son) - father).abs() * weights).mean()
        self.measure("weighted_mae", loss)
        return loss

    def descend(self) -> None:
        """Move the network along its gradients."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.lr
        super().descend()

    def advance(self, *batch: Tensor) -> None:
        """One step, and at times an error and a decision on the learning rate."""
        super().advance(*batch)
        if self.step % self.sampled == 0:
            error = self.error()
            self.errors.append((self.step, float(error)))
            self.measure("reconstruction_mse", error)
        waited = self.step - self.changed > STEADY * self.recipe.iterations
        if self.step % self.decided == 0 and waited and stalled(self.errors[-FITTED:]):
            self.lr, self.changed = self.lr / 10, self.step

    @torch.no_grad()
    def error(self) -> Tensor:
        """Mean squared error of the image as the network restores it from its son."""
        son, image = self.check
        error: Tensor = (self.network(son) - image).square().mean()
        return error


class Pairs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """What ZSSR learns one scale from: crops of fathers, and the same crops from their sons, upscaled.

    Parameters
    ----------
    fathers : list of Tensor of shape (1, 3, h, w)
        The image and what smaller scales made of it, [0, 1].
    kernel : Tensor of shape (size, size)
        Of the downsampling to the sons.
    scale : int
        Of it.
    side : int
        Of the crops, a multiple of the scale.
    count : int
        Steps.
    rng : numpy.random.Generator
        Draws fathers and places.
    """

    def __init__(
        self, fathers: list[Tensor], kernel: Tensor, scale: int, side: int, count: int, rng: np.random.Generator
    ) -> None:
        self.fathers, self.scale, self.side = fathers, scale, side
        # A son for every place of the first pixel: a crop's is that of the image around it, not of the crop alone.
        self.sons = [
            [[upscaled_son(father, kernel, scale, top, left) for left in range(scale)] for top in range(scale)]
            for father in fathers
        ]
        energies = [steepness(_pixels(father)) for father in fathers]
        self.weights = [torch.from_numpy(energy).to(kernel)[None, None] for energy in energies]
        # assumption: all fathers are drawn alike.
        self.chosen = rng.integers(len(fathers), size=count)
        self.corners = [corners(energy, side, 1, count, rng) for energy in energies]

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Upscaled son and father (1, 3, side, side), weights (1, 1, side, side)."""
        number = self.chosen[step]
        top, left = (int(place) for place in self.corners[number][step])
        son = self.sons[number][top % self.scale][left % self.scale]
        inside = tuple(slice(first, first + self.side) for first in (top, left))
        shifted = tuple(
            slice(part.start - part.start % self.scale, part.stop - part.start % self.scale) for part in inside
        )
        return son[..., *shifted], self.fathers[number][..., *inside], self.weights[number][..., *inside]


def restored(
    image: NDArray[np.uint8],
    kernels: dict[int, Kernel],
    options: dict[str, Any],
    rng: np.random.Generator,
    log_every: int,
    device: torch.device,
) -> tuple[NDArray[np.uint8], Measurements]:
    """An image at the greatest of several scales, and what was measured on the way.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        LR image, RGB.
    kernels : dict
        Downsampling kernel of each scale, in ascending order; sides as `reduced` needs them.
    options : dict
        Entry of the config section ``methods``.
    rng : numpy.random.Generator
        Draws the crops; torch's own stream draws the weights.
    log_every : int
        Steps between measurements.
    device : torch.device
        Where to compute.

    Returns
    -------
    ndarray of shape (scale height, scale width, 3), uint8
    list of (step, name, value)
        Steps of all scales are counted together.
    """
    sizes, phase = options["sizes"], options["phases"]["restoration"]
    side = sizes["restorer_crop"]
    recipe = Stepped(**common({**phase, "batch": 1, "patch": side}, log_every))
    lr = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None].float() / 255
    network = ZSSR(sizes["restorer_width"], sizes["restorer_depth"])
    fathers, measurements, done = [lr], [], 0
    for scale, taps in kernels.items():
        kernel = torch.from_numpy(taps).to(lr)
        pairs = Pairs(fathers, kernel, scale, side, recipe.iterations, rng)
        # assumption: the network of a smaller scale goes on learning; its learning rate and Adam's moments start anew.
        trainer = Restoration(network, recipe, check(lr, kernel, scale), device)
        _train(trainer, pairs)
        measurements += [(done + step, f"{name}_x{scale}", value) for step, name, value in trainer.measurements]
        done += trainer.step
        fathers.append(enlarged(network, lr, kernel, scale))
    return _pixels(fathers[-1]), measurements


def _train(trainer: Restoration, pairs: Pairs) -> None:
    """Train until the learning rate is too low to matter, or to the last step."""
    while trainer.step < trainer.recipe.iterations and trainer.lr >= LOWEST:
        trainer.advance(*pairs[trainer.step])
        if trainer.step % trainer.recipe.log_every == 0:
            trainer.log()
    if trainer.counts:
        trainer.log()


@torch.inference_mode()
def enlarged(network: ZSSR, lr: Tensor, kernel: Tensor, scale: int) -> Tensor:
    """An image (1, 3, h, w) in [0, 1], restored at `scale` and corrected so that it reduces to itself."""
    sr = network(upscaled(lr, scale)).clamp(0, 1)
    for _ in range(PROJECTIONS):
        sr = (sr + upscaled(lr - reduced(sr, kernel, scale), scale)).clamp(0, 1)
    return sr


def upscaled(images: Tensor, scale: int) -> Tensor:
    """Bicubic (a = -0.5) upscaling, centres aligned."""
    return F.interpolate(images, scale_factor=scale, mode="bicubic", antialias=True)


def reduced(images: Tensor, kernel: Tensor, scale: int) -> Tensor:
    """Images (n, 3, h, w) downsampled with a kernel whose middle is that of the pixels that one stands for.

    Parameters
    ----------
    images : Tensor
        Sides are multiples of `scale`; beyond the border they are reflected.
    kernel : Tensor of shape (size, size)
        Size and scale both even.
    scale : int
        At least 2.
    """
    reach = (len(kernel) - scale) // 2
    return correlated(F.pad(images, (reach,) * 4, mode="reflect"), kernel, scale)


def upscaled_son(father: Tensor, kernel: Tensor, scale: int, top: int = 0, left: int = 0) -> Tensor:
    """The son of a father from row `top` and column `left` on, upscaled, up to the last whole multiple of the scale."""
    part = father[..., top:, left:]
    height, width = (side // scale * scale for side in part.shape[2:])
    return upscaled(reduced(part[..., :height, :width], kernel, scale), scale)


def check(image: Tensor, kernel: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """The upscaled son of an image, and the part of the image that it shows."""
    son = upscaled_son(image, kernel, scale)
    return son, image[..., : son.shape[2], : son.shape[3]]


def stalled(errors: list[tuple[int, float]]) -> bool:
    """Whether a line through errors falls by less than chance: 1.5 times its fall is below its slope's deviation.

    Parameters
    ----------
    errors : list of (step, error)
        At least three; with fewer, nothing is said.
    """
    if len(errors) < 3:
        return False
    steps, values = np.array(errors).T
    line, covariance = np.polyfit(steps, values, 1, cov=True)
    return bool(-SLOPES * line[0] < np.sqrt(covariance[0, 0]))


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    """An image (1, 3, h, w) in [0, 1] as (h, w, 3), rounded."""
    pixels: NDArray[np.uint8] = (image[0] * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    return pixels
