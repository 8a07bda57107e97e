"""Weights of all bins per extractor, alpha and contents, beside the truth (paper, Fig. 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.bins import PARAMETERS
from degcraft.errors import DegcraftError
from degcraft.spec import parse_weighting
from degcraft.weighting import effective_bins
from degcraft.weighting.agreement import total_variation, true_mass

CONTENTS = ("disjoint", "same")
EDGES = tuple(f"{name}_{end}" for name in PARAMETERS for end in ("low", "high"))
NUMBERS = ("true_mass", "total_variation", "effective_bins")
COLUMNS = (
    *("extractor", "family", "weighting", "alpha", "contents", "setting", "bin"),
    *(*EDGES, "weight", "truth", *NUMBERS, "note"),
)

PAPER_ALPHA = 25.0

Key = tuple[str, str, str]  # extractor, weighting, contents


@dataclass(frozen=True)
class MeanMap:
    """Weights of one family or extractor under one weighting, the mean over its seeds.

    Attributes
    ----------
    name, weighting, contents : str
        Family or extractor; such as frechet-a25; disjoint or same.
    alpha : float
        NaN where the weighting has none.
    weights : ndarray of shape (bins,), float64
        Mean over seeds.
    numbers : dict from str to (float, float)
        Mean over seeds and standard deviation (NaN for one seed) of each of `NUMBERS`.
    seeds : int
        How many maps this is the mean of.
    """

    name: str
    weighting: str
    contents: str
    alpha: float
    weights: NDArray[np.float64]
    numbers: dict[str, tuple[float, float]]
    seeds: int


def map_table(
    weights: Mapping[Key, pd.DataFrame],
    truth: NDArray[np.float64],
    families: Mapping[str, str],
    setting: str,
    absent: Mapping[str, str],
) -> pd.DataFrame:
    """Every bin's weight and true share, one line per bin and map (paper, Fig. 4).

    Parameters
    ----------
    weights : mapping from (extractor, weighting, contents) to DataFrame
        Columns bin, the low and high ends of blur (HR pixels), noise (grey levels of
        255) and quality (1 to 100), and weight, which sums to 1; one line per bin.
        Contents are disjoint or same: the clean images of references and bins.
    truth : ndarray of shape (bins,), float64
        Share of the setting's degradations in each bin, from `degcraft.bins.true_weights`;
        what lies outside all bins is left out and the rest scaled to sum to 1.
    families : mapping from extractor to str
        Family of each extractor; those that differ in their seed alone share one.
    setting : str
        Name of the setting.
    absent : mapping from extractor to str
        Why an extractor has no weights.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`. The numbers of a map stand on each of its lines: weight on the true
        bins, total variation distance to the truth (both 0 to 1), effective number of bins.
        An absent extractor is one line without numbers and with a note.

    Raises
    ------
    DegcraftError
        The setting lies outside all bins, or a table has other bins or no proper weights.
    """
    # paper: Fig. 4 no number stands under the maps; these three compare maps that look alike.
    if not truth.sum() > 0:
        raise DegcraftError(
            f"evidence.setting: {setting} lies outside all bins, so that no map can be compared with it; "
            "a setting inside the ranges of bins is needed; write setting3"
        )
    shares = truth / truth.sum()
    maps = [_map(key, table, shares).assign(family=families.get(key[0], key[0])) for key, table in weights.items()]
    missing = pd.DataFrame(
        [{"extractor": name, "family": families.get(name, name), "note": note} for name, note in absent.items()]
    )
    parts = [part for part in (*maps, missing) if len(part)]
    joined = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return joined.assign(setting=setting).reindex(columns=list(COLUMNS)).astype({"bin": "Int64"})


def _map(key: Key, table: pd.DataFrame, truth: NDArray[np.float64]) -> pd.DataFrame:
    extractor, weighting, contents = key
    if table["bin"].tolist() != list(range(len(truth))):
        raise DegcraftError(
            f"weights of {extractor}.{weighting} ({contents} contents): {len(table)} lines, bins 0 to "
            f"{len(truth) - 1} in order are needed; remove that file of results/weights, then run again"
        )
    weight = table["weight"].to_numpy(dtype=np.float64)
    try:
        numbers: dict[str, Any] = {
            "true_mass": true_mass(weight, truth),
            "total_variation": total_variation(weight, truth),
            "effective_bins": effective_bins(weight),
        }
    except ValueError as error:
        raise DegcraftError(
            f"weights of {extractor}.{weighting} ({contents} contents): {error}; remove that file of "
            "results/weights, then run again"
        ) from error
    alpha = parse_weighting(weighting).get("alpha", np.nan)
    names = {"extractor": extractor, "weighting": weighting, "alpha": alpha, "contents": contents}
    return table[["bin", *EDGES, "weight"]].assign(truth=truth, **names, **numbers)


def mean_maps(table: pd.DataFrame, by: str) -> list[MeanMap]:
    """Maps of a table, the mean over those that agree in column `by` (family or extractor), weighting and contents.

    Parameters
    ----------
    table : DataFrame
        From `map_table`; absent extractors are passed over.
    by : {"family", "extractor"}
        What a map is named after.

    Returns
    -------
    list of MeanMap
        In the table's order.
    """
    found = []
    for key, lines in table[table["note"].isna()].groupby([by, "weighting", "contents"], sort=False):
        name, weighting, contents = (str(part) for part in key)
        each = lines.drop_duplicates("extractor")
        weights = lines.pivot(index="bin", columns="extractor", values="weight").to_numpy(dtype=np.float64).mean(axis=1)
        numbers = {column: (float(each[column].mean()), float(each[column].std())) for column in NUMBERS}
        found.append(MeanMap(name, weighting, contents, float(each["alpha"].iloc[0]), weights, numbers, len(each)))
    return found


def common_weighting(table: pd.DataFrame) -> str:
    """The weighting at which most families have a map; of several, the one whose alpha is nearest to the paper's."""
    each = table[table["note"].isna()].drop_duplicates(["family", "weighting"])
    families = each["weighting"].map(each["weighting"].value_counts())
    common = each[families == families.max()]
    # paper: Fig. 4 the extractors are compared at alpha 25; so are ours where several values could be.
    far = (common["alpha"] - PAPER_ALPHA).abs().fillna(np.inf).to_numpy(dtype=np.float64)
    return str(common["weighting"].iloc[int(far.argmin())])


def studied_extractor(table: pd.DataFrame) -> str | None:
    """The extractor with maps at the most weightings, or None where each has only one."""
    counts = table[table["note"].isna()].groupby("extractor", sort=False)["weighting"].nunique()
    return str(counts.idxmax()) if len(counts) and counts.max() > 1 else None
