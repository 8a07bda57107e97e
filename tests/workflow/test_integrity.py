"""A small run against its records: whole as it is, told where it was damaged, and mended by the told command."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from degcraft import records
from tests.faults.runs import CONFIG, MODEL, TARGET
from tests.integrity import flip
from tests.workflow.engine import ENVIRONMENT, ROOT, TINY, jobs, snakemake

DAMAGED = [
    "results/images/train/pixels.npy",
    "results/images/train/.index.csv.record",
    "results/features/dct/bins.npz",
    "results/degraded/test/setting1/astronaut.png",
    f"results/models/{MODEL}/model.safetensors",
    f"results/models/{MODEL}/loss.csv",
    f"results/restored/{MODEL}/.record",
]


def verify(workdir, *arguments):
    """The command on a run; its exit code and lines."""
    done = subprocess.run(
        [sys.executable, "-m", "degcraft", "verify", "--results", str(workdir / "results"), *arguments],
        cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run of one model."""
    workdir = tmp_path_factory.mktemp("small")
    done = snakemake(workdir, "--cores", "2", TARGET, config=CONFIG)
    assert done.returncode == 0, done.stdout[-3000:]
    return workdir


def everything(workdir):
    found = [path for path in (workdir / "results").rglob("*") if path.is_file()]
    aside = [path for path in found if path.relative_to(workdir).parts[1] in records.ASIDE]
    return {path.relative_to(workdir).as_posix(): path.read_bytes() for path in set(found) - set(aside)}


def test_every_result_of_a_run_is_whole_and_none_is_made_again(small):
    code, lines = verify(small, "--configfile", str(CONFIG))
    found = len(list(records.results(small / "results")))
    assert (code, lines) == (0, [f"{found} whole, 0 stale, 0 corrupt, 0 foreign"])
    assert jobs(snakemake(small, "-n", TARGET, config=CONFIG).stdout) == {}


def test_flipped_bits_are_found_and_the_told_command_brings_the_same_bytes_back(small, tmp_path):
    workdir = tmp_path / "copy"
    shutil.copytree(small, workdir, symlinks=True)
    before = everything(workdir)
    for name in DAMAGED:
        times = (workdir / name).stat()
        flip(workdir / name, np.random.default_rng(0))
        os.utime(workdir / name, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert jobs(snakemake(workdir, "-n", TARGET, config=CONFIG).stdout) == {}  # the engine sees nothing
    code, lines = verify(workdir, "--configfile", str(CONFIG))
    assert code == 1
    corrupt = {line.removeprefix("corrupt  ").split(":")[0] for line in lines if line.startswith("corrupt")}
    named = [re.sub(r"/astronaut.png|/\.record$|\.record$", "", name).replace("/.", "/") for name in DAMAGED]
    assert corrupt == {f"{workdir}/{name}" for name in named}
    typed = lines[-1].split("type: ")[1]
    done = subprocess.run(typed, shell=True, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert everything(workdir) == before
    assert verify(workdir, "--configfile", str(CONFIG))[0] == 0


def test_every_result_of_the_tiny_run_is_whole(tiny_run):
    code, lines = verify(tiny_run, "--configfile", str(TINY))
    found = len(list(records.results(tiny_run / "results")))
    assert (code, lines) == (0, [f"{found} whole, 0 stale, 0 corrupt, 0 foreign"])


def test_the_manifest_tells_another_config_from_the_same(tiny_run, tmp_path):
    there = tmp_path / "there.json"
    shutil.copy(tiny_run / "results/manifest.json", there)
    code, lines = verify(tiny_run, "--manifest", str(there))
    assert (code, lines[-1]) == (0, "the same computation, with the same results")
    there.write_text(there.read_text().replace('"iterations": 20', '"iterations": 21'))
    code, lines = verify(tiny_run, "--manifest", str(there))
    assert code == 1
    assert lines[-1].startswith("error: another computation: config differ")
    assert any("train.iterations (there 21, here 20)" in line for line in lines)
