"""Sampling weight of every bin for one target (paper, eq. 4)."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from degcraft.errors import DegcraftError
from degcraft.io import read_table, write_table
from degcraft.stages import enter, say
from degcraft.weighting import effective_bins, ranking, weigh


def run(distances: Path, spec: dict[str, Any], output: Path) -> None:
    """Write the table of distances once more, with a column ``weight``."""
    table = read_table(distances, "bin", "distance")
    try:
        values = table["distance"].to_numpy(dtype=np.float64)
        weights = weigh(spec["weighting"], values)
    except ValueError as error:
        raise DegcraftError(
            f"{distances}: {error}; finite distances that differ between bins are needed; choose another extractor or, "
            f"if this file was changed by hand, type: rm {distances}, then run again"
        ) from error
    write_table(output, table.assign(weight=weights))
    best, second, gap = ranking(values)
    say(
        f"nearest bin {best} with weight {weights[best]:.4f}; second bin {second}, {gap:.1%} farther; "
        f"effective number of bins {effective_bins(weights):.2f} of {len(weights)}"
    )


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--distances", type=Path, required=True, help="table of distances")
    parser.add_argument("--spec", type=json.loads, required=True, help="weighting: name and its parameters")
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="table, .csv")
    given = parser.parse_args(argv)
    run(given.distances, given.spec, given.output)


if __name__ == "__main__":
    enter(main)
