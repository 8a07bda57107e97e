"""Networks of IKC (Gu et al., CVPR 2019, sections 3.2 and 3.3): SFTMD, predictor and corrector, and all together.

A kernel is known by its code: its coordinates along a few principal directions
of blur kernels.
"""

from typing import Any

import torch
from torch import Tensor, nn

from degcraft.backbones.initialisation import conv3
from degcraft.methods.ikc.codes import directions, gaussian

SLOPE = 0.2  # of every leaky ReLU


class Modulation(nn.Module):
    """Spatial feature transform: feature maps are scaled and shifted as they and the code of the kernel say."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        narrow = width // 2
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
        self.apply(_start)

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
        self.apply(_start)
        with torch.no_grad():  # small changes at first: none at all is a better one than any at random
            next(self.change[-1].parameters()).mul_(0.1)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Changes (n, code) of codes (n, code) that gave SR images (n, 3, 4 h, 4 w) in [0, 1]."""
        maps = self.maps(x)  # (n, width, h, w)
        return self.change(torch.cat([maps, _spread(self.code(codes), maps)], dim=1)).mean(dim=(2, 3))


class Restorer(nn.Module):
    """SFTMD under a code that is guessed from the LR image, then corrected again and again.

    Parameters
    ----------
    width, blocks : int
        Of SFTMD.
    code : int
        Length of the code of a kernel.
    predictor : int
        Width of the predictor and of the corrector.
    corrections : int
        How often the code is corrected, at least 1.
    """

    def __init__(self, width: int, blocks: int, code: int, predictor: int, corrections: int) -> None:
        super().__init__()
        self.sftmd = SFTMD(width, blocks, code)
        self.predictor = Predictor(predictor, code)
        self.corrector = Corrector(predictor, code)
        self.corrections = corrections
        self.directions: Tensor  # (pixels of a kernel, code)
        self.register_buffer("directions", torch.from_numpy(directions(code)).float())

    def forward(self, x: Tensor) -> Tensor:
        """Map LR (n, 3, h, w) in [0, 1] to SR (n, 3, 4 h, 4 w): the image under the code before its last correction.

        Of all images on the way it is the last, not the best, which nobody can know.
        """
        codes = self.predictor(x)
        for _ in range(self.corrections - 1):
            codes = self.corrected(x, codes)
        return self.sftmd(x, codes)

    def estimates(self, x: Tensor) -> Tensor:
        """Codes (n, 1 + corrections, code) of LR (n, 3, h, w) in [0, 1]: first guess, then after each correction."""
        codes = [self.predictor(x)]
        for _ in range(self.corrections):
            codes.append(self.corrected(x, codes[-1]))
        return torch.stack(codes, dim=1)

    def corrected(self, x: Tensor, codes: Tensor) -> Tensor:
        """Codes (n, code) of LR (n, 3, h, w) after one more correction; gradients flow into the corrector alone."""
        with torch.no_grad():
            sr = self.sftmd(x, codes)
        codes = codes.detach().float()
        return codes + self.corrector(sr, codes)

    def codes(self, blur: Tensor) -> Tensor:
        """True codes (n, code) of Gaussian kernels of standard deviations (n,), HR pixels."""
        return gaussian(blur) @ self.directions


def build(options: dict[str, Any]) -> Restorer:
    """All networks of an entry of the config section ``methods``, freshly initialised."""
    return Restorer(**options["sizes"], corrections=options["corrections"])


def _start(layer: nn.Module) -> None:
    """Kaiming-normal weights, zero biases."""
    # assumption: a start of our own; the public implementation has PyTorch's. From that one two images' fresh codes
    # differ by a few percent, and their changes by less than 0.01 %: after 1,600 steps the codes still told nothing of
    # the blur (rank correlation 0.02), from this one 0.94.
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


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
