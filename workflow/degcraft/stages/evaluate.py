"""Metrics of one model's SR images, image by image."""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.alignment import FILE, Alignment, aligned
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack, damaged, read_png, read_table, write_table
from degcraft.metrics import FIDELITY, fidelity
from degcraft.stages import enter, say

Distance = Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]


def run(restored: Path, images: Path, weights: Path | None, spec: dict[str, Any], output: Path) -> None:
    """Compare every SR image with its original.

    An application's truth is another photograph. Before anything is measured, each SR image gets the alignment of its
    enlarged LR image, whatever the model, and both lose the border that the shift leaves empty.

    Parameters
    ----------
    restored : path
        Folder of ``<name>.png``, one for each original.
    images : path
        Pack of the HR test images, or the folder of an application's truth and its ``alignment.csv``.
    weights : path or None
        Backbone weights of LPIPS; None leaves its column NA.
    spec : dict
        Config section ``evaluate``; and ``images``, how many of the test images were restored, where not all were.
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
    rows, alignments = [], []
    for name, original, alignment in islice(_originals(images), spec.get("images")):
        image = _read(restored, name, original.shape)
        if alignment:
            image, original = aligned(image, original, alignment)
            alignments.append(alignment)
        try:
            measured: dict[str, float] = fidelity(image, original, options["crop"], names)
            measured["lpips"] = distance(image, original) if distance else float("nan")
        except DegcraftError as error:
            raise DegcraftError(f"{restored / name}.png: {error}") from error
        rows.append({"name": name, **{metric: measured[metric] for metric in options["metrics"]}})
    table = pd.DataFrame(rows)
    write_table(output, table)
    means = (f"{metric} {table[metric].mean():.4f}" for metric in options["metrics"])
    say(f"evaluate: {len(table)} images; {', '.join(means)}{_told(alignments)}")


def _originals(images: Path) -> Iterator[tuple[str, NDArray[np.uint8], Alignment | None]]:
    """Name, original, and for an application what brings SR images to it."""
    if not (images / FILE).exists():
        pack = ImagePack(images)
        yield from ((name, original, None) for name, original in zip(pack.names, pack, strict=True))
        return
    names = [field.name for field in fields(Alignment)]
    for row in read_table(images / FILE, "name", *names, text=["name"]).to_dict("records"):
        alignment = Alignment(*(float(row[name]) for name in names))
        yield row["name"], read_png(images, row["name"]), alignment


def _told(alignments: list[Alignment]) -> str:
    if not alignments:
        return ""
    shifts = np.array([alignment.shift for alignment in alignments])
    gains = np.mean([alignment.gains for alignment in alignments], axis=0)
    return (
        f"; aligned by a mean shift of {np.hypot(*shifts.T).mean():.2f} pixels ({shifts.mean(axis=0)[0]:+.2f} down, "
        f"{shifts.mean(axis=0)[1]:+.2f} right), mean gains {', '.join(f'{gain:.3f}' for gain in gains)}"
    )


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
    parser.add_argument(
        "--truth", type=Path, nargs="+", required=True, help="files of results/images/test, or an application's folder"
    )
    parser.add_argument(
        "--weights", type=Path, nargs="*", default=[], help="backbone weights of LPIPS, if it is wanted"
    )
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="CSV, one line per image")
    given = parser.parse_args(argv)
    images = given.truth[0] if given.truth[0].is_dir() else given.truth[0].parent
    run(given.restored, images, next(iter(given.weights), None), given.spec, given.output)


if __name__ == "__main__":
    enter(main)
