"""Distance of images in the features of VGG-19, as a loss (Johnson et al., ECCV 2016; ESRGAN, section 3.3)."""

from typing import Any

import torch
from torch import Tensor, nn

from degcraft.checkpoints import Weights
from degcraft.errors import DegcraftError
from degcraft.extractors import vgg
from degcraft.extractors.convolutional import IMAGENET, Convention


class Perception(nn.Module):
    """Mean absolute difference of the maps before the last activation.

    Published weights of this term are for torchvision's VGG-19, whose input has deviations of about 1. Oxford's sees
    grey levels and answers with maps that are as many times larger; its distances are divided by that factor.

    Parameters
    ----------
    options : dict
        Entry of the config's ``extractors`` of kind vgg: ``layer``, ``weights`` and, if those are random, ``seed``.
    weights : Weights or None
        Its weights.
    device : torch.device
        Where to compute.

    Raises
    ------
    DegcraftError
        In use: images that are too small for the layer.
    """

    def __init__(self, options: dict[str, Any], weights: Weights | None, device: torch.device) -> None:
        super().__init__()
        maps = vgg.build(options, weights, device)
        self.convention, self.smallest = maps.convention, maps.smallest
        self.scale = levels(maps.convention) / levels(IMAGENET)
        self.layers = nn.Sequential(*list(maps.network.children())[:-1]).requires_grad_(False)

    def forward(self, restored: Tensor, truth: Tensor) -> Tensor:
        """Distance of images (n, 3, height, width) in [0, 1]; gradients flow into `restored` alone."""
        if min(restored.shape[2:]) < self.smallest:
            raise DegcraftError(
                f"methods: the perceptual loss sees images of {min(restored.shape[2:])} pixels; at least "
                f"{self.smallest} are needed by this layer; write a larger patch in the phases of the method, or "
                "choose an extractor with a lower layer"
            )
        with torch.no_grad():
            wanted = self._maps(truth)
        return self.scale * (self._maps(restored) - wanted).abs().mean()

    def _maps(self, images: Tensor) -> Tensor:
        maps: Tensor = self.layers(self.convention.normalised(images * 255))
        return maps


def levels(convention: Convention) -> float:
    """Grey levels of 255 in one unit of a network's input, the mean over channels."""
    return 255 / convention.top * sum(convention.spread) / 3


def perceptual(chosen: tuple[dict[str, Any], Weights | None] | None, device: torch.device) -> Perception | None:
    """The loss in the extractor of `degcraft.methods.learning.Material.perceptual`, None without one."""
    return Perception(*chosen, device) if chosen else None
