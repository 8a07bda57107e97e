import pandas as pd
import pytest
import yaml

from degcraft.config import merge, validate
from degcraft.streams import stream
from degcraft.tables import table2
from degcraft.targets import table_models
from tests.conftest import ROOT


def measured(config):
    """Metrics of every model of the table on three images."""
    found = {}
    for model in table_models(config):
        rng = stream(0, "test", model)
        columns = {metric: rng.uniform(0.2, 30, 3) for metric in config["evaluate"]["metrics"]}
        found[model] = pd.DataFrame({"name": ["a", "b", "c"], **columns})
    return found


def built(config, found=None):
    paper = pd.read_csv(ROOT / "resources" / "paper" / "table2.csv")
    return table2(paper, measured(config) if found is None else found, config, frozenset())


@pytest.fixture
def whole(default_config):
    """A config in which every row of the paper is computed."""
    config = default_config
    for name in ("tiny", "whole"):
        config = merge(config, yaml.safe_load((ROOT / f"tests/config/{name}.yaml").read_text()))
    config["extractors"]["alexnet-minc"]["textures"] = "textures"
    validate(config)
    return config


def test_no_cell_is_missing_where_everything_is_asked_for(whole):
    table = built(whole)
    assert set(table[table["measured"].isna()]["status"]) == {"not run: no LPIPS weights (evaluate.lpips.weights)"}
    assert set(table[table["measured"].isna()]["metric"]) == {"lpips"}
    assert table["method"].nunique() == 25 + 2  # and refined, and published weights


def test_compared_rows_tell_what_they_learnt_from(whole):
    found = measured(whole)
    table = built(whole, {model: lines[:2] if "/image/" in model else lines for model, lines in found.items()})
    lines = {
        name: table[table[["method", "setting", "metric"]].eq([name, "setting2", "psnr_y"]).all(axis=1)].iloc[0]
        for name in ("IKC", "USR-DA", "KernelGAN", "RCAN", "RCAN published")
    }
    told = {
        name: (line["backbone"], line["weighting"], line["iterations"], line["status"]) for name, line in lines.items()
    }
    assert told == {
        "IKC": ("ikc", "blind", 20, "run; trained here"),
        "USR-DA": ("usrda", "references", 10, "run; trained here on the references"),
        "KernelGAN": ("kernelgan", "image", 40, "run; learnt here from each test image; 2 of 3 test images"),
        "RCAN": ("rcan", "bicubic", 20, "run; trained here"),
        "RCAN published": ("published", "published", pd.NA, "run; published weights; not in the paper"),
    }
    assert lines["KernelGAN"]["images"] == 2
    assert lines["USR-DA"]["difference"] == pytest.approx(lines["USR-DA"]["measured"] - 22.41)
