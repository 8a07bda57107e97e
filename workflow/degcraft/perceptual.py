"""LPIPS v0.1: the `lpips` package on backbone weights that are given, never downloaded."""

import warnings

import lpips
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from degcraft.checkpoints import Weights
from degcraft.metrics import check_pair

# Smallest side that leaves the last layer one position, pixels.
SMALLEST = {"alex": 31, "squeeze": 17, "vgg": 16}


def build_lpips(net: str, weights: Weights) -> nn.Module:
    """LPIPS network in evaluation mode, on the CPU.

    Parameters
    ----------
    net : {"alex", "squeeze", "vgg"}
        Backbone: torchvision's alexnet, squeezenet1_1 or vgg16.
    weights : Weights
        Its ImageNet weights with torchvision's names, either ``features.N...``
        (other parts are left out) or relative to ``features``.

    Returns
    -------
    torch.nn.Module
        For `lpips_distance`. The linear heads come with the package.

    Raises
    ------
    DegcraftError
        Weights of another network: a name is missing or a shape differs.

    References
    ----------
    Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the package calls torchvision in a deprecated way
        network = lpips.LPIPS(pretrained=True, pnet_rand=True, net=net, version="0.1", verbose=False)
    prefix = "features." if any(name.startswith("features.") for name in weights.tensors) else ""
    # The package cuts the backbone into slices but keeps torchvision's numbers: slice2.3.weight is features.3.weight.
    weights.fill(network.net, {name: prefix + name.partition(".")[2] for name in network.net.state_dict()})
    return network.eval()


@torch.inference_mode()
def lpips_distance(network: nn.Module, restored: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """LPIPS of one pair of whole images; 0 for equal images, lower is better.

    Parameters
    ----------
    network : torch.nn.Module
        From `build_lpips`.
    restored, truth : ndarray of shape (height, width, 3), uint8, RGB
        Mapped to [-1, 1]; nothing is cut from the border.

    Raises
    ------
    DegcraftError
        Unequal shapes, not 8-bit RGB, or too small for the network.
    """
    # paper: 4.1 version and net of LPIPS are not stated; v0.1, and alex by default, as its values suggest.
    check_pair(restored, truth, SMALLEST[str(network.pnet_type)])
    pair = [torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1 for image in (restored, truth)]
    return float(network(*pair))
