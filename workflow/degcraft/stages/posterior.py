"""Posterior of the degradation given features, for one extractor: all that an estimate needs of the bank."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.errors import DegcraftError
from degcraft.io import read_arrays, write_arrays
from degcraft.spaces import Space
from degcraft.stages import enter, say


def run(bank: Path, features: Path, spec: dict[str, Any], code: str, output: Path) -> None:
    """Fit posteriors to the bank, and what calibrates them."""
    import torch

    from degcraft.weighting import archive, fitting

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    (known,) = read_arrays(features, "features")
    names, points, contents = placed(bank, spec)
    if known.shape[:-1] != points.shape[:-1]:
        raise DegcraftError(
            f"{features}: features of shape {known.shape} for {points.shape[:-1]} images; one vector per image is "
            "needed; write features.pooling: average in config.yaml"
        )
    recipe = fitting.Recipe(**spec["posterior"])
    contents = contents.ravel()
    if len(np.unique(contents % recipe.folds)) < recipe.folds:
        raise DegcraftError(
            f"{bank}: {len(np.unique(contents))} contents for {recipe.folds} folds; each fold leaves out at least one; "
            "raise prepare.bins.count or lower posterior.folds"
        )
    known, points = known.reshape(-1, known.shape[-1]), points.reshape(-1, points.shape[-1])
    estimator, scores = fitting.estimator(known, points, contents, recipe, spec["seed"])
    write_arrays(output, {"spec": spec, "code": code}, parameters=np.array(names), **archive.arrays(estimator))
    silent = [names[axis] for axis in range(len(names)) if axis not in estimator.informative]
    say(
        f"{len(known)} images, {known.shape[-1]} features: held-out log-density of the true degradation "
        f"{np.mean(scores):.2f} nats above uniform (folds: {', '.join(f'{one:.2f}' for one in scores)}); "
        f"smoothing {estimator.smoothing:g}{'; no traces of ' if silent else ''}{', '.join(silent)}"
    )


def placed(bank: Path, spec: dict[str, Any]) -> tuple[Sequence[str], NDArray[np.float64], NDArray[np.int64]]:
    """Names of d parameters, the images' degradations in the unit cube, (..., d), and their contents, (...)."""
    if "bins" not in spec:
        names, points, contents = read_arrays(bank, "parameters", "points", "contents")
        return names.tolist(), points, contents
    space = Space.of_bins(spec["bins"])
    points = space.to_cube(np.stack(read_arrays(bank, *space.names), axis=-1))
    return space.names, points, np.broadcast_to(np.arange(points.shape[1]), points.shape[:2])


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", type=Path, required=True, help="degraded images of the bank, .npz")
    parser.add_argument("--features", type=Path, required=True, help="their features, .npz")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="posterior, .npz")
    given = parser.parse_args(argv)
    run(given.bank, given.features, given.spec, given.code, given.output)


if __name__ == "__main__":
    enter(main)
