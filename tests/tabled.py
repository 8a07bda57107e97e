"""Metrics made up for every cell of Table 2, and the tables that they give."""

import copy

import pandas as pd

from degcraft import tables
from degcraft.streams import stream
from degcraft.targets import table_models
from tests.conftest import ROOT

PAPER = ROOT / "resources" / "paper"
IMAGES = ["a", "b", "c"]
SETTINGS = ["setting1", "setting2", "setting3", "setting4"]


def table_spec(default_config):
    names = ("tables", "weights", "evaluate", "train", "backbones", "extractors")
    chosen = {name: copy.deepcopy(default_config[name]) for name in names}
    chosen["train"] |= {"seeds": [0, 1], "iterations": 1500}
    chosen["evaluate"]["lpips"]["weights"] = "torchvision"
    listed = ["alexnet-random", "dct"]
    chosen["tables"] = {
        "settings": SETTINGS,
        "backbones": ["srresnet", "rrdb"],
        "extractors": {"srresnet": listed, "rrdb": listed},
    }
    return chosen


def paper(table="table2"):
    return pd.read_csv(PAPER / f"{table}.csv")


def synthetic(spec):
    """Metrics of every model of the spec, each drawn from the stream of its name."""
    measured = {}
    for model in table_models(spec):
        rng = stream(0, "test", "tables", model)
        columns = {"name": IMAGES}
        for metric in spec["evaluate"]["metrics"]:
            columns[metric] = rng.uniform(20, 30, 3) if metric.startswith("psnr") else rng.uniform(0.2, 0.8, 3)
        measured[model] = pd.DataFrame(columns)
    return measured


def built(spec, measured=None, absent=frozenset()):
    return tables.table2(paper(), synthetic(spec) if measured is None else measured, spec, absent)


def cell(table, method, setting, metric):
    found = table[(table["method"] == method) & (table["setting"] == setting) & (table["metric"] == metric)]
    assert len(found) == 1
    return found.iloc[0]
