"""What was found for every target: whether the model explains its references, and the ranges that hold most of them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from degcraft.bins import PARAMETERS

OUTSIDE = 0.05  # share of the weight that lies below a range, and above it


def fits(weights: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """One line per target and draw.

    Parameters
    ----------
    weights : mapping from (target, draw) to DataFrame
        Tables of the stage weights, of mixture, refined or second-order.

    Returns
    -------
    DataFrame
        Columns target, draw, verdict, explained (share of the references), expected (share that 95 % of equally large
        sets from the bank itself reach), and per parameter the range of the middle nine tenths of the weight, in its
        unit; not for second-order, whose parameters are named otherwise.
    """
    lines = []
    for (target, draw), table in weights.items():
        first = table.iloc[0]
        line = {"target": target, "draw": draw, "verdict": first["verdict"]}
        line |= {"explained": first["explained"], "expected": first["expected"]}
        for name in PARAMETERS:
            line[f"{name}_low"], line[f"{name}_high"] = _middle(table, name)
        lines.append(line)
    return pd.DataFrame(lines)


def _middle(table: pd.DataFrame, name: str) -> tuple[float, float]:
    """Range of one parameter between the 5th and the 95th hundredth of the weight, uniform within bins and cells."""
    if "class" in table.columns:
        mine = table[table["parameter"] == name]
        lows, highs, weights = mine["low"], mine["high"], mine["share"] * mine["weight"]
    else:
        lows, highs, weights = table[f"{name}_low"], table[f"{name}_high"], table["weight"]
    if len(lows) == 0:
        return np.nan, np.nan
    mass = pd.Series(weights.to_numpy()).groupby(lows.to_numpy()).sum()
    edges = np.append(mass.index.to_numpy(), highs.max())
    below = np.concatenate([[0.0], np.cumsum(mass.to_numpy())])
    low, high = np.interp([OUTSIDE, 1 - OUTSIDE], below / below[-1], edges)
    return float(low), float(high)
