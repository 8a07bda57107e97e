"""VGG-19 up to a chosen activation, with torchvision's or Oxford's weights (paper, section 4.1)."""

from typing import Any

import torch
from torch import nn

from degcraft.checkpoints import Weights
from degcraft.errors import DegcraftError
from degcraft.extractors.convolutional import IMAGENET, Convention, Maps, random_seed, seeded

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels, convolutions; a pooling after each
OXFORD = Convention("BGR", 255, (103.939, 116.779, 123.68))


def build(options: dict[str, Any], weights: Weights | None, device: torch.device) -> Maps:
    """VGG-19 extractor: 64 to 512 channels after the activation of the j-th convolution before the i-th pooling.

    Parameters
    ----------
    options : dict
        ``layer``: [i, j]; ``weights``; ``seed`` if that is random.
    weights : Weights or None
        torchvision's layout (``features.0.weight``) or Oxford's (``conv1_1.weight``), at
        least up to the layer; None for torchvision's initialisation.
    device : torch.device
        Where it runs.

    Raises
    ------
    DegcraftError
        VGG-19 has no such layer, or the file ends before it.
    """
    block, last = options["layer"]
    if not (1 <= block <= len(BLOCKS) and 1 <= last <= BLOCKS[block - 1][1]):
        sizes = ", ".join(str(count) for _, count in BLOCKS)
        raise DegcraftError(
            f"extractors: layer: [{block}, {last}] is not in VGG-19, which has {sizes} convolutions before its "
            "poolings; write such as layer: [5, 4]"
        )
    smallest = 2 ** (block - 1)
    if weights is None:
        return Maps(initialised(random_seed(options))[: depth(block, last)], IMAGENET, smallest, device)
    network = features()[: depth(block, last)]
    places = {depth(i + 1, j) - 2: f"conv{i + 1}_{j}" for i, (_, n) in enumerate(BLOCKS) for j in range(1, n + 1)}
    oxford = weights.shape("conv1_1.weight") is not None
    prefix = "" if weights.shape("0.weight") is not None else "features."
    names = {
        own: f"{places[int(own.split('.')[0])]}.{own.split('.')[1]}" if oxford else prefix + own
        for own in network.state_dict()
    }
    weights.fill(network, names)
    return Maps(network, Convention.of(weights, OXFORD if oxford else IMAGENET), smallest, device)


def depth(block: int, last: int) -> int:
    """Number of leading layers up to the activation of convolution `last` of `block`, both from 1.

    Examples
    --------
    >>> depth(1, 1), depth(2, 2), depth(5, 4)
    (2, 9, 36)
    """
    return sum(2 * count + 1 for _, count in BLOCKS[: block - 1]) + 2 * last


def features() -> nn.Sequential:
    """The convolutional part of VGG-19, as in torchvision: 72 px -> 36 -> 18 -> 9 -> 4 -> 2, 512 channels."""
    layers: list[nn.Module] = []
    channels = 3
    for width, count in BLOCKS:
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


def initialised(seed: int) -> nn.Sequential:
    """`features` with torchvision's initialisation of the whole VGG-19 under a seed."""
    with seeded(seed):
        network = features()
        # torchvision makes the classifier before it draws the convolutions anew: its draws come in between.
        for inputs, outputs in ((512 * 7 * 7, 4096), (4096, 4096), (4096, 1000)):
            nn.Linear(inputs, outputs)
        for layer in network:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return network
