"""The tiny run against its records: whole as it is, told where it was damaged, and the same elsewhere."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from degcraft import records
from tests.integrity import flip
from tests.workflow.engine import ENVIRONMENT, TINY, jobs, snakemake

DAMAGED = ["results/degraded/bins.npz", "results/degraded/test/setting3/astronaut.png", "results/table1.csv"]


def verify(workdir, *arguments):
    """The command on a run; its exit code and lines."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from degcraft.commands import main; sys.exit(main())", "verify", *arguments],
        cwd=workdir, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def workdir(tiny_run, tmp_path):
    shutil.copytree(tiny_run, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def test_every_result_of_a_run_is_whole(tiny_run):
    code, lines = verify(tiny_run, "--configfile", str(TINY))
    found = len(list(records.results(tiny_run / "results")))
    assert (code, lines) == (0, [f"{found} whole, 0 stale, 0 corrupt, 0 foreign"])


@pytest.mark.parametrize("name", DAMAGED)
def test_a_flipped_bit_is_found_and_the_told_command_brings_the_result_back(workdir, name):
    path = workdir / name
    before, times = path.read_bytes(), path.stat()
    flip(path, np.random.default_rng(0))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert jobs(snakemake(workdir, "-n").stdout) == {}  # the engine sees nothing
    code, lines = verify(workdir, "--configfile", str(TINY))
    assert code == 1
    result = name.removesuffix("/astronaut.png")
    assert lines[0].startswith(f"corrupt  {result}: ")
    typed = lines[-1].split("type: ")[1].split(",")[0]
    assert typed == f"rm -r {result}"
    subprocess.run(typed.split(), cwd=workdir, check=True)
    made = snakemake(workdir, "--cores", "1", "--", result)
    assert made.returncode == 0, made.stdout[-3000:]
    assert path.read_bytes() == before


def test_the_manifest_tells_another_config_from_the_same(workdir, tmp_path):
    manifest = workdir / "results/manifest.json"
    shutil.copy(manifest, tmp_path / "there.json")
    code, lines = verify(workdir, "--manifest", str(tmp_path / "there.json"))
    assert (code, lines[-1]) == (0, "the same computation, with the same results")
    text = (tmp_path / "there.json").read_text()
    (tmp_path / "there.json").write_text(text.replace('"iterations": 20', '"iterations": 21'))
    code, lines = verify(workdir, "--manifest", str(tmp_path / "there.json"))
    assert code == 1
    assert lines[-1].startswith("error: another computation: config differ")
    assert any("train.iterations (there 21, here 20)" in line for line in lines)
