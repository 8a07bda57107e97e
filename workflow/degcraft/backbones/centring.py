"""What RCAN, EDSR and the SR network of DASR share: colours without their mean, and the way up."""

import torch
from torch import Tensor, nn

from degcraft.backbones.initialisation import conv3

MEAN = (0.4488, 0.4371, 0.4040)  # colour of DIV2K's HR training images, RGB in [0, 1]


class MeanShift(nn.Module):
    """Adds (`sign` 1) or takes away (-1) the mean colour of images in [0, 255].

    It never learns. Weight files know it as a 1 x 1 convolution, hence the buffers;
    a sum alone also stays exact where convolutions are computed in 16 bits.
    """

    bias: Tensor

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.eye(3).view(3, 3, 1, 1))
        self.register_buffer("bias", sign * 255 * torch.tensor(MEAN))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, 3, h, w) to the same shape."""
        return x + self.bias.view(1, 3, 1, 1)


class Centred(nn.Module):
    """First and last layers of an x4 network that computes with colours in [0, 255] without their mean.

    A subclass adds a body from the maps of `enter` to the maps that `leave` takes,
    both (n, width, h, w). Layer names are those of the public weight files.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sub_mean = MeanShift(-1)
        self.head = nn.Sequential(conv3(3, width))
        up = [conv3(width, 4 * width), nn.PixelShuffle(2), conv3(width, 4 * width), nn.PixelShuffle(2)]
        self.tail = nn.Sequential(nn.Sequential(*up), conv3(width, 3))
        self.add_mean = MeanShift(1)

    def enter(self, x: Tensor) -> Tensor:
        """Feature maps (n, width, h, w) of LR (n, 3, h, w) in [0, 1]."""
        return self.head(self.sub_mean(255 * x))

    def leave(self, maps: Tensor) -> Tensor:
        """SR (n, 3, 4 h, 4 w), range [0, 1], of feature maps (n, width, h, w)."""
        return self.add_mean(self.tail(maps)) / 255
