"""The network of one extractor, trained here; continues from its checkpoint after any kill."""

import argparse
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from degcraft import records
from degcraft.classes import Listing, decoded, list_textures
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack, write_json, write_pack, write_table
from degcraft.stages import enter, say
from degcraft.streams import stream


def run(
    images: Path | None,
    textures: Path | None,
    spec: dict[str, Any],
    code: str,
    checkpoint_every: int,
    workers: int,
    output: Path,
) -> None:
    """Train one extractor and write ``model.safetensors``, ``model.json`` and ``loss.csv`` into `output`.

    Parameters
    ----------
    images : path or None
        Pack of HR training images, for kinds that learn from them.
    textures : path or None
        Folder of textures, for an entry that names one; `degcraft.classes.list_textures` says which layouts.
    spec : dict
        ``extractor`` (the entry), ``pretrain`` (the options of its kind), ``log_every``, ``compute`` and ``seed``.
    code : str
        Fingerprint of the code.
    checkpoint_every : int
        Steps between checkpoints; they change no result.
    workers : int
        Loader processes when training on a GPU.
    output : path
        Folder of the three files.

    Raises
    ------
    DegcraftError
        The images cannot be used or do not fit the options, or the training diverged.
    """
    import torch

    from degcraft import compute
    from degcraft.batches import loaded
    from degcraft.models import write_model
    from degcraft.pretraining import build
    from degcraft.resumption import resume, save
    from degcraft.training import fit

    compute.start(spec["compute"])
    device = compute.device(spec["compute"])
    kind = spec["extractor"]["kind"]
    with source(images, textures, spec, output / ".textures") as (pack, listing):
        torch.manual_seed(int(stream(spec["seed"], "initialise", "pretrain", kind).integers(2**62)))
        task = build(pack, listing, spec, device, lambda: compute.autocast(spec["compute"], device))
        split = [listing.classes, listing.labels, listing.held_out] if listing else []
        identity = json.dumps([spec, code, pack.contents, split], sort_keys=True)
        checkpoint = output / ".checkpoint" / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.pt"
        resume(task, checkpoint, say)
        if task.step == 0:
            task.begin()
        loader = loaded(task.batches, task.step, task.recipe.iterations, device, workers)
        fit(task, loader, checkpoint_every, lambda state: save(state, checkpoint), say)
        network, reached = task.extractor(), task.summary()

    meta = {"spec": spec, "code": code, "parameters": sum(weight.numel() for weight in network.parameters()), **reached}
    say(", ".join(f"{name} {value:.4g}" for name, value in reached.items() if isinstance(value, float)))
    write_table(output / "loss.csv", pd.DataFrame(task.losses, columns=["step", "loss", "lr"]))
    write_json(output / "model.json", meta)
    # The input is the one that the kind takes by default, so the file does not state it.
    write_model(output / "model.safetensors", network, meta)
    checkpoint.unlink(missing_ok=True)


@contextmanager
def source(
    images: Path | None, textures: Path | None, spec: dict[str, Any], scratch: Path
) -> Iterator[tuple[ImagePack, Listing | None]]:
    """Textures, decoded once into a pack that lasts as long as the training; or the training images."""
    kind = spec["extractor"]["kind"]
    if textures is None:
        if images is None:
            raise DegcraftError(f"pretrain: no images for kind {kind}; give --textures FOLDER or --images FOLDER")
        yield ImagePack(images), None
        return
    listing = list_textures(textures, spec["seed"])
    records.used_together("textures", listing.files)
    try:
        sources = [file.relative_to(textures).as_posix() for file in listing.files]
        names = [f"{number:06d}" for number in range(len(sources))]
        write_pack(scratch, decoded(listing, spec["pretrain"]["patch"]), names, sources)
        say(f"{len(names)} textures of {len(listing.classes)} classes")
        yield ImagePack(scratch), listing
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--images", nargs="*", default=[], help="files of results/images/train, for kinds that learn from it"
    )
    parser.add_argument("--textures", nargs="?", help="folder of textures, for entries that name one")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--checkpoint-every", type=int, required=True, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="loader processes when training on a GPU")
    parser.add_argument("--output", type=Path, required=True, help="folder of the trained extractor")
    given = parser.parse_args(argv)
    images = Path(given.images[0]).parent if given.images else None
    textures = Path(given.textures) if given.textures else None
    run(images, textures, given.spec, given.code, given.checkpoint_every, given.threads, given.output)


if __name__ == "__main__":
    enter(main)
