"""What was found for every target: whether the model explains its references, and the ranges that hold most of them."""

from collections.abc import Mapping, Sequence

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
            line[f"{name}_low"], line[f"{name}_high"] = quantiles(table, name, (OUTSIDE, 1 - OUTSIDE))
        lines.append(line)
    return pd.DataFrame(lines)


def quantiles(table: pd.DataFrame, name: str, shares: Sequence[float]) -> tuple[float, ...]:
    """Values of one parameter below which these shares of the weight lie, uniform within bins and cells.

    NaN where the table has no such parameter.
    """
    if "class" in table.columns:
        mine = table[table["parameter"] == name]
        lows, highs, weights = mine["low"], mine["high"], mine["share"] * mine["weight"]
    else:
        lows, highs, weights = table[f"{name}_low"], table[f"{name}_high"], table["weight"]
    if len(lows) == 0:
        return (np.nan,) * len(shares)
    mass = pd.Series(weights.to_numpy()).groupby(lows.to_numpy()).sum()
    edges = np.append(mass.index.to_numpy(), highs.max())
    below = np.concatenate([[0.0], np.cumsum(mass.to_numpy())])
    return tuple(np.interp(shares, below / below[-1], edges).tolist())
