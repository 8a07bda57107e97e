"""Promise 1: an edit re-runs exactly the stages that depend on it."""

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from degcraft.config import merge
from degcraft.schema import options
from tests.edits import FLIPS
from tests.workflow.engine import EVERYTHING, ROOT, STAGES, TINY, dry_runs, jobs, snakemake

FOLLOWERS = {
    "prepare": ["synthesize", "train", "methods", "restore", "evaluate", "report"],
    "applications": ["features", "restore", "checks", "report"],  # and truth, which no target of the tiny run has
    "synthesize": ["features", "methods", "restore", "tables"],
    "pretrain": ["features"],
    "features": ["posterior", "distances", "alpha", "estimation", "evidence", "checks", "report"],
    "posterior": ["weights", "estimation", "checks", "report"],
    "distances": ["weights"],
    "alpha": ["estimation"],
    "weights": ["train", "evidence", "checks", "report"],
    "estimation": ["evidence"],
    "train": ["restore", "export", "report"],
    "methods": ["restore", "evaluate"],
    "restore": ["evaluate", "evidence", "checks", "report"],
    "evaluate": ["tables", "evidence"],
    "tables": [],
    "evidence": ["figures"],
    "figures": [],
    "checks": ["report"],
    "export": ["report"],
    "report": [],
}
ALL = {*FOLLOWERS} - {"applications"}  # with pretrain, where DASR's encoder learns from these images
# An image set reaches some stages only.
SETS = {
    "train": ALL - {"synthesize", "posterior", "alpha", "estimation"},  # traces are not trained
    "stability": {"prepare", "synthesize", "features", "evidence", "figures"},
    "test": {"prepare", "synthesize", "methods", "restore", "evaluate", "tables", "evidence", "figures"},
}
# Extractors of Figures 3 and 4 alone train no SR network.
MAPS = {"pretrain", "features", "distances", "weights", "evidence", "figures"}
# Posteriors, alphas and estimates are of traces, which need no weights, and of banks of their own.
TRACES = {"posterior", "alpha", "estimation"}
# What is estimated of the second-order model; no crafted row is drawn from it.
SECOND_ORDER = {"synthesize", "features", "posterior", "estimation", "evidence", "figures"}
# The page of the application shows its own models alone.
PAGE = {"checks", "export", "report"}
# What an option would reach if every followed stage read all files of the one before.
BEYOND = {
    "settings": {"posterior", "alpha", *PAGE},
    "shuffled": PAGE,
    "prepare.references": PAGE,
    "prepare.bins": {"alpha", "methods"},
    "bins": {"methods"},
    "applications": {*TRACES, "evaluate"},
    "extractors": {*TRACES, *PAGE},
    "distances": PAGE,
    "weights.alpha": PAGE,
    **{f"backbones.<backbone>.{name}": PAGE for name in ("growth", "groups", "reduction", "dropout")},
    "train.seeds": PAGE,
    "train.log_every": TRACES,
    "methods": PAGE,
    "compute": TRACES,
    "tables": PAGE,
    "tables.settings": {"posterior", "alpha"},
    "tables.extractors": TRACES,
    "tables.draws": {"estimation"},
    "evidence": {*TRACES, "methods", "tables", *PAGE},
}
# Where the time went is collected after every run, and drawn.
REPORTED = {"exhibits", "figures"}
UNUSED = "pretrain.alexnet"  # nothing is trained on textures in the tiny run


def tiny_config() -> dict[str, Any]:
    return merge(yaml.safe_load((ROOT / "config.yaml").read_text()), yaml.safe_load(TINY.read_text()))


def closure(stages: set[str]) -> set[str]:
    found = set(stages)
    for stage in stages:
        found |= closure(set(FOLLOWERS[stage]))
    return found


def expected_stages(path: str, stages: list[str]) -> set[str]:
    parts = path.split(".")
    if parts[0] == "prepare" and parts[1] in SETS:
        return SETS[parts[1]]
    if path.startswith("second_order"):
        return SECOND_ORDER | {"train", "restore", "evaluate", "tables", "checks", "report"}  # Real-ESRNet
    if path == "applications.<application>.truth":
        return {*stages, "evaluate", "export"}  # for its page and its card; nothing is trained or restored again
    if parts[0] == "report":  # of an application without truth
        return {*stages, "checks"} - {"evaluate"}
    if path == "posterior.samples":
        return SECOND_ORDER
    if path == "extractors.<extractor>.textures":
        return MAPS | TRACES | {"tables"}  # the table says what it lacks, and estimates are made with it
    if path == "evidence.extractors" or path.startswith("pretrain.dasr"):
        return MAPS
    if path in ("evidence.outside", "evidence.blur.test", "evidence.blur.widths"):
        return set(stages) | {"figures"}  # another test set for networks that are there
    if path == "evidence.front" or path.startswith("evidence.lookalikes"):
        return set(stages) | {"figures"}  # other draws or targets, which nothing else reads
    if parts[0] == "estimation":  # banks and references of its own, which nothing else reads
        return {*stages, "estimation", "evidence", "figures"} | ({"features"} if "synthesize" in stages else set())
    if path.startswith("train.") or path in ("backbones.<backbone>.groups", "backbones.<backbone>.reduction"):
        stages = [*stages, "methods"] if stages else []  # what the tiny run takes for published is a trained model
    return closure(set(stages)).difference(*(left for name, left in BEYOND.items() if path.startswith(name)))


def edited(path: str, config: dict[str, Any], workdir: Path) -> dict[str, Any]:
    """The tiny config with one option changed; some need another change than the default would."""
    weights = {"weights": str(workdir / "config.safetensors")}
    second, encoder = {"kind": "srresnet", "width": 4, "blocks": 1}, {"kind": "dasr", "weights": "trained"}
    instead = {
        # Not alexnet-random: the default's seed for it would be merged in again, and files have none.
        "extractors.<extractor>.layer": {"extractors": {"vgg-random": {"layer": [1, 2]}}},
        "extractors.<extractor>.weights": {"extractors": {"vgg-random": weights}},
        "evaluate.lpips.weights": {"evaluate": {"lpips": weights}},
        "tables.backbones": {"backbones": {"second": second}, "tables": {"extractors": {"second": ["dct"]}}},
        "tables.settings": {"tables": {"settings": ["setting1", "setting3", "setting4"]}},
        "tables.draws.<backbone>": {"extractors": {"second": encoder}},
        "train.continued": {"train": {"init": "uniform"}},
        "tables.extractors.<backbone>": {
            "extractors": {"second": encoder},
            "tables": {"extractors": {"rrdb": ["vgg-random", "second"]}},
        },
        "methods.<method>": {"backbones": {"second": second}},
        "tables.methods": {
            "methods": {
                "second": {**config["methods"]["ikc"], "row": "IKC again"},
                "third": {**config["methods"]["rcan"], "row": "RCAN again", "draw": "uniform"},
            }
        },
        "applications.<application>.references.min": {"applications": {"archive": {"references": {"min": 3}}}},
        "report.draw": {"extractors": {"second": encoder}},
        "report.beside": {"extractors": {"second": encoder}},
        "evidence.extractor": {"extractors": {"second": encoder}},
        "evidence.extractors": {"extractors": {"second": encoder}},
        "evidence.front": {"extractors": {"second": encoder}},
        "evidence.lookalikes.draw": {"extractors": {"second": encoder}},
        "estimation.extractors": {"extractors": {"second": encoder}},
        # No textures are at hand, so that no AlexNet is trained on them.
        "extractors.<extractor>.textures": {"extractors": {"alexnet-minc": {"textures": str(workdir)}}},
        # Where the usual edit is what the tiny config has already.
        "figures.dpi": {"figures": {"dpi": 120}},
        "bins.quality.count": {"bins": {"quality": {"count": 3}}},
        "prepare.crop": {"prepare": {"crop": 288}},
        "prepare.train.packaged": {"prepare": {"train": {"packaged": ["grass"]}}},
        "backbones.<backbone>.growth": {"backbones": {"rrdb": {"growth": 6}}},
    }
    config = merge(merge(copy.deepcopy(config), FLIPS[path]), instead.get(path, {}))
    config["extractors"].pop("vgg-file", None)  # of the edits, but not of the tiny config
    if path == "extractors.<extractor>.weights":
        del config["extractors"]["vgg-random"]["seed"]
    return config


def test_every_option_reruns_the_stages_that_the_schema_names(tiny_run, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(tiny_run, workdir, symlinks=True)
    (workdir / "photos").mkdir()
    (workdir / "photos" / "photo.png").write_bytes(b"a dry run does not look inside")
    (workdir / "config.safetensors").write_bytes(b"nor here")
    (workdir / "votes.csv").write_text("voter,image,method,rank\n")
    config = tiny_config()
    paths = list(FLIPS)
    assert paths == list(options())
    configs = [edited(path, config, workdir) for path in paths]
    counts = dry_runs(workdir, configs, tmp_path, *EVERYTHING)
    wrong = []
    for path, count in zip(paths, counts, strict=True):
        found, expected = {STAGES[rule] for rule in count}, expected_stages(path, options()[path]["x-stages"])
        if path.startswith(UNUSED):
            expected = set()
        if expected:
            expected |= REPORTED
        if found != expected:
            wrong.append(f"{path}: re-runs {sorted(found)}, the schema says {sorted(expected)}")
    assert not wrong, "\n".join(wrong)


def planned(workdir: Path, folder: Path, changes: dict[str, Any]) -> dict[str, int]:
    return dry_runs(workdir, [merge(tiny_config(), changes)], folder)[0]


def test_alpha_trains_only_the_crafted_models_anew(tiny_run, tmp_path):
    crafted = 2 * 3  # settings, and extractors of both backbones
    assert planned(tiny_run, tmp_path, {"weights": {"alpha": 10}}) == {
        "bin_weights": 6, "train_model": crafted, "restore_images": crafted, "evaluate_model": crafted, "table2": 1,
    }  # fmt: skip


def test_a_new_extractor_computes_that_extractor_only(tiny_run, tmp_path):
    second = {"second": {"kind": "alexnet", "weights": "random", "seed": 5}}
    changes = {"extractors": second, "tables": {"extractors": {"srresnet": ["alexnet-random", "dct", "second"]}}}
    assert planned(tiny_run, tmp_path, changes) == {
        "extract_features_bank": 1, "extract_features_references": 2, "bin_distances": 2, "bin_weights": 2,
        "train_model": 2, "restore_images": 2, "evaluate_model": 2, "table2": 1,
    }  # fmt: skip


def test_a_metric_trains_nothing(tiny_run, tmp_path):
    assert planned(tiny_run, tmp_path, {"evaluate": {"metrics": ["psnr_y"]}}) == {
        "evaluate_model": 16 + 2 * 11,
        "table2": 1,
    }


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
    result = snakemake(workdir, "-n", *EVERYTHING, "--snakefile", str(checkout / "Snakefile"), config=config)
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
        (
            "degradations/first_order.py",
            "SCALE = 4",
            "SCALE = 2 + 2",
            {"applications", "pretrain", "synthesize", "train", "evidence", "checks"},
        ),
        (
            "weighting/frechet.py",
            "import numpy as np",
            "import numpy as np\n\nEDITED = 1",
            {"distances", "weights", "alpha", "estimation", "evidence"},
        ),
        ("metrics.py", "import numpy as np", "import numpy as np\n\nEDITED = 1", {"evaluate", "evidence", "checks"}),
        ("extractors/dct.py", "import numpy as np", "import numpy as np\n\nEDITED = 1", {"features"}),
    ],
)
def test_an_edit_of_code_reruns_its_stages(tiny_run, checkout, module, old, new, first):
    source = checkout / "workflow" / "degcraft" / module
    text = source.read_text()
    assert old in text
    source.write_text(text.replace(old, new, 1))
    assert rerun(checkout, tiny_run) == closure(first) | REPORTED


def test_an_edit_of_the_style_draws_one_figure(tiny_run, tmp_path):
    changes = {"figures": {"font": 8}}
    assert dry_runs(tiny_run, [merge(tiny_config(), changes)], tmp_path, "results/figure4.pdf") == [{"draw_figure": 1}]
