"""Extractors: from degraded images to features. One module per kind, found by its name.

Each module offers ``build(options, weights, device)``, which returns a
function from images, uint8 (n, height, width, 3) RGB, to features, float32
(n, c), or to feature maps, float32 (n, c, height', width').
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from degcraft.checkpoints import Weights

Extractor = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def build(options: dict[str, Any], weights: "Weights | None", device: "torch.device | None") -> Extractor:
    """Extractor of one entry of the config's ``extractors``.

    Parameters
    ----------
    options : dict
        The entry; ``kind`` names the module.
    weights : Weights or None
        Contents of the entry's weight file; None for random weights and for kinds without weights.
    device : torch.device or None
        Where networks run; not used by kinds without a network.

    Raises
    ------
    DegcraftError
        The weights do not fit the kind.

    Examples
    --------
    >>> dct = build({"kind": "dct"}, None, None)
    >>> dct(np.zeros((2, 16, 16, 3), np.uint8)).shape
    (2, 378)
    """
    extractor: Extractor = import_module(f"degcraft.extractors.{options['kind']}").build(options, weights, device)
    return extractor


def extract(extractor: Extractor, images: NDArray[np.uint8], batch: int, pooling: str) -> NDArray[np.float32]:
    """Features of a set of images (paper, section 3.2).

    Parameters
    ----------
    extractor : callable
        From `build`.
    images : ndarray of shape (n, height, width, 3), uint8
        RGB.
    batch : int
        Images per pass, >= 1; it does not change the result beyond rounding.
    pooling : str
        How maps become vectors: average or positions.

    Returns
    -------
    ndarray of shape (samples, c), float32
        samples is n for average, n * positions for positions.

    Examples
    --------
    >>> def brightness(images):
    ...     return images.mean(axis=(1, 2), dtype=np.float32)
    >>> extract(brightness, np.full((3, 8, 8, 3), 7, np.uint8), batch=2, pooling="average").tolist()
    [[7.0, 7.0, 7.0], [7.0, 7.0, 7.0], [7.0, 7.0, 7.0]]
    """
    parts = [pool(extractor(images[start : start + batch]), pooling) for start in range(0, len(images), batch)]
    return np.concatenate(parts)


def pool(features: NDArray[np.float32], pooling: str) -> NDArray[np.float32]:
    """Vectors of feature maps: the mean over positions, or every position as a sample.

    Parameters
    ----------
    features : ndarray of shape (n, c) or (n, c, height, width), float32
        Vectors are returned as they are.
    pooling : str
        average or positions.

    Examples
    --------
    >>> maps = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    >>> pool(maps, "average").tolist(), pool(maps, "positions").tolist()
    ([[1.5]], [[0.0], [1.0], [2.0], [3.0]])
    """
    # paper: 4.1 features are called n x c, their pooling is not stated; maps are averaged unless features.pooling says
    # otherwise.
    if features.ndim == 2:
        return features
    if pooling == "average":
        return features.mean(axis=(2, 3), dtype=np.float64).astype(np.float32)
    return np.moveaxis(features, 1, -1).reshape(-1, features.shape[1])
