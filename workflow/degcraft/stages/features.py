"""Features of degraded images under one extractor: of all bins, or of one target's references."""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.errors import DegcraftError
from degcraft.extractors import Extractor, build, extract
from degcraft.io import damaged, read_arrays, write_arrays
from degcraft.stages import enter, say


def run(images: Path, weights: Path | None, spec: dict[str, Any], code: str, output: Path) -> None:
    """Extract features of images (n, h, w, 3), or (bins, n, h, w, 3), into ``features`` of the same leading shape."""
    (stack,) = read_arrays(images, "images")
    if stack.dtype != np.uint8 or stack.ndim not in (4, 5) or stack.shape[-1] != 3:
        raise damaged(images, f"images are {stack.dtype} of shape {stack.shape}, not uint8 (..., height, width, 3)")
    extractor = made(spec, weights)
    sets = stack if stack.ndim == 5 else stack[None]
    options, features = spec["features"], []
    begin = time.monotonic()
    for number, members in enumerate(sets, start=1):
        features.append(extract(extractor, members, options["batch"], options["pooling"]))
        refuse_nonfinite(features[-1], images, number - 1)
        if number % 10 == 0 or number == len(sets):
            rate = number * len(members) / (time.monotonic() - begin)
            say(f"{number * len(members)} of {len(sets) * len(members)} images, {rate:.0f} images/s")
    result = np.stack(features) if stack.ndim == 5 else features[0]
    write_arrays(output, {"spec": spec, "code": code}, features=result)


def made(spec: dict[str, Any], weights: Path | None) -> Extractor:
    """Extractor of the spec; only kinds with a network, whose spec has ``compute``, import torch."""
    if "compute" not in spec:
        return build(spec["extractor"], None, None)
    from degcraft import compute
    from degcraft.checkpoints import load_weights

    compute.start(spec["compute"])
    contents = load_weights(weights) if weights else None
    return build(spec["extractor"], contents, compute.device(spec["compute"]))


def refuse_nonfinite(features: NDArray[np.float32], images: Path, number: int) -> None:
    """Stop if a feature is NaN or infinite."""
    wrong = int((~np.isfinite(features)).any(axis=1).sum())
    if wrong:
        raise DegcraftError(
            f"{images}: {wrong} of {len(features)} feature vectors of set {number} are not finite; finite ones are "
            "needed (weights of another network, or damaged ones); check the extractor's weights in config.yaml"
        )


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--input", type=Path, required=True, help="images of the bins or of a target's references, .npz"
    )
    parser.add_argument("--weights", nargs="*", default=[], help="weight file, for extractors that have one")
    parser.add_argument("--spec", type=json.loads, required=True, help="extractor, features and, for networks, compute")
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="features, .npz")
    given = parser.parse_args(argv)
    weights = next((Path(name) for name in given.weights if name), None)
    run(given.input, weights, given.spec, given.code, given.output)


if __name__ == "__main__":
    enter(main)
