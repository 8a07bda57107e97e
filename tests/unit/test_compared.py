import pytest
import yaml

from degcraft import compared, targets
from degcraft.config import merge, validate, with_chosen_methods
from degcraft.errors import DegcraftError
from degcraft.spec import spec
from tests.conftest import ROOT

PAPER = ("RCAN", "KernelGAN", "IKC", "DASR", "FSSR", "USR-DA", "PDM-SR", "BSRNet", "Real-ESRNet", "Real-ESRNet-Dropout")


@pytest.fixture
def chosen(default_config):
    return merge(default_config, {"tables": {"methods": "all"}})


def problems(config):
    with pytest.raises(DegcraftError) as caught:
        validate(config)
    return str(caught.value)


def test_every_row_of_the_paper_has_an_entry(default_config):
    assert tuple(entry["row"] for entry in default_config["methods"].values()) == PAPER


@pytest.mark.parametrize("name", ["paper", "study"])
def test_presets_hold_every_method(default_config, name):
    preset = yaml.safe_load((ROOT / f"workflow/presets/{name}.yaml").read_text())
    config = merge(default_config, preset)
    config["tables"]["methods"] = "all"
    validate(config)
    assert len(compared.chosen(config)) == len(PAPER)


def test_models_are_trained_once_or_per_target_as_methods_need(chosen):
    models = {targets.model(*model.rsplit("/seed", 1)[0].split("/"), 0) for model in compared.models(chosen)}
    once = {"rcan/any/bicubic", "ikc/any/blind", "dasr/any/blind", "fssr/any/blind", "rrdb/any/bsrgan"}
    once |= {"rrdb/any/realesrgan", "srresnet-dropout/any/realesrgan"}
    each = {
        f"{name}/setting{number}/{draw}"
        for name, draw in (("usrda", "references"), ("pdmsr", "references"), ("kernelgan", "image"))
        for number in (1, 2, 3, 4)
    }
    assert models == {f"{name}/seed0" for name in once | each}


def test_fssr_learns_from_references_when_asked(chosen):
    config = merge(chosen, {"methods": {"fssr": {"domain": "references"}}})
    assert "fssr/setting1/references/seed0" in compared.models(config)


def test_a_checkpoint_takes_the_place_of_training(chosen):
    config = merge(chosen, {"methods": {"bsrnet": {"checkpoint": "bsrnet.pth"}}, "train": {"seeds": [3, 4]}})
    models = compared.models(config)
    assert [model for model in models if model.startswith("bsrnet")] == [
        f"bsrnet/setting{number}/published/seed3" for number in (1, 2, 3, 4)
    ]
    assert not any("bsrgan" in model for model in models)
    read = spec(config, "methods", backbone="bsrnet", target="any", draw="published", seed="3")
    assert read == '{"network":"rrdb"}'


@pytest.mark.parametrize(
    ("choice", "expected"), [("all", 10), ("none", 0), (["ikc", "rcan"], 2), ("ikc", None), (["ikk"], None)]
)
def test_a_choice_in_place_of_the_section(default_config, choice, expected):
    files = [default_config, {"methods": {"ikc": {"corrections": 3}}}, {"seed": 1}]
    config = with_chosen_methods({**default_config, "methods": choice}, files)
    assert config["methods"]["ikc"] == {**default_config["methods"]["ikc"], "corrections": 3}
    if expected is None:
        assert "tables.methods" in problems(config)
    else:
        validate(config)
        assert len(compared.chosen(config)) == expected


def test_a_section_of_methods_stays_as_it_is(default_config):
    assert with_chosen_methods(default_config, []) is default_config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ikc": {"row": "RCAN"}}, "methods.ikc.row: RCAN is the row of rcan too"),
        ({"ikc": {"backbone": "rrdb"}}, "methods.ikc: backbone beside kind: ikc, which has its own network"),
        ({"rcan": {"backbone": "rcam"}}, 'methods.rcan.backbone: unknown backbone "rcam"; did you mean "rcan"?'),
        ({"new": {"row": "New"}}, "methods.new: backbone and draw, kind or checkpoint needed"),
        ({"ikc": {"noise": 3}}, "methods.ikc.noise: does not go with kind: ikc"),
        ({"new": {"row": "New", "kind": "ikc"}}, "methods.new.corrections: missing; needed with kind: ikc"),
        ({"ikc": {"sizes": {"depth": 3}}}, "kind: ikc needs width, blocks, code, predictor"),
        ({"ikc": {"phases": {"adaptation": {"iterations": 1, "lr": 1}}}}, "kind: ikc needs restoration, correction"),
        (
            {"new": {"row": "New", "kind": "usrda", "phases": {"adaptation": {"iterations": 1, "lr": 1}}}},
            "batch: missing",
        ),
        (
            {"fssr": {"perceptual": "vgg45"}},
            'methods.fssr.perceptual: unknown extractor "vgg45"; did you mean "vgg54"?',
        ),
        ({"fssr": {"perceptual": "dct"}}, "methods.fssr.perceptual: dct is not of kind vgg"),
        ({"rcan": {"checkpoint": "weights.bin"}}, "expected the path of a .safetensors, .pth or .pt file"),
    ],
)
def test_wrong_entries_are_refused(default_config, changes, message):
    assert message in problems(merge(default_config, {"methods": changes}))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("results/models/ikk/any/blind/seed0/model.safetensors", 'unknown backbone "ikk"; did you mean "ikc"?'),
        ("results/models/ikc/any/oracle/seed0/model.safetensors", "the models of ikc are ikc/<target>/blind"),
        ("results/models/pdmsr/any/references/seed0/model.safetensors", "and only they, serve any target"),
        ("results/metrics/bsrnet/setting1/published/seed0.csv", "the models of bsrnet are rrdb/<target>/bsrgan"),
    ],
)
def test_wrong_paths_are_refused(default_config, path, message):
    with pytest.raises(DegcraftError, match=message.replace("?", r"\?")):
        targets.check(default_config, [path])


@pytest.mark.parametrize(
    "path",
    [
        "results/models/ikc/any/blind/seed0/model.safetensors",
        "results/metrics/pdmsr/setting2/references/seed0.csv",
        "results/restored/kernelgan/archive/image/seed0",
        "results/metrics/rcan/setting1/bicubic/seed0.csv",
    ],
)
def test_right_paths_are_known(default_config, path):
    targets.check(default_config, [path])
