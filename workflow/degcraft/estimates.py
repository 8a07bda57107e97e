"""What an application's report needs that is not there yet, and the time and disk that it takes, about."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from degcraft.degradations import SCALE
from degcraft.spec import initial_draw
from degcraft.targets import model

Config = dict[str, Any]

JOBS = 60  # seconds on a core: starts of processes, preparing images, fitting the posterior of the default
EDGES = 1.4  # what overlapping tiles and the writing of files add to the network's own time
# Of one SR pixel, RGB: measured on restored films and photographs, which are smoother than photographs are.
BYTES = {".png": 0.8, ".tif": 0.8, ".tiff": 0.8, ".webp": 0.5, ".bmp": 3.0, ".jpg": 0.2, ".jpeg": 0.2}
FRAME_BYTES = 0.2  # of a video
PREPARED = 1e8  # bytes of training images and everything small, of the default


@dataclass(frozen=True)
class Work:
    """What a run does.

    Attributes
    ----------
    steps : list of int
        Optimiser steps of each model that is not trained yet.
    synthetic : int
        Images of the bank that have no features yet.
    megapixels : float
        LR pixels to restore, in millions.
    """

    steps: list[int]
    synthetic: int
    megapixels: float


def needed(config: Config, application: str, pixels: float, there: Callable[[str], bool]) -> Work:
    """Work of an application's report.

    Parameters
    ----------
    config : dict
        A valid config that has the application.
    application : str
        Its name.
    pixels : float
        LR pixels of all images.
    there : callable
        Whether a path below ``results/`` exists.
    """
    report, train = config["report"], config["train"]
    draws = [report["draw"], *report["beside"]]
    draws += [first for draw in draws if (first := initial_draw(config, draw))]
    steps = []
    for draw in dict.fromkeys(draws):
        share = train["continued"] if initial_draw(config, draw) else 1
        folder = model(report["backbone"], application, draw, train["seeds"][0])
        if not there(f"results/models/{folder}/model.safetensors"):
            steps.append(math.ceil(train["iterations"] * share))
    return Work(steps, _synthetic(config, there), pixels / 1e6)


def _synthetic(config: Config, there: Callable[[str], bool]) -> int:
    extractor = extractor_of(config)
    if extractor is None or there(f"results/features/{extractor}/bins.npz"):
        return 0
    return math.prod(axis["count"] for axis in config["bins"].values()) * config["prepare"]["bins"]["count"]


def extractor_of(config: Config) -> str | None:
    """Extractor behind the draw of the report, None where that is of a whole model."""
    extractor, dot, _ = config["report"]["draw"].partition(".")
    return extractor if dot else None


def seconds(
    work: Work, step: float, megapixel: float, synthetic: float, side_by_side: int
) -> tuple[float, float, float]:
    """Seconds of estimating, training and restoring.

    Parameters
    ----------
    work : Work
    step, megapixel, synthetic : float
        Seconds of one optimiser step, of restoring a million LR pixels, of one image of the bank.
    side_by_side : int
        Trainings at the same time, >= 1.

    Examples
    --------
    >>> seconds(Work([500, 500, 500], 1000, 2.0), 0.1, 4, 0.01, 2)
    (70.0, 100.0, 11.2)
    """
    lanes = [0.0] * side_by_side
    for steps in sorted(work.steps, reverse=True):
        lanes[lanes.index(min(lanes))] += steps * step
    return JOBS + work.synthetic * synthetic, max(lanes), work.megapixels * megapixel * EDGES


def disk(pixels: Mapping[str, float], work: Work, side: int) -> float:
    """Bytes of the restored files and of everything behind them.

    Parameters
    ----------
    pixels : dict of str to float
        LR pixels of all files, by suffix in lower case.
    work : Work
        Its images are kept, 3 bytes a pixel.
    side : int
        Of the images of the bank, LR pixels.

    Examples
    --------
    >>> disk({".png": 1e6, ".mp4": 1e6}, Work([], 100, 2.0), 100)
    119000000.0
    """
    restored = sum(count * SCALE**2 * BYTES.get(suffix, FRAME_BYTES) for suffix, count in pixels.items())
    return restored + 3 * work.synthetic * side**2 + PREPARED
