"""Memory of each stage, alone in a process, against the number of small images and against the size of one image."""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import alexnet

from degcraft import sizes
from degcraft.backbones import build
from degcraft.benchmarks.files import config
from degcraft.benchmarks.measurement import Curve, Line, held
from degcraft.benchmarks.processes import Finished, stage
from degcraft.config import merge
from degcraft.io import whole_folder, write_arrays, write_pack
from degcraft.leaves import dead_leaves
from degcraft.models import write_model
from degcraft.spec import spec
from degcraft.streams import stream

COUNTS = (10, 100, 1000, 10_000)
SIDE = 160  # of small HR images and of crops; LR images are 40 x 40
CONTENTS = 100  # clean images of a bank
MEGAPIXELS = (1, 5, 20)
CHANNELS = 512  # of features, as sizes.CHANNELS
EVALUATED = 1000  # images that are evaluated and restored at most: each takes long, and none is kept
PAPER = {"kind": "srresnet", "width": 64, "blocks": 1}  # the paper's, as far as memory goes: fewer blocks take as much
SMALL = {"kind": "srresnet", "width": 8, "blocks": 1}
SPACE = {"blur": [0.0, 4.0], "noise": [0.0, 40.0], "quality": [30, 90]}

Settings = dict[str, Any]
Pixels = NDArray[np.uint8]


class Case(NamedTuple):
    """One stage at one size.

    Attributes
    ----------
    panel, name : str
        Panel of the plot, and name of the curve in it.
    size : float
        Images, or megapixels.
    asked : int
        MB that the stage's rule asks for.
    measure : function
        Runs the stage.
    """

    panel: str
    name: str
    size: float
    asked: float
    measure: Callable[[], Finished]


def lines() -> Iterator[Line | Curve]:
    """A curve for each stage, and at its largest size what its rule asks for as the bar."""
    with TemporaryDirectory() as folder:
        found: dict[tuple[str, str], list[tuple[Case, Finished]]] = {}
        for case in itertools.chain(_counted(Path(folder)), _large(Path(folder))):
            run = case.measure()
            found.setdefault((case.panel, case.name), []).append((case, run))
            print(f"memory: {case.name}, {case.size:g}: {run.own:.0f} of {case.asked} MB", file=sys.stderr, flush=True)
    for (panel, name), runs in found.items():
        unit = "megapixels" if "size" in panel else "images"
        yield _line(name, unit, runs)
        at, peaks = [case.size for case, _ in runs], [run.own for _, run in runs]
        yield Curve(panel, name, at, peaks, unit, "MB")


def _line(name: str, unit: str, runs: list[tuple[Case, Finished]]) -> Line:
    case, run = runs[-1]
    told = ", ".join(f"{run.own:.0f}" for _, run in runs)
    at = ", ".join(f"{case.size:,g}" for case, _ in runs)
    note = f"largest memory of its own: {told} MB for {at} {unit}; with files that are mapped {run.peak:.0f} MB"
    return held(f"memory: {name}, {case.size:,g} {unit}", run.own, f"<= {case.asked} MB", note)


def _options(settings: Settings, name: str, output: str, **wildcards: str) -> list[str]:
    return ["--spec", spec(settings, name, **wildcards), "--code", "benchmark", "--output", output]


def _run(folder: Path, name: str, *options: str) -> Callable[[], Finished]:
    return lambda: stage(name, folder, *options, interval=0.01)


def _settings(count: int) -> Settings:
    """A config with so many images in every set, and about so many LR images in its bank."""
    contents = min(count, CONTENTS)
    axes = {10: (1, 1, 1), 100: (1, 1, 1), 1000: (10, 1, 1), 10_000: (10, 10, 1)}[count]
    sets = {name: {"images": [f"photos{count}"], "packaged": [], "dead_leaves": 0} for name in ("train", "references")}
    sets["references"]["count"] = count
    bins = {name: {"count": number} for name, number in zip(SPACE, axes, strict=True)}
    changes: Settings = {"prepare": {**sets, "crop": SIDE, "bins": {"count": contents}}, "bins": bins}
    changes["train"] = {"iterations": 2, "patch": 64, "batch": 4}
    changes["evaluate"] = {"metrics": ["psnr_y", "ssim_y"]}
    photos = {"images": [f"photos{count}"], "packaged": [], "count": 9, "window": SIDE}
    changes["applications"] = {"photos": {**photos, "references": {"count": 100, "min": 2}}}
    changes["extractors"] = {"vgg22": {"weights": "random", "seed": 0}}
    return merge(config(), changes)


def _photographs(folder: Path) -> None:
    """Small photographs, all different, in a folder for each count."""
    scene = dead_leaves(stream(0, "benchmarks", "memory"), 1000, 1000)
    for count in COUNTS:
        with whole_folder(folder / f"photos{count}") as place:
            for number in range(count):
                top, left = 7 * (number // 100), 8 * (number % 100)
                _save(place / f"{number:05d}.png", scene[top : top + SIDE, left : left + SIDE])


def _save(path: Path, pixels: Pixels) -> None:
    Image.fromarray(pixels).save(path, compress_level=1)


def _counted(folder: Path) -> Iterator[Case]:
    """Each stage against the number of images; a stage reads what those before it wrote."""
    _photographs(folder)
    write_model(folder / "small.safetensors", build(SMALL), {"backbone": SMALL})
    for count in COUNTS:
        settings = _settings(count)
        yield from _images_cases(folder, settings, count)
        yield from _bank_cases(folder, settings, count)
        yield from _model_cases(folder, settings, count)


def _images_cases(folder: Path, settings: Settings, count: int) -> Iterator[Case]:
    panel, data = "images, by their number", ["--data", "."]
    train = [*data, *_options(settings, "prepare", f"train{count}", set="train")]
    asked = sizes.prepare_memory(settings, "train")
    yield Case(panel, "prepare train", count, asked, _run(folder, "prepare", "--set", "train", *train))
    crops = [*data, *_options(settings, "prepare", f"crops{count}", set="references")]
    asked = sizes.prepare_memory(settings, "references")
    yield Case(panel, "prepare references", count, asked, _run(folder, "prepare", "--set", "references", *crops))
    options = _options(settings, "synthesize", f"references{count}.npz", set="references", target="setting1")
    contents = ["--target", "setting1", "--images", f"crops{count}"]
    asked = sizes.references_memory(settings)
    yield Case(
        panel,
        "synthesize references",
        count,
        asked,
        _run(folder, "synthesize", "--set", "references", *contents, *options),
    )
    options = _options(settings, "synthesize", f"test{count}", set="test", target="setting1")
    asked = sizes.test_memory(settings)
    yield Case(panel, "synthesize test", count, asked, _run(folder, "synthesize", "--set", "test", *contents, *options))
    options = ["--data", ".", "--spec", spec(settings, "applications", application="photos"), "--code", "benchmark"]
    for part in ("references", "test", "truth", "material"):
        options += [
            f"--{part}",
            f"application{count}/{part}.npz" if part == "references" else f"application{count}/{part}",
        ]
    yield Case(panel, "applications", count, sizes.DECODED, _run(folder, "applications", *options))


def _bank_cases(folder: Path, settings: Settings, count: int) -> Iterator[Case]:
    panel, bank = "the bank, by its LR images", sizes.bank(settings)
    contents = min(count, CONTENTS)
    options = ["--set", "bins", "--images", f"crops{contents}", "--threads", "2"]
    options += _options(settings, "synthesize", f"bins{count}.npz", set="bins")
    yield Case(panel, "synthesize", bank, sizes.bank_memory(settings, bank), _run(folder, "synthesize", *options))
    for name, extractor in (("features, dct", "dct"), ("features, VGG", "vgg22")):
        options = ["--input", f"bins{count}.npz", *_options(settings, "features", "features.npz", extractor=extractor)]
        yield Case(panel, name, bank, sizes.features_memory(settings, bank), _run(folder, "features", *options))
    asked = sizes.weighting_memory(settings, bank)
    rng = stream(0, "benchmarks", "memory", "features")
    features = rng.standard_normal((bank // contents, contents, CHANNELS)).astype(np.float32)
    write_arrays(folder / "bank.npz", {}, features=features)
    write_arrays(folder / "target.npz", {}, features=features[0])
    options = ["--bins", "bank.npz", "--references", "target.npz", *_options(settings, "distances", "distances.csv")]
    yield Case(panel, "distances", bank, asked, _run(folder, "distances", *options))
    if contents == CONTENTS:
        options = ["--bank", f"bins{count}.npz", "--features", "bank.npz"]
        options += _options(settings, "posterior", "posterior.npz", bank="bins")
        yield Case(panel, "posterior", bank, sizes.NETWORKS + asked, _run(folder, "posterior", *options))


def _model_cases(folder: Path, settings: Settings, count: int) -> Iterator[Case]:
    panel = "models, by the number of images"
    options = ["--images", f"train{count}", "--checkpoint-every", "100"]
    options += _options(settings, "train", "model", backbone="srresnet", target="any", draw="uniform", seed="0")
    network, recipe = settings["backbones"]["srresnet"], settings["train"]
    asked = sizes.training_memory(network, recipe["batch"], recipe["patch"], False, 0)
    yield Case(panel, "train", count, asked, _run(folder, "train", *options))
    if count > EVALUATED:
        return
    options = [
        "--model",
        "small.safetensors",
        "--test",
        f"test{count}",
        *_options(settings, "restore", f"restored{count}"),
    ]
    yield Case(panel, "restore", count, sizes.restoring_memory(SMALL), _run(folder, "restore", *options))
    wildcards = {"backbone": "srresnet", "target": "setting1", "draw": "uniform", "seed": "0"}
    options = ["--restored", f"restored{count}", "--truth", f"crops{count}/pixels.npy"]
    options += _options(settings, "evaluate", "metrics.csv", **wildcards)
    yield Case(panel, "evaluate", count, sizes.evaluation_memory(settings, None), _run(folder, "evaluate", *options))


def _large(folder: Path) -> Iterator[Case]:
    """Each stage that reads whole images against the size of one."""
    scene = dead_leaves(stream(0, "benchmarks", "memory", "large"), 800, 1200)
    write_model(folder / "paper.safetensors", build(PAPER), {"backbone": PAPER})
    backbone = {name: value.contiguous() for name, value in alexnet(weights=None).state_dict().items()}
    save_file(backbone, folder / "alexnet.safetensors")
    for megapixels in MEGAPIXELS:
        height = round((megapixels * 1e6 / 1.5) ** 0.5 / 16) * 16
        width = height * 3 // 2
        repeats = (-(-height // 800), -(-width // 1200), 1)
        image = np.tile(scene, repeats)[:height, :width]
        with whole_folder(folder / f"photos-{megapixels}") as place:
            _save(place / "photo.png", image)
        yield from _large_cases(folder, f"photos-{megapixels}", image)


def _large_cases(folder: Path, photos: str, image: Pixels) -> Iterator[Case]:
    panel, test = "one image, by its size", "one test image, by its HR size"
    size = round(image.shape[0] * image.shape[1] / 1e6, 2)
    entry = {"images": [photos], "packaged": [], "dead_leaves": 0}
    changes: Settings = {"prepare": {"train": entry, "references": {**entry, "count": 8}}}
    changes["prepare"]["test"] = {"images": [str(folder / photos)]}  # what rules look at to ask for memory
    references = {"count": 20, "min": 2}
    application = {"images": [photos], "packaged": [], "references": references, "count": 1, "window": 128}
    changes["applications"] = {"photos": application}
    settings = merge(config(), changes)
    for name in ("train", "references"):
        options = ["--set", name, "--data", ".", *_options(settings, "prepare", f"{photos}-{name}", set=name)]
        asked = sizes.prepare_memory(settings, name)
        yield Case(panel, f"prepare {name}", size, asked, _run(folder, "prepare", *options))
    options = ["--data", ".", "--spec", spec(settings, "applications", application="photos"), "--code", "benchmark"]
    for part in ("references", "test", "truth", "material"):
        options += [f"--{part}", f"{photos}-{part}.npz" if part == "references" else f"{photos}-{part}"]
    yield Case(panel, "applications", size, sizes.DECODED, _run(folder, "applications", *options))
    options = ["--data", ".", "--model", "small.safetensors"]
    options += _options(settings, "restore", f"{photos}-enlarged", application="photos")
    yield Case(panel, "restore an application's", size, 6000, _run(folder, "restore", *options))
    write_pack(folder / f"{photos}-pack", [image], ["image"], ["image"])
    options = ["--set", "test", "--target", "setting1", "--images", f"{photos}-pack"]
    options += _options(settings, "synthesize", f"{photos}-lr", set="test", target="setting1")
    asked = sizes.test_memory(settings)
    yield Case(test, "synthesize test", size, asked, _run(folder, "synthesize", *options))
    options = ["--model", "paper.safetensors", "--test", f"{photos}-lr", *_options(settings, "restore", f"{photos}-sr")]
    yield Case(test, "restore test", size, sizes.restoring_memory(PAPER), _run(folder, "restore", *options))
    wildcards = {"backbone": "srresnet", "target": "setting1", "draw": "uniform", "seed": "0"}
    options = ["--restored", f"{photos}-sr", "--truth", f"{photos}-pack/pixels.npy", "--weights", "alexnet.safetensors"]
    options += _options(settings, "evaluate", "metrics.csv", **wildcards)
    yield Case(test, "evaluate", size, sizes.evaluation_memory(settings, None), _run(folder, "evaluate", *options))
