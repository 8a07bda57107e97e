"""Networks that others published: recognised and rebuilt from their weights alone, by the spandrel package."""

import json
from typing import Any

from torch import Tensor, nn

from degcraft.checkpoints import Weights
from degcraft.degradations import SCALE

KEY = "degcraft"  # metadata entry of our own model files
# What spandrel calls our backbones that other programs read, too.
NAMES = {"rrdb": "ESRGAN", "rcan": "RCAN"}


class Published(nn.Module):
    """A published network that maps LR (n, 3, h, w) to SR (n, 3, 4 h, 4 w), both in [0, 1], padded where it must be.

    Parameters
    ----------
    tensors : dict of str to Tensor
        Its weights.
    """

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        self._described = _described(tensors)
        self.network: nn.Module = self._described.model

    def forward(self, x: Tensor) -> Tensor:
        """SR images."""
        sr: Tensor = self._described(x)
        return sr


def adopted(weights: Weights, needed: str | None) -> dict[str, Any]:
    """What a model file must say so that published weights are rebuilt: metadata of ours, or ``architecture``.

    Parameters
    ----------
    weights : Weights
        Contents of the file.
    needed : str or None
        Kind of the backbone or method that an entry of ``methods`` names, None for any network.

    Raises
    ------
    DegcraftError
        A network that is not known, or of another kind, scale or number of channels than is needed.
    """
    if KEY in weights.metadata:
        meta, found = _own(weights)
        scale, channels = meta.get("scale"), (meta.get("channels"),) * 2
        kept: dict[str, Any] = {name: meta[name] for name in ("backbone", "method", "architecture") if name in meta}
    else:
        described = _described(weights.tensors)
        if described is None:
            raise weights.refused("a network that spandrel does not know; see its list of architectures")
        found, scale = described.architecture.name, described.scale
        channels = (described.input_channels, described.output_channels)
        kept = {"architecture": found}
    if needed is not None and found not in (needed, NAMES.get(needed)):
        raise weights.refused(f"weights of {found}, but its entry in methods names {needed}")
    if scale != SCALE or channels != (3, 3):
        raise weights.refused(
            f"{found} of scale {scale}, {channels[0]} to {channels[1]} channels; scale {SCALE}, 3 to 3 is needed"
        )
    return {**kept, "scale": SCALE, "channels": 3}


def _own(weights: Weights) -> tuple[dict[str, Any], str]:
    """Metadata that degcraft wrote, and the kind of network that they describe."""
    try:
        meta: dict[str, Any] = json.loads(weights.metadata[KEY])
        own = meta.get("backbone") or meta.get("method") or {"kind": meta.get("architecture", "an extractor")}
        return meta, str(own["kind"])
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):
        raise weights.refused("metadata that describe no network") from None


def _described(tensors: dict[str, Tensor]) -> Any:
    """Spandrel's description of a network, None if it knows none with such weights."""
    import spandrel  # two seconds, and only published networks need it

    try:
        return spandrel.ModelLoader(device="cpu").load_from_state_dict(dict(tensors))
    except Exception:  # besides its own, anything, where weights resemble those of a known network
        return None
