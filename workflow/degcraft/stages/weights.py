"""Sampling weights of one target: of every bin (paper, eq. 4), or of a density past the bins."""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from degcraft.bins import edges, grid, unit_edges
from degcraft.errors import DegcraftError
from degcraft.io import read_arrays, read_table, write_table
from degcraft.spaces import Space
from degcraft.stages import enter, say
from degcraft.streams import stream
from degcraft.weighting import archive, effective_bins, floored, ranking
from degcraft.weighting.density import EDGES, Density
from degcraft.weighting.frechet import bin_weights
from degcraft.weighting.references import Estimator
from degcraft.weighting.residuals import Verdict


def run_frechet(distances: Path, alphas: Path | None, spec: dict[str, Any], output: Path) -> None:
    """Write the table of distances once more, with a column ``weight``."""
    table = read_table(distances, "bin", "distance")
    weighting = spec["weighting"]
    alpha = weighting["alpha"] if alphas is None else best_alpha(alphas)
    try:
        values = table["distance"].to_numpy(dtype=np.float64)
        weights = floored(bin_weights(values, alpha), weighting["floor"])
    except ValueError as error:
        raise DegcraftError(
            f"{distances}: {error}; finite distances that differ between bins are needed; choose another extractor or, "
            f"if this file was changed by hand, type: rm {distances}, then run again"
        ) from error
    write_table(output, table.assign(alpha=alpha, weight=weights))
    best, second, gap = ranking(values)
    say(
        f"alpha {alpha:g}; nearest bin {best} with weight {weights[best]:.4f}; second bin {second}, {gap:.1%} farther; "
        f"effective number of bins {effective_bins(weights):.2f} of {len(weights)}"
    )


def run_mixture(posterior: Path, references: Path, spec: dict[str, Any], output: Path) -> None:
    """Write one line per bin: its ranges, its weight and the weight's error, and the verdict on the fit."""
    regions, cuts = grid(spec["bins"]), unit_edges(spec["bins"])
    features = features_of(references)
    found, verdict = estimator(posterior).mixture(features, cuts, stream(spec["seed"], "weights", "mixture"))
    weights = floored(found.weights, spec["weighting"]["floor"])
    judged = verdict_columns(verdict)
    write_table(output, edges(regions).assign(weight=weights, error=found.errors, **judged))
    best = int(np.argmax(weights))
    say(
        f"greatest weight {weights[best]:.4f} (error {found.errors[best]:.4f}) on bin {best}; effective number of bins "
        f"{effective_bins(weights):.2f} of {len(weights)}; {sentence(verdict)}"
    )


def run_refined(posterior: Path, references: Path, spec: dict[str, Any], output: Path) -> None:
    """Write one line per class, parameter and cell: its ends and its probability."""
    (names,) = read_arrays(posterior, "parameters")
    space = Space.of_bins(spec["bins"]) if "bins" in spec else Space.cube(tuple(names.tolist()))
    features = features_of(references)
    density, verdict = estimator(posterior).refined(
        features, stream(spec["seed"], "weights", spec["weighting"]["kind"])
    )
    density = density.mixed(Density.uniform(len(space.names)), spec["weighting"]["floor"])
    write_table(output, cells(density, space).assign(**verdict_columns(verdict)))
    ranges = [f"{name} {low:.3g} to {high:.3g}" for name, low, high in central(density, space)]
    say(f"nine tenths of {', '.join(ranges)}; {sentence(verdict)}")


def estimator(posterior: Path) -> Estimator:
    """Estimator from the file of the stage posterior."""
    return archive.estimator(partial(read_arrays, posterior))


def features_of(references: Path) -> Any:
    """Features of the references, one vector each."""
    (features,) = read_arrays(references, "features")
    return features


def best_alpha(alphas: Path) -> float:
    """Alpha of the greatest score."""
    table = read_table(alphas, "alpha", "score")
    return float(table["alpha"].to_numpy()[table["score"].to_numpy().argmax()])


def cells(density: Density, space: Space) -> pd.DataFrame:
    """Columns class, share, parameter, low, high, weight."""
    ends = space.to_units(np.repeat(EDGES[:, None], len(space.names), axis=1))
    rows = [
        pd.DataFrame(
            {
                "class": number,
                "share": share,
                "parameter": name,
                "low": ends[:-1, axis],
                "high": ends[1:, axis],
                "weight": density.cells[number, axis],
            }
        )
        for number, share in enumerate(density.shares)
        for axis, name in enumerate(space.names)
    ]
    return pd.concat(rows, ignore_index=True)


def central(density: Density, space: Space) -> list[tuple[str, float, float]]:
    """Per parameter, the range between the 5th and the 95th hundredth of the density."""
    below = np.cumsum(np.tensordot(density.shares, density.cells, axes=1), axis=1)
    low = space.to_units(EDGES[(below > 0.05).argmax(axis=1)])
    high = space.to_units(EDGES[(below >= 0.95).argmax(axis=1) + 1])
    return list(zip(space.names, low.tolist(), high.tolist(), strict=True))


def verdict_columns(verdict: Verdict) -> dict[str, Any]:
    """The verdict, for every line of a table."""
    return {"explained": verdict.share, "expected": verdict.expected, "verdict": str(verdict)}


def sentence(verdict: Verdict) -> str:
    """The verdict in words."""
    return (
        f"references {verdict} by this degradation model: {verdict.share:.0%} lie within what it can produce "
        f"(sets of its own: {verdict.expected:.0%} or more)"
    )


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--distances", type=Path, nargs="*", help="table of distances (frechet)")
    parser.add_argument("--alphas", type=Path, nargs="*", help="table of scores of alphas (frechet-auto)")
    parser.add_argument("--posterior", type=Path, nargs="*", help="posterior of the extractor (mixture, refined)")
    parser.add_argument("--references", type=Path, nargs="*", help="features of the references (mixture, refined)")
    parser.add_argument("--spec", type=json.loads, required=True, help="weighting: kind, alpha and floor; bins; seed")
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="table, .csv")
    given = parser.parse_args(argv)
    kind = given.spec["weighting"]["kind"]
    if kind.startswith("frechet"):
        run_frechet(given.distances[0], next(iter(given.alphas or []), None), given.spec, given.output)
        return
    run = run_mixture if kind == "mixture" else run_refined
    run(given.posterior[0], given.references[0], given.spec, given.output)


if __name__ == "__main__":
    enter(main)
