"""Spread of the Fréchet distance against the number of images (paper, Figure 3 c)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.errors import DegcraftError
from degcraft.weighting.frechet import squared_distances


def stability(
    target: NDArray[np.floating],
    bin: NDArray[np.floating],
    counts: Sequence[int],
    repeats: int,
    rngs: Callable[[int, int], np.random.Generator],
    ddof: int,
) -> pd.DataFrame:
    """Distances between random images degraded as the target and others degraded in its best true bin.

    Parameters
    ----------
    target, bin : ndarray of shape (images, c)
        Features of the same clean images in the same order, degraded as the target and in the bin.
    counts : sequence of int
        Numbers of images n, each > `ddof`.
    repeats : int
        Draws for each n, >= 1; the paper has 25.
    rngs : callable
        Generator of draw `repeat` of `n`: ``rngs(n, repeat)``. The same one for every
        extractor makes their draws the same.
    ddof : int
        Covariances divide by n - ddof.

    Returns
    -------
    DataFrame
        images (n), repeat and distance (squared, >= 0), one line per draw.

    Raises
    ------
    DegcraftError
        An n needs more than all images: the two groups of one draw share none.
    ValueError
        The features are not of the same images.
    """
    if target.shape != bin.shape:
        raise ValueError(f"features of shapes {target.shape} and {bin.shape}; the same images are needed in both")
    too_many = [n for n in counts if 2 * n > len(target)]
    if too_many:
        raise DegcraftError(
            f"config.yaml: evidence.stability.counts: {', '.join(map(str, too_many))}; at most {len(target) // 2} is "
            f"possible, since the two groups of a draw share none of the {len(target)} clean images; write smaller "
            "counts or a larger prepare.stability.count"
        )
    # paper: Fig. 3c the paper does not say between which sets the distance is; we take the target and its best
    # true bin, of other contents, as weights are made from them.
    lines = []
    for n in counts:
        for repeat in range(repeats):
            order = rngs(n, repeat).permutation(len(target))
            distance = squared_distances(bin[order[n : 2 * n]][None], target[order[:n]], ddof)
            lines.append({"images": n, "repeat": repeat, "distance": float(distance[0])})
    return pd.DataFrame(lines)


def stability_table(
    measured: Mapping[str, pd.DataFrame], families: Mapping[str, str], notes: Mapping[str, str]
) -> pd.DataFrame:
    """Distances of all extractors in one table.

    Parameters
    ----------
    measured : mapping from extractor to DataFrame
        From `stability`.
    families : mapping from extractor to str
        Every extractor that was asked for, in the order of the figure; extractors that
        differ in their seed alone share a family.
    notes : mapping from extractor to str
        Why one was not measured.

    Returns
    -------
    DataFrame
        extractor, family, images, repeat, distance, note; a line with only a note for
        what was not measured.
    """
    parts = []
    for extractor, family in families.items():
        part = measured.get(extractor)
        if part is None:
            part = pd.DataFrame({"note": [notes.get(extractor, "not measured")]})
        parts.append(part.assign(extractor=extractor, family=family))
    table = pd.concat(parts).reindex(columns=["extractor", "family", "images", "repeat", "distance", "note"])
    return table.reset_index(drop=True).astype({"images": "Int64", "repeat": "Int64"})
