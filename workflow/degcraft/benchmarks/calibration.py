"""How fast this machine is for one config, in a second or two: what `degcraft new` expects a run to take."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from degcraft import compute, extractors
from degcraft.backbones import build
from degcraft.degradations import SCALE, degrade
from degcraft.errors import DegcraftError
from degcraft.streams import stream
from degcraft.training import Recipe, Trainer

# A CPU step that would take longer is not tried at full size: a smaller one is, and its time scaled by the pixels.
LONGEST = 0.7
MEASURED = 1.0  # seconds of steps
DATA = 1.1  # cutting and degrading take up to a tenth of a step on a CPU, see docs/performance.md
TILE = {"cpu": 64, "mps": 192, "cuda": 256}  # LR pixels


@dataclass(frozen=True)
class Pace:
    """Seconds on this machine.

    Attributes
    ----------
    device : str
        cpu, cuda or mps.
    step : float
        One optimiser step of the config's training.
    megapixel : float
        Restoring a million LR pixels.
    synthetic : float
        Making one image of the bank, and its features, on one core.
    """

    device: str
    step: float
    megapixel: float
    synthetic: float


def measure(config: dict[str, Any], backbone: str, extractor: str | None) -> Pace:
    """Time a backbone and an extractor of a config.

    Parameters
    ----------
    config : dict
        A valid config.
    backbone, extractor : str
        Names of entries; no extractor where the draw needs none.

    Raises
    ------
    DegcraftError
        ``compute.device`` is absent, or the training does not fit its memory.
    """
    compute.start(config["compute"])
    device = compute.device(config["compute"])
    torch.manual_seed(0)
    try:
        step = _step(config, backbone, device) * (DATA if device.type == "cpu" else 1) / config["train"]["gpus"]
        megapixel = _megapixel(config["backbones"][backbone], device)
    except torch.OutOfMemoryError as error:
        found = str(error).split(". ")[0]
        raise DegcraftError(
            f"train.batch: {config['train']['batch']} patches of {config['train']['patch']} pixels with {backbone} "
            f"do not fit the GPU ({found}); free its memory, or lower train.batch"
        ) from error
    return Pace(device.type, step, megapixel, _synthetic(config, extractor, device))


def _step(config: dict[str, Any], backbone: str, device: torch.device) -> float:
    recipe = Recipe.from_config(config["train"])
    autocast = partial(compute.autocast, config["compute"], device)
    trainer = Trainer(build(config["backbones"][backbone]), recipe, device, autocast)

    def step(batch: int, side: int) -> None:
        pixels = torch.from_numpy(_images(batch, side)).permute(0, 3, 1, 2)
        trainer.advance(pixels[..., ::SCALE, ::SCALE], pixels)

    if device.type == "cpu":
        small = min(recipe.patch, 48)
        step(1, small)  # the first one sets things up
        scaled = _seconds(lambda: step(1, small), device) * recipe.batch * (recipe.patch / small) ** 2
        if scaled > LONGEST:
            return scaled
    for _ in range(1 if device.type == "cpu" else 5):
        step(recipe.batch, recipe.patch)
    return _repeated(lambda: step(recipe.batch, recipe.patch), device)


def _megapixel(options: dict[str, Any], device: torch.device) -> float:
    network, side = build(options).to(device, memory_format=torch.channels_last).eval(), TILE[device.type]  # type: ignore[call-overload]
    tile = torch.rand(1, 3, side, side, device=device)

    @torch.inference_mode()
    def restored() -> None:
        network(tile)

    restored()
    return _repeated(restored, device, MEASURED / 4) / side**2 * 1e6


def _synthetic(config: dict[str, Any], extractor: str | None, device: torch.device) -> float:
    """Seconds of degrading one crop in the middle of the space and of its features."""
    (crop,) = _images(1, config["prepare"]["crop"])
    middle = tuple(sum(config["bins"][name]["range"]) / 2 for name in ("blur", "noise", "quality"))
    features = None
    if extractor is not None:
        # Weights change nothing about the time, and their files may not be there yet.
        options = {**config["extractors"][extractor], "weights": "random", "seed": 0}
        features = extractors.build(options, None, device)

    def made() -> None:
        lr = degrade(crop, middle, stream(0, "calibration", "noise"), config["degradation"])
        if features is not None:
            features(lr[None])

    made()
    return _repeated(made, device, MEASURED / 4)


def _repeated(task: Callable[[], None], device: torch.device, seconds: float = MEASURED) -> float:
    """Least seconds of a task that is repeated for a while: what else the machine does only adds to it."""
    fastest, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end or fastest == math.inf:
        fastest = min(fastest, _seconds(task, device))
    return fastest


def _seconds(task: Callable[[], None], device: torch.device) -> float:
    begun = time.perf_counter()
    task()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter() - begun


def _images(count: int, side: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Noise of the right size; shape (count, side, side, 3)."""
    return stream(0, "calibration", count, side).integers(256, size=(count, side, side, 3), dtype=np.uint8)
