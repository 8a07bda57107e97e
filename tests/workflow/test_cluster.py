"""What a cluster is sent, as dry runs say it; tests/slurm sends it to one."""

import re
import subprocess
from collections import Counter

from tests import scale
from tests.workflow.engine import ENVIRONMENT, ROOT

# "Group job NAME (jobs in lexicogr. order):" or "rule NAME:" after a line of time; the jobs of a group have no time.
SENT = re.compile(r"^(?:\[[^\]]*\d{4}\]\s+)(?:Group job (\w+)|(?:local)?rule (\w+):)", re.MULTILINE)


def sent(*arguments: str) -> tuple[Counter[str], str]:
    """Slurm jobs of a run by group or rule, and all that the dry run says; it starts where profiles/default is read."""
    done = subprocess.run(
        ["snakemake", "--dry-run", "--profile", "slurm", *arguments],
        cwd=ROOT, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return Counter(group or rule for group, rule in SENT.findall(done.stdout)), done.stdout


def test_the_papers_run_is_few_and_worthwhile_jobs(tmp_path):
    fresh = ["--directory", str(tmp_path), "results/table2.csv", "--configfile", str(scale.PAPER)]
    found, said = sent(*fresh)
    assert found == {
        "train_model": 62, "train_method": 11, "learn_images": 4, "pretrain_extractor": 2, "prepare_images": 4,
        "images": 1, "features": 7, "tested": 13, "table2": 1,
        "download_weights": 2,  # where snakemake was started
    }  # fmt: skip
    asked = re.findall(r"rule train_model:.*?output: results/models/([^/]+)/.*?resources: ([^\n]*)", said, re.DOTALL)
    assert len(asked) == 62
    minutes = {backbone: int(re.search(r"runtime=(\d+)", resources)[1]) for backbone, resources in asked}
    assert all("gpu=1," in resources for _, resources in asked)
    assert minutes["srresnet"] < minutes["rcan"] < minutes["rrdb"] < 48 * 60


def test_a_dry_run_of_ten_times_the_paper():
    found = scale.measure(settings=20, seeds=1, profile="none")
    assert found["trainings"] == 2 + 20 * (8 + 6)  # oracle, extractors and refined; uniform serves all settings
    assert found["jobs"] == 1380
