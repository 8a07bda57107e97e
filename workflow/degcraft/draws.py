"""What training images are degraded with: the distribution of each draw, from the files of its weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from degcraft.bins import Mixture, Region, grid
from degcraft.degradations import MODELS
from degcraft.io import damaged, read_table
from degcraft.spaces import Cells


def drawn(spec: dict[str, Any], weights: Path | None) -> Mixture | Cells:
    """Training degradations of a draw: a setting's ranges, all of a model alike, a density past the bins, or bins.

    Parameters
    ----------
    spec : dict
        See `degcraft.sections.drawn`.
    weights : path or None
        Table of the stage weights; None for oracle and the draws of a whole model.

    Raises
    ------
    DegcraftError
        The table is missing or damaged.
    """
    if "setting" in spec:
        return Mixture([Region.from_config(spec["setting"])], np.ones(1))
    for name, model in MODELS.items():
        if weights is None and name in spec["degradation"]:
            return Cells.cube(len(model.PARAMETERS))
    if weights is None:
        return Mixture.uniform(grid(spec["bins"]))
    if "bins" not in spec:
        return cells(weights)
    return Mixture(grid(spec["bins"]), read_table(weights, "weight")["weight"].to_numpy())


def cells(weights: Path) -> Cells:
    """Density past the bins from its table, in which classes, parameters and cells follow each other."""
    table = read_table(weights, "class", "share", "parameter", "low", "high", "weight")
    try:
        return tabled(table)
    except ValueError as error:
        raise damaged(weights, error) from error


def tabled(table: pd.DataFrame) -> Cells:
    """As `cells`, from the table itself; ValueError where lines are missing."""
    classes, d = table["class"].nunique(), table["parameter"].nunique()
    low, high, weight = (table[name].to_numpy().reshape(classes, d, -1) for name in ("low", "high", "weight"))
    edges = np.concatenate([low[0], high[0, :, -1:]], axis=1)
    return Cells(table.groupby("class")["share"].first().to_numpy(), weight, edges)
