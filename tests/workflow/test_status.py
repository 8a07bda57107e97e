"""A run keeps a page about itself, which ends with it and is no result."""

import subprocess
import time

import pytest

from tests.workflow.engine import ENVIRONMENT, command, snakemake

WANTED = "results/images/bins/index.csv"


def written(workdir, title, seconds=30):
    """The page, once it has this title."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        file = workdir / "results/status.html"
        if file.exists() and f"<h1>{title}</h1>" in (text := file.read_text()):
            return text
        time.sleep(0.1)
    raise AssertionError(f"no page with the title {title}: {list((workdir / 'results').iterdir())}")


def followers(workdir):
    """Processes that write pages for a folder."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    found = [int(line.split()[0]) for line in listed if "degcraft status --watch" in line]
    return [
        pid for pid in found if not subprocess.run(["test", f"/proc/{pid}/cwd", "-ef", workdir], check=False).returncode
    ]


def assert_nobody_follows(workdir):
    end = time.monotonic() + 30
    while followers(workdir) and time.monotonic() < end:
        time.sleep(0.1)
    assert followers(workdir) == []


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


def test_a_finished_run_says_so_and_leaves_nothing_behind(workdir):
    done = snakemake(workdir, "--cores", "1", "--quiet", "all", "--", WANTED)
    assert done.returncode == 0, done.stdout[-3000:]
    page = written(workdir, "Finished")
    assert "1 of 1" in page
    assert "prepare_images" in page
    assert (workdir / "results/logs/status.log").read_text() == ""
    assert_nobody_follows(workdir)


def test_the_page_is_no_result(workdir):
    (workdir / "results/status.html").unlink()
    again = snakemake(workdir, "--cores", "1", WANTED)
    assert "Nothing to be done" in again.stdout
    assert not (workdir / "results/status.html").exists()


def test_a_failure_is_shown_with_its_reason(workdir):
    path = workdir / "results/images/bins/index.csv"
    path.write_text(path.read_text()[:10])
    asked = "results/degraded/bins.npz"
    done = snakemake(workdir, "--cores", "1", "--forcerun", "synthesize_bins", "--rerun-triggers", "mtime", "--", asked)
    assert done.returncode != 0
    page = written(workdir, "Failed")
    assert "synthesize_bins" in page
    assert "missing, truncated or damaged" in page
    assert "CalledProcessError" not in page


def test_an_engine_that_is_killed_leaves_a_page_that_says_so(workdir):
    with subprocess.Popen(
        command(workdir, "--cores", "1", "results/images/train/index.csv"), env=ENVIRONMENT, cwd=workdir,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as engine:  # fmt: skip
        page = written(workdir, "Running", 120)
        engine.kill()
    assert "The engine was killed" not in page
    assert "The engine was killed" in written(workdir, "Stopped without a word")
    assert_nobody_follows(workdir)
