import json
import re

import pytest

from degcraft import compared, plans, repeats, targets
from degcraft.config import merge, validate
from degcraft.errors import DegcraftError
from degcraft.schema import options
from degcraft.spec import SAME, SECOND_ORDER, parse_weighting, spec
from tests.edits import BASE, FLIPS


@pytest.fixture
def base(default_config):
    return merge(default_config, BASE)


def specs(config):
    """Spec of every job of the tables and figures, by stage and what the job is for."""
    tables, jobs = config["tables"], {}

    def add(stage, *key, **wildcards):
        jobs[stage, *key, *wildcards.values()] = spec(config, stage, **wildcards)

    def add_model(model):
        backbone, test, draw, seed = model.split("/")
        seed = seed.removeprefix("seed")
        _, target, trained, _ = targets.model(backbone, test, draw, seed).split("/")
        stage = "methods" if trained in compared.DRAWS else "train"
        add(stage, backbone=backbone, target=target, draw=trained, seed=seed)
        for stage in ("restore", "evaluate"):
            add(stage, backbone=backbone, target=test, draw=draw, seed=seed)
        if test in config["settings"]:
            add("synthesize", set="test", target=test)
        if trained not in (*targets.PLAIN_DRAWS, *compared.DRAWS):
            add_weights(target, *trained.split(".", 1))

    def add_weights(target, extractor, weighting):
        add_features(target, extractor)
        add("weights", target=target, extractor=extractor, weighting=weighting)
        kind = parse_weighting(weighting)["kind"]
        if kind.startswith("frechet"):
            add("distances", target=target, extractor=extractor)
        if kind == "frechet-auto":
            add("alpha", extractor)
        if not kind.startswith("frechet"):
            add_bank("samples" if kind == SECOND_ORDER else "bins", extractor)
        if target.removesuffix(SAME) in config["settings"]:
            add("synthesize", set="references", target=target)

    def add_features(target, extractor):
        add("features", "bins", extractor=extractor)
        add("features", extractor=extractor, target=target)
        if config["extractors"][extractor].get("weights") == "trained":
            add("pretrain", extractor=extractor)

    def add_bank(bank, extractor):
        add_features(bank, extractor)
        add("posterior", extractor, bank=bank)

    evidence = config["evidence"]
    for name in config["applications"]:
        for stage in ("applications", "truth", "restore", "checks", "report"):
            add(stage, application=name)
        for model in plans.report_models(config, name):
            add_model(model)
        crafted = plans.report_models(config, name)[0].replace("/seed", "/").split("/")
        add("export", **dict(zip(("backbone", "target", "draw", "seed"), crafted, strict=True)))
    for model in [*plans.blur_models(config), *plans.front_models(config)]:
        add_model(model)
    for name in plans.lookalike_weights(config):
        target, draw = name.split("/")
        add_weights(target, *draw.split(".", 1))
    for figure in evidence["images"]:
        for model in plans.image_models(config, figure):
            add_model(model)
    for name in plans.map_weights(config, {}):
        add_weights(*name.replace("/", " ").replace(".frechet", " frechet").split())
    add("synthesize", set="stability", target=evidence["setting"])
    for name in evidence["extractors"]:
        add_features(f"stability-{evidence['setting']}", name)
    for repeat in repeats.repeats(config):
        for name in ("bins", "targets"):
            add("synthesize", set=name, repeat=repeat)
        for name in config["estimation"]["extractors"]:
            add_bank(f"bins-{repeat}", name)
            add("alpha", name, repeat)
            add("estimation", name, repeat, part="repeat")
    for name in config["estimation"]["extractors"][:1]:
        add_bank("samples", name)
        add("estimation", name, part="second-order")
    add("synthesize", set="samples")
    add("synthesize", set="second-order")
    add("estimation", part="collect")
    for figure in (*plans.FIGURES, "claims"):
        add("evidence", figure=figure)
    add("figures")
    for name in ("train", "references", "bins", "stability", "test"):
        add("prepare", set=name)
    add("synthesize", set="bins")
    for table in ("table1", "table2"):
        add("tables", table=table)
    for model in targets.table_models(config):
        add_model(model)
    for target in tables["settings"]:
        add("synthesize", set="references", target=target)
        add("synthesize", set="test", target=target)
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


def test_what_an_application_may_leave_out_means_nothing(base):
    left_out = {
        key: value
        for key, value in base["applications"]["archive"].items()
        if key not in ("reduce", "truth", "references")
    }
    assert spec({**base, "applications": {"archive": left_out}}, "applications", application="archive") == spec(
        base, "applications", application="archive"
    )


def test_only_the_edited_entry_changes(base):
    before = specs(base)

    def changed(changes):
        after = specs(merge(base, changes))
        return {key for key in after if before.get(key) != after[key]}

    assert changed(FLIPS["prepare.test.count"]) == {("prepare", "test")}
    assert changed(FLIPS["prepare.crop"]) == {
        ("applications", "archive"),
        *(("prepare", name) for name in ("references", "bins", "stability")),
    }
    assert {key[1] for key in changed(FLIPS["settings.<setting>.blur"]) if key[0] == "synthesize"} == {
        "references",
        "stability",
        "targets",
        "test",
    }
    assert {key[2:4] for key in changed(FLIPS["settings.<setting>.blur"]) if key[0] == "train"} == {
        ("setting1", "oracle")
    }
    assert {key[1] for key in changed(FLIPS["backbones.<backbone>.width"]) if key[0] == "train"} == {"srresnet"}
    assert {key[-1] for key in changed(FLIPS["train.seeds"]) if key[0] in ("train", "restore", "evaluate")} == {"1"}
    assert {key[1] for key in changed(FLIPS["bins.blur.count"]) if key[0] == "synthesize"} == {"bins", "stability"}
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
    for section in ("train", "estimation"):
        floats[section]["seeds"] = base[section]["seeds"]  # they name files, and must be integers
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
    assert spec(base, "weights", weighting="frechet-a25") == '{"weighting":{"alpha":25,"floor":0,"kind":"frechet"}}'
    assert spec(base, "weights", weighting="refined") == (
        '{"bins":{"blur":{"range":[0,5]},"noise":{"range":[0,50]},"quality":{"range":[30,90]}},"seed":0,'
        '"weighting":{"floor":0.05,"kind":"refined"}}'
    )
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
    for draw in ("traces.refined", "traces.refined-f0.1"):  # its table says the ranges
        assert keys("train", backbone="rrdb", target="setting1", draw=draw, seed="3") == training
    assert keys("train", backbone="rrdb", target="setting1", draw="traces.mixture", seed="3") == training | {"bins"}
    assert keys("posterior", extractor="traces", bank="bins") == {"posterior", "bins", "seed"}
    assert keys("alpha", extractor="traces") == {"distances", "bins", "seed"}
    assert keys("weights", weighting="frechet-auto") == {"weighting"}
    for weighting in ("mixture", "refined"):
        assert keys("weights", weighting=weighting) == {"weighting", "bins", "seed"}
    assert keys("features", extractor="traces") == {"extractor", "features"}
    assert keys("restore") == {"compute"}
    assert keys("tables", table="table1") == {"settings"}
    assert keys("tables", table="table2") == {
        "tables", "weights", "evaluate", "train", "backbones", "methods",
    }  # fmt: skip


def test_training_reads_its_own_seed_and_no_checkpoint_interval(base):
    found = json.loads(spec(base, "train", backbone="rrdb", target="setting1", draw="oracle", seed="3"))
    assert (found["seed"], found["training_seed"]) == (0, 3)
    assert found["setting"] == base["settings"]["setting1"]
    assert set(base["train"]) - set(found["train"]) == {"seeds", "checkpoint_every", "continued"}


def test_jobs_of_a_weighting_read_what_they_need(base):
    def same(stage, changes, **wildcards):
        return spec(base, stage, **wildcards) == spec(merge(base, changes), stage, **wildcards)

    floor, count, alpha = ({"weights": {"floor": 0.2}}, {"bins": {"blur": {"count": 4}}}, {"weights": {"alpha": 7}})
    for weighting in ("frechet-a25", "frechet-auto", "refined-f0.05", "mixture-f0"):
        assert same("weights", floor, weighting=weighting)
    assert not same("weights", floor, weighting="mixture")
    assert not same("weights", floor, weighting="refined")
    assert not same("weights", count, weighting="mixture")
    assert same("weights", count, weighting="refined")  # a density knows no bins
    assert same("posterior", count, bank="bins")
    for weighting in ("frechet-a25", "frechet-auto", "mixture", "refined"):
        assert same("weights", alpha, weighting=weighting)


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
