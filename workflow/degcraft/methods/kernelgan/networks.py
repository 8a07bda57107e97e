"""Networks of KernelGAN (Bell-Kligler et al., NeurIPS 2019, section 4) and of ZSSR (Shocher et al., CVPR 2018)."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

GAIN = 0.1  # of KernelGAN's initial weights
VARIANCE = 0.1  # of ZSSR's initial weights, times their number per output


class Generator(nn.Module):
    """Linear x1/2 downsampling, one colour at a time: it is a kernel; 150,656 weights, 13 x 13.

    Parameters
    ----------
    width : int
        Channels between the layers.
    sizes : tuple of int
        Sides of the convolutions, at least two; the last one keeps every second pixel.
    """

    def __init__(self, width: int = 64, sizes: tuple[int, ...] = (7, 5, 3, 1, 1, 1)) -> None:
        super().__init__()
        first, *middle, last = sizes
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, first, bias=False),
            *(nn.Conv2d(width, width, size, bias=False) for size in middle),
            nn.Conv2d(width, 1, last, stride=2, bias=False),
        )
        self.size = sum(sizes) - len(sizes) + 1
        self.apply(_start)

    def forward(self, x: Tensor) -> Tensor:
        """Map crops (n, 3, h, w), nothing padded, to (n, 3, ...): 64 pixels become 26."""
        n, colours, height, width = x.shape
        small = self.layers(x.reshape(n * colours, 1, height, width))
        return small.view(n, colours, *small.shape[2:])

    def kernel(self) -> Tensor:
        """The kernel (size, size) whose correlation with a colour is what the layers do before they drop pixels."""
        weights = list(self.layers.parameters())
        side = 2 * self.size - 1
        maps = weights[0].new_zeros(1, 1, side, side)
        maps[..., self.size - 1, self.size - 1] = 1
        for weight in weights:
            maps = F.conv2d(maps, weight)
        return maps[0, 0].flip(0, 1)  # the answer to a point is the kernel upside down


class Discriminator(nn.Module):
    """Whether each 7 x 7 patch is one of the image; 30,977 weights.

    Parameters
    ----------
    width : int
        Channels between the layers.
    size : int
        Side of the patches.
    depth : int
        1 x 1 convolutions between the first and the last layer.
    """

    def __init__(self, width: int = 64, size: int = 7, depth: int = 5) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, size)]
        for _ in range(depth):
            layers += [nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(width, 1, 1), nn.Sigmoid())
        self.apply(_start)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                spectral_norm(layer)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (n, 3, h, w), nothing padded, to (n, 1, h - 6, w - 6), in (0, 1): 26 pixels become 20."""
        return self.layers(x)


class ZSSR(nn.Module):
    """Details that a bicubic upscaling lacks; 224,640 weights.

    Parameters
    ----------
    width : int
        Channels between the layers.
    depth : int
        Convolutions, at least 2.
    """

    def __init__(self, width: int = 64, depth: int = 8) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip([3, *[width] * (depth - 1)], [*[width] * (depth - 1), 3], strict=True):
            convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            # assumption: .1 / fan-in is the variance of the weights, not their standard deviation.
            nn.init.normal_(convolution.weight, std=(VARIANCE / (9 * inputs)) ** 0.5)
            layers += [convolution, nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Map an upscaled image (n, 3, h, w), about [0, 1], to the same shape."""
        return x + self.layers(x)


def _start(layer: nn.Module) -> None:
    """KernelGAN's initialisation of one layer."""
    if isinstance(layer, nn.Conv2d):
        nn.init.xavier_normal_(layer.weight, GAIN)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        # assumption: scales start around 1 with the spread of .02 that is usual in GANs.
        nn.init.normal_(layer.weight, 1, 0.02)
