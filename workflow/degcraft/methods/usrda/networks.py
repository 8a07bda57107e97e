"""Networks of USR-DA (Wang et al., ICCV 2021, section 3); its discriminators are `degcraft.methods.discriminators`."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.backbones.initialisation import conv3
from degcraft.backbones.rrdb import ResidualInResidual, RRDBNet

# assumption: the paper does not give the networks; depths and widths of all three are those of the one public
# implementation, whose author chose them.


def build(options: dict[str, Any]) -> nn.Module:
    """Encoder and SR decoder of ``sizes`` width, depth, blocks and growth: what restores.

    Parameters
    ----------
    options : dict
        Entry of the config section ``methods`` of kind usrda.
    """
    sizes = options["sizes"]
    return USRDA(sizes["width"], sizes["depth"], sizes["blocks"], sizes["growth"])


class Encoder(nn.Sequential):
    """Features of source and target LR images; 149,504 parameters.

    From images (n, 3, h, w) in [0, 1] to (n, width, h, w), of either sign.

    Parameters
    ----------
    width : int
        Channels of the features.
    depth : int
        Convolutions, at least 1.
    """

    def __init__(self, width: int = 64, depth: int = 5) -> None:
        layers: list[nn.Module] = [conv3(3, width)]
        for _ in range(depth - 1):
            layers += [nn.LeakyReLU(0.2), conv3(width, width)]
        super().__init__(*layers)


class TargetDecoder(nn.Module):
    """LR images of the target's domain from features, of the same size; 7,306,755 parameters.

    Parameters
    ----------
    width : int
        Channels of the features and of its own maps.
    blocks : int
        Residual-in-residual dense blocks.
    growth : int
        Channels that each convolution of a dense block adds.
    """

    def __init__(self, width: int = 64, blocks: int = 10, growth: int = 32) -> None:
        super().__init__()
        self.conv_first = conv3(width, width)
        self.body = nn.Sequential(*(ResidualInResidual(width, growth) for _ in range(blocks)))
        self.conv_body = conv3(width, width)
        self.conv_hr = conv3(width, width)
        self.conv_last = conv3(width, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (n, width, h, w) to images (n, 3, h, w), about [0, 1]."""
        y = self.conv_first(features)
        y = y + self.conv_body(self.body(y))
        return self.conv_last(F.leaky_relu(self.conv_hr(y), 0.2))


class USRDA(nn.Module):
    """Encoder and SR decoder: what restores an image; 149,504 + 16,733,123 parameters.

    Parameters
    ----------
    width : int
        Channels of the features and of the decoder's maps.
    depth : int
        Convolutions of the encoder.
    blocks, growth : int
        Of the decoder, an RRDB network on features.
    """

    def __init__(self, width: int = 64, depth: int = 5, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        self.encoder = Encoder(width, depth)
        self.decoder = RRDBNet(width, blocks, growth, inputs=width)

    def forward(self, x: Tensor) -> Tensor:
        """Map LR (n, 3, h, w) in [0, 1] to SR (n, 3, 4 h, 4 w)."""
        return self.decoder(self.encoder(x))
