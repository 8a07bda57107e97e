"""Fixtures that several test modules share."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from filelock import FileLock

from tests.workflow.engine import EVERYTHING, snakemake

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def default_config() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.fixture
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def torch_seed() -> None:
    import torch

    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("DEGCRAFT_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real photographs and weights are not at {folder}; set DEGCRAFT_DATA to run this test")
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Path:
    """One tiny run of the whole workflow for all test processes; tests that change it work on a copy."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    own = tmp_path_factory.getbasetemp()
    workdir = (own.parent if parallel else own) / "tiny"
    with FileLock(f"{workdir}.lock"):  # the first process makes it, the others wait
        if not (workdir / "finished").exists():
            workdir.mkdir()
            result = snakemake(workdir, "--cores", "2", *EVERYTHING, "results/ro-crate-metadata.json")
            assert result.returncode == 0, result.stdout[-4000:]
            (workdir / "finished").touch()
    return workdir


def photo_like(seed: int, height: int, width: int) -> np.ndarray:
    """A smooth coloured image with a few hard edges, (height, width, 3), uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / rng.uniform(3, 30) + rng.uniform(0, 6)) * np.cos(y / rng.uniform(3, 30)) for _ in range(3)]
    image = np.stack(waves, axis=-1) * 60 + 120
    for _ in range(6):
        top, left = rng.integers(height), rng.integers(width)
        image[top : top + height // 3, left : left + width // 3] = rng.uniform(0, 255, 3)
    return np.clip(image, 0, 255).astype(np.uint8)
