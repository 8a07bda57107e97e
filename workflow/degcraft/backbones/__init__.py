"""SR networks, one file per kind; each has ``build(options)``. A kind is its module's name."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def build(options: dict[str, Any]) -> "nn.Module":
    """Network of one entry of the config section ``backbones``, freshly initialised.

    Maps LR images (n, 3, h, w), float, RGB in [0, 1], to SR images (n, 3, 4 h, 4 w).
    """
    module = importlib.import_module(f"degcraft.backbones.{options['kind']}")
    network: nn.Module = module.build(options)
    return network
