"""SR images of one model for the test images of one target."""

import argparse
import json
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from degcraft.io import read_png, read_table, whole_folder
from degcraft.stages import enter

WRITERS = 4  # threads that compress PNG, which takes longer than a GPU needs for an image


def run(model: Path, test: Path, spec: dict[str, Any], output: Path) -> None:
    """Restore every LR image of the folder `test` into the folder `output`."""
    from degcraft import compute
    from degcraft.models import read_model
    from degcraft.restore import restore

    compute.start(spec["compute"])
    device = compute.device(spec["compute"])
    network, _ = read_model(model, device)
    writing: deque[Future[None]] = deque()
    with whole_folder(output) as folder, ThreadPoolExecutor(WRITERS) as writers:
        for name in read_table(test / "parameters.csv", "name", text=["name"])["name"]:
            sr = Image.fromarray(restore(network, read_png(test, name), device))
            writing.append(writers.submit(sr.save, folder / f"{name}.png", compress_level=3))
            if len(writing) > 2 * WRITERS:  # not more in memory than soon will be written
                writing.popleft().result()
        for image in writing:
            image.result()


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--test", type=Path, required=True, help="results/degraded/test/<target>")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of the SR images")
    given = parser.parse_args(argv)
    run(given.model, given.test, given.spec, given.output)


if __name__ == "__main__":
    enter(main)
