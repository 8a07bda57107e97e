"""Synthesis of the bank: one image against the OpenCV chain, the whole bank through the stage, and how it grows."""

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.benchmarks.files import config
from degcraft.benchmarks.measurement import Curve, Line, held, rounds, threads
from degcraft.benchmarks.peers import opencv_chain
from degcraft.benchmarks.processes import Finished, stage
from degcraft.bins import PARAMETERS, grid
from degcraft.config import merge
from degcraft.degradations import SCALE, degrade
from degcraft.degradations.first_order import add_noise, blur_and_downsample, jpeg
from degcraft.io import write_pack
from degcraft.leaves import dead_leaves
from degcraft.spec import spec
from degcraft.streams import stream

IMAGES, SIDE = 100, 288
COUNTS = (100, 75, 50, 25)  # images in the largest bank and in smaller ones
DIVISIONS = ((5, 5, 3), (4, 5, 3), (5, 3, 3), (5, 5, 1))  # of blur, noise and quality; the paper's first
REPEATS, ROUNDS, BANK_ROUNDS = 8, 9, 3

Pixels = NDArray[np.uint8]


def lines() -> Iterator[Line | Curve]:
    """Lines of one image, of the bank and its memory, and the curves of how both grow."""
    images = clean_images(IMAGES)
    with threads(1):
        yield from _one_image(images[:6])
    with TemporaryDirectory() as folder:
        yield from _bank(images, Path(folder))


def clean_images(count: int) -> list[Pixels]:
    """Crops of 288 x 288 of one large dead-leaves image, which compress as photographs do."""
    across = int(np.ceil(np.sqrt(count)))
    step = SIDE // 3
    scene = dead_leaves(stream(0, "benchmarks", "scene"), *(2 * [SIDE + (across - 1) * step]))
    corners = [(number // across * step, number % across * step) for number in range(count)]
    return [np.ascontiguousarray(scene[top : top + SIDE, left : left + SIDE]) for top, left in corners]


def _one_image(images: list[Pixels]) -> Iterator[Line]:
    settings = config()
    degradation, regions = settings["degradation"], grid(settings["bins"])
    rng = stream(0, "benchmarks", "noise")
    items = [
        (image, blur_and_downsample(image, 2.5), regions[number % len(regions)].draw(rng))
        for number, image in enumerate(images * REPEATS)
    ]

    def ours() -> None:
        for hr, _, parameters in items:
            degrade(hr, parameters, rng, degradation)

    def opencv() -> None:
        for hr, _, parameters in items:
            opencv_chain(hr, parameters, rng)

    def floor() -> None:
        for _, small, (_, noise, quality) in items:
            jpeg(add_noise(small, noise, degradation["noise"], rng), quality, degradation["chroma"])

    times = rounds({"ours": ours, "opencv": opencv, "floor": floor}, ROUNDS, len(items))
    how = f"{SIDE} to {SIDE // SCALE} pixels, one core; ours with {degradation['downsampling']} downsampling"
    chain = "filter2D 21 x 21, INTER_AREA, noise, imencode, imdecode"
    yield times.speedup("synthesis: one image", "opencv", ">= 10 x", "ms", f"{how}, peer: {chain}")
    yield times.excess("synthesis: one image, over its floor", "floor", "", "ms", f"{how}, floor: noise and JPEG alone")


def _bank(images: list[Pixels], folder: Path) -> Iterator[Line | Curve]:
    settings = config()
    for count in COUNTS:
        names = [f"image{number}" for number in range(count)]
        write_pack(folder / str(count), images[:count], names, names)
    sizes = [(IMAGES, divisions) for divisions in DIVISIONS] + [(count, DIVISIONS[0]) for count in COUNTS[1:]]
    runs: dict[tuple[int, int], list[Finished]] = {}
    _synthesised(folder, settings, *sizes[-1])  # compiles modules
    for _ in range(BANK_ROUNDS):
        for count, divisions in sizes:
            runs.setdefault((count, math.prod(divisions)), []).append(_synthesised(folder, settings, count, divisions))
    whole = runs[IMAGES, math.prod(DIVISIONS[0])]
    how = f"{math.prod(DIVISIONS[0])} bins x {IMAGES} images through the stage, two threads, start of Python included"
    used = f"{how}; {np.median([run.processor for run in whole]):.3g} s of processor time"
    yield held("synthesis: whole bank", [run.seconds for run in whole], "<= 8 s", used)
    yield held("synthesis: memory of the whole bank", [run.peak for run in whole], "<= 1000 MB", f"{how}; peak")
    yield from _growth(runs, "images", 0)
    yield from _growth(runs, "bins", 1)


def _synthesised(folder: Path, settings: dict[str, Any], count: int, divisions: tuple[int, ...]) -> Finished:
    space = {name: {"count": number} for name, number in zip(PARAMETERS, divisions, strict=True)}
    text = spec(merge(settings, {"bins": space}), "synthesize", set="bins")
    options = ["--set", "bins", "--images", str(count), "--spec", text, "--code", "benchmark", "--threads", "2"]
    return stage("synthesize", folder, *options, "--output", "bins.npz")


def _growth(runs: dict[tuple[int, int], list[Finished]], what: str, axis: int) -> Iterator[Line | Curve]:
    """Seconds against images, or against bins, and how far they are from a straight line."""
    most = max(runs)[1 - axis]
    sizes = sorted(size for size in runs if size[1 - axis] == most)
    x = np.array([size[axis] for size in sizes], dtype=np.float64)
    y = np.array([min(run.seconds for run in runs[size]) for size in sizes])
    slope, start = np.polyfit(x, y, 1)
    line = start + slope * x
    panel, labels = f"synthesis of {most} {'bins' if axis == 0 else 'images'}", (what, "seconds")
    yield Curve(panel, "measured", x.tolist(), y.tolist(), *labels)
    yield Curve(panel, f"{start:.2g} s + {1e3 * slope:.3g} ms each", x.tolist(), line.tolist(), *labels, "measured")
    numbers = [", ".join(f"{value:.3g}" for value in values) for values in (y, x)]
    note = f"largest deviation; fastest of {BANK_ROUNDS}: {numbers[0]} s for {numbers[1]} {what}"
    deviation = 100 * np.abs(y / line - 1).max()
    yield held(f"synthesis: growth with {what}, off a straight line", deviation, "<= 10 %", note)
