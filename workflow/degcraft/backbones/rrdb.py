"""RRDB network (ESRGAN's generator); layer names as other SR programs read them."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.backbones.initialisation import conv3, scale_down


class DenseBlock(nn.Module):
    """Five convolutions, each seeing all maps before it; a fifth of the result is added to the input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.conv1 = conv3(width, growth)
        self.conv2 = conv3(width + growth, growth)
        self.conv3 = conv3(width + 2 * growth, growth)
        self.conv4 = conv3(width + 3 * growth, growth)
        self.conv5 = conv3(width + 4 * growth, width)
        scale_down(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        maps = x
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            maps = torch.cat([maps, F.leaky_relu(layer(maps), 0.2)], dim=1)  # + growth channels
        return x + 0.2 * self.conv5(maps)


class ResidualInResidual(nn.Module):
    """Three dense blocks; a fifth of the result is added to the input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(width, growth)
        self.rdb2 = DenseBlock(width, growth)
        self.rdb3 = DenseBlock(width, growth)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """The x4 network that the paper calls RRDB; 64 wide, 23 blocks, growth 32: 16,697,987 parameters.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    blocks : int
        Residual-in-residual dense blocks.
    growth : int
        Channels that each convolution of a dense block adds.
    dropout : float
        Probability with which a channel is left out before the last convolution, in training alone
        (Kong et al., CVPR 2022).
    inputs : int
        Channels of the input; not 3 where it is feature maps.
    """

    def __init__(
        self, width: int = 64, blocks: int = 23, growth: int = 32, dropout: float = 0.0, inputs: int = 3
    ) -> None:
        super().__init__()
        self.conv_first = conv3(inputs, width)
        self.body = nn.Sequential(*(ResidualInResidual(width, growth) for _ in range(blocks)))
        self.conv_body = conv3(width, width)
        self.conv_up1 = conv3(width, width)
        self.conv_up2 = conv3(width, width)
        self.conv_hr = conv3(width, width)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_last = conv3(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Map LR (n, inputs, h, w), images in [0, 1], to SR (n, 3, 4 h, 4 w)."""
        y = self.conv_first(x)
        y = y + self.conv_body(self.body(y))
        for layer in (self.conv_up1, self.conv_up2):
            y = F.leaky_relu(layer(F.interpolate(y, scale_factor=2, mode="nearest")), 0.2)
        return self.conv_last(self.dropout(F.leaky_relu(self.conv_hr(y), 0.2)))


def build(options: dict[str, Any]) -> RRDBNet:
    """RRDB network of the given width, blocks and growth, and ``dropout`` if there is any."""
    return RRDBNet(options["width"], options["blocks"], options["growth"], options.get("dropout", 0.0))
