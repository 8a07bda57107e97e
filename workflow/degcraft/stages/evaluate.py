"""Metrics of one model's SR images, image by image."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.errors import DegcraftError
from degcraft.io import ImagePack, damaged, read_png, write_table
from degcraft.metrics import FIDELITY, fidelity
from degcraft.stages import enter, say

Distance = Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]


def run(restored: Path, images: Path, weights: Path | None, spec: dict[str, Any], output: Path) -> None:
    """Compare every SR image with its original.

    Parameters
    ----------
    restored : path
        Folder of ``<name>.png``, one for each image of the pack.
    images : path
        Pack of the HR test images.
    weights : path or None
        Backbone weights of LPIPS; None leaves its column NA.
    spec : dict
        Config section ``evaluate``.
    output : path
        CSV with the columns name and ``evaluate.metrics``, one line per image.

    Raises
    ------
    DegcraftError
        An SR image is missing, truncated or of the wrong size, or weights are unfit.
    """
    options = spec["evaluate"]
    if "lpips" in options["metrics"] and weights is None and options["lpips"]["weights"] != "none":
        raise DegcraftError(
            f"--weights: empty, but evaluate.lpips.weights is {options['lpips']['weights']}; give the file, "
            "or set evaluate.lpips.weights to none"
        )
    names = [name for name in options["metrics"] if name in FIDELITY]
    distance = _distance(options["lpips"]["net"], weights) if "lpips" in options["metrics"] and weights else None
    truth = ImagePack(images)
    rows = []
    for name, original in zip(truth.names, truth, strict=True):
        image = _read(restored, name, original.shape)
        try:
            measured: dict[str, float] = fidelity(image, original, options["crop"], names)
            measured["lpips"] = distance(image, original) if distance else float("nan")
        except DegcraftError as error:
            raise DegcraftError(f"{restored / name}.png: {error}") from error
        rows.append({"name": name, **{metric: measured[metric] for metric in options["metrics"]}})
    table = pd.DataFrame(rows)
    write_table(output, table)
    means = (f"{metric} {table[metric].mean():.4f}" for metric in options["metrics"])
    say(f"evaluate: {len(table)} images; {', '.join(means)}")


def _distance(net: str, weights: Path) -> Distance:
    import torch

    from degcraft.checkpoints import load_weights
    from degcraft.perceptual import build_lpips, lpips_distance

    torch.set_num_threads(1)  # always one, on the CPU: a table's numbers must not depend on the machine
    network = build_lpips(net, load_weights(weights))
    return lambda restored, truth: lpips_distance(network, restored, truth)


def _read(folder: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    image = read_png(folder, name)
    if image.shape != shape:
        raise damaged(folder, f"{name}.png: shape {image.shape}, the original has {shape}")
    return image


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restored", type=Path, required=True, help="folder of the SR images")
    parser.add_argument("--images", type=Path, required=True, help="results/images/test")
    parser.add_argument(
        "--weights", type=Path, nargs="*", default=[], help="backbone weights of LPIPS, if it is wanted"
    )
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="CSV, one line per image")
    given = parser.parse_args(argv)
    run(given.restored, given.images, next(iter(given.weights), None), given.spec, given.output)


if __name__ == "__main__":
    enter(main)
