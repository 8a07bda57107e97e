"""The first-order degradation of many images at once, on any device of PyTorch (paper, eq. 2)."""

import functools
from typing import Any

import torch
from torch import Tensor

from degcraft.degradations import codec
from degcraft.degradations.first_order import SCALE, shifted_downsampling


def degrade(hr: Tensor, parameters: Tensor, field: Tensor, options: dict[str, Any]) -> Tensor:
    """Degrade images, each in its own way, as `degcraft.degradations.first_order.degrade` does one.

    Parameters
    ----------
    hr : Tensor of shape (n, 3, side, side), uint8
        HR images, RGB; side is a multiple of 4.
    parameters : Tensor of shape (n, 3), float32
        Blur, noise and quality of each; infinite quality: not compressed.
    field : Tensor of shape (n, 1 or 3, side // 4, side // 4), float32
        Standard normal noise; one channel: grey.
    options : dict
        The config section ``degradation``; ``noise`` is for `field`.

    Returns
    -------
    Tensor of shape (n, 3, side // 4, side // 4), uint8
        LR images, RGB. Without noise they are those of `first_order` but for rounding.
    """
    blur, noise, quality = parameters.view(-1, 3, 1, 1, 1).unbind(1)
    small = blur_and_downsample(hr, blur.view(-1, 1), options["kernel_size"], options["downsampling"])
    noisy = (small + noise * field).clamp(0, 255).round().to(torch.uint8)
    rounded = quality.flatten().round().nan_to_num(posinf=0).to(torch.int64)
    return codec.round_trip(noisy, rounded, options["chroma"])


def blur_and_downsample(hr: Tensor, blur: Tensor, kernel_size: int, downsampling: str) -> Tensor:
    """Isotropic Gaussian blur, then x1/4, as one matrix per image and axis.

    Parameters
    ----------
    hr : Tensor of shape (n, 3, side, side), uint8
        HR images.
    blur : Tensor of shape (n, 1), float32
        Standard deviations, HR pixels.
    kernel_size, downsampling
        As for `degcraft.degradations.first_order.blur_and_downsample`.

    Returns
    -------
    Tensor of shape (n, 3, side // 4, side // 4), float32
    """
    side = hr.shape[-1]
    shifted = _shifted(side, kernel_size, downsampling, hr.device)
    offsets = torch.arange(kernel_size // 2 + 1, device=hr.device)
    taps = torch.exp(-0.5 * (offsets / blur.clamp(min=1e-3)).square())
    taps = taps / (2 * taps.sum(dim=1, keepdim=True) - 1)  # the middle one is 1
    matrices = (taps @ shifted).view(-1, 1, side // SCALE, side)
    return matrices @ hr.float() @ matrices.mT


@functools.lru_cache(maxsize=16)
def _shifted(side: int, kernel_size: int, downsampling: str, device: torch.device) -> Tensor:
    return torch.from_numpy(shifted_downsampling(side, kernel_size, downsampling)).to(device, torch.float32)
