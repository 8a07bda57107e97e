"""Discriminators that several methods use: by patch (PDM-SR), and of whole crops (FSSR's SR stage, USR-DA)."""

import itertools

from torch import Tensor, nn

from degcraft.errors import DegcraftError


class PatchDiscriminator(nn.Module):
    """PatchGAN of 3 x 3 convolutions with instance normalisation (Luo et al., CVPR 2022; Isola et al., CVPR 2017).

    Parameters
    ----------
    inputs : int
        Channels of the images.
    width : int
        Channels after the first convolution; they double with each of the next ones, at most three times.
    layers : int
        Normalised convolutions.
    stride : int
        Of the normalised convolutions but the last: 1, or 2 for larger patches and smaller maps.
    outputs : int
        Channels of the map; losses are means over all of them.
    """

    # assumption: PDM-SR's last convolution has 64 channels, as its code, not 1, as its comment.
    def __init__(self, inputs: int = 3, width: int = 64, layers: int = 3, stride: int = 1, outputs: int = 64) -> None:
        super().__init__()
        widths = [width * min(2**k, 8) for k in range(layers + 1)]
        # assumption: the option applies between the first and the last normalised convolution alone, as in PatchGAN.
        strides = [stride] * (layers - 1) + [1]
        body: list[nn.Module] = [nn.Conv2d(inputs, width, 3, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for (before, after), step in zip(itertools.pairwise(widths), strides, strict=True):
            convolution = nn.Conv2d(before, after, 3, step, 1)
            body += [convolution, nn.InstanceNorm2d(after), nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*body, nn.Conv2d(widths[-1], outputs, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Scores (n, outputs, h / f, w / f) of images (n, inputs, h, w); f is 1, or 2 ** (layers - 1) at stride 2."""
        return self.layers(x)


class CropDiscriminator(nn.Module):
    """VGG-style network with one score for a whole crop (SRGAN, ESRGAN; Wang et al., ECCVW 2018).

    With crops of 128 and kernels of 4 it is ESRGAN's: 14,499,401 parameters.

    Parameters
    ----------
    side : int
        Of the crops, pixels, a multiple of ``2 ** stages``.
    inputs : int
        Channels of the crops: 3, or those of features.
    width : int
        Channels of the first stage; they double with each of the next ones, at most three times.
    stages : int
        How often the maps are halved.
    kernel : {3, 4}
        Side of the convolutions that halve: 4 as ESRGAN's, 3 as USR-DA's.
    hidden : int
        Units before the score.

    Raises
    ------
    DegcraftError
        Crops that cannot be halved so often.
    """

    def __init__(
        self, side: int, inputs: int = 3, width: int = 64, stages: int = 5, kernel: int = 4, hidden: int = 100
    ) -> None:
        super().__init__()
        if side % 2**stages:
            raise DegcraftError(
                f"discriminator: crops of {side} pixels; a multiple of {2**stages} is needed for {stages} stages; "
                "change the patch, or have fewer stages"
            )
        widths = [width * min(2**k, 8) for k in range(stages)]
        pairs = itertools.pairwise([inputs, *widths])
        plan = [step for before, after in pairs for step in ((before, after, 3, 1), (after, after, kernel, 2))]
        self.features = nn.Sequential(
            nn.Conv2d(inputs, width, 3, padding=1),  # the first convolution is not normalised
            nn.LeakyReLU(0.2, inplace=True),
            *(layer for sizes in plan[1:] for layer in _normed(*sizes)),
        )
        positions = (side // 2**stages) ** 2
        self.score = nn.Sequential(
            nn.Linear(widths[-1] * positions, hidden), nn.LeakyReLU(0.2, inplace=True), nn.Linear(hidden, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores (n, 1), of either sign, of crops (n, inputs, side, side)."""
        return self.score(self.features(x).flatten(1))


def _normed(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
    """A convolution with batch normalisation and leaky ReLU."""
    convolution = nn.Conv2d(inputs, outputs, size, stride, 1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, inplace=True)]
