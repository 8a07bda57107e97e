"""Applications with truth: real pairs go from files to metrics, by the rules of every other target."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from degcraft.config import merge
from degcraft.interpolation import bicubic, reduced
from tests.conftest import photo_like
from tests.workflow.engine import TINY, jobs, snakemake

METRICS = "results/metrics/srresnet/camera/uniform/seed0.csv"
RESTORED = "results/restored/srresnet/camera/uniform/seed0"
CAMERA = {
    "images": ["pairs/*_LR.png"],
    "packaged": [],
    "references": {"count": 4, "min": 2},
    "window": 64,
    "count": 2,
    "reduce": 4,
    "truth": ["pairs/*_HR.png"],
}


@pytest.fixture
def workdir(tiny_run, tmp_path):
    """A copy of the finished run, and three pairs of which the LR images are as large as the HR images."""
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy, symlinks=True)
    (copy / "pairs").mkdir()
    for number, name in enumerate("abc"):
        scene = photo_like(number, 300, 400)
        Image.fromarray(scene).save(copy / "pairs" / f"{name}_HR.png")
        Image.fromarray(bicubic(reduced(scene, 4))).save(copy / "pairs" / f"{name}_LR.png")
    return copy


def run(workdir, *arguments, **changes):
    config = workdir / "camera.yaml"
    changes = {"applications": {"camera": CAMERA | changes}}
    config.write_text(yaml.safe_dump(merge(yaml.safe_load(TINY.read_text()), changes)))
    return snakemake(workdir, *arguments, config=config)


def test_real_pairs_are_measured_by_the_model_that_is_there(workdir):
    plan = run(workdir, "-n", METRICS)
    assert jobs(plan.stdout) == {"prepare_application": 1, "prepare_truth": 1, "restore_images": 1, "evaluate_model": 1}
    # Truth that is named later is measured against, and nothing else is done again.
    result = run(workdir, "--cores", "2", RESTORED, truth=[])
    assert result.returncode == 0, result.stdout[-3000:]
    assert jobs(run(workdir, "-n", METRICS).stdout) == {"prepare_truth": 1, "evaluate_model": 1}
    result = run(workdir, "--cores", "2", METRICS)
    assert result.returncode == 0, result.stdout[-3000:]
    table = pd.read_csv(workdir / METRICS)
    assert table["name"].tolist() == ["a_LR", "c_LR"]
    assert list(table) == list(pd.read_csv(workdir / "results/metrics/srresnet/setting1/uniform/seed0.csv"))
    assert np.isfinite(table["psnr_y"]).all()
    log = (workdir / "results/logs/evaluate_model/srresnet/camera/uniform/seed0.log").read_text()
    assert "evaluate: 2 images; psnr_y " in log
    assert "; aligned by a mean shift of 0.0" in log
    assert "Nothing to be done" in run(workdir, "-n", METRICS).stdout
    assert (workdir / "results/logs/prepare_truth/camera.log").read_text() == "truth: 2 windows\n"
    assert (workdir / "results/benchmarks/prepare_truth/camera.tsv").exists()


def test_pairs_that_do_not_fit_are_refused_before_work(workdir):
    (workdir / "pairs" / "c_HR.png").unlink()
    result = run(workdir, "--cores", "1", METRICS)
    assert result.returncode != 0
    assert "applications.camera.truth: 2 images of the truth for 3 LR images; each needs its own" in result.stdout
    assert not (workdir / "results/degraded/test/camera").exists()


def test_metrics_without_truth_are_refused(workdir):
    result = run(workdir, "-n", METRICS, truth=[])
    assert result.returncode != 0
    assert "camera has no truth to measure against; name its HR images in applications.camera.truth" in result.stdout
