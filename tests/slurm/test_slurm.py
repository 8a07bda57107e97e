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

from tests.workflow.engine import ENVIRONMENT, ROOT, TINY

HERE = Path(__file__).parent
TABLE = "results/table2.csv"
# Every kind of job and of group, with few trainings; the ordinary tests run the rest of the tiny config.
SMALLER = {
    "tables": {
        "settings": ["setting3"],
        "backbones": ["srresnet"],
        "extractors": {"srresnet": ["dct"]},
        "methods": ["pdmsr"],
    }
}

pytestmark = pytest.mark.skipif("DEGCRAFT_TEST_SLURM" not in os.environ, reason="starts daemons; make test-slurm")


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one node; skips with the reason where none can be started."""
    try:
        started = subprocess.run([HERE / "start-cluster.sh"], capture_output=True, text=True, check=False)
        if started.returncode:
            pytest.skip(started.stderr.strip())
        yield
    finally:
        subprocess.run([HERE / "stop-cluster.sh"], check=True)


@pytest.fixture
def checkout(tmp_path):
    """What a fresh clone holds, with an account and a partition in the profile."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name, follow_symlinks=False)
    profile = tmp_path / "profiles" / "slurm" / "profile.yaml"
    edited, count = re.subn(
        r": my(account|partition) # EDIT",
        lambda line: f": {'test' if line[1] == 'account' else 'main'}",
        profile.read_text(),
    )
    assert count == 2
    profile.write_text(edited)
    (tmp_path / "smaller.yaml").write_text(yaml.safe_dump(SMALLER))
    return tmp_path


def run(checkout: Path, *arguments: str) -> subprocess.Popen[str]:
    """The engine in a checkout, on the way to Table 2; what it says goes to ``said.txt``."""
    command = ["snakemake", *arguments, TABLE, "--configfile", str(TINY), "smaller.yaml"]
    with (checkout / "said.txt").open("w") as said:
        return subprocess.Popen(
            command, cwd=checkout, env=ENVIRONMENT, stdout=said, stderr=subprocess.STDOUT, text=True
        )


def queued() -> dict[str, tuple[str, str]]:
    """State and comment of every job, by its number."""
    lines = subprocess.run(
        ["squeue", "--noheader", "--states=all", "--format=%i|%T|%k"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return {number: (state, comment) for number, state, comment in (line.split("|", 2) for line in lines)}


def running_training(engine: subprocess.Popen[str]) -> str:
    """Wait for a training that is running, and give its number."""
    while engine.poll() is None:
        for number, (state, comment) in queued().items():
            if state == "RUNNING" and "rule_train_model" in comment:
                return number
        time.sleep(0.2)
    pytest.fail("the run ended before a training was seen")


def test_table2_through_the_profile_survives_scancel(cluster, checkout):
    faster = ["--slurm-init-seconds-before-status-checks", "5", "--latency-wait", "10"]
    with run(checkout, "--profile", "slurm", *faster) as engine:
        cancelled = running_training(engine)
        subprocess.run(["scancel", cancelled], check=True)
    said = (checkout / "said.txt").read_text()
    assert engine.returncode == 0, said[-4000:]
    assert "Trying to restart job" in said
    states = queued()
    assert states[cancelled][0] == "CANCELLED"
    assert {state for number, (state, _) in states.items() if number != cancelled} == {"COMPLETED"}
    groups = [comment for _, comment in states.values() if re.match("rule_(images|features|tested)_", comment)]
    assert len(groups) == 4, states  # images, features of both extractors, tested
    assert list((checkout / "results/logs/slurm").rglob("*.log"))

    table = (checkout / TABLE).read_bytes()
    print(f"{len(states)} Slurm jobs")
    shutil.rmtree(checkout / "results")
    with run(checkout, "--cores", "2") as engine:
        pass
    assert engine.returncode == 0, (checkout / "said.txt").read_text()[-4000:]
    assert (checkout / TABLE).read_bytes() == table
