"""Training under the degradations of BSRNet and Real-ESRNet against SRResNet's own draw, uniform in the bins."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, starmap

import numpy as np
import torch
from torch.utils.data import DataLoader

from degcraft import compute
from degcraft.backbones import build
from degcraft.batches import Maker, Pairs, Patches, Plans
from degcraft.benchmarks.files import config
from degcraft.benchmarks.measurement import Line, rounds, threads
from degcraft.benchmarks.training import BACKBONES, LOADERS, RECIPE, STUDY, Run
from degcraft.draws import drawn
from degcraft.io import ImagePack, write_pack
from degcraft.leaves import dead_leaves
from degcraft.sections import BSRGAN, REALESRGAN
from degcraft.sections import drawn as section
from degcraft.streams import stream
from degcraft.training import Recipe, Trainer

DRAWS = ("uniform", REALESRGAN, BSRGAN)


def lines() -> Iterator[Line]:
    """Steps per second under each draw, over those under uniform."""
    with tempfile.TemporaryDirectory() as folder:
        images = [dead_leaves(stream(0, "benchmarks", number), 384, 384) for number in range(8)]
        names = [f"leaves{number}" for number in range(len(images))]
        write_pack(folder, images, names, names)
        pack = ImagePack(folder)
        study = Recipe(**{**vars(RECIPE), "batch": 8, "patch": 64})
        with threads(1):
            yield from compared(Run(pack, study, torch.device("cpu"), 0), STUDY, 40, "one core")
        if torch.cuda.is_available():
            run = Run(pack, RECIPE, torch.device("cuda"), LOADERS)
            yield from compared(run, BACKBONES["srresnet"], 100, torch.cuda.get_device_name(run.device))


def compared(run: Run, backbone: dict[str, object], number: int, where: str) -> Iterator[Line]:
    """Steps of one network under all draws, in turn."""
    times = rounds({draw: step(run, backbone, draw) for draw in DRAWS}, number)
    size = f"width {backbone['width']}, {backbone['blocks']} blocks, batch {run.recipe.batch}, patch {run.recipe.patch}"
    for draw in DRAWS[1:]:
        ours, own = (1 / times.median(name) for name in (draw, "uniform"))
        ratio = float(np.median(times.ratios("uniform", draw)))
        note = f"SRResNet, {size}, {where}; beside the draw uniform"
        yield Line(f"training: draw {draw}, {run.device.type}", ours, own, "steps/s", ratio, "", note)


def step(run: Run, backbone: dict[str, object], draw: str) -> Callable[[], object]:
    """One step under a draw as the stage train does it."""
    spec = section(config(), draw, "")
    patches = Patches(run.images, run.recipe.patch, drawn(spec, None), (0, 0))
    items, degradation = range(run.recipe.batch), spec["degradation"]
    if run.device.type == "cpu":
        pairs = Pairs(patches, items, degradation)
        trainer = Trainer(build(backbone), run.recipe, run.device, contextlib.nullcontext)
        return partial(_advance, trainer, (pairs[number] for number in count()))
    plans = Plans(patches, items, degradation, resident=True)
    loader = DataLoader(plans, None, sampler=range(10**6), num_workers=run.loaders, pin_memory=True)
    made = starmap(Maker(patches, degradation, run.device, True, False), loader)
    autocast = partial(compute.autocast, {"precision": "bf16"}, run.device)
    trainer = Trainer(build(backbone), run.recipe, run.device, autocast)
    return partial(_advance, trainer, made, run.wait)


def _advance(
    trainer: Trainer, source: Iterator[tuple[torch.Tensor, ...]], wait: Callable[[], None] | None = None
) -> None:
    trainer.advance(*next(source))
    if wait:
        wait()
