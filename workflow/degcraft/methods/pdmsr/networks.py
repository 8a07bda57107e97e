"""Degradation of PDM-SR (Luo et al., CVPR 2022, section 3): kernels and noise that networks make of random numbers."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.backbones import edsr


class NormedBlock(nn.Module):
    """Convolution, batch normalisation, ReLU, convolution, added to the input."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, size, padding=size // 2),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, size, padding=size // 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x + self.body(x)


class KernelModule(nn.Module):
    """Blur with kernels that it makes of random numbers, and every fourth pixel; 168,121 parameters.

    Fresh, it makes one almost flat kernel of all numbers, with e / (e + size^2 - 1) at its centre. Training
    normalises over the batch, so it takes at least two images at a time.

    Parameters
    ----------
    inputs : int
        Random numbers per kernel.
    width : int
        Channels between.
    blocks : int
        Residual blocks.
    size : int
        Odd side of the kernels, HR pixels.
    scale : int
        Distance of the pixels that are kept.
    """

    def __init__(self, inputs: int = 64, width: int = 64, blocks: int = 16, size: int = 21, scale: int = 4) -> None:
        super().__init__()
        self.size, self.scale = size, scale
        self.layers = _layers(inputs, width, blocks, 1, size**2)
        self.layers[-1].get_parameter("bias").data[size**2 // 2] = 1

    def kernels(self, z: Tensor) -> Tensor:
        """Kernels (n, size, size), >= 0 and of sum 1, of standard normal numbers (n, inputs)."""
        return self.layers(z[:, :, None, None]).flatten(1).softmax(dim=1).view(-1, self.size, self.size)

    def forward(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Blurred and smaller images, and their kernels.

        Parameters
        ----------
        x : Tensor of shape (n, 3, scale h, scale w)
            HR images in [0, 1], their sides above ``size / 2``; the border is reflected.
        z : Tensor of shape (n, inputs)
            Standard normal numbers.

        Returns
        -------
        images : Tensor of shape (n, 3, h, w)
            The pixels 0, scale, 2 scale ... of the blurred ones.
        kernels : Tensor of shape (n, size, size)
        """
        kernels = self.kernels(z)
        padded = F.pad(x, (self.size // 2,) * 4, mode="reflect").transpose(0, 1)  # colours are items, images groups
        blurred = F.conv2d(padded, kernels[:, None], stride=self.scale, groups=len(kernels))
        return blurred.transpose(0, 1), kernels


class NoiseModule(nn.Module):
    """Noise that depends on the image and on random numbers; 1,187,587 parameters. Fresh, it makes none.

    Parameters
    ----------
    inputs : int
        Random numbers per position.
    width : int
        Channels between.
    blocks : int
        Residual blocks.
    """

    def __init__(self, inputs: int = 3, width: int = 64, blocks: int = 16) -> None:
        super().__init__()
        self.layers = _layers(3 + inputs, width, blocks, 3, 3)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Noise (n, 3, h, w) to be added to LR images (n, 3, h, w) in [0, 1], of normal numbers (n, inputs, h, w).

        No gradient flows into the images.
        """
        return self.layers(torch.cat([x.detach(), z], dim=1))


def smooth_rounding(x: Tensor, terms: int = 5) -> Tensor:
    """Images in [0, 1] nearly rounded to 8 bits, by the first terms of the rounding error's sine series.

    It takes the place of the noise module where there is none, and lets gradients pass.
    """
    levels = 255 * x
    waves = [(-1) ** k / (math.pi * k) * torch.sin(2 * math.pi * k * levels) for k in range(1, terms + 1)]
    return (levels + sum(waves)) / 255


def build(options: dict[str, Any]) -> nn.Module:
    """The network that restores, EDSR of the given width and blocks, of an entry of the config section ``methods``."""
    return edsr.build(options["sizes"])


def _layers(inputs: int, width: int, blocks: int, size: int, outputs: int) -> nn.Sequential:
    """What both modules are; the last convolution starts at zero."""
    last = nn.Conv2d(width, outputs, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    first = [nn.Conv2d(inputs, width, size, padding=size // 2), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*first, *(NormedBlock(width, size) for _ in range(blocks)), last)
