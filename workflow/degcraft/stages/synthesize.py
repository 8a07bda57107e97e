"""Degraded images: every bin, and the references and test images of every setting."""

import argparse
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from degcraft.bins import PARAMETERS, Region, grid, true_weights
from degcraft.degradations import degrade
from degcraft.io import ImagePack, whole_folder, write_arrays, write_table
from degcraft.stages import enter
from degcraft.streams import stream

Degraded = tuple[NDArray[np.uint8], tuple[float, float, float]]


def degrade_all(
    hr: ImagePack, region: Region, spec: dict[str, Any], items: Sequence[Sequence[str | int]], threads: int
) -> list[Degraded]:
    """Degrade every image of a pack once; image i draws from the stream of ``items[i]``, on any thread."""

    def one(index: int) -> Degraded:
        rng = stream(spec["seed"], "synthesize", *items[index])
        parameters = region.draw(rng)
        return degrade(hr[index], parameters, rng, spec["degradation"]), parameters

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(len(hr))))


def run_bins(images: Path, spec: dict[str, Any], code: str, output: Path, threads: int) -> None:
    """Degrade every clean image once in every bin (paper, section 3.2)."""
    hr = ImagePack(images)
    rows = []
    for number, region in enumerate(grid(spec["bins"])):
        items = [("bins", number, index) for index in range(len(hr))]
        rows.append(_columns(degrade_all(hr, region, spec, items, threads)))
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    write_arrays(output, {"spec": spec, "code": code}, **arrays)


def run_references(images: Path, target: str, spec: dict[str, Any], code: str, output: Path, threads: int) -> None:
    """Degrade the references' clean images with a setting's ranges (paper, Table 1)."""
    hr = ImagePack(images)
    items = [("references", target, index) for index in range(len(hr))]
    degraded = degrade_all(hr, Region.from_config(spec["setting"]), spec, items, threads)
    write_arrays(output, {"spec": spec, "code": code}, **_columns(degraded))


def run_stability(images: Path, target: str, spec: dict[str, Any], code: str, output: Path, threads: int) -> None:
    """Degrade images in a setting's ranges, and once more in the bin that holds most of them (paper, Fig. 3 c)."""
    hr = ImagePack(images)
    regions, setting = grid(spec["bins"]), Region.from_config(spec["setting"])
    # paper: Fig. 3 c which two sets are compared is not said; a target and its best true bin, as they are used.
    best = int(np.argmax(true_weights(regions, setting)))
    sets = {"target": setting, "bin": regions[best]}
    rows = []
    for name, region in sets.items():
        items = [("stability", target, name, index) for index in range(len(hr))]
        rows.append(_columns(degrade_all(hr, region, spec, items, threads)))
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    write_arrays(output, {"spec": spec, "code": code, "sets": [*sets], "bin": best}, **arrays)


def run_test(images: Path, target: str, spec: dict[str, Any], code: str, output: Path, threads: int) -> None:
    """Degrade the test images with a setting's ranges and keep them as PNG: drawn once, never redrawn."""
    hr = ImagePack(images)
    items = [("test", target, name) for name in hr.names]
    degraded = degrade_all(hr, Region.from_config(spec["setting"]), spec, items, threads)
    with whole_folder(output) as folder:
        for name, (lr, _) in zip(hr.names, degraded, strict=True):
            Image.fromarray(lr).save(folder / f"{name}.png")
        table = pd.DataFrame([parameters for _, parameters in degraded], columns=list(PARAMETERS))
        table.insert(0, "name", hr.names)
        write_table(folder / "parameters.csv", table)


def _columns(degraded: list[Degraded]) -> dict[str, NDArray[Any]]:
    parameters = np.array([drawn for _, drawn in degraded])
    columns = {name: parameters[:, axis] for axis, name in enumerate(PARAMETERS)}
    return {"images": np.stack([lr for lr, _ in degraded]), **columns}


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=["bins", "references", "stability", "test"], required=True)
    parser.add_argument("--images", type=Path, required=True, help="results/images/<set>")
    parser.add_argument("--target", default="", help="setting whose ranges are drawn from (all but bins)")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(argv)
    if given.set == "bins":
        run_bins(given.images, given.spec, given.code, given.output, given.threads)
        return
    runs: dict[str, Callable[..., None]] = {"references": run_references, "stability": run_stability, "test": run_test}
    runs[given.set](given.images, given.target, given.spec, given.code, given.output, given.threads)


if __name__ == "__main__":
    enter(main)
