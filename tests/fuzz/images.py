"""Mutated image files through the prepare stage: `python -m tests.fuzz.images --count 20000 --seed 1`."""

import shutil
from pathlib import Path

import numpy as np

from degcraft.errors import DegcraftError
from degcraft.io import ImagePack
from degcraft.stages import prepare
from degcraft.streams import stream
from tests.fuzz.campaigns import Case, Limits, main
from tests.fuzz.mutations import mutant
from tests.fuzz.pictures import bombs, pictures

# Memory: what the stage asks the engine for. libtiff names what is wrong with a strip itself, for the job's log.
LIMITS = Limits(seconds=20, memory=2_000_000_000, remarks=r"[\w.]+: .*|Apparently should be .*")
_SPEC = {"seed": 0, "prepare": {"train": {"packaged": [], "dead_leaves": 0}}}


def case_of(seed: int) -> Case:
    """The bombs, then whole files, then mutants."""
    prepare.say = lambda line: None  # progress belongs on stderr, which must stay empty here
    fixed, seeds = [*bombs().values(), *pictures()], pictures()

    def case(number: int, folder: Path) -> None:
        rng = stream(seed, "fuzz", "images", number)
        prepared(fixed[number] if number < len(fixed) else mutant(seeds, rng), folder)

    return case


def prepared(content: bytes, folder: Path) -> None:
    """Put one file through the stage; what comes out must be a pack of one RGB image, or nothing."""
    file, output = folder / "image.png", folder / "pack"
    shutil.rmtree(output, ignore_errors=True)
    file.write_bytes(content)
    try:
        prepare.run("train", [str(file)], _SPEC, "code", output)
    except DegcraftError:
        if output.exists() and list(output.iterdir()):
            raise AssertionError("a refused image left something behind") from None
        raise
    pack = ImagePack(output)
    if len(pack) != 1 or pack[0].dtype != np.uint8 or pack[0].ndim != 3 or pack[0].shape[2] != 3:
        raise AssertionError(f"a pack of {len(pack)} images, the first {pack[0].shape}")


if __name__ == "__main__":
    main("images", case_of, LIMITS)
