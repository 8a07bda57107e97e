"""How well weightings find targets of known ranges: measured on repeats, joined, and summed up."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.spec import parse_weighting
from degcraft.trials import Trial
from degcraft.weighting import effective_bins
from degcraft.weighting.agreement import bin_densities, log_density, total_variation, true_mass
from degcraft.weighting.frechet import bin_weights, squared_distances
from degcraft.weighting.references import Estimator

COLUMNS = (
    *("target", "extractor", "weighting", "references", "seed"),
    *("true_mass", "total_variation", "log_density", "effective_bins", "seconds"),
)
MEASURES = {
    "true_mass": "Weight on the true bins",
    "log_density": "Log-density of the true degradations, nats above uniform",
    "total_variation": "Total variation distance to the true proportions of the bins",
}
BASELINES = ("uniform", "oracle")
TRUE_DRAWS = 2000  # true degradations of a target that densities are taken at

Rngs = Callable[..., np.random.Generator]


@dataclass(frozen=True)
class Bank:
    """What weightings take from the bins, for one extractor.

    Attributes
    ----------
    features : ndarray of shape (bins, n, c), float32
        For Fréchet distances.
    estimator : Estimator
        For mixture and refined.
    alpha : float
        For frechet-auto.
    edges : list of ndarray
        Edges of the bins along each axis, from 0 to 1.
    ddof : int
        Covariances divide by n - ddof.
    """

    features: NDArray[np.float32]
    estimator: Estimator
    alpha: float
    edges: list[NDArray[np.float64]]
    ddof: int


@dataclass(frozen=True)
class Found:
    """What a weighting makes of references, without a floor.

    Attributes
    ----------
    weights : ndarray of shape (bins,), float64
        Probability of each bin; of a density past the bins, its integral.
    density : callable
        Density at points (n, d) of the cube, relative to uniform, shape (n,).
    """

    weights: NDArray[np.float64]
    density: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def find(bank: Bank, weighting: str, references: NDArray[np.float32], rng: np.random.Generator) -> Found:
    """Weights and density of one weighting, from features of references (n, c)."""
    parsed = parse_weighting(weighting)
    if parsed["kind"] == "refined":
        density, _ = bank.estimator.refined(references, rng)
        return Found(density.bin_masses(bank.edges), density.density)
    if parsed["kind"] == "mixture":
        weights = bank.estimator.mixture(references, bank.edges, rng)[0].weights
    else:
        distances = squared_distances(bank.features, references, bank.ddof)
        weights = bin_weights(distances, parsed.get("alpha", bank.alpha))
    return Found(weights, partial(bin_densities, weights, bank.edges))


def measured(
    found: Found, expected: NDArray[np.float64], points: NDArray[np.float64], floor: float
) -> dict[str, float]:
    """The four measures of one result, against a target's proportions of the bins and draws of its degradations.

    Weights are measured as they were found, densities with the floor that training adds, the same for all weightings:
    without it one empty bin is minus infinity.
    """
    return {
        "true_mass": true_mass(found.weights, expected),
        "total_variation": total_variation(found.weights, expected),
        "log_density": log_density(found.density(points), floor),
        "effective_bins": effective_bins(found.weights),
    }


def repeat_table(
    bank: Bank, targets: Sequence[Trial], features: Mapping[str, NDArray[np.float32]], spec: dict[str, Any], rngs: Rngs
) -> pd.DataFrame:
    """Every weighting on every target of one repeat.

    Parameters
    ----------
    bank : Bank
        Of other contents than the references.
    targets : sequence of Trial
        Settings, boxes and pairs.
    features : mapping from target to ndarray of shape (n, c), float32
        Of its references.
    spec : dict
        weightings; counts: numbers of references of settings; references: number of all targets; floor.
    rngs : callable
        Generator of ``rngs(target, purpose, ...)``.

    Returns
    -------
    DataFrame
        `COLUMNS` without extractor and seed; seconds of processor time from features to weights. Lines of the
        weightings uniform (knows nothing) and oracle (knows the target) say what can be reached at all; they take no
        time.
    """
    lines = []
    for target in targets:
        points = target.truth.draw(rngs(target.name, "truth"), TRUE_DRAWS)
        expected = target.truth.masses(bank.edges)
        known = {
            "uniform": Found(np.full(len(expected), 1 / len(expected)), lambda points: np.ones(len(points))),
            "oracle": Found(expected, target.truth.density),
        }
        for name, found in known.items():
            line = {"target": target.name, "weighting": name, "references": spec["references"]}
            lines.append({**line, **measured(found, expected, points, spec["floor"])})
        for count in _counts(target, spec):
            for weighting in spec["weightings"]:
                rng = rngs(target.name, weighting, count)
                begin = process_time()
                found = find(bank, weighting, features[target.name][:count], rng)
                seconds = process_time() - begin
                line = {"target": target.name, "weighting": weighting, "references": count, "seconds": seconds}
                lines.append({**line, **measured(found, expected, points, spec["floor"])})
    return pd.DataFrame(lines)


def _counts(target: Trial, spec: dict[str, Any]) -> list[int]:
    if group(target.name) in ("boxes", "pairs"):
        return [spec["references"]]
    return sorted({*spec["counts"], spec["references"]})


def group(target: str) -> str:
    """What a target is summed up with: boxes, pairs, or, for a setting, itself.

    Examples
    --------
    >>> group("box12"), group("pair0"), group("setting3")
    ('boxes', 'pairs', 'setting3')
    """
    match = re.fullmatch(r"(box|pair)[0-9]+", target)
    return {"box": "boxes", "pair": "pairs"}[match[1]] if match else target


def joined(repeats: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Tables of all (extractor, seed) as one, columns `COLUMNS`; uniform and oracle, which need no extractor, once."""
    parts = [table.assign(extractor=extractor, seed=seed) for (extractor, seed), table in repeats.items()]
    table = pd.concat(parts, ignore_index=True)
    known = table["weighting"].isin(BASELINES)
    table["extractor"] = table["extractor"].mask(known)
    repeated = known & table.duplicated(["target", "weighting", "references", "seed"])
    return table.loc[~repeated, list(COLUMNS)].reset_index(drop=True)


def summary(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Mean and spread of a measure over repeats.

    Parameters
    ----------
    table : DataFrame
        Lines from `joined`, or of the figure's table.
    measure : str
        One of its columns.

    Returns
    -------
    DataFrame
        Index: extractor ("" for uniform and oracle), weighting, group, references, in the table's order. mean: over the
        targets of a group and the repeats; std: standard deviation over repeats of the mean over targets.
    """
    keys = ["extractor", "weighting", "group", "references"]
    lines = table.assign(group=table["target"].map(group), extractor=table["extractor"].fillna(""))
    each = lines.groupby([*keys, "seed"], sort=False)[measure].mean()
    return each.groupby(keys, sort=False).agg(["mean", "std"])


def estimation_markdown(table: pd.DataFrame, references: int, absent: Mapping[str, str]) -> str:
    """The table for reading: each measure by target at so many references, and true mass by number of references."""
    repeats, here = table["seed"].nunique(), table[table["references"] == references]
    spread = f", standard deviation over {repeats} repeats" if repeats > 1 else ""
    parts = [
        "# What is found of known targets",
        f"Mean{spread}; {references} references unless said; contents of references and bins are disjoint. "
        "Densities have the floor of training, `weights.floor`, whatever the weighting.",
    ]
    for measure, title in MEASURES.items():
        parts.append(f"## {title}\n\n{_markdown(summary(here, measure), 'group')}")
    settings = table[~table["target"].map(group).isin(["boxes", "pairs"]) & table["seconds"].notna()]
    if len(settings):
        by_count = summary(settings.assign(target="settings"), "true_mass")
        title = "## Weight on the true bins, mean of the settings, by number of references"
        parts.append(f"{title}\n\n{_markdown(by_count, 'references')}")
    seconds = summary(here[here["seconds"].notna()], "seconds")
    parts.append(f"## Seconds from features to weights\n\n{_markdown(seconds, 'group')}")
    parts += [f"Not measured: {name} ({reason})" for name, reason in absent.items()]
    return "\n\n".join(parts) + "\n"


def _markdown(means: pd.DataFrame, columns: str) -> str:
    """Lines of extractor and weighting, columns of one of the other levels."""
    heads = list(dict.fromkeys(means.index.get_level_values(columns)))
    lines = [["extractor", "weighting", *map(str, heads)], ["---"] * (len(heads) + 2)]
    for (extractor, weighting), rows in means.groupby(["extractor", "weighting"], sort=False):
        cells = rows.droplevel([name for name in means.index.names if name != columns])
        lines.append([str(extractor), str(weighting), *(_cell(cells, head) for head in heads)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cells: pd.DataFrame, head: Any) -> str:
    if head not in cells.index:
        return ""
    mean, std = cells.loc[head, ["mean", "std"]].astype(float)
    return f"{mean:.2f}" + ("" if np.isnan(std) else f" ± {std:.2f}")


def estimation_figure(table: pd.DataFrame, absent: Mapping[str, str]) -> pd.DataFrame:
    """Table of Figure 17.

    Parameters
    ----------
    table : DataFrame
        From `joined`.
    absent : mapping from extractor to str
        Extractors that were asked for and could not be computed, and why.

    Returns
    -------
    DataFrame
        target, extractor, weighting, references, seed, true_mass, log_density and note: why an extractor is not there.
    """
    shown = table[["target", "extractor", "weighting", "references", "seed", "true_mass", "log_density"]]
    notes = pd.DataFrame({"extractor": list(absent), "note": list(absent.values())}, dtype=object)
    return pd.concat([shown, notes], ignore_index=True).astype({"references": "Int64"})
