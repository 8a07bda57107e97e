import importlib.metadata
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from degcraft import commands, health
from degcraft.commands import doctor
from degcraft.entries import DEFAULT
from degcraft.health import NOTE, OK, PROBLEM, Graphics

LOCK = DEFAULT.with_name("requirements.lock").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory whose PATH has a folder of its own, and this Python's."""
    (tmp_path / "bin").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin")
    return tmp_path


def program(folder, name, text):
    file = folder / "bin" / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


@pytest.mark.slow
def test_the_whole_command_here(folder, capsys):
    code = commands.main(["doctor"])
    out, err = capsys.readouterr()
    lines = out.splitlines()
    problems = [line for line in lines if line.startswith("problem ")]
    assert code == (1 if problems else 0), out
    assert f"{len(problems)} problem" in err if problems else "no problems" in lines[-1]
    subjects = [line.split()[1] for line in lines if line.split()[0] in (OK, NOTE, PROBLEM)]
    for subject in (
        "Python",
        "packages",
        "device",
        "video",
        "snakemake",
        "config",
        "results",
        "disk",
        "memory",
        "cores",
        "lock",
    ):
        assert subject in subjects
    assert list(folder.iterdir()) == [folder / "bin"]


@pytest.mark.parametrize(
    ("version", "level"), [("3.11.0", OK), ("3.13.9", OK), ("3.10.14", PROBLEM), ("3.14.0", PROBLEM)]
)
def test_python(version, level):
    found = health.python(importlib.metadata.metadata("degcraft")["Requires-Python"], version)
    assert found.level == level
    assert ("make setup PYTHON=" in found.advice) == (level == PROBLEM)


def test_packages_as_pinned():
    pins = health.pinned(LOCK)
    (found,) = health.packages(["torch>=2.11,<2.14", "numpy", "pytest; extra == 'dev'"], LOCK, pins)
    assert (found.level, found.found) == (OK, f"{len(pins)} as requirements.lock pins them")


def test_pins_agree_with_an_independent_reading_of_the_lock():
    markers = [line for line in LOCK.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    names = {line.split("==")[0] for line in markers if ";" not in line}
    pins = health.pinned(LOCK)
    assert names <= set(pins)
    assert len(names) > 100
    line = next(line for line in markers if line.startswith("numpy=="))
    assert pins["numpy"] == line.split("==")[1].split()[0]


@pytest.mark.parametrize(
    ("installed", "level", "says"),
    [
        ({"b": "2.1"}, PROBLEM, "A not installed"),
        ({"a": "1.0", "b": "3.0"}, PROBLEM, r"b 3.0 \(<3 is needed\)"),
        ({"a": "1.1", "b": "2.1"}, NOTE, "a 1.1, not 1.0"),
        ({"a": "1.0+cu126", "b": "2.1"}, OK, "2 as"),
        ({"a": "1.0", "b": "2.1", "c-d": "5"}, NOTE, "c-d 5, not 4"),
    ],
)
def test_packages_that_differ(installed, level, says):
    lock = "a==1.0 \\\n    --hash=sha256:0\nb==2.1 \\\n    --hash=sha256:0\nc_d==4 \\\n    --hash=sha256:0\n"
    found = list(health.packages(["A", "b<3"], lock, installed))
    assert max((one.level for one in found), key=[OK, NOTE, PROBLEM].index) == level
    assert re.search(says, found[0].found)


def test_packages_without_a_lock_are_held_against_their_ranges():
    (found,) = health.packages(["a>=1"], "", {"a": "2"})
    assert (found.level, found.found) == (OK, "1 in the range needed")


CARD = {"NVIDIA H200": "535.104.05"}


@pytest.mark.parametrize(
    ("asked", "machine", "level", "says"),
    [
        ("auto", Graphics("2.13.0", "13.0"), OK, "CPU (no NVIDIA GPU found); PyTorch 2.13.0 for CUDA 13.0"),
        ("auto", Graphics("2.13.0", "13.0", ["NVIDIA H200, 139 of 140 GiB free"], "", {"NVIDIA H200": "580.65"}), OK, "driver 580.65"),
        ("cuda", Graphics("2.13.0", "13.0", ["NVIDIA H200, 139 of 140 GiB free"]), OK, "139 of 140 GiB free"),
        ("auto", Graphics("2.13.0", "13.0", [], "too old", CARD), NOTE, "driver 535.104.05 is older than 580, which CUDA 13.0 needs"),
        ("cuda", Graphics("2.13.0", "13.0", [], "too old", CARD), PROBLEM, "update the driver, or install torch"),
        ("auto", Graphics("2.13.0+cpu", "", [], "", CARD), NOTE, "built without CUDA"),
        ("auto", Graphics("2.11.0", "12.6", [], "no kernel image", CARD), NOTE, "no kernel image"),
        ("auto", Graphics("2.11.0", "12.6", [], "", CARD), NOTE, "CUDA_VISIBLE_DEVICES"),
        ("cuda", Graphics("2.13.0", "13.0", [], "Found no NVIDIA driver"), PROBLEM, "Found no NVIDIA driver"),
        ("mps", Graphics("2.13.0", ""), PROBLEM, "write compute.device: auto"),
        ("auto", Graphics("2.13.0", "", apple=True), OK, "Apple GPU"),
        ("cpu", Graphics("2.13.0", "13.0", ["NVIDIA H200"]), OK, "CPU, as compute.device says"),
    ],
)  # fmt: skip
def test_device(asked, machine, level, says):
    found = health.device(asked, machine)
    assert found.level == level
    assert says in str(found)


def test_every_cuda_that_the_lock_may_bring_has_a_driver():
    torch = pytest.importorskip("torch")
    if torch.version.cuda:
        assert int(torch.version.cuda.split(".")[0]) in health.DRIVERS


def test_cards_as_nvidia_smi_lists_them(folder):
    assert doctor._cards()[0] is None or isinstance(doctor._cards()[0], dict)
    program(
        folder,
        "nvidia-smi",
        'test "$1 $2" = "--query-gpu=name,driver_version --format=csv,noheader" || exit 3\necho "NVIDIA H200, 580.65.06"; echo "NVIDIA L4, 580.65.06"',
    )
    assert doctor._cards() == ({"NVIDIA H200": "580.65.06", "NVIDIA L4": "580.65.06"}, "")
    program(folder, "nvidia-smi", "echo NVIDIA-SMI has failed because it could not talk to the driver; exit 9")
    assert doctor._cards() == (None, "nvidia-smi fails (NVIDIA-SMI has failed because it could not talk to the driver)")


def test_snakemake(folder, monkeypatch):
    assert doctor._snakemake().level == OK
    program(folder, "snakemake", "exit 0")
    assert doctor._snakemake().level == NOTE
    assert str(folder / "bin" / "snakemake") in doctor._snakemake().found
    monkeypatch.setenv("PATH", "/nowhere")
    assert doctor._snakemake().level == PROBLEM
    assert doctor._snakemake().advice.startswith("type: source ")


def test_lock(folder):
    assert [one.level for one in doctor._lock()] == [OK]
    locks = folder / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    assert [one.level for one in doctor._lock()] == [OK]
    (locks / "0.output.lock").touch()
    (stale,) = doctor._lock()
    assert stale.level == PROBLEM
    assert "snakemake --unlock" in stale.advice


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc, which tells of running programs")
def test_lock_of_a_run_that_goes_on(folder):
    (folder / ".snakemake" / "locks").mkdir(parents=True)
    (folder / ".snakemake" / "locks" / "0.output.lock").touch()
    (folder / "snakemake").write_text("import time\ntime.sleep(60)\n")
    process = subprocess.Popen([sys.executable, folder / "snakemake"])
    try:
        end = time.monotonic() + 10
        while not doctor.is_running(folder) and time.monotonic() < end:
            time.sleep(0.05)
        assert [one.level for one in doctor._lock()] == [OK]
        assert not doctor.is_running(folder / "bin")
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root writes everywhere")
def test_results_that_cannot_be_written(folder):
    (folder / "results").mkdir(mode=0o500)
    assert doctor._writing().level == PROBLEM


def test_results_that_can_be_written(folder):
    assert doctor._writing().level == OK
    (folder / "results").mkdir()
    assert str(folder / "results") in doctor._writing().found
    assert not list((folder / "results").iterdir())


def test_results_that_are_no_folder(folder):
    (folder / "results").write_text("")
    assert doctor._writing().level == PROBLEM


def test_disk_and_memory(monkeypatch, tmp_path):
    free = os.statvfs(".")
    monkeypatch.setattr(doctor, "LEAST_DISK", 2.0 * free.f_bavail * free.f_frsize)
    assert doctor._disk().level == PROBLEM
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(doctor, "_LIMIT", limit)
    limit.write_text("1000000000\n")
    if doctor.available_memory() is not None:
        assert doctor.available_memory() == min(1e9, doctor.available_memory())
        assert (doctor._memory().level, doctor._memory().found) == (NOTE, "1.0 GB free")
        limit.write_text("max\n")
        assert doctor.available_memory() > 1e8
    monkeypatch.setattr(doctor, "_MEMORY", tmp_path / "none")
    assert (doctor.available_memory(), doctor._memory().level) == (None, NOTE)


def test_config_of_ones_own(folder):
    (folder / "my.yaml").write_text("seed: x\ntrain: {lr: 0}\n")
    config, found = doctor._config(folder / "my.yaml")
    assert config == {}
    assert [one.level for one in found] == [PROBLEM] * 2
    assert "seed: expected an integer" in found[0].found
    (folder / "my.yaml").write_text("prepare: {train: {images: [nowhere]}}\n")
    config, (found,) = doctor._config(folder / "my.yaml")
    assert "nowhere: not found" in found.found
    assert config["prepare"]["train"]["images"] == ["nowhere"]
    _, (found,) = doctor._config(folder / "absent.yaml")
    assert (found.level, "cannot be read" in found.found) == (PROBLEM, True)


def test_weights_that_are_missing(folder):
    (folder / "my.yaml").write_text("extractors: {own: {kind: dasr, weights: own.pth}}\n")
    config, _ = doctor._config(folder / "my.yaml")
    found = [one.found for one in doctor._weights(config)]
    assert any("own.pth: no such file: own cannot be computed" in line for line in found)
    assert any(line.startswith("extractors.vgg22: resources/weights/vgg19") for line in found)
    (folder / "own.pth").touch()
    assert not any("own.pth" in one.found for one in doctor._weights(config))


def test_video_can_be_written_here():
    pytest.importorskip("av")
    assert health.video().level == OK
