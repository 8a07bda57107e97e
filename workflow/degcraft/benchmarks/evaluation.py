"""Evaluation: metrics of a pair of images against scikit-image, and what restoring takes besides the network."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.models import alexnet

from degcraft.backbones import build
from degcraft.benchmarks.files import config
from degcraft.benchmarks.measurement import Line, held, rounds, threads, unmeasured
from degcraft.benchmarks.peers import scikit_image
from degcraft.benchmarks.processes import stage
from degcraft.checkpoints import Weights
from degcraft.io import write_table
from degcraft.leaves import dead_leaves
from degcraft.metrics import fidelity
from degcraft.models import read_model, write_model
from degcraft.perceptual import build_lpips, lpips_distance
from degcraft.spec import spec
from degcraft.streams import stream

HEIGHT, WIDTH = 340, 510  # of LR test images; DIV2K's are as large
FEW, MANY = 1, 5
PAIR = (321, 481)  # the pair that is measured, as in BSD100
ROUNDS, RESTORE_ROUNDS = 9, 3
PAPER = {"kind": "srresnet", "width": 64, "blocks": 16}

Pixels = NDArray[np.uint8]


def lines() -> Iterator[Line]:
    """Metrics, then restoring on the CPU and on a GPU."""
    with threads(1):
        yield from _metrics()
    study = config("study")["backbones"]["srresnet"]
    yield _restoring("evaluation: restoring on the CPU", study, "cpu", MANY, "the study's SRResNet")
    name = "evaluation: restoring on a GPU"
    if torch.cuda.is_available():
        yield _restoring(name, PAPER, "cuda", 100, f"the paper's SRResNet, {torch.cuda.get_device_name()}")
    else:
        yield unmeasured(name, "%", ">= 90 %", "no GPU")


def pair() -> tuple[Pixels, Pixels]:
    """A dead-leaves image with noise, and without."""
    truth = dead_leaves(stream(0, "benchmarks", "pair"), *PAIR)
    noise = stream(0, "benchmarks", "pair", "noise").normal(0, 8, truth.shape)
    return np.clip(np.rint(truth + noise), 0, 255).astype(np.uint8), truth


def _metrics() -> Iterator[Line]:
    restored, truth = pair()
    border = config()["evaluate"]["crop"]
    functions = {
        "ours": lambda: fidelity(restored, truth, border),
        "scikit-image": lambda: scikit_image(restored, truth, border),
    }
    times = rounds(functions, ROUNDS)
    how = f"one pair of {PAIR[0]} x {PAIR[1]}, one core"
    note = f"{how}; peer: scikit-image's functions, equal to 1e-9"
    yield times.speedup("evaluation: PSNR and SSIM, luma and RGB", "scikit-image", ">= 1 x", "ms", note)
    network = lpips_network()
    tensors = [torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1 for image in (restored, truth)]

    def bare() -> None:
        with torch.inference_mode():
            network(*tensors)

    times = rounds({"ours": lambda: lpips_distance(network, restored, truth), "network": bare}, ROUNDS)
    yield times.excess(
        "evaluation: LPIPS", "network", "<= 1.1 x", "ms", f"{how}; limit: the network on floats in memory"
    )


def lpips_network() -> torch.nn.Module:
    """LPIPS on AlexNet with random weights: no file is needed, and the time is the same."""
    return build_lpips("alex", Weights(dict(alexnet(weights=None).state_dict()), {}, Path("random")))


def _restoring(name: str, backbone: dict[str, Any], device: str, many: int, told: str) -> Line:
    """Share of the network's forward pass in the time that an image more takes in the stage."""
    settings = config()
    settings["compute"]["device"] = device
    text = spec(settings, "restore")
    with TemporaryDirectory() as folder:
        place = Path(folder)
        torch.manual_seed(0)
        write_model(place / "model.safetensors", build(backbone), {"backbone": backbone})
        for count in (FEW, many):
            write_test_set(place / str(count), count)
        network, _ = read_model(place / "model.safetensors", torch.device(device))

        def restored(count: int) -> float:
            options = ["--model", "model.safetensors", "--test", str(count), "--spec", text, "--code", "benchmark"]
            return stage("restore", place, *options, "--output", f"sr{count}").seconds

        restored(FEW)  # compiles modules
        shares = []
        for _ in range(RESTORE_ROUNDS):
            each = (restored(many) - restored(FEW)) / (many - FEW)
            shares.append(100 * forward_seconds(network, torch.device(device), settings["compute"]["threads"]) / each)
    note = (
        f"{told}, images of {WIDTH} x {HEIGHT}, {settings['compute']['threads']} thread for the network; what an image "
        "more takes in the stage, files included, against the forward pass alone"
    )
    return held(name, shares, ">= 90 %", note)


def write_test_set(folder: Path, count: int) -> None:
    """LR images as the stage synthesize leaves them."""
    scene = dead_leaves(stream(0, "benchmarks", "restore"), HEIGHT, WIDTH)
    names = [f"image{number}" for number in range(count)]
    write_table(folder / "parameters.csv", pd.DataFrame({"name": names}))
    for number, name in enumerate(names):
        Image.fromarray(np.roll(scene, 8 * number, axis=1)).save(folder / f"{name}.png")


def forward_seconds(network: torch.nn.Module, device: torch.device, count: int) -> float:
    """Seconds of a forward pass on one LR image in the layout that restoring uses, with `count` threads."""
    image = torch.rand(1, 3, HEIGHT, WIDTH).to(device, memory_format=torch.channels_last)

    def forward() -> None:
        with torch.inference_mode():
            network(image)
        if device.type == "cuda":
            torch.cuda.synchronize()

    with threads(count):
        return rounds({"forward": forward}, 3).median("forward")
