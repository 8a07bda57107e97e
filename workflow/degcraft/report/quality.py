"""Fidelity to the truth where there is one, and how rows do in the checks that need none."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from degcraft.alignment import Alignment, aligned
from degcraft.interpolation import bicubic
from degcraft.metrics import FIDELITY, fidelity
from degcraft.report.contents import BICUBIC, Pixels

Pair = tuple[Pixels, Pixels, Alignment]  # LR window, truth, and what brings the enlarged window to it
CHECKED = ("consistency_rmse", "expected_rmse", "sharpness", "unconfirmed")


def quality_table(measured: Mapping[str, pd.DataFrame], pairs: Iterable[Pair], border: int) -> pd.DataFrame:
    """Means over all images of what models and bicubic interpolation reach.

    Parameters
    ----------
    measured : mapping from str to DataFrame
        Tables of the stage evaluate, by draw: name and metrics.
    pairs : iterable of (LR window, truth, Alignment)
        For bicubic interpolation, which gets the same alignment as the models.
    border : int
        Pixels cut from each side, as for the models.

    Returns
    -------
    DataFrame
        row (draws in their order, then bicubic) and the metrics of the tables; missing where they were not measured.
    """
    metrics = [name for name in next(iter(measured.values())).columns if name != "name"]
    lines = [{"row": draw, **table[metrics].mean().to_dict()} for draw, table in measured.items()]
    names = [name for name in metrics if name in FIDELITY]
    found = pd.DataFrame(
        fidelity(*aligned(bicubic(lr), truth, alignment), border, names) for lr, truth, alignment in pairs
    )
    lines.append({"row": BICUBIC, **found.mean().to_dict()})
    return pd.DataFrame(lines, columns=["row", *metrics])


def check_means(checks: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Means over images of the checks without truth, one line per row, rows in `order` first."""
    means = checks.groupby("row", sort=False)[list(CHECKED)].mean()
    rows = [row for row in order if row in means.index]
    return means.loc[[*rows, *(row for row in means.index if row not in rows)]].reset_index()
