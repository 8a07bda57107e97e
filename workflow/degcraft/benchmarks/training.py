"""Training: what data and degradation take of a step, and on a GPU the whole loop against the usual one."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, islice, starmap
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from degcraft import compute
from degcraft.backbones import build
from degcraft.batches import Maker, Pairs, Patches, Plans
from degcraft.benchmarks.measurement import Curve, Line, held, rounds, threads, unmeasured
from degcraft.bins import Mixture, grid
from degcraft.io import ImagePack, write_pack
from degcraft.leaves import dead_leaves
from degcraft.streams import stream
from degcraft.training import Recipe, Trainer

BINS = {"blur": {"range": [0, 5], "count": 5}, "noise": {"range": [0, 50], "count": 5}}
BINS["quality"] = {"range": [30, 90], "count": 3}
DEGRADATION = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}
RECIPE = Recipe(10**6, 16, 128, 2e-4, (0.9, 0.99), 1, 1e-7, 0.999, 1000)  # the paper's batch and patch
BACKBONES: dict[str, dict[str, Any]] = {
    "srresnet": {"kind": "srresnet", "width": 64, "blocks": 16},
    "rrdb": {"kind": "rrdb", "width": 64, "blocks": 23, "growth": 32},
}
STUDY = {"kind": "srresnet", "width": 24, "blocks": 4}
LOADERS = 8
SIDE_BY_SIDE = (1, 2, 4, 8)
BATCHES = (16, 32, 64, 128, 256)
TIMED = 100  # steps
NO_GPU = "no NVIDIA GPU on this machine"


@dataclass(frozen=True)
class Run:
    """One training: everything but what is measured.

    Attributes
    ----------
    images : ImagePack
        HR training images.
    recipe : Recipe
        Batch and patch.
    device : torch.device
        Where the network is.
    loaders : int
        Processes that prepare batches.
    """

    images: ImagePack
    recipe: Recipe
    device: torch.device
    loaders: int

    @property
    def patches(self) -> Patches:
        """What a training of the uniform draw sees."""
        return Patches(self.images, self.recipe.patch, Mixture.uniform(grid(BINS)), (0, 0))

    def loader(self, made: "Pairs | Plans") -> "Iterator[tuple[Any, ...]]":
        """Batches without end."""
        pinned = self.device.type == "cuda"
        loader = DataLoader(made, None, sampler=range(10**6), num_workers=self.loaders, pin_memory=pinned)
        return iter(loader)

    def ours(self, backbone: dict[str, Any], precision: str = "bf16", compiled: bool = True) -> Callable[[], object]:
        """One step as the stage train does it on a GPU."""
        plans = Plans(self.patches, range(self.recipe.batch), DEGRADATION, resident=True)
        source = starmap(self.maker(compiled), self.loader(plans))
        autocast = partial(compute.autocast, {"precision": precision}, self.device)
        trainer = Trainer(build(backbone), self.recipe, self.device, autocast, compiled)
        return lambda: trainer.advance(*next(source))

    def maker(self, compiled: bool) -> Maker:
        """What makes batches on the device."""
        return Maker(self.patches, DEGRADATION, self.device, True, compiled)

    def usual(self, backbone: dict[str, Any]) -> Callable[[], object]:
        """One step of the usual loop: degradation in loader processes, single precision, eager, a logged loss."""
        source = self.loader(Pairs(self.patches, range(self.recipe.batch), DEGRADATION))
        network = build(backbone).to(self.device)
        average = [weight.detach().clone() for weight in network.parameters()]
        optimiser = torch.optim.Adam(network.parameters(), lr=self.recipe.lr, betas=self.recipe.betas)

        def step() -> None:
            lr, hr = (images.to(self.device, non_blocking=True).float() / 255 for images in next(source))
            optimiser.zero_grad()
            loss = nn.functional.l1_loss(network(lr), hr)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            for kept, weight in zip(average, network.parameters(), strict=True):
                kept.mul_(self.recipe.ema).add_(weight.detach(), alpha=1 - self.recipe.ema)
            loss.item()

        return step

    def seconds(self, step: Callable[[], object], steps: int = TIMED) -> float:
        """Seconds per step, after a tenth as many to warm up."""
        for _ in range(max(2, steps // 10)):
            step()
        self.wait()
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        self.wait()
        return (time.perf_counter() - begin) / steps

    def wait(self) -> None:
        """Until the GPU has done what was asked of it."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def lines() -> Iterator[Line | Curve]:
    """All benchmarks of training."""
    with tempfile.TemporaryDirectory() as folder:
        images = [dead_leaves(stream(0, "benchmarks", number), 384, 384) for number in range(8)]
        names = [f"leaves{number}" for number in range(len(images))]
        write_pack(folder, images, names, names)
        pack = ImagePack(folder)
        yield from processor(pack)
        if torch.cuda.is_available():
            run = Run(pack, RECIPE, torch.device("cuda"), LOADERS)
            yield from gpu(run)
            yield from side_by_side(Path(folder))
        else:
            yield from absent()


def processor(images: ImagePack) -> Iterator[Line]:
    """Share of a step that data and degradation take on one core."""
    study = Recipe(**{**vars(RECIPE), "batch": 8, "patch": 64})
    for name, backbone, recipe, number in (("study", STUDY, study, 40), ("paper", BACKBONES["srresnet"], RECIPE, 5)):
        run = Run(images, recipe, torch.device("cpu"), 0)
        source = Pairs(run.patches, range(recipe.batch), DEGRADATION)
        trainer = Trainer(build(backbone), recipe, run.device, contextlib.nullcontext)
        data, steps = count(), count()

        def prepare(source: Pairs = source, numbers: Iterator[int] = data) -> None:
            source[next(numbers)]

        def step(source: Pairs = source, trainer: Trainer = trainer, numbers: Iterator[int] = steps) -> None:
            trainer.advance(*source[next(numbers)])

        with threads(1):
            times = rounds({"data": prepare, "step": step}, number)
        note = f"of a step of batch {recipe.batch}, patch {recipe.patch}, one core, no prefetching"
        title = f"training: data and degradation, SRResNet of the {name}"
        yield held(title, 100 * times.ratios("data", "step"), "<= 10 %", note)


def gpu(run: Run) -> Iterator[Line | Curve]:
    """Ours against the usual loop, what degradation takes, and what the network reaches of the GPU's peak."""
    card = torch.cuda.get_device_name(run.device)
    source, make = (
        run.loader(Plans(run.patches, range(run.recipe.batch), DEGRADATION, resident=True)),
        run.maker(compiled=True),
    )
    plan = next(source)
    degradation = run.seconds(lambda: make(*plan))
    peak = peak_flops(run)
    for name, backbone in BACKBONES.items():
        ways: dict[str, Callable[[], Callable[[], object]]] = {
            "bf16, compiled": partial(run.ours, backbone),
            "bf16": partial(run.ours, backbone, compiled=False),
            "fp32": partial(run.ours, backbone, "fp32", compiled=False),
        }
        usual = [run.seconds(run.usual(backbone)) for _ in range(3)]
        found = {way: [run.seconds(begin()) for _ in range(3)] for way, begin in ways.items()}
        best = min(found, key=lambda way: np.median(found[way]))
        ours, peer = float(np.median(found[best])), float(np.median(usual))
        others = ", ".join(f"{way} {1e3 * np.median(times):.2f} ms" for way, times in found.items())
        note = f"{card}; a step of batch {run.recipe.batch}, {best}; {others}; against {LOADERS} loaders, fp32, eager"
        yield Line(f"training: {name}, step", 1e3 * ours, 1e3 * peer, "ms", peer / ours, ">= 3 x", note)
        note = f"{card}; {1e3 * degradation:.2f} ms by itself of {1e3 * ours:.2f} ms"
        yield held(f"training: {name}, degradation", 100 * degradation / ours, "<= 5 %", note)
        reached = step_flops(run, backbone) / ours / 1e12
        note = f"{card}; of a matrix product in bf16; most time in {bounds(ways[best]())}"
        yield Line(f"training: {name}, TFLOP/s", reached, peak / 1e12, "TFLOP/s", peak / 1e12 / reached, "", note)
        rates = []
        for batch in BATCHES:
            larger = Run(run.images, Recipe(**{**vars(run.recipe), "batch": batch}), run.device, run.loaders)
            rates.append(batch / larger.seconds(larger.ours(backbone, compiled="compiled" in best), TIMED // 4))
        yield Curve("Training on the GPU", name, list(map(float, BATCHES)), rates, "batch", "images/s")


def side_by_side(folder: Path, backbone: str = "srresnet", steps: int = 4 * TIMED) -> Iterator[Line | Curve]:
    """Several trainings on one GPU, a process each: steps per second of them all."""
    rates = []
    for number in SIDE_BY_SIDE:
        command = [sys.executable, "-m", __name__, str(folder), backbone, str(steps)]
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
        rates.append(sum(steps / float(one.communicate()[0]) for one in started))
    best = int(np.argmax(rates))
    hourly = [3600 * rate / 200_000 for rate in rates]  # the paper preset's iterations
    told = ", ".join(f"{number}: {rate:.2f}" for number, rate in zip(SIDE_BY_SIDE, hourly, strict=True))
    note = f"models of 200,000 steps per hour, by processes on the card: {told}; snakemake --resources gpu=N"
    name = f"training: {backbone}, {SIDE_BY_SIDE[best]} side by side"
    yield Line(name, hourly[best], hourly[0], "models/h", rates[best] / rates[0], "", note)
    x = list(map(float, SIDE_BY_SIDE))
    yield Curve("Trainings side by side", backbone, x, hourly, "processes on the card", "models/h")


def absent() -> Iterator[Line]:
    """The lines of a GPU, where there is none."""
    for name in BACKBONES:
        yield unmeasured(f"training: {name}, step", "ms", ">= 3 x", NO_GPU)
        yield unmeasured(f"training: {name}, degradation", "%", "<= 5 %", NO_GPU)
        yield unmeasured(f"training: {name}, TFLOP/s", "TFLOP/s", "", NO_GPU)
    yield unmeasured("training: side by side", "models/h", "", NO_GPU)


def peak_flops(run: Run, side: int = 8192) -> float:
    """Operations per second of a product of matrices in bf16."""
    a, b = (torch.randn(side, side, dtype=torch.bfloat16, device=run.device) for _ in range(2))
    return 2 * side**3 / run.seconds(lambda: torch.mm(a, b), 30)


def step_flops(run: Run, backbone: dict[str, Any]) -> float:
    """Operations of the forward and backward pass of one batch."""
    lr = torch.zeros(run.recipe.batch, 3, run.recipe.patch // 4, run.recipe.patch // 4, device=run.device)
    network = build(backbone).to(run.device)
    with FlopCounterMode(display=False) as counter:
        network(lr).mean().backward()
    return float(counter.get_total_flops())


def bounds(step: Callable[[], object], steps: int = 10) -> str:
    """The three kernels that take most of the GPU's time."""
    for _ in range(steps):
        step()
    with profile(activities=[ProfilerActivity.CUDA]) as recorded:
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
    events = sorted(recorded.key_averages(), key=lambda event: -event.device_time_total)
    total = sum(event.device_time_total for event in events)
    return ", ".join(f"{event.key[:40]} {event.device_time_total / total:.0%}" for event in islice(events, 3))


def main(folder: str, backbone: str, steps: str) -> None:
    """One of several trainings side by side: prints its seconds."""
    run = Run(ImagePack(folder), RECIPE, compute.device({"device": "auto"}), 2)
    print(run.seconds(run.ours(BACKBONES[backbone], compiled=False), int(steps)) * int(steps))


if __name__ == "__main__":
    main(*sys.argv[1:])
