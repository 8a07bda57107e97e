"""How fresh convolutions start in every backbone."""

from torch import nn


def scale_down(*modules: nn.Module, gain: float = 0.1) -> None:
    """Kaiming-normal weights (fan in) times `gain`, zero biases, for every convolution in `modules`."""
    for module in modules:
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                layer.weight.data *= gain
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)


def conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """3 x 3 convolution that keeps the size."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)
