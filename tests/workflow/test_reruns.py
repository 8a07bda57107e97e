"""Promise 1: an edit re-runs exactly the stages that depend on it."""

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from degcraft.config import leaves, merge
from tests.workflow.engine import ROOT, STAGES, TINY, dry_runs, jobs, snakemake

FOLLOWERS = {
    "prepare": ["synthesize", "train", "restore", "evaluate"],
    "synthesize": ["features", "restore", "tables"],
    "features": ["distances"],
    "distances": ["weights"],
    "weights": ["train"],
    "train": ["restore"],
    "restore": ["evaluate"],
    "evaluate": ["tables"],
    "tables": [],
}
# An image set reaches some stages only.
SETS = {
    "train": {"prepare", "train", "restore", "evaluate", "tables"},
    "test": {"prepare", "synthesize", "restore", "evaluate", "tables"},
}
# Values that cannot be derived: another valid value of the leaf.
FLIPS: dict[str, Any] = {
    "data": "elsewhere",
    "degradation.kernel_size": 23,
    "bins.quality.count": 1,
    "extractors.alexnet-random.kind": None,  # another kind is another extractor
    "extractors.alexnet-random.weights": None,  # needs a file
    "extractors.dct.kind": None,
    "backbones.srresnet.kind": None,
    "backbones.rrdb.kind": None,
    "compute.device": "cpu",
    "compute.precision": "bf16",
    "evaluate.metrics": ["psnr_y"],
    "evaluate.lpips.weights": None,  # needs a file
    "tables.settings": ["setting1"],
    "tables.backbones": ["srresnet"],
    "tables.extractors.srresnet": ["dct"],
    "tables.extractors.rrdb": ["dct"],
    "train.betas": [0.8, 0.99],
    "train.seeds": [0, 1],
}


def tiny_config() -> dict[str, Any]:
    return merge(yaml.safe_load((ROOT / "config.yaml").read_text()), yaml.safe_load(TINY.read_text()))


def closure(stages: set[str]) -> set[str]:
    found = set(stages)
    for stage in stages:
        found |= closure(set(FOLLOWERS[stage]))
    return found


def flipped(path: str, leaf: dict[str, Any], value: Any) -> Any:
    if path in FLIPS:
        return FLIPS[path]
    if path.endswith(".packaged"):
        return value[:-1]
    if path.endswith(".images"):
        return None
    if "enum" in leaf:
        return next(choice for choice in leaf["enum"] if choice != value)
    if isinstance(value, list):
        return [value[0], value[1] - 0.25 if isinstance(value[1], float) else value[1] - 1]
    if value is None:
        return 1
    if leaf.get("multipleOf"):
        return value + leaf["multipleOf"]
    return value * 0.5 if isinstance(value, float) else value + 1


def changed(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(config)
    node = config
    *parents, last = path.split(".")
    for parent in parents:
        node = node[parent]
    node[last] = value
    return config


def expected_stages(path: str, stages: list[str]) -> set[str]:
    parts = path.split(".")
    if parts[0] == "prepare" and parts[1] in SETS:
        return SETS[parts[1]]
    return closure(set(stages))


def used(path: str, config: dict[str, Any]) -> bool:
    """Whether a leaf belongs to a named variant that this config's tables show."""
    section, name = [*path.split("."), ""][:2]
    tables = config["tables"]
    shown = {
        "settings": tables["settings"],
        "backbones": tables["backbones"],
        "extractors": tables["extractors"]["srresnet"],
    }
    return section not in shown or name in shown[section]


def test_every_leaf_reruns_the_stages_that_the_schema_names(tiny_run, tmp_path):
    config = tiny_config()
    cases = []
    for path, leaf, value in leaves(config):
        new = flipped(path, leaf, value)
        if new is not None:
            cases.append((path, leaf["x-stages"] if used(path, config) else [], changed(config, path, new)))
    assert len(cases) > 50
    counts = dry_runs(tiny_run, [case[2] for case in cases], tmp_path)
    wrong = []
    for (path, stages, _), count in zip(cases, counts, strict=True):
        found, expected = {STAGES[rule] for rule in count}, expected_stages(path, stages)
        if found != expected:
            wrong.append(f"{path}: re-runs {sorted(found)}, the schema says {sorted(expected)}")
    assert not wrong, "\n".join(wrong)


def test_alpha_trains_only_the_crafted_models_anew(tiny_run):
    result = snakemake(tiny_run, "-n", "--config", "weights={alpha: 10}")
    crafted = 2 * 2 * 2  # backbones, settings, extractors
    assert jobs(result.stdout) == {
        "bin_weights": 4, "train_model": crafted, "restore_images": crafted, "evaluate_model": crafted, "table2": 1,
    }  # fmt: skip


def test_a_new_extractor_computes_that_extractor_only(tiny_run):
    added = "extractors={second: {kind: alexnet, weights: random, seed: 5}}"
    tables = "tables={extractors: {srresnet: [alexnet-random, dct, second]}}"
    result = snakemake(tiny_run, "-n", "--config", added, tables)
    assert jobs(result.stdout) == {
        "extract_features_bins": 1, "extract_features_references": 2, "bin_distances": 2, "bin_weights": 2,
        "train_model": 2, "restore_images": 2, "evaluate_model": 2, "table2": 1,
    }  # fmt: skip


def test_a_metric_trains_nothing(tiny_run):
    result = snakemake(tiny_run, "-n", "--config", "evaluate={crop: 8}")
    assert jobs(result.stdout) == {"evaluate_model": 16, "table2": 1}


@pytest.fixture
def checkout(tiny_run, tmp_path):
    """A copy of the workflow's sources that may be edited, beside the finished run."""
    copy_of = tmp_path / "checkout"
    copy_of.mkdir()
    for name in ("workflow", "resources", "envs"):
        shutil.copytree(
            ROOT / name, copy_of / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "weights")
        )
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(ROOT / name, copy_of / name)
    return copy_of


def rerun(checkout: Path, workdir: Path, config: Path = TINY) -> set[str]:
    result = snakemake(workdir, "-n", "--snakefile", str(checkout / "Snakefile"), config=config)
    assert result.returncode == 0, result.stdout
    return {STAGES[rule] for rule in jobs(result.stdout)}


def test_edits_that_change_nothing_rerun_nothing(tiny_run, checkout, tmp_path):
    for source in checkout.rglob("*.py"):
        text = source.read_text()
        source.write_text(text.replace('"""', '"""Said differently. ', 1) + "\n\n# a new comment\n")
        os.utime(source)
    reordered = tmp_path / "reordered.yaml"
    tiny = yaml.safe_load(TINY.read_text())
    reordered.write_text("# a comment\n" + yaml.safe_dump(dict(reversed(tiny.items())), sort_keys=False))
    assert rerun(checkout, tiny_run, reordered) == set()


@pytest.mark.parametrize(
    ("module", "old", "new", "first"),
    [
        ("degradations.py", "SCALE = 4", "SCALE = 2 + 2", {"synthesize", "train"}),
        ("weighting/frechet.py", "import numpy as np", "import numpy as np\n\nEDITED = 1", {"distances", "weights"}),
        ("metrics.py", "import numpy as np", "import numpy as np\n\nEDITED = 1", {"evaluate"}),
        ("extractors/dct.py", "import numpy as np", "import numpy as np\n\nEDITED = 1", {"features"}),
    ],
)
def test_an_edit_of_code_reruns_its_stages(tiny_run, checkout, module, old, new, first):
    source = checkout / "workflow" / "degcraft" / module
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new, 1))
    assert rerun(checkout, tiny_run) == closure(first)
