"""SR network of DASR (Wang et al., CVPR 2021, section 3.2), and with the encoder of degradations before it.

The encoder itself is `degcraft.extractors.dasr.encoder`. Layer names are those
of the published weight files, without their first part (G or E).
"""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.backbones.centring import Centred
from degcraft.backbones.initialisation import conv3
from degcraft.extractors.dasr import encoder

SLOPE = 0.1  # of every leaky ReLU


def build(options: dict[str, Any]) -> "DASR":
    """What restores, freshly initialised; ``options["sizes"]`` has width, groups, blocks and reduction."""
    return DASR(**{name: options["sizes"][name] for name in ("width", "groups", "blocks", "reduction")})


class CodeAttention(nn.Module):
    """Every channel times a number in (0, 1) that the code of the degradation decides."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        narrow = max(1, width // reduction)
        self.conv_du = nn.Sequential(
            nn.Conv2d(width, narrow, 1, bias=False),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(narrow, width, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, maps: Tensor, codes: Tensor) -> Tensor:
        """Map (n, width, h, w) under codes (n, width) to the same shape."""
        return maps * self.conv_du(codes[:, :, None, None])


class AwareConvolution(nn.Module):
    """Degradation-aware convolution: 3 x 3 kernels of every channel, and weights of the channels, from the code."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.kernel = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.LeakyReLU(SLOPE), nn.Linear(width, 9 * width, bias=False)
        )
        self.conv = nn.Conv2d(width, width, 1)
        self.ca = CodeAttention(width, reduction)

    def forward(self, maps: Tensor, codes: Tensor) -> Tensor:
        """Map (n, width, h, w) under codes (n, width) to the same shape."""
        n, width, height, across = maps.shape
        kernels = self.kernel(codes).view(n * width, 1, 3, 3)
        # Every image has kernels of its own: images become groups of one convolution.
        filtered = F.conv2d(maps.reshape(1, n * width, height, across), kernels, padding=1, groups=n * width)
        filtered = F.leaky_relu(filtered.view(n, width, height, across), SLOPE)
        return self.conv(filtered) + self.ca(maps, codes)


class AwareBlock(nn.Module):
    """Twice a degradation-aware and a plain convolution, added to the input."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.da_conv1 = AwareConvolution(width, reduction)
        self.conv1 = conv3(width, width)
        self.da_conv2 = AwareConvolution(width, reduction)
        self.conv2 = conv3(width, width)

    def forward(self, maps: Tensor, codes: Tensor) -> Tensor:
        """Map (n, width, h, w) under codes (n, width) to the same shape."""
        inner = F.leaky_relu(self.conv1(F.leaky_relu(self.da_conv1(maps, codes), SLOPE)), SLOPE)
        return maps + self.conv2(F.leaky_relu(self.da_conv2(inner, codes), SLOPE))


class AwareGroup(nn.Module):
    """Blocks and a convolution, added to the input."""

    def __init__(self, width: int, blocks: int, reduction: int) -> None:
        super().__init__()
        self.body = nn.ModuleList([*(AwareBlock(width, reduction) for _ in range(blocks)), conv3(width, width)])

    def forward(self, maps: Tensor, codes: Tensor) -> Tensor:
        """Map (n, width, h, w) under codes (n, width) to the same shape."""
        return maps + _run(self.body, maps, codes)


class AwareNet(Centred):
    """The x4 network that is told the degradation; 4,690,499 parameters at the sizes below.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    groups : int
        Residual groups.
    blocks : int
        Degradation-aware blocks in each group.
    reduction : int
        How many times fewer channels the attention has between its layers, at least one channel.
    code : int
        Length of the code of a degradation.
    """

    def __init__(self, width: int = 64, groups: int = 5, blocks: int = 5, reduction: int = 8, code: int = 256) -> None:
        super().__init__(width)
        self.compress = nn.Sequential(nn.Linear(code, width, bias=False), nn.LeakyReLU(SLOPE))
        self.body = nn.ModuleList([*(AwareGroup(width, blocks, reduction) for _ in range(groups)), conv3(width, width)])

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Map LR (n, 3, h, w) in [0, 1] under codes (n, code) to SR (n, 3, 4 h, 4 w)."""
        maps = self.enter(x)
        return self.leave(maps + _run(self.body, maps, self.compress(codes)))


class DASR(nn.Module):
    """Encoder and SR network: what restores an image whose degradation nobody tells.

    Parameters
    ----------
    width, groups, blocks, reduction : int
        Of the SR network; the encoder has one size.
    """

    def __init__(self, width: int = 64, groups: int = 5, blocks: int = 5, reduction: int = 8) -> None:
        super().__init__()
        self.encoder = encoder()
        self.sr = AwareNet(width, groups, blocks, reduction)

    def codes(self, x: Tensor) -> Tensor:
        """Codes (n, 256) of LR (n, 3, h, w) in [0, 1]; the encoder sees 0 to 255."""
        return self.encoder(255 * x).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Map LR (n, 3, h, w) in [0, 1] to SR (n, 3, 4 h, 4 w)."""
        return self.sr(x, self.codes(x))


def _run(body: nn.ModuleList, maps: Tensor, codes: Tensor) -> Tensor:
    """All layers of `body` in turn; the last one alone takes no codes."""
    *layers, last = body
    for layer in layers:
        maps = layer(maps, codes)
    return last(maps)
