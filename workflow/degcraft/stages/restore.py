"""SR images of one model: of the test images of one target, or of an application's own files, whole."""

import argparse
import json
import shutil
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from degcraft import records
from degcraft.io import read_png, read_table, unwritable, whole_folder
from degcraft.stages import enter

# LR pixels that are restored as a whole, on each side: more than DIV2K's test images have, and 5 GB for the paper's
# SRResNet. Larger images are restored tile by tile, which differs by at most one grey level (see Restorer).
TILE = 512
WRITERS = 4  # threads that compress PNG, which takes longer than a GPU needs for an image


def run(model: Path, test: Path, spec: dict[str, Any], output: Path) -> None:
    """Restore every LR image of the folder `test` into the folder `output`."""
    from degcraft import compute
    from degcraft.models import read_model
    from degcraft.restore import Restorer

    compute.start(spec["compute"])
    device = compute.device(spec["compute"])
    restorer = Restorer(read_model(model, device)[0], device, TILE)
    writing: deque[Future[None]] = deque()
    with whole_folder(output) as folder, ThreadPoolExecutor(WRITERS) as writers:
        for name in read_table(test / "parameters.csv", "name", text=["name"])["name"]:
            sr = Image.fromarray(restorer.pixels(read_png(test, name)))
            writing.append(writers.submit(sr.save, folder / f"{name}.png", compress_level=3))
            if len(writing) > 2 * WRITERS:  # not more in memory than soon will be written
                writing.popleft().result()
        for image in writing:
            image.result()


def run_application(model: Path, data: str, spec: dict[str, Any], output: Path) -> None:
    """Restore an application's images and videos into the folder `output`.

    What is done lies in the folder ``.restoring`` beside `output` until everything is: the
    workflow engine removes a job's output before it starts the job, and this folder lets a
    killed or failed job continue.

    Raises
    ------
    DegcraftError
        Files that cannot be restored, told after the others are.
    """
    from degcraft import compute
    from degcraft.images import packaged
    from degcraft.inputs import SUFFIXES, VIDEO_SUFFIXES, listed_files
    from degcraft.restore import Restorer
    from degcraft.restoring import RECORDS, named, restore_all

    compute.start(spec["compute"])
    application = spec["application"]
    kinds = SUFFIXES + VIDEO_SUFFIXES
    files = [Path(file) for file in listed_files({"data": data}, application["images"], kinds)]
    records.used_together("images of the application", files)
    files += map(packaged, application["packaged"])
    work = output.parent / ".restoring"
    restorer = Restorer.read(model, spec["compute"]["device"])
    restore_all(restorer, files, work, reduce=application["reduce"])
    try:
        for other in {path.name for path in work.iterdir()} - set(named(files)) - {RECORDS}:
            (work / other).unlink()  # of an image that the application no longer has
        shutil.rmtree(work / RECORDS)
        records.keep_folder(work)
        shutil.rmtree(output, ignore_errors=True)
        work.replace(output)
    except OSError as error:
        raise unwritable(output, error) from error


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder of the SR images")
    inputs = parser.add_mutually_exclusive_group(required=True)
    inputs.add_argument("--test", type=Path, help="results/degraded/test/<target>")
    inputs.add_argument("--data", help="for an application: folder that relative paths in the spec start from")
    given = parser.parse_args(argv)
    if given.test:
        run(given.model, given.test, given.spec, given.output)
    else:
        run_application(given.model, given.data, given.spec, given.output)


if __name__ == "__main__":
    enter(main)
