"""Networks of FSSR's DSGAN (Fritsche et al., ICCVW 2019, section 3.2), and the filters that part the frequencies."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.backbones import rrdb
from degcraft.backbones.initialisation import conv3


def build(options: dict[str, Any]) -> nn.Module:
    """RRDB network of ``sizes`` width, blocks and growth: what restores; DSGAN only makes what it learns from.

    Parameters
    ----------
    options : dict
        Entry of the config section ``methods`` of kind fssr.
    """
    return rrdb.build(options["sizes"])


class ResidualBlock(nn.Module):
    """Two convolutions with a PReLU between, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3(width, width), nn.PReLU(), conv3(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x + self.body(x)


class Generator(nn.Module):
    """Clean LR images to LR images of the target's domain; 594,380 parameters at the sizes below.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    blocks : int
        Residual blocks.
    """

    def __init__(self, width: int = 64, blocks: int = 8) -> None:
        super().__init__()
        body = (ResidualBlock(width) for _ in range(blocks))
        self.layers = nn.Sequential(conv3(3, width), nn.PReLU(), *body, conv3(width, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 3, h, w) in [0, 1] to the same shape, in (0, 1)."""
        return torch.sigmoid(self.layers(x))


class Discriminator(nn.Module):
    """Whether high frequencies are those of real images, position by position; 1,030,273 parameters at 64 wide.

    Parameters
    ----------
    width : int
        Channels after the first convolution; they double twice.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        # assumption: stride 1 and zeros at the border everywhere, so that the map has the size of the image.
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 5, padding=2),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 4 * width, 5, padding=2),
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * width, 1, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 1, h, w) of images (n, 3, h, w) in [0, 1]; their sigmoid is the probability of a real image."""
        return self.layers(high_pass(x))


def low_pass(x: Tensor, size: int = 5, padded: bool = True) -> Tensor:
    """Mean over a window around each position.

    Parameters
    ----------
    x : Tensor of shape (n, c, h, w)
    size : int
        Odd side of the window, pixels: 5 in DSGAN, 9 in the training of the SR network.
    padded : bool
        Whether positions near the border, whose window is cut, are kept.

    Returns
    -------
    Tensor of shape (n, c, h, w), or ``size - 1`` less on both sides without `padded`
    """
    return F.avg_pool2d(x, size, stride=1, padding=size // 2 if padded else 0, count_include_pad=False)


def high_pass(x: Tensor, size: int = 5) -> Tensor:
    """What `low_pass` takes away of images (n, c, h, w) in [0, 1], moved to [0, 1]: 0 becomes .5."""
    return 0.5 + 0.5 * (x - low_pass(x, size))
