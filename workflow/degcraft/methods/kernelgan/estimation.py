"""KernelGAN: the blur kernel of one image, learnt from its own patches (Bell-Kligler et al., NeurIPS 2019)."""

import contextlib
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage, signal
from torch import Tensor
from torch.utils.data import Dataset

from degcraft.degradations.first_order import downsampling_matrix, gaussian_taps
from degcraft.methods.adversaries import Adversarial, accuracy
from degcraft.methods.kernelgan.networks import Discriminator, Generator
from degcraft.methods.schedules import Stepped, common
from degcraft.training import Checkpoint

Kernel = NDArray[np.float64]
Measurements = list[tuple[int, str, float]]

PATCH = 7  # side of what the discriminator judges, LR pixels
NOISE = 1 / 255  # deviation of the noise on what it sees, on each image's own scale
WINDOW, PERCENTILE = 5, 97  # of the gradients
EDGE = 30  # strength of the penalty of the kernel's edge
NEAR, NEAR_STEPS = 0.4, 3  # bicubic loss below which, and steps in a row after which its weight falls
CHECK = 1 / 15  # share of the steps between two falls
SHAPED = 5e-3  # weight of the bicubic loss below which the kernel is centred and made sparse
PRESENT = 0.5  # sum of a kernel that is more than a beginning
KEPT, FLOOR = 40, 0.75  # taps that stay for sure; what is taken from all, in parts of the next greatest one
CUT = 6  # taps that the x4 kernel loses on each side


class KernelGAN(Adversarial):
    """A linear downsampling in training, so that its images look like the image that it reduces.

    Parameters
    ----------
    width : int
        Channels of generator and discriminator.
    recipe : Recipe
        Of both.
    device : torch.device
        Where to compute.
    """

    network: Generator

    def __init__(self, width: int, recipe: Stepped, device: torch.device) -> None:
        generator = Generator(width)
        super().__init__(generator, Discriminator(width, PATCH), recipe, device, contextlib.nullcontext)
        side = generator.size
        self.weight, self.near, self.every = 5.0, 0, max(1, round(CHECK * recipe.iterations))
        # Between two pixels, as a downsampling by an even number has it; the kernel has an odd number of taps.
        self.places = torch.arange(side, dtype=torch.float32, device=device) - side / 2
        self.edge = torch.from_numpy(_edge(side)).float().to(device)
        self.bicubic = torch.from_numpy(bicubic_kernel()).float().to(device)

    def loss(self, crops: Tensor, patches: Tensor) -> Tensor:  # type: ignore[override]
        """What the generator minimises on crops (n, 3, h, w); real patches (n, 3, s, s), both in [-1, 1]."""
        kernel = self.network.kernel()
        small = correlated(crops, kernel, 2)  # as the layers would, with a fortieth of the products
        self.fake, self.real = small.detach(), patches
        deceived = (self.critic(small) - 1).abs().mean()
        total = kernel.sum()
        difference = (small - self._bicubic(crops, small.shape[-1])).square().mean()
        self.total, self.difference = total.detach(), difference.detach()
        loss = self.weight * difference + 0.5 * (1 - total).abs() + 0.5 * (kernel * self.edge).abs().mean()
        if self.weight < SHAPED:
            centre = torch.stack([(kernel.sum(dim=axis) * self.places).sum() / total for axis in (0, 1)])
            deceived = deceived + centre.square().mean() + 5 * (kernel.abs() + 1e-12).pow(0.2).mean()
        # assumption: the critic and sparseness wait for a kernel of some weight. With its batch statistics the critic
        # takes a faint image for a strong one, and several trainings settled at a sum just below 0.
        loss = loss + (self.total > PRESENT) * deceived
        self.measure("kernel_sum", total)
        self.measure("bicubic_mse", difference)
        return loss

    def critic_loss(self) -> Tensor:
        """What the discriminator minimises, on the last crops."""
        real = self.critic(self.real + 2 * NOISE * torch.randn_like(self.real))
        fake = self.critic(self.fake + NOISE * torch.randn_like(self.fake))
        self.measure("critic_accuracy", accuracy(real, fake, 0.5))
        return ((real - 1).abs().mean() + fake.abs().mean()) / 2

    def advance(self, *batch: Tensor) -> None:
        """One step of both; once the kernel is near the bicubic one, that one counts less and less."""
        super().advance(*batch)
        if self.near < NEAR_STEPS:
            # assumption: a kernel of sum about 0, as at the start, is not near, however grey its crops are.
            alike = float(self.difference) < NEAR and float(self.total) > PRESENT
            self.near = self.near + 1 if alike else 0
        elif self.step % self.every == 0:
            self.weight = max(self.weight / 100, 5e-6)

    def _bicubic(self, crops: Tensor, side: int) -> Tensor:
        """The crops reduced x1/2 by the bicubic kernel, where the generator's pixels are."""
        offset = (self.network.size + 1 - len(self.bicubic)) // 2
        covered = slice(offset, offset + 2 * (side - 1) + len(self.bicubic))
        return correlated(crops[..., covered, covered], self.bicubic, 2)

    def state(self) -> Checkpoint:
        """Everything that continues this training to the bit."""
        return {**super().state(), "weight": self.weight, "near": self.near}

    def load(self, state: Checkpoint) -> None:
        """Continue from `state`."""
        self.weight, self.near = state["weight"], state["near"]
        super().load(state)


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """What KernelGAN learns from: item `step` holds crops and patches of one image where much happens.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        The image, without the border that is not to be learnt from.
    side : int
        Of the crops; their patches have the side to which the generator reduces them.
    recipe : Recipe
        Steps, and crops in each.
    rng : numpy.random.Generator
        Draws where they are.
    device : torch.device
        Where they are.
    """

    def __init__(
        self, image: NDArray[np.uint8], side: int, recipe: Stepped, rng: np.random.Generator, device: torch.device
    ) -> None:
        self.image = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1).float() / 127.5 - 1
        self.sides = side, reduced_side(side)
        self.batch = recipe.batch
        energy, count = steepness(image), recipe.batch * recipe.iterations
        self.corners = [corners(energy, side, 2, count, rng) for side in self.sides]

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """Crops (batch, 3, side, side) and patches, in [-1, 1]."""
        items = slice(step * self.batch, (step + 1) * self.batch)
        crops, patches = (
            torch.stack([self.image[:, top : top + side, left : left + side] for top, left in places[items]])
            for places, side in zip(self.corners, self.sides, strict=True)
        )
        return crops, patches


def estimated(
    image: NDArray[np.uint8], options: dict[str, Any], rng: np.random.Generator, log_every: int, device: torch.device
) -> tuple[Kernel, Measurements]:
    """The kernel of an image's x1/2 downsampling, and what was measured while it was learnt.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        LR image, RGB, large enough for the crop inside the border.
    options : dict
        Entry of the config section ``methods``.
    rng : numpy.random.Generator
        Draws the crops; torch's own stream draws the weights and the noise.
    log_every : int
        Steps between measurements.
    device : torch.device
        Where to compute.

    Returns
    -------
    ndarray of shape (14, 14), float64
        See `finished`.
    list of (step, name, value)
    """
    sizes, phase = options["sizes"], options["phases"]["kernel"]
    recipe = Stepped(
        **common({**phase, "patch": sizes["crop"]}, log_every, (0.5, 0.999)), milestones=(0.25, 0.5, 0.75), factor=0.1
    )
    inside = slice(sizes["border"], -sizes["border"] or None)
    batches = Crops(image[inside, inside], sizes["crop"], recipe, rng, device)
    trainer = KernelGAN(sizes["width"], recipe, device)
    for step in range(recipe.iterations):
        trainer.advance(*batches[step])
        if trainer.step % recipe.log_every == 0:
            trainer.log()
    kernel = trainer.network.kernel().detach().cpu().double().numpy()
    return finished(kernel), trainer.measurements


def reduced_side(side: int) -> int:
    """Side of what the generator makes of a crop: 26 of 64; below 1 if the crop is smaller than the kernel."""
    return (side - 13) // 2 + 1


def correlated(images: Tensor, kernel: Tensor, step: int) -> Tensor:
    """Images (n, c, h, w) correlated with a kernel (size, size), each colour alone, nothing padded, strided."""
    n, colours, height, width = images.shape
    planes = F.conv2d(images.reshape(n * colours, 1, height, width), kernel[None, None], stride=step)
    return planes.view(n, colours, *planes.shape[2:])


def steepness(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How much happens around each pixel of an image (h, w, 3): gradients of grey, cut at a percentile, of mean 1."""
    # assumption: the gradient's size is the sum of both absolute slopes, and grey is the mean of the colours.
    down, right = np.gradient(image.mean(axis=2))
    energy = ndimage.uniform_filter(np.abs(down) + np.abs(right), WINDOW, mode="reflect")
    energy = np.minimum(energy, np.percentile(energy, PERCENTILE)) + 1e-6  # an image of one colour: 1 everywhere
    return energy / energy.mean()


def corners(
    energy: NDArray[np.float64], side: int, step: int, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """First row and column, multiples of `step`, of squares drawn with chances in proportion to the energy in them.

    Returns
    -------
    ndarray of shape (count, 2), int64
    """
    summed = np.pad(energy.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = summed[side:, side:] - summed[:-side, side:] - summed[side:, :-side] + summed[:-side, :-side]
    chances = inside[::step, ::step]
    chosen = rng.choice(chances.size, count, p=chances.ravel() / chances.sum())
    return np.stack(np.unravel_index(chosen, chances.shape), axis=1) * step


def bicubic_kernel() -> Kernel:
    """Taps (8, 8) of MATLAB's bicubic x1/2."""
    taps = downsampling_matrix(16, "bicubic", 2)[4, 5:13]
    return np.outer(taps, taps)


def finished(kernel: Kernel) -> Kernel:
    """A learnt kernel without its weak taps, of sum 1, its centre of mass between the middle taps.

    Parameters
    ----------
    kernel : ndarray of shape (n, n), float64
        Taps of a correlation, n odd; n > 6.

    Returns
    -------
    ndarray of shape (n + 1, n + 1), float64
        Not negative. With an even number of taps, LR pixels are in the middle of the HR pixels that they stand for.
    """
    # Of sum 1 first: a training that fails may end in a kernel of negative sum.
    kernel = kernel / kernel.sum()
    weak = FLOOR * max(0.0, float(np.sort(kernel, axis=None)[-KEPT - 1]))
    strong = np.pad(np.clip(kernel - weak, 0, None), (0, 1))
    middle = (len(strong) - 1) / 2
    for _ in range(4):  # what a shift brings beyond the edge, or below 0, moves the centre once more
        shift = middle - np.array(ndimage.center_of_mass(strong))
        strong = np.clip(ndimage.shift(strong, shift, order=3, mode="grid-constant"), 0, None)
    return strong / strong.sum()


def applied_twice(kernel: Kernel) -> Kernel:
    """The x1/4 kernel of two x1/2 downsamplings in a row, its edges cut off; of sum 1, in HR pixels.

    Parameters
    ----------
    kernel : ndarray of shape (n, n), float64
        Of x1/2.

    Returns
    -------
    ndarray of shape (3 n - 14, 3 n - 14), float64
        Of 14 taps become 28; its middle is that of four pixels.
    """
    spread = np.zeros((2 * len(kernel) - 1,) * 2)
    spread[::2, ::2] = kernel
    whole = signal.convolve2d(spread, kernel)[CUT:-CUT, CUT:-CUT]
    return whole / whole.sum()


def _edge(side: int) -> Kernel:
    """Penalty of each tap of a kernel: none in the middle, growing towards the corners."""
    taps = gaussian_taps(side, side)
    penalty = EDGE * (1 - np.outer(taps, taps) / taps.max() ** 2)
    # assumption: the middle that is left alone is 9 of 13 taps wide.
    penalty[2:-2, 2:-2] = 0
    return penalty
