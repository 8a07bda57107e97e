"""The tiny run: it finishes, says so, and keeps its promises about kills, cores and damaged files."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from degcraft.io import read_arrays
from tests.workflow.engine import ENVIRONMENT, TINY, command, jobs, snakemake

MODEL = "results/models/srresnet/setting3/oracle/seed0/model.safetensors"
CRAFTED = "results/metrics/srresnet/setting3/dct.frechet-a25/seed0.csv"


@pytest.fixture
def workdir(tiny_run, tmp_path):
    """A copy of the finished run that may be damaged; file times are kept."""
    shutil.copytree(tiny_run, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def test_then_there_is_nothing_to_do(tiny_run):
    result = snakemake(tiny_run, "-n")
    assert "Nothing to be done" in result.stdout
    assert jobs(result.stdout) == {}


def test_table2_is_computed_from_images(tiny_run):
    table = pd.read_csv(tiny_run / "results/table2.csv")
    run = table[table.status.str.startswith("run") & (table.type != "compared")]
    assert set(run.backbone) == {"srresnet", "rrdb"}
    assert set(run.setting) == {"setting1", "setting3"}
    psnr = run[run.metric == "psnr_y"]
    assert psnr.measured.between(5, 45).all()
    assert len(psnr) == 2 * (5 + 3)  # settings, draws of both backbones
    means = pd.read_csv(tiny_run / CRAFTED).psnr_y.mean()
    row = psnr.query("backbone == 'srresnet' and setting == 'setting3' and extractor == 'dct'")
    assert row.measured.item() == pytest.approx(means)
    assert table[~table.status.str.startswith("run")].status.str.startswith("not run: ").all()


def test_every_compared_method_is_measured(tiny_run):
    table = pd.read_csv(tiny_run / "results/table2.csv")
    compared = table[(table.type == "compared") & table.setting.isin(["setting1", "setting3"])]
    assert compared.method.nunique() == 10 + 1  # and published weights
    assert set(compared[compared.measured.isna()].status) == {"not run: no LPIPS weights (evaluate.lpips.weights)"}
    assert set(compared[compared.measured.isna()].metric) == {"lpips"}
    psnr = compared[compared.metric == "psnr_y"].set_index(["method", "setting"])
    assert psnr.measured.between(5, 45).all()
    assert psnr.loc["RCAN published"].measured.tolist() == psnr.loc["RCAN"].measured.tolist()
    told = psnr.status.xs("setting3", level="setting").str.removesuffix("; not in the paper")
    assert told["RCAN published"] == "run; published weights"
    assert told["PDM-SR"] == "run; trained here on the references"
    assert told["KernelGAN"] == "run; learnt here from each test image; 1 of 2 test images"
    assert set(told.drop(["RCAN published", "PDM-SR", "USR-DA", "KernelGAN"])) == {"run; trained here"}


def test_drawn_degradations_lie_in_their_ranges(tiny_run):
    blur, noise, quality = read_arrays(
        tiny_run / "results/degraded/references/setting3.npz", "blur", "noise", "quality"
    )
    for values, (low, high) in zip((blur, noise, quality), [(1.5, 2.5), (5, 15), (75, 85)], strict=True):
        assert (values >= low).all()
        assert (values <= high).all()
        assert np.ptp(values) > 0


def test_one_core_and_two_cores_give_the_same_bytes(tiny_run, tmp_path):
    asked = [CRAFTED, MODEL, "results/degraded/bins.npz", "results/weights/setting3/dct.frechet-a25.csv"]
    result = snakemake(tmp_path, "--cores", "1", *asked)
    assert result.returncode == 0, result.stdout[-3000:]
    restored = "results/restored/srresnet/setting3/dct.frechet-a25/seed0"
    names = [*asked, *(f"{restored}/{path.name}" for path in (tiny_run / restored).iterdir())]
    assert len(names) > len(asked)
    for name in names:
        assert (tmp_path / name).read_bytes() == (tiny_run / name).read_bytes(), name


def kill_jobs(workdir):
    """End jobs that outlived their engine, as a power cut would."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = (
                process.joinpath("cwd").resolve() == workdir and b"degcraft" in process.joinpath("cmdline").read_bytes()
            )
        except OSError:
            continue
        if ours:
            os.kill(int(process.name), signal.SIGKILL)


def test_a_killed_training_ends_in_the_same_weights(workdir, tmp_path):
    config = tmp_path / "longer.yaml"
    tiny = yaml.safe_load(TINY.read_text())
    tiny["train"] |= {"iterations": 800, "checkpoint_every": 25}
    config.write_text(yaml.safe_dump(tiny))
    folder = (workdir / MODEL).parent
    with subprocess.Popen(
        command(workdir, "--cores", "1", MODEL, config=config), env=ENVIRONMENT, cwd=workdir,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as engine:  # fmt: skip
        deadline = time.monotonic() + 120
        while not list((folder / ".checkpoint").glob("[!.]*.pt")):  # a hidden one is still being written
            assert time.monotonic() < deadline, "no checkpoint appeared"
            time.sleep(0.05)
        engine.kill()
        kill_jobs(workdir)
    assert not (workdir / MODEL).exists()
    snakemake(workdir, "--unlock")
    again = snakemake(workdir, "--cores", "1", "--rerun-incomplete", MODEL, config=config)
    assert again.returncode == 0, again.stdout[-3000:]
    log = (workdir / "results/logs/train_model/srresnet/setting3/oracle/seed0.log").read_text()
    assert "continuing from step" in log
    killed = {name: (folder / name).read_bytes() for name in ("model.safetensors", "loss.csv", "model.json")}
    assert not list((folder / ".checkpoint").glob("*.pt"))

    whole = snakemake(workdir, "--cores", "1", "--forcerun", "train_model", "--", MODEL, config=config)
    assert whole.returncode == 0, whole.stdout[-3000:]
    assert killed == {name: (folder / name).read_bytes() for name in killed}


def test_a_deleted_file_is_made_again_and_nothing_else(workdir):
    expected = (workdir / CRAFTED).read_bytes()
    (workdir / CRAFTED).unlink()
    result = snakemake(workdir, "--cores", "1", CRAFTED)
    assert result.returncode == 0, result.stdout[-3000:]
    assert "1 of 1 steps (100%) done" in result.stdout
    assert (workdir / CRAFTED).read_bytes() == expected
    assert jobs(snakemake(workdir, "-n").stdout) == {}  # same content: the table stays


@pytest.mark.parametrize(
    ("damaged", "asked"),
    [
        ("results/degraded/bins.npz", "results/features/dct/bins.npz"),
        (MODEL, "results/restored/srresnet/setting3/oracle/seed0"),
        (CRAFTED, "results/table2.csv"),
    ],
)
def test_a_truncated_file_is_named(workdir, damaged, asked):
    path = workdir / damaged
    content = path.read_bytes()
    path.write_bytes(content[: min(len(content) // 3, 20)])
    before = {file for file in (workdir / "results").rglob("[!.]*") if file.is_file()}
    result = snakemake(workdir, "--cores", "1", "--forcerun", asked, "--rerun-triggers", "mtime", "--", asked)
    assert result.returncode != 0
    assert "missing, truncated or damaged" in result.stdout
    assert "type: rm -r" in result.stdout
    assert "Traceback" not in result.stdout
    lost = {str(file.relative_to(workdir)) for file in before if not file.exists()}
    own = asked.removesuffix("csv")  # the engine removes the outputs of the job that it starts, table2.md too
    assert {name for name in lost if not name.startswith(own)} == set()
