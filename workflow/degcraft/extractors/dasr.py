"""The degradation encoder of DASR (Wang et al., CVPR 2021; paper, section 4.1)."""

from typing import Any

import torch
from torch import nn

from degcraft.checkpoints import Weights
from degcraft.extractors.convolutional import Convention, Maps, random_seed, seeded

# paper: 4.1 the variant is not named; the encoder of the general model (anisotropic blur and noise) is meant.
CHANNELS = ((3, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1))  # in, out, stride
INPUT = Convention("RGB", 255, (0.0, 0.0, 0.0))


def build(options: dict[str, Any], weights: Weights | None, device: torch.device) -> Maps:
    """DASR extractor: the 256 features before the contrastive head.

    Parameters
    ----------
    options : dict
        ``weights``; ``seed`` if that is random.
    weights : Weights or None
        The encoder alone (names ``0.weight`` to ``16.running_var``), or any
        checkpoint that holds it under a prefix, as the published ones do; the
        momentum copy ``encoder_k`` is passed over. None for random weights.
    device : torch.device
        Where it runs.

    Raises
    ------
    DegcraftError
        No encoder, or more than one, is found.
    """
    if weights is None:
        with seeded(random_seed(options)):
            return Maps(encoder(), INPUT, 1, device)
    network = encoder()
    prefix = _prefix(weights)
    names = {own: prefix + own for own in network.state_dict() if not own.endswith("num_batches_tracked")}
    weights.fill(network, names)
    return Maps(network, Convention.of(weights, INPUT), 1, device)


def encoder() -> nn.Sequential:
    """Six convolutions with batch normalisation and LReLU(.1), then the mean over positions; 1,147,200 parameters."""
    layers: list[nn.Module] = []
    for inputs, outputs, stride in CHANNELS:
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1, inplace=True)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))


def _prefix(weights: Weights) -> str:
    first, inside = "0.weight", ("1.running_mean", "16.running_var")
    prefixes = [name.removesuffix(first) for name in weights.tensors if name.endswith(first)]
    found = [
        prefix
        for prefix in prefixes
        if "encoder_k." not in prefix and all(prefix + name in weights.tensors for name in inside)
    ]
    if len(found) != 1:
        raise weights.refused(
            f"{len(found)} degradation encoders found{': ' + ', '.join(found) if found else ''}; exactly one with the "
            "entries 0.weight, 1.running_mean ... 16.running_var under a common prefix is needed"
        )
    return found[0]
