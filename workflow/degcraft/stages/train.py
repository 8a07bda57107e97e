"""One SR network, trained under one draw; continues from its checkpoint after any kill."""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from degcraft.degradations import SCALE
from degcraft.draws import drawn
from degcraft.io import ImagePack, write_json, write_table
from degcraft.stages import enter, say
from degcraft.streams import stream


def run(
    images: Path,
    weights: Path | None,
    spec: dict[str, Any],
    code: str,
    checkpoint_every: int,
    workers: int,
    output: Path,
) -> None:
    """Train one network and write ``model.safetensors``, ``model.json`` and ``loss.csv`` into `output`."""
    import torch
    from torch.utils.data import DataLoader

    from degcraft import compute
    from degcraft.backbones import build
    from degcraft.models import write_model
    from degcraft.resumption import resume, save
    from degcraft.training import Batches, Recipe, Trainer, fit

    compute.start(spec["compute"])
    device = compute.device(spec["compute"])
    recipe = Recipe.from_config(spec["train"])
    seeds = (spec["seed"], spec["training_seed"])
    draw = drawn(spec, weights)
    pack = ImagePack(images)
    batches = Batches(pack, draw, recipe, seeds, spec["degradation"])

    torch.manual_seed(int(stream(seeds[0], "initialise", seeds[1]).integers(2**62)))
    trainer = Trainer(build(spec["backbone"]), recipe, device, lambda: compute.autocast(spec["compute"], device))
    drawn_from = [value.tolist() for value in vars(draw).values() if isinstance(value, np.ndarray)]
    identity = json.dumps([spec, code, drawn_from, pack.contents], sort_keys=True)
    checkpoint = output / ".checkpoint" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.pt"
    resume(trainer, checkpoint, say)

    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(trainer.step, recipe.iterations),
        num_workers=0 if device.type == "cpu" else workers,
        pin_memory=device.type == "cuda",
    )
    fit(trainer, loader, checkpoint_every, lambda state: save(state, checkpoint), say)

    meta = {"backbone": spec["backbone"], "scale": SCALE, "channels": 3, "spec": spec, "code": code}
    meta["parameters"] = sum(weight.numel() for weight in trainer.network.parameters())
    write_table(output / "loss.csv", pd.DataFrame(trainer.losses, columns=["step", "loss", "lr"]))
    write_json(output / "model.json", meta)
    write_model(output / "model.safetensors", trainer.average, meta)
    checkpoint.unlink(missing_ok=True)


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True, help="results/images/train")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="bin weights of a crafted draw")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--checkpoint-every", type=int, required=True, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="loader processes when training on a GPU")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model")
    given = parser.parse_args(argv)
    weights = next(iter(given.weights), None)
    run(given.images, weights, given.spec, given.code, given.checkpoint_every, given.threads, given.output)


if __name__ == "__main__":
    enter(main)
