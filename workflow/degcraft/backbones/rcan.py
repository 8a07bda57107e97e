"""RCAN (Zhang et al., ECCV 2018, section 3); layer names as other SR programs read them."""

from typing import Any

from torch import Tensor, nn

from degcraft.backbones.centring import Centred
from degcraft.backbones.initialisation import conv3


class ChannelAttention(nn.Module):
    """Every channel times a number in (0, 1) that the means of all channels decide."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        narrow = max(1, width // reduction)
        self.conv_du = nn.Sequential(nn.Conv2d(width, narrow, 1), nn.ReLU(), nn.Conv2d(narrow, width, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x * self.conv_du(x.mean(dim=(2, 3), keepdim=True))


class AttentionBlock(nn.Module):
    """Two convolutions with a ReLU between, their channels weighted, added to the input."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        attention = ChannelAttention(width, reduction)
        self.body = nn.Sequential(conv3(width, width), nn.ReLU(inplace=True), conv3(width, width), attention)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x + self.body(x)


class Group(nn.Module):
    """Attention blocks and a convolution, added to the input."""

    def __init__(self, width: int, blocks: int, reduction: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(AttentionBlock(width, reduction) for _ in range(blocks)), conv3(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x + self.body(x)


class RCAN(Centred):
    """The x4 network of residual channel attention; 64 wide, 10 groups of 20 blocks: 15,592,355 parameters.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    groups : int
        Residual groups.
    blocks : int
        Attention blocks in each group.
    reduction : int
        How many times fewer channels the attention has between its layers, at least one channel.
    """

    def __init__(self, width: int = 64, groups: int = 10, blocks: int = 20, reduction: int = 16) -> None:
        super().__init__(width)
        self.body = nn.Sequential(*(Group(width, blocks, reduction) for _ in range(groups)), conv3(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map LR (n, 3, h, w) in [0, 1] to SR (n, 3, 4 h, 4 w)."""
        maps = self.enter(x)
        return self.leave(maps + self.body(maps))


def build(options: dict[str, Any]) -> RCAN:
    """RCAN of the given width, groups, blocks and reduction."""
    return RCAN(options["width"], options["groups"], options["blocks"], options["reduction"])
