"""The tiny run's measurement of estimates: every target, weighting and number of references, from disjoint contents."""

import numpy as np
import pandas as pd
import pytest

from degcraft import trials
from degcraft.evidence.estimation import COLUMNS
from degcraft.io import ImagePack, read_arrays

WEIGHTINGS = ["frechet-a25", "frechet-auto", "mixture", "refined"]
TARGETS = ["setting1", "setting3", "box0", "box1", "pair0"]


def read(tiny_run, name):
    return pd.read_csv(tiny_run / f"results/{name}.csv")


def test_every_target_weighting_and_count_is_measured(tiny_run):
    table = read(tiny_run, "estimation")
    assert list(table) == list(COLUMNS)
    assert set(table["seed"]) == {"0b"}
    found = table[table["extractor"].notna()]
    expected = {
        (target, "traces", weighting, count)
        for target in TARGETS
        for weighting in WEIGHTINGS
        for count in ((3, 6, 8) if target.startswith("setting") else (6,))
    }
    lines = list(found[["target", "extractor", "weighting", "references"]].itertuples(index=False, name=None))
    assert len(lines) == len(expected)
    assert set(lines) == expected
    known = table[table["extractor"].isna()]
    assert set(zip(known["target"], known["weighting"], strict=True)) == {
        (target, name) for target in TARGETS for name in ("uniform", "oracle")
    }
    assert len(known) == 2 * len(TARGETS)


def test_measures_lie_in_their_ranges(tiny_run):
    table = read(tiny_run, "estimation")
    for name in ("true_mass", "total_variation"):
        assert table[name].between(0, 1 + 1e-9).all()
    assert table["effective_bins"].between(1, 8 + 1e-9).all()
    assert table.loc[table["extractor"].notna(), "seconds"].between(0, 60).all()
    best = table[table["weighting"] == "oracle"].set_index("target")["log_density"]
    assert (table["log_density"] <= table["target"].map(best) + 1e-9).all()
    assert (table["log_density"] >= np.log(0.05) - 1e-9).all()
    uniform = table[table["weighting"] == "uniform"].set_index("target")
    assert (uniform["log_density"] == 0).all()
    assert uniform.loc["setting1", "true_mass"] == pytest.approx(1 / 8)  # one of 2 x 2 x 2 bins


def test_bins_and_references_share_no_content(tiny_run):
    # Role b: bins from the references' set, references from the bins' own.
    packs = {name: ImagePack(tiny_run / f"results/images/{name}") for name in ("bins", "references")}
    assert not set(packs["bins"].contents) & set(packs["references"].contents)
    bank, own = (read_arrays(tiny_run / f"results/degraded/bins{end}.npz", "images")[0] for end in ("", "-seed0b"))
    clear = {name: [image[::4, ::4].mean(axis=(0, 1)) for image in pack] for name, pack in packs.items()}
    for images, name in ((bank, "bins"), (own, "references")):
        colours = images.mean(axis=(0, 2, 3))
        assert np.abs(colours - clear[name]).max() < 12
    assert bank.shape == own.shape


def test_targets_keep_their_truth(tiny_run):
    targets = trials.restored(read_arrays(tiny_run / "results/degraded/targets-seed0b.npz", *trials.ARRAYS))
    assert [target.name for target in targets] == TARGETS
    assert [target.references for target in targets] == [8, 8, 6, 6, 6]


def test_second_order_model_is_measured_with_both_sizes_of_its_bank(tiny_run):
    table = read(tiny_run, "estimation/traces/second-order")
    assert table["samples"].tolist() == [50, 50, 60, 60]
    assert (table["parameters"] == 30).all()
    assert (table["restricted"].str.count(r"\+") == 2).all()
    assert (table["log_density"] < table["bound"]).all()
    assert (table["log_density_restricted"] < table["bound"]).all()


def test_summary_and_figures_name_the_extractor_without_its_files(tiny_run):
    text = (tiny_run / "results/estimation.md").read_text()
    reason = "extractors.alexnet-minc.textures: textures/minc-2500: no such folder"
    assert f"Not measured: alexnet-minc ({reason})" in text
    assert read(tiny_run, "figure17")["note"].dropna().tolist() == [reason]
    assert read(tiny_run, "figure15")["note"].isna().all()
