"""Flipped bits and cut files in every kind of result, against the functions that read them.

python -m tests.flips --count 200 --seed 0
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from PIL import Image

from degcraft import io, models, records, resumption
from degcraft.backbones import build
from degcraft.errors import DegcraftError

BACKBONE = {"kind": "srresnet", "width": 4, "blocks": 1}


class Kind(NamedTuple):
    """A kind of result: the file to damage, the path that the message must name, and what reads it."""

    file: Path
    named: Path
    read: Callable[[], Any]


class Resumed:
    """Stands for a training, of which only what `resumption.resume` asks is needed."""

    map_location = device = torch.device("cpu")
    step = 0

    def load(self, state: Any) -> None:
        self.step = state["step"]


def resume(checkpoint: Path) -> None:
    """Raise what `resume` reports of a checkpoint that it does not take."""
    told: list[str] = []
    if not resumption.resume(Resumed(), checkpoint, told.append):
        raise DegcraftError(" ".join(told) + f"; type: rm -r {checkpoint}, then run again")


def write(folder: Path) -> dict[str, Kind]:
    """Write a small result of every kind, as a stage does."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (24, 20, 3), np.uint8) for _ in range(3)]
    network = build(BACKBONE)
    with records.job("flips", {"seed": 0}, "0" * 16):
        io.write_arrays(folder / "a.npz", {}, x=rng.normal(size=(20, 7)), names=np.array(["blur", "noise"]))
        io.write_table(folder / "t.csv", pd.DataFrame({"bin": range(9), "weight": rng.random(9)}))
        io.write_json(folder / "m.json", {"parameters": 12, "psnr": 31.25})
        io.write_pack(folder / "pack", images, ["a", "b", "c"], ["a", "b", "c"])
        with io.whole_folder(folder / "sr") as inside:
            Image.fromarray(images[0]).save(inside / "a.png")
            io.write_table(inside / "parameters.csv", pd.DataFrame({"name": ["a"], "blur": [0.5]}))
        models.write_model(folder / "model.safetensors", network, {"backbone": BACKBONE})
        resumption.save({"step": 3, **network.state_dict()}, folder / ".checkpoint" / "0123.pt")
    cpu = torch.device("cpu")
    return {
        "array": Kind(folder / "a.npz", folder / "a.npz", lambda: io.read_arrays(folder / "a.npz", "x", "names")),
        "table": Kind(folder / "t.csv", folder / "t.csv", lambda: io.read_table(folder / "t.csv", "bin")),
        "description": Kind(folder / "m.json", folder / "m.json", lambda: io.read_json(folder / "m.json")),
        "pixels of a pack": Kind(
            folder / "pack/pixels.npy", folder / "pack/pixels.npy", lambda: io.ImagePack(folder / "pack")
        ),
        "index of a pack": Kind(
            folder / "pack/index.csv", folder / "pack/index.csv", lambda: io.ImagePack(folder / "pack")
        ),
        "image of a folder": Kind(folder / "sr/a.png", folder / "sr", lambda: io.read_png(folder / "sr", "a")),
        "table of a folder": Kind(
            folder / "sr/parameters.csv", folder / "sr", lambda: io.read_table(folder / "sr/parameters.csv", "name")
        ),
        "model": Kind(
            folder / "model.safetensors",
            folder / "model.safetensors",
            lambda: models.read_model(folder / "model.safetensors", cpu),
        ),
        "checkpoint": Kind(
            folder / ".checkpoint/0123.pt",
            folder / ".checkpoint/0123.pt",
            lambda: resume(folder / ".checkpoint/0123.pt"),
        ),
    }


def damage(content: bytes, rng: np.random.Generator) -> bytes:
    """`content` with one bit flipped, or, every fourth time, cut."""
    place = int(rng.integers(len(content)))
    if rng.integers(4) == 0:
        return content[:place]
    return content[:place] + bytes([content[place] ^ 1 << int(rng.integers(8))]) + content[place + 1 :]


def refused(kind: Kind) -> bool:
    """Whether reading refuses, by name, and says what to type."""
    try:
        kind.read()
    except DegcraftError as error:
        told = f"type: rm -r {kind.named}, then run again"
        return str(error).startswith(str(kind.named)) and str(error).endswith(told)
    return False


def campaign(folder: Path, count: int, seed: int) -> dict[str, int]:
    """Number of refusals among `count` damages of each kind; whole files are read in between."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, kind in write(folder).items():
        content, found[name] = kind.file.read_bytes(), 0
        for _ in range(count):
            kind.file.write_bytes(damage(content, rng))
            found[name] += refused(kind)
        kind.file.write_bytes(content)
        kind.read()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="damages of each kind of result")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = campaign(Path(folder), given.count, given.seed)
    for name, number in found.items():
        print(f"{name:20} {number} of {given.count} refused")
    print(f"seed {given.seed}: {sum(found.values())} of {given.count * len(found)} refused")
    sys.exit(any(number < given.count for number in found.values()))


if __name__ == "__main__":
    main()
