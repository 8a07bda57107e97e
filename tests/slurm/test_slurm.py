"""A checkout of which two lines of the profile were edited, on a real Slurm cluster of one node: `make test-slurm`.

Left out of the ordinary run, since it starts daemons as root. `tests/slurm/start-cluster.sh` says what is missing.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.faults.runs import CONFIG
from tests.slurm.cluster import Job, cancel, cluster, jobs, site_profile
from tests.workflow.engine import ENVIRONMENT, ROOT

TABLE = "results/table2.csv"
# Every kind of job and of group that the table has, in as few trainings as it has rows.
SMALLER = {
    "tables": {"settings": ["setting3"], "backbones": ["srresnet"], "extractors": {"srresnet": ["dct"]}, "methods": []},
    "train": {"iterations": 40, "checkpoint_every": 10},
}

pytestmark = pytest.mark.skipif("DEGCRAFT_TEST_SLURM" not in os.environ, reason="starts daemons; make test-slurm")


@pytest.fixture(scope="module")
def slurm():
    """A cluster of one node; skips with the reason where none can be started."""
    with cluster() as reason:
        if reason:
            pytest.skip(reason)
        yield


def checkout(folder: Path) -> Path:
    """What a fresh clone holds, with an account and a partition in the profile."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    profile = folder / "profiles" / "slurm" / "profile.yaml"
    profile.write_text(site_profile(profile.read_text()))
    (folder / "smaller.yaml").write_text(yaml.safe_dump(SMALLER))
    return folder


def run(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The engine in a checkout, on the way to Table 2; what it says goes to ``said.txt``."""
    command = ["snakemake", *arguments, TABLE, "--configfile", str(CONFIG), "smaller.yaml"]
    with (folder / "said.txt").open("wb") as said:
        return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=said, stderr=subprocess.STDOUT)


def running_training(engine: subprocess.Popen[bytes], folder: Path) -> Job:
    """Wait for a training that is running."""
    while engine.poll() is None:
        for job in jobs(folder):
            if job.state == "RUNNING" and "rule_train_model" in job.comment:
                return job
        time.sleep(0.2)
    pytest.fail((folder / "said.txt").read_text()[-4000:])


def test_table2_through_the_profile_survives_scancel(slurm, tmp_path):
    here, sent = checkout(tmp_path / "here"), checkout(tmp_path / "sent")
    # The engine asks for states first after this time, then ever more seldom until a job has finished.
    polled = ["--slurm-init-seconds-before-status-checks", "8"]
    with run(sent, "--profile", "slurm", *polled) as engine, run(here, "--cores", "1") as undisturbed:
        cancelled = running_training(engine, sent)
        cancel(cancelled.number)
    for folder, ended in ((sent, engine), (here, undisturbed)):
        assert ended.returncode == 0, (folder / "said.txt").read_text()[-4000:]
    assert "Trying to restart job" in (sent / "said.txt").read_text()

    found = jobs(sent)
    assert {job.state for job in found if job.number == cancelled.number} == {"CANCELLED"}
    assert {job.state for job in found if job.number != cancelled.number} == {"COMPLETED"}
    groups = [job for job in found if re.match("rule_(images|features|tested)_", job.comment)]
    assert len(groups) == 4, found  # images, features of both extractors, tested
    assert list((sent / "results/logs/slurm").rglob("*.log"))
    print(f"{len(found)} Slurm jobs")
    assert (sent / TABLE).read_bytes() == (here / TABLE).read_bytes()
