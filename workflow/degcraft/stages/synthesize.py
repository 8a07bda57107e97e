"""Degraded images: every bin, and the references and test images of every setting."""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from degcraft import trials
from degcraft.bins import PARAMETERS, Region, grid, true_weights
from degcraft.degradations import degrade, second_order
from degcraft.io import ImagePack, whole_folder, write_arrays, write_table
from degcraft.spaces import Space
from degcraft.stages import enter, say
from degcraft.streams import stream

_AHEAD = 64  # LR images in memory that wait to be written

Degraded = tuple[NDArray[np.uint8], tuple[float, float, float]]


def degrade_all(
    hr: ImagePack, region: Region, spec: dict[str, Any], items: Sequence[Sequence[str | int]], threads: int
) -> list[Degraded]:
    """Degrade every image of a pack once; image i draws from the stream of ``items[i]``, on any thread."""
    return list(degraded(hr, region, spec, items, threads))


def degraded(
    hr: ImagePack, region: Region, spec: dict[str, Any], items: Sequence[Sequence[str | int]], threads: int
) -> Iterator[Degraded]:
    """As `degrade_all`, with few images in memory at a time."""

    def one(index: int) -> Degraded:
        rng = stream(spec["seed"], "synthesize", *items[index])
        parameters = region.draw(rng)
        return degrade(hr[index], parameters, rng, spec["degradation"]), parameters

    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(hr), _AHEAD):
            yield from pool.map(one, range(first, min(first + _AHEAD, len(hr))))


def run_bins(images: Path, spec: dict[str, Any], code: str, output: Path, threads: int, repeat: str = "") -> None:
    """Degrade every clean image once in every bin (paper, section 3.2); a repeat draws anew."""
    hr = ImagePack(images)
    own: list[str | int] = ["repeat", repeat] if repeat else []
    rows = []
    for number, region in enumerate(grid(spec["bins"])):
        items = [(*own, "bins", number, index) for index in range(len(hr))]
        rows.append(_columns(degrade_all(hr, region, spec, items, threads)))
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    write_arrays(output, {"spec": spec, "code": code}, **arrays)


def run_samples(images: Path, spec: dict[str, Any], code: str, output: Path, threads: int) -> None:
    """Degrade the bins' clean images in turn, each at a random point of the second-order model's cube."""
    hr = ImagePack(images)
    options, d = {"second_order": spec["second_order"]}, len(second_order.PARAMETERS)

    def one(number: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        rng = stream(spec["seed"], "synthesize", "samples", number)
        point = rng.random(d)
        return degrade(hr[number % len(hr)], tuple(point), rng, options), point

    with ThreadPoolExecutor(threads) as pool:
        lr, points = zip(*pool.map(one, range(spec["count"])), strict=True)
    contents = np.arange(spec["count"]) % len(hr)
    arrays = {"images": np.stack(lr), "points": np.stack(points), "contents": contents}
    write_arrays(output, {"spec": spec, "code": code}, parameters=np.array(second_order.PARAMETERS), **arrays)


def run_targets(images: Path, spec: dict[str, Any], code: str, output: Path, threads: int, repeat: str) -> None:
    """Degrade references of settings, of random boxes and of pairs of boxes, to measure estimates on."""
    draws = partial(stream, spec["seed"], "synthesize", "repeat", repeat)
    space, d = Space.of_bins(spec["bins"]), len(PARAMETERS)
    settings = trials.setting_boxes(spec["settings"], spec["bins"])
    for name in sorted(spec["settings"].keys() - settings):
        say(f"{name}: left out, for it reaches outside the bins or has no volume, and estimates are measured inside")
    boxes = {f"box{number}": trials.random_box(draws("box", number), d) for number in range(spec["boxes"])}
    pairs = {f"pair{number}": trials.random_pair(draws("pair", number), d) for number in range(spec["pairs"])}
    targets = [trials.Trial(name, truth, max(spec["counts"])) for name, truth in settings.items()]
    targets += [trials.Trial(name, truth, spec["references"]) for name, truth in (boxes | pairs).items()]
    _write_trials(ImagePack(images), targets, space, spec["degradation"], draws, (spec, code), output, threads)


def run_second_order(images: Path, spec: dict[str, Any], code: str, output: Path, threads: int) -> None:
    """Degrade references of random boxes of the second-order model, to measure estimates on."""
    draws = partial(stream, spec["seed"], "synthesize", "second-order")
    names = second_order.PARAMETERS
    among = [names.index(name) for name in spec["parameters"]]
    boxes = [trials.random_box(draws("box", number), len(names), among) for number in range(spec["boxes"])]
    targets = [trials.Trial(f"box{number}", box, spec["references"]) for number, box in enumerate(boxes)]
    options = {"second_order": spec["second_order"]}
    _write_trials(ImagePack(images), targets, Space.cube(names), options, draws, (spec, code), output, threads)


def _write_trials(
    hr: ImagePack,
    targets: list[trials.Trial],
    space: Space,
    options: dict[str, Any],
    draws: Callable[..., np.random.Generator],
    origin: tuple[dict[str, Any], str],
    output: Path,
    threads: int,
) -> None:
    """Degrade references of every target; contents in random order, used again where they are fewer."""

    def one(item: tuple[trials.Trial, int, int]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        target, index, content = item
        rng = draws(target.name, index)
        point = target.truth.draw(rng, 1)[0]
        return degrade(hr[content], tuple(space.to_units(point).tolist()), rng, options), point

    orders = [draws(target.name, "contents").permutation(len(hr)) for target in targets]
    items = [
        (target, index, int(order[index % len(hr)]))
        for target, order in zip(targets, orders, strict=True)
        for index in range(target.references)
    ]
    most = max(target.references for target in targets)
    if most > len(hr):
        say(f"{most} references of one target, {len(hr)} contents: contents are used again, degraded otherwise")
    with ThreadPoolExecutor(threads) as pool:
        lr, points = zip(*pool.map(one, items), strict=True)
    spec, code = origin
    arrays = {**trials.arrays(targets), "images": np.stack(lr), "points": np.stack(points)}
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
    rows = []
    with whole_folder(output) as folder:
        made = degraded(hr, Region.from_config(spec["setting"]), spec, items, threads)
        for name, (lr, parameters) in zip(hr.names, made, strict=True):
            Image.fromarray(lr).save(folder / f"{name}.png")
            rows.append(parameters)
        table = pd.DataFrame(rows, columns=list(PARAMETERS))
        table.insert(0, "name", hr.names)
        write_table(folder / "parameters.csv", table)


def _columns(degraded: list[Degraded]) -> dict[str, NDArray[Any]]:
    parameters = np.array([drawn for _, drawn in degraded])
    columns = {name: parameters[:, axis] for axis, name in enumerate(PARAMETERS)}
    return {"images": np.stack([lr for lr, _ in degraded]), **columns}


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    sets = ["bins", "samples", "references", "stability", "test", "targets", "second-order"]
    parser.add_argument("--set", choices=sets, required=True)
    parser.add_argument("--images", type=Path, required=True, help="results/images/<set>")
    parser.add_argument("--target", default="", help="references, stability, test: setting whose ranges are drawn from")
    parser.add_argument("--repeat", default="", help="bins, targets: name of a repeat, which draws anew")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(argv)
    common = (given.spec, given.code, given.output, given.threads)
    if given.set in ("samples", "second-order"):
        run = run_samples if given.set == "samples" else run_second_order
        run(given.images, *common)
    elif given.set in ("bins", "targets"):
        again = run_bins if given.set == "bins" else run_targets
        again(given.images, *common, given.repeat)
    else:
        runs = {"references": run_references, "stability": run_stability, "test": run_test}
        runs[given.set](given.images, given.target, *common)


if __name__ == "__main__":
    enter(main)
