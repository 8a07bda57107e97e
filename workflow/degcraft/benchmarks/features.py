"""Features: each extractor with a network against its bare forward pass, the others against what they cannot avoid."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from degcraft.benchmarks.files import config
from degcraft.benchmarks.measurement import Curve, Line, Times, rounds, threads
from degcraft.extractors import build, extract, traces
from degcraft.extractors.convolutional import Maps
from degcraft.extractors.dct import block_coefficients
from degcraft.leaves import dead_leaves
from degcraft.streams import stream

IMAGES, SIDE = 50, 72
BATCHES = (5, 10, 25, 50)
ROUNDS = 5
NETWORKS = {
    "alexnet": {"kind": "alexnet", "weights": "random", "seed": 0},
    "vgg22": {"kind": "vgg", "layer": [2, 2], "weights": "random", "seed": 0},
    "dasr": {"kind": "dasr", "weights": "random", "seed": 0},
}
LAYOUTS = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}


def lines() -> Iterator[Line | Curve]:
    """One line for each extractor, and a curve of seconds against the batch for those with a network."""
    images = lr_images()
    pooling = config()["features"]["pooling"]
    with threads(1):
        for name, options in NETWORKS.items():
            extractor = build(options, None, torch.device("cpu"))
            yield from _network(name, extractor, images, pooling)  # type: ignore[arg-type]
        yield from _statistics(images)


def lr_images() -> NDArray[np.uint8]:
    """Crops of one dead-leaves image, shape (50, 72, 72, 3)."""
    scene = dead_leaves(stream(0, "benchmarks", "features"), 5 * SIDE, 10 * SIDE)
    return np.stack(
        [
            scene[top : top + SIDE, left : left + SIDE]
            for top in range(0, 5 * SIDE, SIDE)
            for left in range(0, 10 * SIDE, SIDE)
        ]
    )


def _network(name: str, extractor: Maps, images: NDArray[np.uint8], pooling: str) -> Iterator[Line | Curve]:
    inputs = extractor.convention.apply(torch.from_numpy(images))
    functions: dict[str, Callable[[], object]] = {}
    for batch in BATCHES:
        functions[f"ours {batch}"] = partial(extract, extractor, images, batch, pooling)
        for layout, memory in LAYOUTS.items():
            functions[f"{layout} {batch}"] = partial(
                forward, extractor.network, inputs.contiguous(memory_format=memory), batch
            )
    times = rounds(functions, ROUNDS, len(images))
    best = {kind: min(BATCHES, key=lambda batch: times.median(f"{kind} {batch}")) for kind in ("ours", *LAYOUTS)}
    layout = min(LAYOUTS, key=lambda kind: times.median(f"{kind} {best[kind]}"))
    table = ", ".join(f"{1e3 * times.median(f'ours {batch}'):.3g} ms at {batch}" for batch in BATCHES)
    note = (
        f"per image of {SIDE} x {SIDE}, one core; bare forward pass on floats in memory, its best: {layout}, batch "
        f"{best[layout]}; ours at batch {best['ours']} ({table})"
    )
    yield times.excess(
        f"features: {name}", f"{layout} {best[layout]}", "<= 1.3 x", "ms", note, ours=f"ours {best['ours']}"
    )
    yield from _curves(name, times, layout)


def forward(network: nn.Module, inputs: Tensor, batch: int) -> None:
    """The network alone, batch by batch."""
    with torch.inference_mode():
        for start in range(0, len(inputs), batch):
            network(inputs[start : start + batch])


def _curves(name: str, times: Times, layout: str) -> Iterator[Curve]:
    panel, labels, batches = (
        "features, and networks alone",
        ("images per batch", "ms per image"),
        list(map(float, BATCHES)),
    )
    ours, bare = ([1e3 * times.median(f"{kind} {batch}") for batch in BATCHES] for kind in ("ours", layout))
    yield Curve(panel, name, batches, ours, *labels)
    yield Curve(panel, f"{name} alone", batches, bare, *labels, name)


def _statistics(images: NDArray[np.uint8]) -> Iterator[Line]:
    """The extractors without a network."""
    blocks = np.abs(block_coefficients(images))
    luma = block_coefficients(images.mean(axis=-1, keepdims=True, dtype=np.float32))
    off = luma[np.abs(luma) > 1].astype(np.float32) % 1
    floors: dict[str, tuple[str, Callable[[], object]]] = {
        "dct": ("one logarithm for each coefficient", lambda: np.log(blocks + 0.5)),
        "traces": (
            "one exponential and one logarithm for each coefficient and quality",
            lambda: [np.log(np.exp(off) + 1) for _ in traces.QUALITIES],
        ),
    }
    for name, (told, floor) in floors.items():
        extractor = build({"kind": name}, None, None)
        times = rounds({"ours": partial(extract, extractor, images, IMAGES, "average"), "floor": floor}, ROUNDS, IMAGES)
        yield times.excess(f"features: {name}", "floor", "", "ms", f"per image, one core; floor: {told}")
