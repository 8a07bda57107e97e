"""One tiny run of the whole workflow, shared by the tests of this folder."""

from pathlib import Path

import pytest

from tests.workflow.engine import snakemake


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("tiny")
    result = snakemake(workdir, "--cores", "2")
    assert result.returncode == 0, result.stdout[-4000:]
    return workdir
