"""One SR network, trained under one draw; continues from its checkpoint after any kill."""

import argparse
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from degcraft.degradations import SCALE
from degcraft.draws import drawn
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack, write_json, write_table
from degcraft.stages import enter, say
from degcraft.streams import stream

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from degcraft.batches import Patches


def run(
    images: Path,
    weights: Path | None,
    initial: Path | None,
    spec: dict[str, Any],
    code: str,
    checkpoint_every: int,
    workers: int,
    output: Path,
) -> None:
    """Train one network and write ``model.safetensors``, ``model.json`` and ``loss.csv`` into `output`.

    With torchrun, every process trains on its share of each batch; the first one writes.
    """
    import torch

    from degcraft import compute
    from degcraft.backbones import build
    from degcraft.batches import Patches
    from degcraft.models import write_model
    from degcraft.resumption import resume, save
    from degcraft.training import Recipe, Trainer, fit

    compute.start(spec["compute"])
    rank, processes, device = compute.join(spec["compute"])
    report = say if rank == 0 else (lambda line: None)
    recipe = Recipe.from_config(spec["train"])
    seeds = (spec["seed"], spec["training_seed"])
    draw = drawn(spec, weights)
    patches = Patches(ImagePack(images), recipe.patch, draw, seeds, spec.get("sharpen", False))

    torch.manual_seed(int(stream(seeds[0], "initialise", seeds[1]).integers(2**62)))
    network = build(spec["backbone"]) if initial is None else continued(initial, spec["backbone"])
    autocast = partial(compute.autocast, spec["compute"], device)
    trainer = Trainer(network, recipe, device, autocast, spec["train"]["compile"])
    drawn_from = [value.tolist() for value in vars(draw).values() if isinstance(value, np.ndarray)]
    begun = hashlib.sha256(initial.read_bytes()).hexdigest() if initial else None
    identity = json.dumps([spec, code, drawn_from, begun, patches.images.contents], sort_keys=True)
    checkpoint = output / ".checkpoint" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.pt"
    resume(trainer, checkpoint, report)

    source = batches(patches, range(rank, recipe.batch, processes), spec, device, workers, trainer.step)
    keep = (lambda state: save(state, checkpoint)) if rank == 0 else (lambda state: None)
    fit(trainer, source, checkpoint_every, keep, report)
    if rank:
        return

    meta = {"backbone": spec["backbone"], "scale": SCALE, "channels": 3, "spec": spec, "code": code}
    meta["parameters"] = sum(weight.numel() for weight in trainer.network.parameters())
    write_table(output / "loss.csv", pd.DataFrame(trainer.losses, columns=["step", "loss", "lr"]))
    write_json(output / "model.json", meta)
    write_model(output / "model.safetensors", trainer.average, meta)
    checkpoint.unlink(missing_ok=True)


def continued(initial: Path, backbone: dict[str, Any]) -> "nn.Module":
    """The network of a trained model, to be trained on.

    Raises
    ------
    DegcraftError
        It is of another backbone.
    """
    import torch

    from degcraft.models import read_model

    network, meta = read_model(initial, torch.device("cpu"))
    if meta["backbone"] != backbone:
        raise DegcraftError(
            f"{initial}: backbone {meta['backbone']}, not {backbone}; a model of the same backbone is needed; "
            f"type: rm {initial}, then run again"
        )
    return network.train()


def batches(
    patches: "Patches", items: Sequence[int], spec: dict[str, Any], device: "torch.device", workers: int, first: int
) -> "Iterable[tuple[Tensor, ...]]":
    """Batches from step `first` on: degraded here, or on a GPU, from plans."""
    from torch.utils.data import Dataset

    from degcraft import compute
    from degcraft.batches import Maker, Pairs, Plans, loaded

    degradation, on_gpu = spec["degradation"], device.type == "cuda"
    resident = on_gpu and compute.fits(patches.images.pixels.nbytes, device)
    made: Dataset[Any] = Plans(patches, items, degradation, resident) if on_gpu else Pairs(patches, items, degradation)
    loader = loaded(made, first, spec["train"]["iterations"], device, workers)
    if not on_gpu:
        return loader
    return starmap(Maker(patches, degradation, device, resident, spec["train"]["compile"]), loader)


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="results/images/train")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="bin weights of a crafted draw")
    parser.add_argument("--initial", type=Path, nargs="*", default=[], help="model to train on instead of a fresh one")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--checkpoint-every", type=int, required=True, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="loader processes when training on a GPU")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    given = parser.parse_args(argv)
    weights, initial = (next(iter(paths), None) for paths in (given.weights, given.initial))
    run(given.images, weights, initial, given.spec, given.code, given.checkpoint_every, given.threads, given.output)

    from degcraft import compute

    compute.leave()  # after everything that holds on to the group of processes is gone


if __name__ == "__main__":
    enter(main)
