import re

import pytest

from degcraft import targets
from degcraft.config import merge
from degcraft.errors import DegcraftError
from degcraft.spec import parse_weighting


def test_table_models_of_the_default(default_config):
    models = targets.table_models(default_config)
    # Backbones, settings, uniform + oracle + two extractors; and one draw past the bins of one backbone.
    assert len(models) == len(set(models)) == 2 * 4 * 4 + 4
    assert [model for model in models if "refined" in model] == [
        f"srresnet/setting{number}/traces.refined/seed0" for number in (1, 2, 3, 4)
    ]
    assert "srresnet/setting3/dct.frechet-a25/seed0" in models
    assert "rrdb/setting1/uniform/seed0" in models


@pytest.mark.parametrize(
    "draw",
    [
        "uniform", "oracle", "dct.frechet-a25", "alexnet-random.frechet-a2.5", "dct.frechet-a1e+06",
        "dct.frechet-auto", "traces.mixture", "traces.refined", "traces.mixture-f0.1", "dct.frechet-a25-f0.05",
        "traces.refined-f0", "realesrgan", "bsrgan", "bicubic", "traces.second-order",
    ],
)  # fmt: skip
def test_draws(default_config, draw):
    assert re.fullmatch(targets.draw_pattern(default_config), draw)
    if "." in draw:
        parse_weighting(draw.split(".", 1)[1])


@pytest.mark.parametrize(
    "draw",
    [
        "target", "dct", "dct.frechet-a", "dct.frechet-a-1", "lpips.frechet-a25", "dct.frechet-a25x", "mixture",
        "traces.mixtures", "traces.mixture-f", "traces.refined-a25", "uniform-f0.1", "lpips.refined",
    ],
)  # fmt: skip
def test_other_draws_are_unknown(default_config, draw):
    assert not re.fullmatch(targets.draw_pattern(default_config), draw)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("results/metrics/srresnt/setting1/uniform/seed0.csv", 'unknown backbone "srresnt"; did you mean "srresnet"?'),
        ("results/metrics/srresnet/settin3/uniform/seed0.csv", 'unknown target "settin3"; did you mean "setting3"?'),
        ("results/features/dtc/bins.npz", 'unknown extractor "dtc"; did you mean "dct"?'),
        ("results/weights/setting1/dct.frechet-25.csv", 'did you mean "dct.frechet-a25"?'),
        ("results/weights/setting1/traces.refind.csv", 'unknown draw "traces.refind"'),
        ("results/posteriors/trace/bins.npz", 'unknown extractor "trace"; did you mean "traces"?'),
        ("results/alphas/dtc.csv", 'unknown extractor "dtc"; did you mean "dct"?'),
        ("results/models/rrdb/any/unifrm/seed0/model.safetensors", 'unknown draw "unifrm"; did you mean "uniform"?'),
        ("results/models/rrdb/setting1/uniform/seed0/loss.csv", "write results/models/rrdb/any/uniform"),
        ("results/metrics/rrdb/any/uniform/seed0.csv", 'unknown target "any"'),
        ("results/exported/rrdb/setting1/uniform/seed0", "write results/exported/rrdb/any/uniform"),
        ("results/applications/archiv/report.html", 'unknown application "archiv"; did you mean "archive"?'),
        ("results/checks/archiv.json", 'unknown application "archiv"; did you mean "archive"?'),
        (
            "results/metrics/rrdb/setting1/oracle@settin4/seed0.csv",
            'unknown target "settin4"; did you mean "setting4"?',
        ),
        ("results/models/rrdb/setting1/oracle@setting4/seed0/loss.csv", 'unknown draw "oracle@setting4"'),
        ("results/metrics/rrdb/setting1.same/oracle/seed0.csv", 'unknown target "setting1.same"'),
        ("results/pretrained/dsar/model.safetensors", 'unknown extractor "dsar"; did you mean "dasr"?'),
        ("results/models/../setting1/oracle", '".." and spaces are not allowed'),
        ("results/metrics/sr resnet/setting1/uniform", '".." and spaces are not allowed'),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_known_one(default_config, path, message):
    with pytest.raises(DegcraftError, match=re.escape(message)):
        targets.check(default_config, ["--cores", "2", path])


def test_models_are_measured_on_targets_with_truth_only(default_config):
    path = "results/metrics/srresnet/archive/uniform/seed0.csv"
    message = "archive has no truth to measure against; name its HR images in applications.archive.truth, or look at "
    with pytest.raises(DegcraftError, match=re.escape(f"{message}results/restored/srresnet/archive/uniform/seed0")):
        targets.check(default_config, [path])
    targets.check(default_config, ["results/restored/srresnet/archive/uniform/seed0"])
    paired = merge(default_config, {"applications": {"archive": {"truth": ["hr"]}}})
    targets.check(paired, [path])
    assert targets.measured(paired) == [*targets.measured(default_config), "archive"] == targets.targets(paired)


@pytest.mark.parametrize("path", ["models/rrdb/archive/oracle/seed0/loss.csv", "metrics/rrdb/archive/oracle/seed0.csv"])
def test_an_application_has_no_oracle(default_config, path):
    config = merge(default_config, {"applications": {"archive": {"truth": ["hr"]}}})
    with pytest.raises(DegcraftError, match="oracle draws from the known ranges of a setting, and archive has none"):
        targets.check(config, [f"results/{path}"])
    targets.check(config, ["results/metrics/rrdb/archive/oracle@setting3/seed0.csv"])


def test_a_tested_draw_may_be_of_another_target(default_config):
    pattern = targets.tested_draw_pattern(default_config)
    for draw in ("uniform", "dct.frechet-a25@setting3", "oracle@blur-matched", "dct.frechet-a25@archive"):
        assert re.fullmatch(pattern, draw)
    assert not re.fullmatch(pattern, "oracle@any")
    assert not re.fullmatch(targets.draw_pattern(default_config), "oracle@setting3")


def test_known_paths_pass(default_config):
    models = [f"results/metrics/{model}.csv" for model in targets.table_models(default_config)]
    targets.check(
        default_config,
        [
            "results/weights/setting3.same/dct.frechet-a25.csv",
            "results/metrics/rrdb/setting1/oracle@setting4/seed0.csv",
        ],
    )
    targets.check(
        default_config, ["all", "results/table2.csv", "results/models/rrdb/any/uniform/seed0/loss.csv", *models]
    )


def test_the_draws_that_are_told_do_not_grow_with_the_extractors(default_config):
    with pytest.raises(DegcraftError, match=r"realesrgan-usm, oracle, <extractor>\.frechet-a25$") as told:
        targets.check(default_config, ["results/weights/setting3/foo.csv"])
    assert not [name for name in default_config["extractors"] if name in str(told.value)]


def test_a_name_that_is_both_backbone_and_method_is_told_once(default_config):
    with pytest.raises(DegcraftError) as told:
        targets.check(default_config, ["results/models/zzz/any/uniform/seed0"])
    assert str(told.value).split("known: ")[1].split(", ").count("rcan") == 1
