"""Distance of every bin to the references of one target (paper, eq. 3)."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from degcraft.bins import PARAMETERS, Region, edges, grid
from degcraft.errors import DegcraftError
from degcraft.io import damaged, read_arrays, write_table
from degcraft.stages import enter, say
from degcraft.weighting import ranking
from degcraft.weighting.frechet import squared_distances


def run(bins: Path, references: Path, spec: dict[str, Any], output: Path) -> None:
    """Write one line per bin: its number, its ranges, its squared Fréchet distance."""
    (bank,), (target,) = read_arrays(bins, "features"), read_arrays(references, "features")
    regions = grid(spec["bins"])
    if bank.ndim != 3 or len(bank) != len(regions):
        raise damaged(bins, f"features of shape {bank.shape}, {len(regions)} bins in the config")
    try:
        distances = squared_distances(bank, target, spec["distances"]["ddof"])
    except ValueError as error:
        raise DegcraftError(
            f"{bins} and {references}: {error}; features of one extractor are needed; type: rm {bins} {references}, "
            "then run again"
        ) from error
    write_table(output, edges(regions).assign(distance=distances))
    best, second, gap = ranking(distances) if len(distances) > 1 else (0, 0, 0.0)
    report = (
        f"nearest bin {best} ({named(regions[best])}) at {distances[best]:.6g}; second bin {second}, {gap:.1%} farther"
    )
    say(f"{report}; farthest bin {int(np.argmax(distances))} at {distances.max():.6g}")


def named(region: Region) -> str:
    """Ranges of a bin in words."""
    return ", ".join("{} {:g} to {:g}".format(name, *getattr(region, name)) for name in PARAMETERS)


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bins", type=Path, required=True, help="features of the bins")
    parser.add_argument("--references", type=Path, required=True, help="features of the target's references")
    parser.add_argument("--spec", type=json.loads, required=True, help="distances and bins")
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="table, .csv")
    given = parser.parse_args(argv)
    run(given.bins, given.references, given.spec, given.output)


if __name__ == "__main__":
    enter(main)
