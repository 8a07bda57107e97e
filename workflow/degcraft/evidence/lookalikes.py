"""Real references beside clean contents that were degraded as was found for them, to see whether they look alike."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.bins import PARAMETERS, Mixture
from degcraft.crops import spread
from degcraft.degradations import degrade
from degcraft.evidence.crops import Pixels, file_name
from degcraft.spaces import Cells

REAL, CRAFTED, UNIFORM = "real", "crafted", "uniform"
FACTOR = 2  # pixels of a crop's file per LR pixel, each way
SIDE = 48  # LR pixels, the most that a crop shows: six JPEG blocks
RANGES = tuple(f"{name}_{end}" for name in PARAMETERS for end in ("low", "high"))
COLUMNS = ("target", "row", "draw", "place", *PARAMETERS, "verdict", "explained", "expected", *RANGES, "file", "note")

Rngs = Callable[[str, str, int], np.random.Generator]  # by target, row and place


@dataclass(frozen=True)
class Source:
    """What a row of degraded contents is drawn from.

    Attributes
    ----------
    draw : str
        Its name.
    distribution : Mixture or Cells
        Parameters of each image.
    degradation : dict
        Options of `degcraft.degradations.degrade`.
    """

    draw: str
    distribution: Mixture | Cells
    degradation: dict[str, Any]


@dataclass(frozen=True)
class Material:
    """What is known of one target.

    Attributes
    ----------
    references : ndarray of shape (n, side, side, 3), uint8, RGB
        Its real LR crops.
    sources : mapping from str to Source
        Rows of degraded contents, by name, in the order of the figure.
    fit : mapping
        Line of `degcraft.fits.fits` on the crafted distribution; empty where there is none.
    """

    references: Pixels
    sources: Mapping[str, Source]
    fit: Mapping[Any, Any] = field(default_factory=dict)


def lookalike_table(
    materials: Mapping[str, Material], contents: Sequence[Pixels], count: int, absent: Mapping[str, str], rngs: Rngs
) -> tuple[pd.DataFrame, dict[str, Pixels]]:
    """Crops of real references, and of as many clean contents under each distribution, for every target.

    Parameters
    ----------
    materials : mapping from target to Material
        In the order of the figure.
    contents : sequence of ndarray of shape (height, width, 3), uint8, RGB
        Clean HR images; sides are multiples of 4. The same ones for all targets and rows.
    count : int
        Crops per row, >= 1; fewer where there are fewer references or contents. They are taken at equal steps.
    absent : mapping from str to str
        Why a row is not there.
    rngs : callable
        Makes the generator of a target, row and place.

    Returns
    -------
    table : DataFrame
        Columns `COLUMNS`: one line per crop. blur, noise and quality are those it was degraded with, missing for real
        crops and for the second-order model; verdict to quality_high are the target's, see `degcraft.fits.fits`. An
        absent row is one line with a note.
    images : dict from str to ndarray, uint8, RGB
        By the table's column ``file``: the middle of each LR image, at most 48 x 48 pixels of it, each pixel
        repeated 2 x 2 times.
    """
    lines: list[dict[str, Any]] = []
    images: dict[str, Pixels] = {}
    for target, material in materials.items():
        for row, draw, place, parameters, lr in _crops(target, material, contents, count, rngs):
            file = file_name(target, f"{row} {place}")
            images[file] = enlarged(middle(lr))
            line = {**material.fit, "target": target, "row": row, "draw": draw, "place": place}
            lines.append({**line, **parameters, "file": file})
    lines += [{"row": row, "note": note} for row, note in absent.items()]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"place": "Int64"}), images


def middle(lr: Pixels) -> Pixels:
    """The middle of an image, `SIDE` pixels or its whole height and width."""
    top, left = (max(0, (length - SIDE) // 2) for length in lr.shape[:2])
    return lr[top : top + SIDE, left : left + SIDE]


def enlarged(image: NDArray[np.uint8]) -> Pixels:
    """Each pixel repeated `FACTOR` x `FACTOR` times."""
    return image.repeat(FACTOR, axis=0).repeat(FACTOR, axis=1)


def _crops(
    target: str, material: Material, contents: Sequence[Pixels], count: int, rngs: Rngs
) -> Iterator[tuple[str, str | None, int, dict[str, float], Pixels]]:
    """Row, draw, place, parameters and LR image of every crop of a target."""
    for place, number in enumerate(spread(len(material.references), count)):
        yield REAL, None, place, {}, material.references[number]
    shown = spread(len(contents), min(count, len(material.references)))
    for row, source in material.sources.items():
        for place, number in enumerate(shown):
            rng = rngs(target, row, place)
            drawn = source.distribution.draw(rng)
            lr = degrade(contents[number], drawn, rng, source.degradation)
            named = {} if "second_order" in source.degradation else dict(zip(PARAMETERS, drawn, strict=True))
            yield row, source.draw, place, named, lr
