"""Restoring: LR images to SR images with a trained network."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


@torch.inference_mode()
def restore(network: nn.Module, image: NDArray[np.uint8], device: torch.device) -> NDArray[np.uint8]:
    """Super-resolve one image as a whole.

    Parameters
    ----------
    network : torch.nn.Module
        SR network in evaluation mode, on `device`.
    image : ndarray of shape (height, width, 3), uint8
        LR image, RGB.
    device : torch.device
        Where to compute.

    Returns
    -------
    ndarray of shape (4 height, 4 width, 3), uint8
        Clamped and rounded.
    """
    lr = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None]
    lr = lr.to(torch.float32, memory_format=torch.channels_last) / 255
    sr = (network(lr)[0] * 255).round_().clamp_(0, 255).permute(1, 2, 0)
    pixels: NDArray[np.uint8] = sr.to(torch.uint8, memory_format=torch.contiguous_format).cpu().numpy()
    return pixels
