"""What an estimate costs against the number of parameters, and what it finds in the space of the second-order model."""

from collections.abc import Mapping, Sequence
from time import process_time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.evidence.estimation import TRUE_DRAWS, Rngs
from degcraft.trials import Trial
from degcraft.weighting.agreement import log_density
from degcraft.weighting.references import Estimator

DIVISIONS = 5  # bins per parameter of a grid, as the paper divides blur and noise
COLUMNS = ("row", "parameters", "images", "target", "log_density", "log_density_restricted", "bound", "note")


def box_table(
    estimator: Estimator,
    names: Sequence[str],
    targets: Sequence[Trial],
    features: Mapping[str, NDArray[np.float32]],
    floor: float,
    rngs: Rngs,
) -> pd.DataFrame:
    """What is found of boxes that restrict a few of many parameters.

    Parameters
    ----------
    estimator : Estimator
        From the bank of the model.
    names : sequence of str
        Its parameters.
    targets : sequence of Trial
        Boxes.
    features : mapping from target to ndarray of shape (n, c), float32
        Of its references.
    floor : float
        Share of the uniform distribution in training.
    rngs : callable
        Generator of ``rngs(target, purpose)``.

    Returns
    -------
    DataFrame
        target; restricted: its parameters, joined by +; log_density of its true degradations, nats above uniform, over
        all parameters; the same over the restricted ones, log_density_restricted; bound: of the box itself; seconds of
        processor time.
    """
    lines = []
    for target in targets:
        axes = target.truth.restricted()
        points = target.truth.draw(rngs(target.name, "truth"), TRUE_DRAWS)
        begin = process_time()
        density, _ = estimator.refined(features[target.name], rngs(target.name, "refined"))
        seconds = process_time() - begin
        line = {
            "target": target.name,
            "restricted": "+".join(names[axis] for axis in axes),
            "log_density": log_density(density.density(points), floor),
            "log_density_restricted": log_density(density.marginal(axes).density(points[:, axes]), floor),
            "bound": log_density(target.truth.density(points), floor),
        }
        lines.append({**line, "seconds": seconds})
    return pd.DataFrame(lines)


def cost_table(second: pd.DataFrame | None, counts: Sequence[int], contents: int, note: str | None) -> pd.DataFrame:
    """Table of Figure 15.

    Parameters
    ----------
    second : DataFrame or None
        Tables of `box_table` with the columns samples and parameters, one below the other.
    counts : sequence of int
        Bins of each parameter of the first-order model.
    contents : int
        Clean images that every bin is made of.
    note : str or None
        Why `second` is not there.

    Returns
    -------
    DataFrame
        `COLUMNS`. row grid: images that a grid of `DIVISIONS` bins per parameter would need, calculated; row
        first-order: images of the bank of the bins; row second-order: images of its bank, and what is found with them
        of each target.
    """
    most = 30 if second is None else int(second["parameters"].max())
    grid = pd.DataFrame({"row": "grid", "parameters": range(1, most + 1)})
    grid["images"] = float(DIVISIONS) ** grid["parameters"] * contents
    first = {"row": "first-order", "parameters": len(counts), "images": float(np.prod(counts) * contents)}
    parts = [grid, pd.DataFrame([first])]
    if second is None:
        parts.append(pd.DataFrame([{"row": "second-order", "parameters": most, "note": note or "not measured"}]))
    else:
        parts.append(second.rename(columns={"samples": "images"}).assign(row="second-order"))
    return pd.concat(parts, ignore_index=True).reindex(columns=list(COLUMNS))
