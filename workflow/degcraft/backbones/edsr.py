"""EDSR baseline (Lim et al., CVPRW 2017, section 3), which PDM-SR trains; layer names as other programs read them."""

from typing import Any

from torch import Tensor, nn

from degcraft.backbones.centring import Centred
from degcraft.backbones.initialisation import conv3


class ResidualBlock(nn.Module):
    """Two convolutions with a ReLU between, added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3(width, width), nn.ReLU(inplace=True), conv3(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, width, h, w) to the same shape."""
        return x + self.body(x)


class EDSR(Centred):
    """The x4 baseline network; 64 wide with 16 blocks it has 1,517,571 parameters.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    blocks : int
        Residual blocks.
    """

    # assumption: PDM-SR's copy of the network is centred in the range 0 to 255, as EDSR's published weights are.
    def __init__(self, width: int = 64, blocks: int = 16) -> None:
        super().__init__(width)
        self.body = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)), conv3(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map LR (n, 3, h, w) in [0, 1] to SR (n, 3, 4 h, 4 w)."""
        maps = self.enter(x)
        return self.leave(maps + self.body(maps))


def build(options: dict[str, Any]) -> EDSR:
    """EDSR of the given width and blocks."""
    return EDSR(options["width"], options["blocks"])
