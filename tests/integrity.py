"""A small run, made by the stages' own functions: one set, its bins, their features."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from degcraft import fingerprint, records
from degcraft.config import merge
from degcraft.spec import spec
from degcraft.stages import features, prepare, synthesize

SMALL = {
    "bins": {axis: {"count": 2} for axis in ("blur", "noise", "quality")},
    "prepare": {"crop": 64, "bins": {"count": 4, "packaged": []}},
}


def config(default: dict[str, Any], **edits: Any) -> dict[str, Any]:
    return merge(merge(default, SMALL), edits)


def small_run(config: dict[str, Any]) -> list[str]:
    """Run three stages in the current folder, each as its job would."""
    made = ["results/images/bins/pixels.npy", "results/degraded/bins.npz", "results/features/dct/bins.npz"]
    jobs = [
        ("prepare", {"set": "bins"}, (), lambda *job: prepare.run("bins", [], *job, Path(made[0]).parent)),
        ("synthesize", {"set": "bins"}, (), lambda *job: synthesize.run_bins(Path(made[0]).parent, *job, Path(made[1]), 1)),
        ("features", {"extractor": "dct"}, ("extractors.dct",), lambda *job: features.run(Path(made[1]), None, *job, Path(made[2]))),
    ]  # fmt: skip
    for stage, wildcards, plugins, run in jobs:
        job = json.loads(spec(config, stage, **wildcards)), fingerprint.code(stage, *plugins)
        with records.job(stage, *job):
            run(*job)
    return made


def flip(path: Path, rng: np.random.Generator) -> None:
    """Flip one bit of a file, anywhere."""
    content = bytearray(path.read_bytes())
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
