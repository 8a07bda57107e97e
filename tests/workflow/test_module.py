import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from degcraft.config import merge
from tests.conftest import photo_like
from tests.workflow.engine import ENVIRONMENT, EVERYTHING, ROOT, TINY, jobs, snakemake

SHOWN, OWN = (
    re.search(rf"^```{kind}\n(.*?)^```", (ROOT / "docs" / "module.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    for kind in ("snakemake", "yaml")
)
PLAIN = """
configfile: "degcraft/config.yaml"


module degcraft:
    snakefile:
        "degcraft/{snakefile}"
    config:
        config


use rule * from degcraft
"""
COUNTED = """

rule counted:
    input:
        "sr/results/images/test/index.csv",
    output:
        "counted.txt",
    shell:
        "tail -n +2 {input} | wc -l > {output}"
"""


def foreign(folder: Path, text: str = SHOWN, own: dict[str, Any] | None = None) -> Path:
    (folder / "degcraft").symlink_to(ROOT)
    (folder / "Snakefile").write_text(text)
    (folder / "own.yaml").write_text(yaml.safe_dump(merge(yaml.safe_load(TINY.read_text()), own or {})))
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["snakemake", "--cores", "1", *arguments],
        cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip


def test_another_workflow_plans_the_jobs_of_this_one_under_its_own_names_and_prefix(tmp_path):
    direct = jobs(snakemake(tmp_path, "-n", *EVERYTHING).stdout)
    wanted = [f"degcraft_{name}" for name in EVERYTHING]
    result = run(foreign(tmp_path), "-n", "-p", *wanted)
    assert result.returncode == 0, result.stdout[-3000:]
    planned = jobs(result.stdout)
    assert planned.pop("degcraft_all") == 1
    assert planned == {f"degcraft_{name}": count for name, count in direct.items()}
    commands = re.findall(r"^Shell command: (.*)$", result.stdout, re.MULTILINE)
    commands = [re.sub(r"'[^']*'", "", command) for command in commands]  # options of the config in JSON
    assert len(commands) > 100
    assert "sr/results/" in commands[0]
    assert not [command for command in commands if re.search(r"(?<!sr/)results/", command)]


def test_files_of_the_user_have_no_prefix_and_results_do(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(2):
        Image.fromarray(photo_like(number, 64, 96)).save(tmp_path / "photos" / f"{number}.png")
    own = {"prepare": {"test": {"images": ["photos"], "packaged": []}}}
    result = run(foreign(tmp_path, SHOWN + COUNTED, own), "counted")
    assert result.returncode == 0, result.stdout[-3000:]
    assert (tmp_path / "counted.txt").read_text().strip() == "2"
    assert (tmp_path / "sr/results/logs/prepare_images/test.log").is_file()
    assert not (tmp_path / "results").exists()


def test_missing_files_end_a_run_that_calls_our_onstart(tmp_path):
    own = {"prepare": {"test": {"images": ["nowhere"]}}}
    result = run(foreign(tmp_path, SHOWN + COUNTED, own), "counted")
    assert result.returncode != 0
    assert f"prepare.test.images: {tmp_path}/nowhere: not found" in result.stdout
    assert not (tmp_path / "sr").exists()


def test_the_example_of_the_page_makes_what_its_rule_wants(tmp_path):
    result = run(foreign(tmp_path, own=yaml.safe_load(OWN)), "-n")
    assert result.returncode == 0, result.stdout[-3000:]
    planned = jobs(result.stdout)
    assert (planned["wanted"], planned["degcraft_table2"], planned["degcraft_draw_figure"]) == (1, 1, 1)


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_the_shortest_use_has_names_and_paths_as_they_are_and_makes_both_tables(tmp_path, snakefile):
    result = run(foreign(tmp_path, PLAIN.format(snakefile=snakefile)), "-n")
    assert result.returncode == 0, result.stdout[-3000:]
    assert jobs(result.stdout)["table1"] == jobs(result.stdout)["table2"] == 1
    assert "results/table2.csv" in result.stdout


def test_rules_without_their_package_say_what_is_needed(tmp_path):
    shutil.copytree(ROOT / "workflow" / "rules", tmp_path / "workflow" / "rules")
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    result = run(tmp_path, "-n", "--profile", "none")
    assert result.returncode != 0
    assert f"{tmp_path}/workflow: rules without the package beside them" in result.stdout
    assert "type: git clone" in result.stdout
