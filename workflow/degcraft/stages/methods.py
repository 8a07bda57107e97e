"""Compared methods: trained in phases, or taken from published weights, or learnt from each test image."""

import argparse
import hashlib
import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

from degcraft import records
from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.io import (
    ImagePack,
    read_arrays,
    read_json,
    read_png,
    read_table,
    whole_file,
    whole_folder,
    write_json,
    write_table,
)
from degcraft.published import sha256
from degcraft.stages import enter, say
from degcraft.streams import stream

if TYPE_CHECKING:
    from torch import Tensor

Measurements = list[tuple[str, int, str, float]]
LOSS = ["phase", "step", "loss", "lr"]


def run(
    images: Path,
    references: Path | None,
    perceptual: Path | None,
    spec: dict[str, Any],
    code: str,
    checkpoint_every: int,
    workers: int,
    output: Path,
) -> None:
    """Train one method through all its phases, each from its checkpoint if there is one.

    Parameters
    ----------
    images : path
        Pack of HR training images.
    references : path or None
        Archive of the target's LR references, for methods that learn from them.
    perceptual : path or None
        Weights of the extractor of the perceptual loss, if it has a file.
    spec : dict
        ``method`` (the entry), ``perceptual`` (the extractor's entry, if any), ``log_every``, ``compute``, ``seed``
        and ``training_seed``.
    code : str
        Fingerprint of the code.
    checkpoint_every : int
        Steps between checkpoints; they change no result.
    workers : int
        Loader processes when training on a GPU.
    output : path
        Folder of ``model.safetensors``, ``model.json``, ``loss.csv`` and ``diagnostics``.

    Raises
    ------
    DegcraftError
        The images or references do not fit the options, or a training diverged; its last good state is kept.
    """
    import torch

    from degcraft import compute
    from degcraft.batches import loaded
    from degcraft.checkpoints import load_weights
    from degcraft.methods.learning import Material, learning
    from degcraft.models import write_model
    from degcraft.resumption import resume, save
    from degcraft.training import fit

    compute.start(spec["compute"])
    device = compute.device(spec["compute"])
    pack = ImagePack(images)
    crops = read_arrays(references, "images")[0] if references else None
    weights = load_weights(perceptual) if perceptual else None
    seeds = (spec["seed"], spec["training_seed"])
    material = Material(
        pack,
        crops,
        (spec["perceptual"], weights) if "perceptual" in spec else None,
        seeds,
        spec["log_every"],
        device,
        partial(compute.autocast, spec["compute"], device),
    )
    read = [
        hashlib.sha256(crops.tobytes()).hexdigest() if crops is not None else None,
        perceptual and sha256(perceptual),
    ]
    identity = _identity(spec, code, pack.contents, read)
    torch.manual_seed(int(stream(seeds[0], "initialise", "methods", seeds[1]).integers(2**62)))
    method, losses, measured = learning(spec["method"], material), [], Measurements()
    for number, phase in enumerate(method.phases(), start=1):
        name = f"{phase.name} {number}/{len(spec['method']['phases'])}"
        checkpoint = output / ".checkpoint" / f"{identity}-{phase.name}.pt"
        trainer = phase.trainer
        resume(trainer, checkpoint, partial(_tell, name))
        loader = loaded(phase.batches, trainer.step, trainer.recipe.iterations, device, workers)
        fit(trainer, loader, checkpoint_every, partial(save, checkpoint=checkpoint), partial(_tell, name))
        save(trainer.state(), checkpoint)
        losses += [(phase.name, *line) for line in trainer.losses]
        measured += [(phase.name, *line) for line in trainer.measurements]
    network = method.restorer()
    meta = {"method": spec["method"], "scale": SCALE, "channels": 3, "spec": spec, "code": code}
    meta["parameters"] = sum(weight.numel() for weight in network.parameters())
    write_table(output / "loss.csv", pd.DataFrame(losses, columns=LOSS))
    _diagnose(output / "diagnostics", measured, method.kernels())
    write_json(output / "model.json", meta)
    write_model(output / "model.safetensors", network, meta)
    shutil.rmtree(output / ".checkpoint")


def run_published(checkpoint: Path, spec: dict[str, Any], code: str, output: Path) -> None:
    """Take a network from published weights.

    Parameters
    ----------
    checkpoint : path
        Weights of any network that spandrel knows, or a model of degcraft's own.
    spec : dict
        ``network``: the kind that the entry names, or None.
    code : str
        Fingerprint of the code.
    output : path
        Folder of ``model.safetensors`` and ``model.json``.

    Raises
    ------
    DegcraftError
        Not such weights, or of another network, scale or number of channels than is needed.
    """
    from degcraft.architectures import adopted
    from degcraft.checkpoints import load_weights
    from degcraft.models import write_weights

    weights = load_weights(checkpoint)
    meta = {**adopted(weights, spec["network"]), "sha256": sha256(checkpoint), "code": code}
    meta["parameters"] = sum(tensor.numel() for tensor in weights.tensors.values())
    write_json(output / "model.json", meta)
    write_weights(output / "model.safetensors", weights.tensors, meta)
    say(f"{checkpoint.name}: {meta['parameters']} numbers, {meta.get('architecture', 'a model of degcraft')}")


def run_images(test: Path, spec: dict[str, Any], code: str, output: Path, diagnostics: Path) -> None:
    """Learn from every test image on its own, and restore it; images that are done are kept after a kill.

    Parameters
    ----------
    test : path
        Folder of the LR test images.
    spec : dict
        ``method`` (the entry), ``log_every``, ``compute``, ``seed`` and ``training_seed``.
    code : str
        Fingerprint of the code.
    output, diagnostics : path
        Folder of the SR images, and of what was measured meanwhile.

    Raises
    ------
    DegcraftError
        An image is too small for the method.
    """
    from importlib import import_module

    import torch

    from degcraft import compute
    from degcraft.training import Pace

    compute.start(spec["compute"])
    device = compute.device(spec["compute"])
    learnt_from = import_module(f"degcraft.methods.{spec['method']['kind']}.learning").restored
    parameters = read_table(test / "parameters.csv", "name", text=["name"])
    names = parameters["name"].tolist()[: spec["method"]["images"]]
    seeds = (spec["seed"], spec["training_seed"])
    pixels = {name: read_png(test, name) for name in names}
    contents = [hashlib.sha256(image.tobytes()).hexdigest() for image in pixels.values()]
    done = output.parent / f".{output.name}-{_identity(spec, code, contents)}"
    kept = {name: [done / f"{name}.{kind}" for kind in ("png", "npy", "json")] for name in names}
    missing = [name for name in names if not all(map(records.intact, kept[name]))]
    pace = Pace(len(names), 1, len(names) - len(missing))
    for number, name in enumerate(missing, start=len(names) - len(missing) + 1):
        image = pixels[name]
        try:
            learnt = learnt_from(image, spec["method"], seeds, name, spec["log_every"], device)
        except DegcraftError as error:
            raise DegcraftError(f"{test / name}.png: {error}") from error
        with whole_file(done / f"{name}.png") as file:
            Image.fromarray(learnt.restored).save(file)
        with whole_file(done / f"{name}.npy") as file:
            np.save(file, learnt.kernel.cpu().numpy())
        write_json(done / f"{name}.json", {"measurements": learnt.measurements})
        say(pace.line(number, f"{name}: done"))
    with whole_folder(output) as folder:
        for name in names:
            shutil.copy(done / f"{name}.png", folder)
    kernels = torch.stack([torch.from_numpy(np.load(done / f"{name}.npy")) for name in names])
    lines = [
        (f"{name} {phase}", step, measured, value)
        for name in names
        for phase, step, measured, value in read_json(done / f"{name}.json")["measurements"]
    ]
    _diagnose(diagnostics, lines, kernels)
    for started in output.parent.glob(f".{output.name}-*"):  # those of older definitions, too
        shutil.rmtree(started)


def _diagnose(output: Path, measured: Measurements, kernels: "Tensor | None") -> None:
    """Write what was measured during a training, and the kernels that were learnt as a picture."""
    from degcraft.methods.kernels import sheet

    with whole_folder(output) as folder:
        table = pd.DataFrame(measured, columns=["phase", "step", "name", "value"])
        write_table(folder / "measurements.csv", table)
        if kernels is not None:
            Image.fromarray(sheet(kernels.detach().cpu().numpy())).save(folder / "kernels.png")


def _tell(phase: str, line: str) -> None:
    """Write one line about a phase to the job's log."""
    say(f"{phase}: {line}")


def _identity(*parts: Any) -> str:
    """Name of what is defined by `parts`, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="results/images/train, for methods that are trained")
    parser.add_argument("--references", type=Path, nargs="*", default=[], help="references of the target")
    parser.add_argument("--perceptual", type=Path, nargs="*", default=[], help="weights for the perceptual loss")
    parser.add_argument("--published", type=Path, help="weights to be taken as they are")
    parser.add_argument("--test", type=Path, help="LR test images, for methods that learn from each of them")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--checkpoint-every", type=int, default=1000, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=1, help="loader processes when training on a GPU")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model, or of the SR images")
    parser.add_argument("--diagnostics", type=Path, help="folder of what is measured, with --test")
    given = parser.parse_args(argv)
    if given.published:
        run_published(given.published, given.spec, given.code, given.output)
    elif given.test:
        run_images(given.test, given.spec, given.code, given.output, given.diagnostics)
    else:
        references, perceptual = (next(iter(paths), None) for paths in (given.references, given.perceptual))
        options = (given.code, given.checkpoint_every, given.threads, given.output)
        run(given.images, references, perceptual, given.spec, *options)


if __name__ == "__main__":
    enter(main)
