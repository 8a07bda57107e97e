"""Alpha of the Fréchet weighting for one extractor, chosen from the bank."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from degcraft.bins import unit_edges
from degcraft.errors import DegcraftError
from degcraft.io import read_arrays, write_table
from degcraft.spaces import Space
from degcraft.stages import enter, say
from degcraft.streams import stream
from degcraft.weighting import alpha


def run(bank: Path, features: Path, spec: dict[str, Any], output: Path) -> None:
    """Write one line per alpha: its score."""
    space = Space.of_bins(spec["bins"])
    (known,) = read_arrays(features, "features")
    points = space.to_cube(np.stack(read_arrays(bank, *space.names), axis=-1))
    rng = stream(spec["seed"], "alpha")
    try:
        scores = alpha.scores(known, points, unit_edges(spec["bins"]), spec["distances"]["ddof"], rng)
    except ValueError as error:
        raise DegcraftError(
            f"{features}: {error}; frechet-auto needs vectors that differ between bins, of 3 contents or more; write "
            "features.pooling: average, raise prepare.bins.count, or choose another extractor"
        ) from error
    write_table(output, pd.DataFrame({"alpha": alpha.ALPHAS, "score": scores}))
    best = int(np.argmax(scores))
    say(f"alpha {alpha.ALPHAS[best]:g}: {scores[best]:.2f} nats above uniform on targets made from the bank")


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, required=True, help="degraded images of the bins, .npz")
    parser.add_argument("--features", type=Path, required=True, help="their features, .npz")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="table, .csv")
    given = parser.parse_args(argv)
    run(given.bank, given.features, given.spec, given.output)


if __name__ == "__main__":
    enter(main)
