import json
import re

import pytest

from degcraft.config import merge, validate
from degcraft.errors import DegcraftError
from degcraft.schema import options
from degcraft.spec import parse_weighting, spec, weighting_name

# The default, changed so that every kind of option is in use.
BASE = {
    "extractors": {"vgg-random": {"kind": "vgg", "layer": [2, 2], "weights": "random", "seed": 0}},
    "backbones": {"second": {"kind": "srresnet", "width": 8, "blocks": 1}},
    "evaluate": {"lpips": {"weights": "torchvision"}},
    "tables": {
        "settings": ["setting1", "setting2"],
        "extractors": {
            "srresnet": ["alexnet-imagenet", "alexnet-random", "vgg-random"],
            "rrdb": ["alexnet-random"],
            "second": ["alexnet-random"],
        },
    },
}
# One edit of every option.
FLIPS = {
    "seed": {"seed": 1},
    "data": {"data": "elsewhere"},
    "degradation.kernel_size": {"degradation": {"kernel_size": 31}},
    "degradation.downsampling": {"degradation": {"downsampling": "area"}},
    "degradation.noise": {"degradation": {"noise": "grey"}},
    "degradation.chroma": {"degradation": {"chroma": "4:4:4"}},
    "bins.blur.range": {"bins": {"blur": {"range": [0, 4]}}},
    "bins.blur.count": {"bins": {"blur": {"count": 4}}},
    "bins.noise.range": {"bins": {"noise": {"range": [5, 50]}}},
    "bins.noise.count": {"bins": {"noise": {"count": 4}}},
    "bins.quality.range": {"bins": {"quality": {"range": [40, 90]}}},
    "bins.quality.count": {"bins": {"quality": {"count": 2}}},
    "settings.<setting>.blur": {"settings": {"setting1": {"blur": [0, 0]}}},
    "settings.<setting>.noise": {"settings": {"setting1": {"noise": [0, 9.5]}}},
    "settings.<setting>.quality": {"settings": {"setting1": {"quality": [85, 90]}}},
    "prepare.crop": {"prepare": {"crop": 256}},
    "prepare.train.images": {"prepare": {"train": {"images": ["photos"]}}},
    "prepare.train.packaged": {"prepare": {"train": {"packaged": ["camera"]}}},
    "prepare.train.dead_leaves": {"prepare": {"train": {"dead_leaves": 60}}},
    "prepare.references.images": {"prepare": {"references": {"images": ["photos"]}}},
    "prepare.references.packaged": {"prepare": {"references": {"packaged": ["brick"]}}},
    "prepare.references.dead_leaves": {"prepare": {"references": {"dead_leaves": 120}}},
    "prepare.references.count": {"prepare": {"references": {"count": 50}}},
    "prepare.bins.images": {"prepare": {"bins": {"images": ["photos"]}}},
    "prepare.bins.packaged": {"prepare": {"bins": {"packaged": ["rocket"]}}},
    "prepare.bins.dead_leaves": {"prepare": {"bins": {"dead_leaves": 120}}},
    "prepare.bins.count": {"prepare": {"bins": {"count": 50}}},
    "prepare.test.images": {"prepare": {"test": {"images": ["photos"]}}},
    "prepare.test.packaged": {"prepare": {"test": {"packaged": ["coffee"]}}},
    "prepare.test.count": {"prepare": {"test": {"count": 1}}},
    "extractors.<extractor>.kind": {"extractors": {"alexnet-random": {"kind": "dasr"}}},
    "extractors.<extractor>.weights": {"extractors": {"alexnet-imagenet": {"weights": "my.safetensors"}}},
    "extractors.<extractor>.layer": {"extractors": {"vgg-random": {"layer": [1, 2]}}},
    "extractors.<extractor>.seed": {"extractors": {"alexnet-random": {"seed": 1}}},
    "features.batch": {"features": {"batch": 25}},
    "features.pooling": {"features": {"pooling": "positions"}},
    "distances.ddof": {"distances": {"ddof": 0}},
    "weights.alpha": {"weights": {"alpha": 10}},
    "backbones.<backbone>.kind": {"backbones": {"srresnet": {"kind": "rrdb", "growth": 8}}},
    "backbones.<backbone>.width": {"backbones": {"srresnet": {"width": 24}}},
    "backbones.<backbone>.blocks": {"backbones": {"srresnet": {"blocks": 5}}},
    "backbones.<backbone>.growth": {"backbones": {"rrdb": {"growth": 4}}},
    "train.iterations": {"train": {"iterations": 3000}},
    "train.batch": {"train": {"batch": 4}},
    "train.patch": {"train": {"patch": 48}},
    "train.lr": {"train": {"lr": 0.001}},
    "train.betas": {"train": {"betas": [0.99, 0.9]}},
    "train.periods": {"train": {"periods": 2}},
    "train.lr_floor": {"train": {"lr_floor": 0}},
    "train.ema": {"train": {"ema": 0.99}},
    "train.seeds": {"train": {"seeds": [0, 1]}},
    "train.checkpoint_every": {"train": {"checkpoint_every": 250}},
    "train.log_every": {"train": {"log_every": 100}},
    "compute.device": {"compute": {"device": "cpu"}},
    "compute.precision": {"compute": {"precision": "bf16"}},
    "compute.threads": {"compute": {"threads": 2}},
    "evaluate.metrics": {"evaluate": {"metrics": ["psnr_y", "lpips"]}},
    "evaluate.crop": {"evaluate": {"crop": 0}},
    "evaluate.lpips.net": {"evaluate": {"lpips": {"net": "squeeze"}}},
    "evaluate.lpips.weights": {"evaluate": {"lpips": {"weights": "none"}}},
    "tables.settings": {"tables": {"settings": ["setting1", "setting2", "setting4"]}},
    "tables.backbones": {"tables": {"backbones": ["srresnet", "rrdb", "second"]}},
    "tables.extractors.<backbone>": {"tables": {"extractors": {"rrdb": ["alexnet-random", "dct"]}}},
}


@pytest.fixture
def base(default_config):
    return merge(default_config, BASE)


def specs(config):
    """Spec of every job of the tables, by stage and what the job is for."""
    tables, weighting, jobs = config["tables"], weighting_name(config), {}

    def add(stage, *key, **wildcards):
        jobs[stage, *key, *wildcards.values()] = spec(config, stage, **wildcards)

    for name in ("train", "references", "bins", "test"):
        add("prepare", set=name)
    add("synthesize", set="bins")
    for table in ("table1", "table2"):
        add("tables", table=table)
    for target in tables["settings"]:
        for name in ("references", "test"):
            add("synthesize", set=name, target=target)
        for extractor in {name for backbone in tables["backbones"] for name in tables["extractors"][backbone]}:
            add("features", "bins", extractor=extractor)
            add("features", extractor=extractor, target=target)
            add("distances", target=target, extractor=extractor)
            add("weights", target=target, extractor=extractor, weighting=weighting)
        for backbone in tables["backbones"]:
            draws = [f"{extractor}.{weighting}" for extractor in tables["extractors"][backbone]]
            for draw in ("uniform", "oracle", *draws):
                for seed in map(str, config["train"]["seeds"]):
                    trained = "any" if draw == "uniform" else target
                    add("train", backbone=backbone, target=trained, draw=draw, seed=seed)
                    for stage in ("restore", "evaluate"):
                        add(stage, backbone=backbone, target=target, draw=draw, seed=seed)
    return jobs


def test_every_option_has_an_edit():
    assert list(FLIPS) == list(options())


@pytest.mark.parametrize("path", FLIPS)
def test_an_edit_changes_the_specs_that_the_schema_names(base, path):
    edited = merge(base, FLIPS[path])
    assert edited != base
    validate(edited)
    before, after = specs(base), specs(edited)
    changed = {stage for stage, *key in after if before.get((stage, *key)) != after[stage, *key]}
    assert changed == set(options()[path]["x-stages"])


def test_only_the_edited_entry_changes(base):
    before = specs(base)

    def changed(changes):
        after = specs(merge(base, changes))
        return {key for key in after if before.get(key) != after[key]}

    assert changed(FLIPS["prepare.test.count"]) == {("prepare", "test")}
    assert changed(FLIPS["prepare.crop"]) == {("prepare", "references"), ("prepare", "bins")}
    assert {key[1] for key in changed(FLIPS["settings.<setting>.blur"]) if key[0] == "synthesize"} == {
        "references",
        "test",
    }
    assert {key[2:4] for key in changed(FLIPS["settings.<setting>.blur"]) if key[0] == "train"} == {
        ("setting1", "oracle")
    }
    assert {key[1] for key in changed(FLIPS["backbones.<backbone>.width"]) if key[0] == "train"} == {"srresnet"}
    assert {key[-1] for key in changed(FLIPS["train.seeds"]) if key[0] != "tables"} == {"1"}
    assert {key[1] for key in changed(FLIPS["bins.blur.count"]) if key[0] == "synthesize"} == {"bins"}
    assert "oracle" not in {key[3] for key in changed(FLIPS["bins.blur.count"]) if key[0] == "train"}


def reordered(node):
    return {key: reordered(node[key]) for key in reversed(node)} if isinstance(node, dict) else node


def as_floats(node):
    if isinstance(node, dict):
        return {key: as_floats(item) for key, item in node.items()}
    if isinstance(node, list):
        return [as_floats(item) for item in node]
    return float(node) if type(node) is int else node


def test_key_order_does_not_count(base):
    assert specs(reordered(base)) == specs(base)


def test_25_is_25_point_0(base):
    floats = as_floats(base)
    floats["train"]["seeds"] = base["train"]["seeds"]  # they name files, and must be integers
    assert json.dumps(floats) != json.dumps(base)
    assert specs(floats) == specs(base)


def test_swapped_values_are_seen(base):
    swapped = merge(base, {"train": {"batch": base["train"]["patch"], "patch": base["train"]["batch"]}})
    wildcards = {"backbone": "rrdb", "target": "any", "draw": "uniform", "seed": "0"}
    assert spec(swapped, "train", **wildcards) != spec(base, "train", **wildcards)


def test_text_is_one_compact_line(base):
    assert spec(base, "prepare", set="test") == (
        '{"prepare":{"test":{"count":null,"images":[],"packaged":["astronaut","china","coffee"]}},"seed":0}'
    )
    assert spec(base, "weights", weighting="frechet-a25") == '{"weighting":{"alpha":25,"name":"frechet-a25"}}'
    assert spec(base, "distances", target="setting1") == (
        '{"bins":{"blur":{"count":5,"range":[0,5]},"noise":{"count":5,"range":[0,50]},'
        '"quality":{"count":3,"range":[30,90]}},"distances":{"ddof":1}}'
    )


def test_sections_of_each_stage(base):
    def keys(stage, **wildcards):
        return set(json.loads(spec(base, stage, **wildcards)))

    training = {"backbone", "train", "degradation", "compute", "seed", "training_seed"}
    assert keys("prepare", set="references") == {"prepare", "seed"}
    assert keys("synthesize", set="bins") == {"degradation", "seed", "bins"}
    assert keys("synthesize", set="test", target="setting1") == {"degradation", "seed", "setting"}
    assert keys("features", extractor="alexnet-random") == {"extractor", "features", "compute"}
    assert keys("features", extractor="dct") == {"extractor", "features"}
    assert keys("train", backbone="rrdb", target="any", draw="uniform", seed="3") == training | {"bins"}
    assert keys("train", backbone="rrdb", target="setting1", draw="oracle", seed="3") == training | {"setting"}
    assert keys("train", backbone="rrdb", target="setting1", draw="dct.frechet-a25", seed="3") == training | {"bins"}
    assert keys("restore") == {"compute"}
    assert keys("tables", table="table1") == {"settings"}
    assert keys("tables", table="table2") == {
        "tables", "weights", "evaluate", "train", "backbones", "extractors",
    }  # fmt: skip


def test_training_reads_its_own_seed_and_no_checkpoint_interval(base):
    found = json.loads(spec(base, "train", backbone="rrdb", target="setting1", draw="oracle", seed="3"))
    assert (found["seed"], found["training_seed"]) == (0, 3)
    assert found["setting"] == base["settings"]["setting1"]
    assert set(base["train"]) - set(found["train"]) == {"seeds", "checkpoint_every"}


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({}, True),
        ({"evaluate": {"lpips": {"weights": "none"}}}, False),
        ({"evaluate": {"metrics": ["psnr_y"]}}, False),
    ],
)
def test_metrics_without_a_network_do_not_read_the_device(base, changes, read):
    assert ("compute" in json.loads(spec(merge(base, changes), "evaluate"))) is read


@pytest.mark.parametrize(
    ("alpha", "name"), [(25, "25"), (25.0, "25"), (2.5, "2.5"), (0, "0"), (-0.0, "0"), (1e6, "1e+06")]
)
def test_weighting_names(alpha, name):
    assert weighting_name({"weights": {"alpha": alpha}}) == f"frechet-a{name}"
    assert parse_weighting(f"frechet-a{name}") == {"name": f"frechet-a{name}", "alpha": float(alpha)}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("frechet", "write frechet-a25"),
        ("frechet-a", "write frechet-a25"),
        ("frechet-a-1", "write frechet-a25"),
        ("frechet-anan", "write frechet-a25"),
        ("mixtur", "write frechet-a25"),
        ("frechet-a25.0", "its files are named frechet-a25"),
        ("frechet-a025", "its files are named frechet-a25"),
    ],
)
def test_other_weightings_are_refused(name, message):
    with pytest.raises(DegcraftError, match=message):
        parse_weighting(name)


@pytest.mark.parametrize(
    ("stage", "wildcards", "message"),
    [
        ("features", {"extractor": "dtc"}, 'config.yaml: extractors: unknown extractor "dtc"; did you mean "dct"?'),
        (
            "synthesize",
            {"set": "test", "target": "x"},
            'unknown setting "x"; known: setting1, setting2, setting3, setting4',
        ),
        ("train", {"backbone": "rdb", "target": "any", "draw": "uniform", "seed": "0"}, 'did you mean "rrdb"?'),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(default_config, stage, wildcards, message):
    with pytest.raises(DegcraftError, match=re.escape(message)):
        spec(default_config, stage, **wildcards)
