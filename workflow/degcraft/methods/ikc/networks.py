"""Networks of IKC (Gu et al., CVPR 2019, sections 3.2 and 3.3): SFTMD, predictor and corrector.

A kernel is known by its code: its coordinates along a few principal directions
of blur kernels.
"""

import torch
from torch import Tensor, nn

from degcraft.backbones.initialisation import conv3

SLOPE = 0.2  # of every leaky ReLU


class Modulation(nn.Module):
    """Spatial feature transform: feature maps are scaled and shifted as they and the code of the kernel say."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        narrow = width // 2
        # assumption: the activation between the two convolutions is the leaky ReLU of the rest.
        self.scale = nn.Sequential(conv3(width + code, narrow), nn.LeakyReLU(SLOPE), conv3(narrow, width), nn.Sigmoid())
        self.shift = nn.Sequential(conv3(width + code, narrow), nn.LeakyReLU(SLOPE), conv3(narrow, width))

    def forward(self, maps: Tensor, codes: Tensor) -> Tensor:
        """Map (n, width, h, w) under codes (n, code) to the same shape."""
        joined = torch.cat([maps, _spread(codes, maps)], dim=1)  # (n, width + code, h, w)
        return maps * self.scale(joined) + self.shift(joined)


class ModulatedBlock(nn.Module):
    """Twice modulation, ReLU and convolution, added to the input."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        self.modulation1 = Modulation(width, code)
        self.conv1 = conv3(width, width)
        self.modulation2 = Modulation(width, code)
        self.conv2 = conv3(width, width)

    def forward(self, maps: Tensor, codes: Tensor) -> Tensor:
        """Map (n, width, h, w) under codes (n, code) to the same shape."""
        inner = self.conv1(torch.relu(self.modulation1(maps, codes)))
        return maps + self.conv2(torch.relu(self.modulation2(inner, codes)))


class SFTMD(nn.Module):
    """The x4 network that is told the kernel; 64 wide, 16 blocks, codes of 10: 4,234,691 parameters.

    Parameters
    ----------
    width : int
        Channels of the feature maps, at least 2.
    blocks : int
        Modulated residual blocks.
    code : int
        Length of the code of a kernel.
    """

    def __init__(self, width: int = 64, blocks: int = 16, code: int = 10) -> None:
        super().__init__()
        self.entry = nn.Sequential(
            conv3(3, width), nn.LeakyReLU(SLOPE), conv3(width, width), nn.LeakyReLU(SLOPE), conv3(width, width)
        )
        self.blocks = nn.ModuleList(ModulatedBlock(width, code) for _ in range(blocks))
        self.modulation = Modulation(width, code)
        up = [conv3(width, 4 * width), nn.PixelShuffle(2), nn.LeakyReLU(SLOPE)]
        up += [conv3(width, 4 * width), nn.PixelShuffle(2), nn.LeakyReLU(SLOPE)]
        self.exit = nn.Sequential(conv3(width, width), *up, nn.Conv2d(width, 3, 9, padding=4))

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Map LR (n, 3, h, w) in [0, 1] under codes (n, code) to SR (n, 3, 4 h, 4 w), clamped to [0, 1]."""
        first = maps = self.entry(x)
        for block in self.blocks:
            maps = block(maps, codes)
        return self.exit(self.modulation(first + maps, codes)).clamp(0, 1)


class Predictor(nn.Module):
    """First guess of the code of the kernel from the LR image; 430,730 parameters at 64 wide, codes of 10.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    code : int
        Length of the code.
    """

    def __init__(self, width: int = 64, code: int = 10) -> None:
        super().__init__()
        # assumption: the last convolution has its leaky ReLU too, as the public implementation; a code's mean over
        # positions can still have either sign.
        self.maps = _chain(
            [(3, width, 1), *[(width, width, 1)] * 2, (width, width, 2), (width, width, 1), (width, code, 1)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Codes (n, code) of LR (n, 3, h, w) in [0, 1]."""
        return self.maps(x).mean(dim=(2, 3))


class Corrector(nn.Module):
    """Change of the code that the flaws of the SR image ask for; 649,930 parameters at 64 wide, codes of 10.

    Parameters
    ----------
    width : int
        Channels of the feature maps.
    code : int
        Length of the code.
    """

    def __init__(self, width: int = 64, code: int = 10) -> None:
        super().__init__()
        same, half = (width, width, 1), (width, width, 2)
        self.maps = _chain([(3, width, 1), half, same, half, same, same, same])
        self.code = nn.Sequential(
            nn.Linear(code, width), nn.LeakyReLU(SLOPE), nn.Linear(width, width), nn.LeakyReLU(SLOPE)
        )
        self.change = nn.Sequential(
            nn.Conv2d(2 * width, 2 * width, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, width, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, code, 1),
        )

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Changes (n, code) of codes (n, code) that gave SR images (n, 3, 4 h, 4 w) in [0, 1]."""
        maps = self.maps(x)  # (n, width, h, w)
        return self.change(torch.cat([maps, _spread(self.code(codes), maps)], dim=1)).mean(dim=(2, 3))


def _chain(layers: list[tuple[int, int, int]]) -> nn.Sequential:
    """5 x 5 convolutions (inputs, outputs, stride), each with its leaky ReLU."""
    return nn.Sequential(
        *(
            layer
            for inputs, outputs, stride in layers
            for layer in (nn.Conv2d(inputs, outputs, 5, stride, 2), nn.LeakyReLU(SLOPE))
        )
    )


def _spread(codes: Tensor, maps: Tensor) -> Tensor:
    """Codes (n, c), the same at every position of `maps`: (n, c, h, w)."""
    return codes[:, :, None, None].expand(-1, -1, *maps.shape[2:])
