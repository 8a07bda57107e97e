"""A trained model for other programs: weights that know what they are, an ONNX graph, and a card."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from degcraft.errors import DegcraftError
from degcraft.io import read_table, whole_file, whole_folder, write_json
from degcraft.published import sha256
from degcraft.stages import enter, say


def run(model: Path, metrics: Path | None, spec: dict[str, Any], output: Path) -> None:
    """Write ``model.safetensors``, ``model.onnx`` and ``model.json`` into the folder `output`.

    Parameters
    ----------
    model : path
        ``model.safetensors`` of a training.
    metrics : path or None
        Table of the stage evaluate; None where there is no truth.
    spec : dict
        ``backbone``, ``target``, ``draw``, ``seed`` and ``initial`` (draw of the model that it was trained on from).
    output : path
        Folder.

    Raises
    ------
    DegcraftError
        The model is damaged, or of a compared method.
    """
    import torch

    from degcraft.exporting import card, description, graph
    from degcraft.models import read_model, write_model

    network, trained = read_model(model, torch.device("cpu"))
    try:
        meta = description(trained, read_table(metrics, "name", text=["name"]) if metrics else None)
    except DegcraftError as error:
        raise DegcraftError(f"{model}: {error}") from error
    with whole_folder(output) as folder:
        write_model(folder / "model.safetensors", network, meta)
        with whole_file(folder / "model.onnx") as file:
            file.write_bytes(graph(network))
        written = {path.suffix[1:]: (path.stat().st_size, sha256(path)) for path in sorted(folder.glob("model.*"))}
        write_json(folder / "model.json", card(meta, spec, written))
    say(f"{meta['architecture']}: {written['safetensors'][0]} bytes of weights, {written['onnx'][0]} bytes of ONNX")


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.safetensors of a training")
    parser.add_argument("--metrics", type=Path, nargs="*", default=[], help="its metrics, if there is truth")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of the three files")
    given = parser.parse_args(argv)
    run(given.model, next(iter(given.metrics), None), given.spec, given.output)


if __name__ == "__main__":
    enter(main)
