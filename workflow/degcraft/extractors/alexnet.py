"""AlexNet up to its last max-pool, in torchvision's form and in Caffe's (paper, section 4.1)."""

from typing import Any

import torch
from torch import nn

from degcraft.checkpoints import Weights
from degcraft.extractors.convolutional import IMAGENET, Convention, Maps, random_seed, seeded

CONVOLUTIONS = (0, 3, 6, 8, 10)  # their places in torchvision's `features`
BVLC = Convention("BGR", 255, (104.0, 117.0, 123.0))


def build(options: dict[str, Any], weights: Weights | None, device: torch.device) -> Maps:
    """AlexNet extractor: 256 features per image of 72 x 72 pixels.

    Parameters
    ----------
    options : dict
        ``weights``; ``seed`` if that is random.
    weights : Weights or None
        torchvision's layout (64 filters in the first convolution; names
        ``features.0.weight`` or ``0.weight``) or Caffe's (96 filters; names
        ``conv1.weight``); None for random weights.
    device : torch.device
        Where it runs.

    Raises
    ------
    DegcraftError
        The weights are not AlexNet's.
    """
    # paper: 4.1 the layer is not named; the last max-pool gives exactly 1 x 1 x 256 at 72 px.
    if weights is None:
        with seeded(random_seed(options)):
            return Maps(single_column(), IMAGENET, 63, device)
    for prefix, places in (("features.", CONVOLUTIONS), ("", CONVOLUTIONS), ("conv", (1, 2, 3, 4, 5))):
        first = weights.shape(f"{prefix}{places[0]}.weight")
        if first == (64, 3, 11, 11):
            network, own, convention, smallest = single_column(), CONVOLUTIONS, IMAGENET, 63
        elif first == (96, 3, 11, 11):
            network, own, convention, smallest = two_groups(), CAFFE_CONVOLUTIONS, BVLC, 39
        else:
            continue
        names = {
            f"{mine}.{part}": f"{prefix}{theirs}.{part}"
            for mine, theirs in zip(own, places, strict=True)
            for part in ("weight", "bias")
        }
        weights.fill(network, names)
        return Maps(network, Convention.of(weights, convention), smallest, device)
    raise weights.refused(
        "no first convolution of AlexNet; features.0.weight of (64, 3, 11, 11) or conv1.weight of (96, 3, 11, 11) is "
        "needed"
    )


def single_column() -> nn.Sequential:
    """The convolutional part of torchvision's AlexNet: 72 px -> 17 -> 8 -> 3 -> 1, 256 channels.

    Layers are made in torchvision's order, so a seed gives torchvision's weights.
    """
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2),
    )


CAFFE_CONVOLUTIONS = (0, 4, 8, 10, 12)


def two_groups() -> nn.Sequential:
    """The convolutional part of Caffe's AlexNet: 72 px -> 16 -> 8 -> 4 -> 2, 256 channels."""
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4),
        nn.ReLU(inplace=True),
        nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0),
        nn.MaxPool2d(3, 2, ceil_mode=True),  # Caffe rounds pooled sizes up
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.ReLU(inplace=True),
        nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, ceil_mode=True),
    )
