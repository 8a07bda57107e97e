import re
import shutil
import subprocess
from pathlib import Path

from PIL import Image

from tests.conftest import photo_like
from tests.workflow.engine import ENVIRONMENT, EVERYTHING, ROOT, TINY, jobs, snakemake

FOREIGN = """
configfile: "{root}/config.yaml"
configfile: "{tiny}"
configfile: "own.yaml"


module degcraft:
    snakefile:
        "{root}/{snakefile}"
    config:
        config
    prefix:
        "sr"


use rule * from degcraft as degcraft_*


onstart:
    degcraft.onstart()


rule counted:
    input:
        "sr/results/images/test/index.csv",
    output:
        "counted.txt",
    shell:
        "tail -n +2 {{input}} | wc -l > {{output}}"
"""
PLAIN = """
configfile: "{root}/config.yaml"


module degcraft:
    snakefile:
        "{root}/Snakefile"
    config:
        config


use rule * from degcraft
"""


def foreign(folder: Path, text: str = FOREIGN, snakefile: str = "Snakefile", own: str = "{}") -> Path:
    folder.joinpath("own.yaml").write_text(own)
    folder.joinpath("Snakefile").write_text(text.format(root=ROOT, tiny=TINY, snakefile=snakefile))
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["snakemake", "--cores", "1", *arguments],
        cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip


def test_another_workflow_plans_the_jobs_of_this_one_under_its_own_names_and_prefix(tmp_path):
    direct = jobs(snakemake(tmp_path, "-n", *EVERYTHING).stdout)
    wanted = ["degcraft_all", "degcraft_figures", "sr/results/applications/archive/report.html"]
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
    own = "prepare: {test: {images: [photos], packaged: []}}"
    result = run(foreign(tmp_path, own=own), "counted")
    assert result.returncode == 0, result.stdout[-3000:]
    assert (tmp_path / "counted.txt").read_text().strip() == "2"
    assert (tmp_path / "sr/results/logs/prepare_images/test.log").is_file()
    assert not (tmp_path / "results").exists()


def test_missing_files_end_a_run_that_calls_our_onstart(tmp_path):
    result = run(foreign(tmp_path, own="prepare: {test: {images: [nowhere]}}"), "counted")
    assert result.returncode != 0
    assert f"prepare.test.images: {tmp_path}/nowhere: not found" in result.stdout
    assert not (tmp_path / "sr").exists()


def test_without_a_target_both_tables_are_made(tmp_path):
    result = run(foreign(tmp_path, snakefile="workflow/Snakefile"), "-n")
    assert result.returncode == 0, result.stdout[-3000:]
    assert jobs(result.stdout)["degcraft_table1"] == jobs(result.stdout)["degcraft_table2"] == 1


def test_the_shortest_use_has_names_and_paths_as_they_are(tmp_path):
    result = run(foreign(tmp_path, PLAIN), "-n", "results/table2.csv")
    assert result.returncode == 0, result.stdout[-3000:]
    assert jobs(result.stdout)["table2"] == 1


def test_rules_without_their_package_say_what_is_needed(tmp_path):
    shutil.copytree(ROOT / "workflow" / "rules", tmp_path / "workflow" / "rules")
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    result = run(tmp_path, "-n", "--profile", "none")
    assert result.returncode != 0
    assert f"{tmp_path}/workflow: rules without the package beside them" in result.stdout
    assert "type: git clone" in result.stdout
