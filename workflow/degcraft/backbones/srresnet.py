"""SRResNet without batch normalisation; layer names as other SR programs read them."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.backbones.initialisation import conv3, scale_down


class ResidualBlock(nn.Module):
    """Two convolutions with a ReLU between, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = conv3(width, width)
        self.conv2 = conv3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x + self.conv2(F.relu(self.conv1(x)))


class SRResNet(nn.Module):
    """The x4 network that the paper calls SRResNet; 64 wide with 16 blocks it has 1,517,571 parameters.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    blocks : int
        Residual blocks.
    dropout : float
        Probability with which a channel is left out before the last convolution, in training alone
        (Kong et al., CVPR 2022).
    """

    def __init__(self, width: int = 64, blocks: int = 16, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv_first = conv3(3, width)
        self.body = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.upconv1 = conv3(width, 4 * width)
        self.upconv2 = conv3(width, 4 * width)
        self.conv_hr = conv3(width, width)
        self.dropout = nn.Dropout2d(dropout)
        self.conv_last = conv3(width, 3)
        scale_down(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map LR (n, 3, h, w) in [0, 1] to SR (n, 3, 4 h, 4 w): a correction of the bilinear upscaling."""
        y = self.body(F.leaky_relu(self.conv_first(x), 0.1))
        y = F.leaky_relu(F.pixel_shuffle(self.upconv1(y), 2), 0.1)  # (n, width, 2 h, 2 w)
        y = F.leaky_relu(F.pixel_shuffle(self.upconv2(y), 2), 0.1)  # (n, width, 4 h, 4 w)
        y = self.conv_last(self.dropout(F.leaky_relu(self.conv_hr(y), 0.1)))
        return y + F.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)


def build(options: dict[str, Any]) -> SRResNet:
    """SRResNet of the given width and blocks, and ``dropout`` if there is any."""
    return SRResNet(options["width"], options["blocks"], options.get("dropout", 0.0))
