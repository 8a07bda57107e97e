"""What a cluster is asked for: memory and minutes of jobs, estimated from the config.

Estimates err on the large side: memory is what was measured and a third more, speeds are those of old machines. A job
that runs out of either is sent again with more, and a training goes on from its checkpoint.
"""

import contextlib
import functools
import math
import warnings
from pathlib import Path
from typing import Any

from degcraft import inputs

Config = dict[str, Any]

PLAIN, NETWORKS = 1000, 2000  # MB with NumPy and pandas, and with PyTorch; in a Slurm job, 400 of them are the engine
LOADER = 500  # MB of a process that makes batches for a GPU
CHANNELS = 512  # of features, at most
POSITIONS = 16  # features of positions are at most so many numbers per channel and number of the image
# Operations per second of one CPU thread and of a GPU; the study's SRResNet reached 7 times the former.
THREAD, GPU = 2e10, 5e12
SHORTEST, LONGEST = 30, 7 * 24 * 60  # minutes
SCALE = 4
CROPPED = ("references", "bins", "stability")  # sets that are crops, whatever the images
RESTORED = 560  # side of what a network restores at a time, LR pixels: the tile of the stage restore, and a margin
PACKAGED = 2.5  # megapixels, no packaged photograph has more
DECODED = 2000  # MB to decode an image of 100 megapixels, the largest that is read


def images(config: Config, name: str) -> int:
    """How many images set `name` has, at most; without their files, what is there counts."""
    options = config["prepare"][name]
    found = len(inputs.image_files(config, name)) + len(options["packaged"]) + options.get("dead_leaves", 0)
    return options.get("count") or found


def largest(config: Config, name: str) -> float:
    """Megapixels of the largest image of set `name`, as far as headers can be read; at least that of packaged ones."""
    files = sorted(inputs.image_files(config, name), key=lambda file: Path(file).stem)
    return _largest(tuple(files[: config["prepare"][name].get("count")]))


@functools.cache
def _largest(files: tuple[str, ...]) -> float:
    from PIL import Image

    found = PACKAGED
    for file in files:
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                found = max(found, image.width * image.height / 1e6)
    return found


def bank(config: Config) -> int:
    """How many LR images there are in the bins."""
    return images(config, "bins") * math.prod(axis["count"] for axis in config["bins"].values())


def pixels(config: Config, lr: int, hr: int = 0) -> float:
    """Megabytes of so many LR and HR crops."""
    side = config["prepare"]["crop"]
    return 3 * side**2 * (lr / SCALE**2 + hr) / 1e6


def features(config: Config, number: int) -> float:
    """Megabytes of the features of so many LR images."""
    maps = pixels(config, number) * POSITIONS * 4 if config["features"]["pooling"] == "positions" else 0
    return max(maps, number * CHANNELS * 4 / 1e6)


def prepare_memory(config: Config, name: str) -> int:
    """Megabytes of a job that prepares set `name`: one image of 100 megapixels, and all crops where it cuts some."""
    crops = pixels(config, 0, images(config, name)) if name in CROPPED else 0
    return round(DECODED + 1.5 * crops)


def bank_memory(config: Config, number: int) -> int:
    """Megabytes of a job that makes a bank: twice the bank and its clean images, and a quarter more."""
    return round(PLAIN + 2.5 * (pixels(config, number) + pixels(config, 0, images(config, "bins"))))


def features_memory(config: Config, number: int) -> int:
    """Megabytes of a job that reads all images of a bank and writes their features."""
    return round(1.5 * NETWORKS + 1.5 * pixels(config, number) + 3 * features(config, number))


def weighting_memory(config: Config, number: int) -> int:
    """Megabytes of a job that reads the features of a bank, as double precision."""
    return round(PLAIN + 3 * features(config, number))


def references_memory(config: Config) -> int:
    """Megabytes of a job that makes or reads the LR images of a target, from their clean contents."""
    number = max(images(config, name) for name in CROPPED)
    return round(PLAIN + 2.5 * pixels(config, number, number))


def test_memory(config: Config) -> int:
    """Megabytes of a job that degrades the test images, one after the other."""
    return round(PLAIN + 120 * largest(config, "test"))


def evaluation_memory(config: Config, application: str | None) -> int:
    """Megabytes of a job that measures SR images, whose originals are test images or an application's windows."""
    window = config["applications"][application]["window"] if application else 0
    size = (SCALE * window) ** 2 / 1e6 if application else largest(config, "test")
    return round(NETWORKS + 380 * size)


def restoring_memory(network: Config) -> int:
    """Megabytes of a job that restores test images, whole or in tiles with their margins."""
    return round(NETWORKS + 16 * network["width"] * (SCALE * RESTORED) ** 2 / 1e6)


def multiplications(network: Config) -> float:
    """Of a forward pass, per LR pixel; what is no convolution of feature maps hardly counts."""
    width, growth = network["width"], network.get("growth")
    dense = 8 * width * growth + 6 * growth**2 + width**2 if growth else 0
    block = 3 * dense if growth else 2 * width**2
    return 9 * (block * _blocks(network) + 37 * width**2)  # first, last and those that enlarge


def activations(network: Config) -> float:
    """Numbers that a training step keeps per LR pixel until the way back."""
    width, growth = network["width"], network.get("growth")
    block = 30 * (width + growth) if growth else 7 * width
    return block * _blocks(network) + 150 * width


def _blocks(network: Config) -> int:
    return int(network["blocks"] * network.get("groups", 1))


def training_memory(network: Config, batch: int, patch: int, gpu: bool, loaders: int) -> int:
    """Megabytes of a training; on a GPU its activations lie there, and loaders take memory here."""
    kept = 0 if gpu else 4 * activations(network) * batch * (patch / SCALE) ** 2 / 1e6
    return round(NETWORKS + 1.3 * kept + (loaders * LOADER if gpu else 0))


def training_minutes(network: Config, steps: float, batch: int, patch: int, gpu: int, threads: int) -> int:
    """Minutes of so many steps, of one network, on so many GPUs, or on threads where there are none."""
    # Twice a multiplication for the sum, thrice the forward pass for the way back.
    operations = 6 * multiplications(network) * steps * batch * (patch / SCALE) ** 2
    return minutes(operations / (gpu * GPU or threads * THREAD) / 60)


def restoring_minutes(network: Config, number: int, gpu: int, threads: int) -> int:
    """Minutes of so many test images, each of 2,040 x 1,360 HR pixels."""
    operations = 2 * multiplications(network) * number * 2040 * 1360 / SCALE**2
    return minutes(operations / (gpu * GPU or threads * THREAD) / 60 + number / 20)


def minutes(expected: float) -> int:
    """A time to ask for: whole minutes within limits."""
    return math.ceil(min(max(expected, SHORTEST), LONGEST))
