"""Unsharp masking, which Real-ESRGAN gives its ground truth, so that networks learn to sharpen."""

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from degcraft.degradations.resizing import strided_gaussian

SIZE, SIGMA = 51, 8.0  # of the Gaussian, pixels; OpenCV's choice of width for this size
AMOUNT = 0.5
THRESHOLD = 10  # grey levels; where the image and its blur differ less, it is left as it is


def sharpened(images: Tensor) -> Tensor:
    """Sharpen images along their edges.

    Parameters
    ----------
    images : Tensor of shape (n, 3, height, width), uint8
        RGB, on any device. At the border they are continued by reflection: a patch is sharpened a little differently
        from the same place of the image that it is cut from.

    Returns
    -------
    Tensor of shape (n, 3, height, width), uint8

    Notes
    -----
    With blur B and residual R = I - B(I), the result is M S + (1 - M) I, where S = I + R / 2, clipped, and
    M = B(1 where abs(R) > 10, else 0).

    References
    ----------
    Wang et al., "Real-ESRGAN: training real-world blind super-resolution with pure synthetic data", ICCVW 2021.
    """
    image = images.float()
    rows, columns = (_blur(length, images.device) for length in images.shape[2:])
    residual = image - rows @ image @ columns.mT
    mask = rows @ (residual.abs() > THRESHOLD).float() @ columns.mT
    sharp = (image + AMOUNT * residual).clamp(0, 255)
    return (mask * sharp + (1 - mask) * image).clamp(0, 255).round().to(torch.uint8)


def sharpened_image(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One image (height, width, 3), uint8, as `sharpened`, on the processor."""
    found = sharpened(torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None])
    return found[0].permute(1, 2, 0).contiguous().numpy()


@functools.lru_cache(maxsize=16)
def _blur(length: int, device: torch.device) -> Tensor:
    return torch.from_numpy(strided_gaussian(length, 1, SIGMA, SIZE)).to(device, torch.float32)
