"""Every rule alone: its output removed from a finished run comes back the same, by one job, with log and benchmark."""

import re
import shutil

import pandas as pd
import pytest

from tests.workflow.engine import STAGES, snakemake

OUTPUTS = {
    "prepare_images": "results/images/bins/pixels.npy",
    "synthesize_bins": "results/degraded/bins.npz",
    "synthesize_samples": "results/degraded/samples.npz",
    "synthesize_repeat": "results/degraded/bins-seed0b.npz",
    "synthesize_targets": "results/degraded/targets-seed0b.npz",
    "synthesize_second_order": "results/degraded/targets-second-order.npz",
    "synthesize_references": "results/degraded/references/setting3.npz",
    "synthesize_test": "results/degraded/test/setting3",
    "synthesize_stability": "results/degraded/stability/setting3.npz",
    "prepare_application": "results/degraded/references/archive.npz",
    "pretrain_extractor": "results/pretrained/dasr/model.safetensors",
    "extract_features_bank": "results/features/alexnet-random/bins.npz",
    "extract_features_references": "results/features/dct/references-setting3.npz",
    "extract_features_stability": "results/features/alexnet-random/stability-setting3.npz",
    "bin_distances": "results/distances/setting3/dct.csv",
    "bin_weights": "results/weights/setting3/dct.frechet-a25.csv",
    "fit_posterior": "results/posteriors/traces/samples.npz",
    "choose_alpha": "results/alphas/traces/bins-seed0b.csv",
    "estimate": "results/estimation/traces/seed0b.csv",
    "estimate_second_order": "results/estimation/traces/second-order.csv",
    "collect_estimation": "results/estimation.csv",
    "train_model": "results/models/rrdb/setting3/vgg-random.frechet-a25/seed0/model.safetensors",
    "train_method": "results/models/usrda/setting3/references/seed0/model.safetensors",
    "published_model": "results/models/published/any/published/seed0/model.safetensors",
    "learn_images": "results/restored/kernelgan/setting3/image/seed0",
    "restore_images": "results/restored/rrdb/setting3/uniform/seed0",
    "evaluate_model": "results/metrics/rrdb/setting3/uniform/seed0.csv",
    "table1": "results/table1.csv",
    "table2": "results/table2.csv",
    "fits": "results/fits.csv",
    "figure_evidence": "results/figure4.csv",
    "image_evidence": "results/crops/figure6",
    "lookalikes": "results/crops/figure16",
    "claims": "results/claims.csv",
    "export_model": "results/exported/srresnet/archive/traces.refined/seed0",
    "check_application": "results/checks/archive.csv",
    "restore_application": "results/applications/archive/restored",
    "report_application": "results/applications/archive/report.html",
    "draw_figure": "results/figure4.pdf",
    "manifest": "results/manifest.json",
    "crate": "results/source",
    "collect_losses": "results/losses.csv",
    "collect_timings": "results/timings.csv",
    "table_page": "results/pages/table2.html",
}


def content(path):
    files = [file for file in sorted(path.rglob("*")) if file.is_file()] if path.is_dir() else [path]
    return {file.relative_to(path.parent).as_posix(): without_times(file) for file in files}


def without_times(file):
    """Bytes of a file; of a table that measures time, its other columns; of a page, all but its table of times."""
    if file.name == "timings.csv":  # it tells of all jobs so far; these two may have come after it
        table = pd.read_csv(file)
        return [*table.columns, *sorted(set(table["rule"]) - {"manifest", "crate"})]
    if file.suffix == ".html":
        return re.sub(r"<h3>Time</h3>.*?(?=<h[23])", "", file.read_text(), flags=re.DOTALL).encode()
    if file.suffix == ".csv" and "seconds" in file.open().readline():
        return pd.read_csv(file).drop(columns="seconds").to_csv().encode()
    return file.read_bytes()


def test_every_rule_is_tested():
    # download_weights needs the network; its stage is tested in tests/unit/test_download.py. No target of the tiny run
    # has truth: tests/workflow/test_truth.py has one.
    assert {*OUTPUTS, "download_weights", "prepare_truth", "figures", "exhibits"} == set(
        STAGES
    )  # the last two only collect


@pytest.mark.parametrize("rule", OUTPUTS)
def test_one_job_makes_the_same_output_again(tiny_run, tmp_path, rule):
    workdir = tmp_path / "run"
    shutil.copytree(tiny_run, workdir, symlinks=True)
    output = workdir / OUTPUTS[rule]
    before = content(output)
    if output.is_dir():
        shutil.rmtree(output)
    else:
        output.unlink()
    for kind in ("logs", "benchmarks"):
        shutil.rmtree(workdir / "results" / kind / rule, ignore_errors=True)
    result = snakemake(workdir, "--cores", "1", "--allowed-rules", rule, "--", OUTPUTS[rule])
    assert result.returncode == 0, result.stdout[-3000:]
    assert "1 of 1 steps (100%) done" in result.stdout
    assert content(output) == before
    for kind in ("logs", "benchmarks"):
        assert [path for path in (workdir / "results" / kind).rglob("*") if path.is_file() and rule in str(path)]
