"""Checks of an application's restored windows without their truth, and whether its material is of one kind."""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from degcraft.checks import BICUBIC, COLUMNS, image_checks
from degcraft.io import damaged, read_arrays, read_png, read_table, write_json, write_table
from degcraft.mixtures import by_source, mixed, notes, space_of
from degcraft.stages import enter, say
from degcraft.weighting import archive


def run(
    application: str, test: Path, restored: Sequence[Path], weights: Path, spec: dict[str, Any], output: Path
) -> None:
    """Write the checks of every window and row.

    Parameters
    ----------
    application : str
        Its name.
    test : path
        Folder of the LR windows and of ``parameters.csv``.
    restored : sequence of path
        Folder of the SR images of each of the rows.
    weights : path
        Table of the stage weights: the estimated distribution.
    spec : dict
        ``rows`` (names of `restored`), ``degradation`` and ``seed``.
    output : path
        CSV with the columns row, image, consistency_rmse, expected_rmse, sharpness and unconfirmed.

    Raises
    ------
    DegcraftError
        A file is missing or damaged.
    """
    table, lines = read_table(weights, "weight"), []
    for name in read_table(test / "parameters.csv", "name", text=["name"])["name"]:
        lr = read_png(test, name)
        rows = {row: read_png(folder, name) for row, folder in zip(spec["rows"], restored, strict=True)}
        for folder, sr in zip(restored, rows.values(), strict=True):
            if sr.shape != (4 * lr.shape[0], 4 * lr.shape[1], 3):
                raise damaged(folder, f"{name}.png: shape {sr.shape} for an LR image of {lr.shape}")
        lines.append(image_checks(lr, rows, table, spec["degradation"], (spec["seed"], application, name)))
    checks = pd.concat(lines, ignore_index=True)
    checks["order"] = checks["row"].map({row: place for place, row in enumerate([BICUBIC, *spec["rows"]])})
    checks = checks.sort_values("order", kind="stable").drop(columns="order")
    write_table(output, checks)
    for row, means in checks.groupby("row", sort=False)[list(COLUMNS)].mean().iterrows():
        say(f"{row}: {', '.join(f'{name} {mean:.2f}' for name, mean in means.items())}")


def run_mixed(posterior: Path | None, features: Path | None, weights: Path, material: Path, output: Path) -> None:
    """Write whether the references are of one kind, the groups they fall into, and sentences on both.

    Parameters
    ----------
    posterior, features : path or None
        Posterior of the extractor, and features of the references; None for weightings that have no posterior.
    weights : path
        Table of the stage weights, for the ranges of the parameters.
    material : path
        Folder with ``crops.csv``: source of each reference, in the order of the features.
    output : path
        JSON: mixed, groups (share, typical, crops, sources) and notes.

    Raises
    ------
    DegcraftError
        A file is missing or damaged, or of other references.
    """
    if posterior is None or features is None:
        said = "Whether the material is of one kind was not examined: this weighting has no posterior."
        write_json(output, {"mixed": False, "groups": [], "notes": [said]})
        return
    (known,) = read_arrays(features, "features")
    crops = read_table(material / "crops.csv", "crop", "source", "frame", text=["source"])
    if len(crops) != len(known):
        raise damaged(material, f"crops.csv: {len(crops)} lines for {len(known)} references")
    estimator = archive.estimator(partial(read_arrays, posterior))
    groups = mixed(known, estimator, space_of(read_table(weights, "weight")))
    sources = by_source(groups, crops)
    listed = [
        {"share": group.share, "typical": group.typical, "crops": list(group.crops), "sources": names}
        for group, names in zip(groups, sources, strict=True)
    ]
    told = notes(groups, sources, len(known))
    write_json(output, {"mixed": len(groups) > 1, "groups": listed, "notes": told})
    say(" ".join(told) or "the material is of one kind")


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("application")
    parser.add_argument("--test", type=Path, required=True, help="results/degraded/test/<application>")
    parser.add_argument("--restored", type=Path, nargs="+", required=True, help="SR images of each row")
    parser.add_argument("--weights", type=Path, required=True, help="table of the estimated distribution")
    parser.add_argument("--material", type=Path, required=True, help="folder with crops.csv")
    parser.add_argument("--posterior", type=Path, help="posterior of the extractor, if the weighting has one")
    parser.add_argument("--features", type=Path, help="features of the references, for the same")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--checks", type=Path, required=True, help="table, .csv")
    parser.add_argument("--mixed", type=Path, required=True, help="groups of references, .json")
    given = parser.parse_args(argv)
    run(given.application, given.test, given.restored, given.weights, given.spec, given.checks)
    run_mixed(given.posterior, given.features, given.weights, given.material, given.mixed)


if __name__ == "__main__":
    enter(main)
