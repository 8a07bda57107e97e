"""Every command of the README means something, and plans the jobs that it should."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import photo_like
from tests.workflow.engine import ENVIRONMENT, ROOT, jobs

SHOWN = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    for line in block.splitlines()
]
COMMANDS = [line for line in SHOWN if line.startswith("snakemake") and "myfilm" not in line]
PAPER = "snakemake --cores 8 results/table2.csv --configfile workflow/presets/paper.yaml"


def table2(models: int, own: int, targets: int, extractors: int) -> dict[str, int]:
    """Jobs of Table 2 for so many trainings, models on targets, targets, and extractors; then one row of refined."""
    return {
        "prepare_images": 4, "synthesize_bins": 1, "synthesize_references": targets, "synthesize_test": targets,
        "extract_features_bank": extractors + 1, "extract_features_references": (extractors + 1) * targets,
        "bin_distances": extractors * targets, "bin_weights": (extractors + 1) * targets, "fit_posterior": 1,
        "train_model": own + targets, "restore_images": models + targets, "evaluate_model": models + targets,
        "table2": 1,
    }  # fmt: skip


def with_methods(jobs: dict[str, int]) -> dict[str, int]:
    """Jobs of a table with every compared method on four settings."""
    # RCAN, BSRNet, Real-ESRNet, with dropout; IKC, DASR, FSSR once, USR-DA and PDM-SR per setting; KernelGAN per image.
    more = {"train_model": 4, "train_method": 3 + 2 * 4, "learn_images": 4, "restore_images": 36, "evaluate_model": 40}
    return {name: jobs.get(name, 0) + more.get(name, 0) for name in {**jobs, **more}}


def figures(line: str) -> dict[str, int]:
    """Jobs of all figures, or of what the claims need of them."""
    trained = 30 + 3 + 6  # Table 2; blur; alphas of setting 3 other than 25
    # On test sets of Table 2; of blur, on one range and seven widths; of seven alphas and the oracle, outside.
    tested = 36 + 3 * 8 + 6 + 2 * 8
    claims = {
        "prepare_images": 5, "synthesize_bins": 1, "synthesize_references": 5,
        "synthesize_stability": 1, "synthesize_test": 4 + 8, "pretrain_extractor": 1, "extract_features_bank": 7 + 1,
        "extract_features_references": 4 * 3 + 5 + 7, "extract_features_stability": 7, "bin_distances": 20,
        "bin_weights": 20 + 4 + 2 * 7, "fit_posterior": 1, "train_model": trained, "restore_images": tested, "evaluate_model": tested,
        "figure_evidence": 4, "claims": 1,
    }  # fmt: skip
    if "claims.csv" in line:
        return claims
    archive = {"train_model": 1, "restore_images": 2, "extract_features_references": 1}
    archive |= {"bin_distances": 1, "bin_weights": 1}
    # Of two draws, which are trained for setting 3, one is in Table 2; both are tested outside. The application again.
    front = {"train_model": 1, "restore_images": 1 + 2 * 2, "evaluate_model": 1 + 2 * 2, "bin_weights": 1}
    lookalikes = {"extract_features_references": 1, "bin_weights": 1}
    return {
        name: count + sum(more.get(name, 0) for more in (archive, front, lookalikes)) for name, count in claims.items()
    } | {
        "prepare_application": 1,
        "figure_evidence": 9,
        "image_evidence": 7,
        "lookalikes": 1,
        "fits": 1,
        **dict.fromkeys(("synthesize_samples", "synthesize_repeat", "synthesize_targets"), 1),
        **dict.fromkeys(("synthesize_second_order", "choose_alpha", "estimate", "estimate_second_order"), 1),
        "collect_estimation": 1,
        "extract_features_bank": 8 + 4,
        "fit_posterior": 1 + 2,
        "draw_figure": 17,
        "figures": 1,
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A clean checkout without data, results or profiles of this machine, and a data folder for the study."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "resources", "envs", "profiles"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "weights")
        )
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "slurm").symlink_to("profiles/slurm")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """The folders that the study names, with one image each."""
    folder = tmp_path_factory.mktemp("data")
    for place in ("train/bsds500/a", "train/photos/b", "test/b100/c", "test/set14/d", "reference/e", "reference/f"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo_like(0, 8, 8)).save(folder / f"{place}.png")
    (folder / "reference" / "split.csv").write_text("file,group\ne.png,A\nf.png,B\n")
    (folder / "weights").mkdir()
    for name in ("alexnet_bvlc_conv", "vgg19_conv1_1-conv3_4", "squeezenet1_1_features"):
        (folder / "weights" / f"{name}.safetensors").write_bytes(b"a dry run does not look inside")
    return folder


def dry_run(checkout: Path, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shlex.split(line), "--dry-run"],
        cwd=checkout, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip


def expected(line: str) -> dict[str, int]:
    if "study.yaml" in line:
        return table2(models=24, own=21, targets=4, extractors=4)
    if "paper.yaml" in line:
        weights = {"download_weights": 2, "pretrain_extractor": 2}
        return with_methods(weights | table2(models=4 * 8 + 4 * 7, own=29 + 25, targets=4, extractors=6))
    if "results/weights" in line:
        return {
            "prepare_images": 2, "synthesize_bins": 1, "synthesize_references": 1, "extract_features_bank": 1,
            "extract_features_references": 1, "bin_distances": 1, "bin_weights": 1,
        }  # fmt: skip
    if "results/models" in line:
        return expected("results/weights") | {"prepare_images": 3, "train_model": 1}
    if "figure4.pdf" in line:
        return {
            "prepare_images": 3, "synthesize_bins": 1, "synthesize_references": 2, "extract_features_bank": 7,
            "extract_features_references": 14, "bin_distances": 14, "bin_weights": 28,
            "pretrain_extractor": 1,  # DASR's encoder, which learns from the training images
            "figure_evidence": 1, "draw_figure": 1,
        }  # fmt: skip
    if "claims.csv" in line or line.endswith("figures"):
        return figures(line)
    whole = table2(models=32, own=26, targets=4, extractors=2)
    if "methods=all" in line:
        return with_methods(whole)
    return whole | ({} if "table2.csv" in line else {"table1": 1})


@pytest.mark.parametrize("line", COMMANDS)
def test_readme_command_plans_its_jobs(checkout, data, line):
    result = dry_run(checkout, line.replace("/path/to/images", str(data)))
    assert result.returncode == 0, result.stdout[-3000:]
    assert jobs(result.stdout) == expected(line)


def test_own_images_are_named_and_then_planned(checkout, tmp_path):
    own = shutil.copytree(checkout, tmp_path / "own", symlinks=True)
    (tmp_path / "scans" / "film").mkdir(parents=True)
    for number in range(2):
        Image.fromarray(photo_like(number, 480, 640)).save(tmp_path / "scans" / "film" / f"{number}.png")
    new, planned = [line for line in SHOWN if "myfilm" in line]
    told = subprocess.run(
        new, shell=True, cwd=own, env={**ENVIRONMENT, "HOME": str(tmp_path)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout
    assert "results/applications/myfilm/report.html" in told.stdout
    result = dry_run(own, planned)
    assert result.returncode == 0, result.stdout[-3000:]
    assert jobs(result.stdout) == {
        "prepare_application": 1, "prepare_images": 2, "synthesize_bins": 1, "extract_features_bank": 1,
        "extract_features_references": 1, "fit_posterior": 1, "bin_weights": 1, "train_model": 3, "restore_images": 3,
        "export_model": 1, "restore_application": 1, "check_application": 1, "report_application": 1,
    }  # fmt: skip


def test_the_paper_plans_its_trainings_without_any_image(checkout):
    result = dry_run(checkout, PAPER)
    assert result.returncode == 0, result.stdout[-3000:]
    assert jobs(result.stdout) == expected(PAPER)
    trained = re.findall(r"^    output: results/models/(\w+)/", result.stdout, re.M)
    assert (trained.count("srresnet"), trained.count("rrdb")) == (
        33,
        27,
    )  # with a row of refined, BSRNet and Real-ESRNet


def test_from_the_workflow_folder_too(checkout):
    result = dry_run(checkout, "snakemake --cores 1 --snakefile workflow/Snakefile")
    assert result.returncode == 0, result.stdout[-3000:]
    assert jobs(result.stdout)["train_model"] == 30
