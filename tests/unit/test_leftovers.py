import os
from pathlib import Path

import pytest

from degcraft.errors import DegcraftError
from degcraft.leftovers import end, jobs

UUID = "0b5f2d4e-8c1a-4f6e-9d3b-5a7c9e1f2b4d"
QUEUE = """\
11|{uuid}|rule_train_model_wildcards_srresnet|{folder}
12|mine_{uuid}|rule_images_{uuid}|{folder}
13|{uuid}|rule_train_model|{folder}/other
14|{uuid}|my own job|{folder}
15|engine|rule_of_mine|{folder}
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Programs that stand for a queue: scancel empties it of what it is given, unless it is stubborn."""
    folder = tmp_path / "run | one"
    queue, programs = tmp_path / "queue", tmp_path / "bin"
    programs.mkdir()
    queue.write_text(QUEUE.format(uuid=UUID, folder=folder))
    for name, script in {
        "squeue": f'cat "{queue}"',
        "scancel": f'for job; do [ -e "{tmp_path}/stubborn" ] || sed -i "/^$job|/d" "{queue}"; done',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return tmp_path, folder


def test_only_jobs_that_an_engine_sent_from_the_folder_are_ended(slurm):
    base, folder = slurm
    assert end(folder) == ["11", "12"]
    assert [line.split("|")[0] for line in (base / "queue").read_text().splitlines()] == ["13", "14", "15"]
    assert end(folder) == []


def test_a_job_that_does_not_end_is_named(slurm):
    base, folder = slurm
    (base / "stubborn").touch()
    with pytest.raises(DegcraftError, match=r"do not end: 11 12; .*type: scancel 11 12"):
        end(folder, patience=0)


def test_without_an_answer_there_are_no_jobs(slurm, monkeypatch):
    base, folder = slurm
    (base / "bin" / "squeue").write_text("#!/bin/sh\necho 'slurm_load_jobs error: Unable to contact' >&2\nexit 1\n")
    assert jobs(folder) == []
    monkeypatch.setenv("PATH", "")
    assert jobs(Path(folder)) == []
