"""Training of the extractors whose entry in the config says ``weights: trained``.

`MODULES` says which module trains which kind of extractor. Each offers
``build(images, listing, spec, device, autocast)``, which returns a
`degcraft.pretraining.task.Task`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from degcraft.classes import Listing
from degcraft.errors import DegcraftError

if TYPE_CHECKING:
    import torch

    from degcraft.pretraining.task import Task

MODULES = {"alexnet": "textures", "dasr": "contrast"}


def build(
    images: Sequence[NDArray[np.uint8]],
    listing: Listing | None,
    spec: dict[str, Any],
    device: "torch.device",
    autocast: Callable[[], AbstractContextManager[Any]],
) -> "Task":
    """Training of one extractor, at its beginning.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width, 3), uint8
        Textures for an entry that names them, else the HR training images.
    listing : Listing or None
        Classes and split of the textures; None for training images.
    spec : dict
        ``extractor`` (the entry), ``pretrain`` (the options of its kind), ``log_every`` and ``seed``.
    device : torch.device
        Where to compute.
    autocast : callable
        Returns the context of the forward pass.

    Raises
    ------
    DegcraftError
        The kind cannot be trained, or the images do not fit the options.
    """
    kind = spec["extractor"]["kind"]
    if kind not in MODULES:
        raise DegcraftError(
            f"extractors: kind {kind} with weights: trained; {' and '.join(MODULES)} can be trained here; give the "
            "path of a .safetensors file"
        )
    task: Task = import_module(f"degcraft.pretraining.{MODULES[kind]}").build(images, listing, spec, device, autocast)
    return task
