import json
import sys

import numpy as np
import pandas as pd
import pytest

from degcraft.bins import edges, grid
from degcraft.degradations import second_order
from degcraft.draws import cells as drawn_from
from degcraft.errors import DegcraftError
from degcraft.io import read_table, write_arrays, write_table
from degcraft.spaces import Space
from degcraft.stages import enter
from degcraft.stages.weights import cells, central, main
from degcraft.weighting import archive, effective_bins, floored
from degcraft.weighting.alpha import ALPHAS
from degcraft.weighting.density import CELLS, Density
from degcraft.weighting.frechet import bin_weights
from tests import banks

SPEC = {"weighting": {"kind": "frechet", "alpha": 25, "floor": 0}}


def table(tmp_path, distances):
    path = tmp_path / "distances.csv"
    write_table(path, pd.DataFrame({"bin": range(len(distances)), "blur_low": 0.5, "distance": distances}))
    return path


def run(distances, spec, output, *more):
    given = ["--distances", distances, *more, "--spec", json.dumps(spec), "--code", "c0de", "--output", output]
    main([str(each) for each in given])


def weighting(**changes):
    return {"weighting": {**SPEC["weighting"], **changes}}


def test_table_keeps_its_columns_and_gains_weights(tmp_path, capsys):
    path = table(tmp_path, [4.0, 1, 9, 2, 6])
    run(path, SPEC, tmp_path / "out.csv")
    found = read_table(tmp_path / "out.csv")
    assert list(found) == ["bin", "blur_low", "distance", "alpha", "weight"]
    assert (found["alpha"] == 25).all()
    assert found["weight"].to_numpy() == pytest.approx([4.49642e-6, 0.97939881, 0, 0.02059670, 1.2783e-11], abs=1e-7)
    assert found.drop(columns=["alpha", "weight"]).equals(read_table(path))
    said = capsys.readouterr().err
    assert "alpha 25; nearest bin 1 with weight 0.9794; second bin 3, 50.0% farther" in said
    assert "effective number of bins 1.11 of 5" in said


def test_alpha_zero_is_uniform(tmp_path):
    run(table(tmp_path, np.arange(75.0)), weighting(alpha=0), tmp_path / "out.csv")
    assert read_table(tmp_path / "out.csv")["weight"].to_numpy() == pytest.approx(1 / 75, rel=1e-14)


def test_a_floor_is_shared_by_all_bins(tmp_path):
    distances = np.random.default_rng(0).uniform(1, 2, 75)
    run(table(tmp_path, distances), weighting(floor=0.3), tmp_path / "out.csv")
    found = read_table(tmp_path / "out.csv")["weight"].to_numpy()
    assert found == pytest.approx(0.7 * bin_weights(distances, 25) + 0.3 / 75, rel=1e-12)
    assert found[distances.argmax()] == pytest.approx(0.3 / 75)


def test_alpha_is_that_of_the_greatest_score(tmp_path, capsys):
    distances = np.random.default_rng(0).uniform(1, 2, 75)
    scores = pd.DataFrame({"alpha": ALPHAS, "score": [-abs(alpha - 35) for alpha in ALPHAS]})
    write_table(tmp_path / "alphas.csv", scores)
    spec = {"weighting": {"kind": "frechet-auto", "floor": 0}}
    run(table(tmp_path, distances), spec, tmp_path / "out.csv", "--alphas", tmp_path / "alphas.csv")
    found = read_table(tmp_path / "out.csv")
    assert (found["alpha"] == 35).all()
    assert found["weight"].to_numpy() == pytest.approx(bin_weights(distances, 35), rel=1e-12)
    assert "alpha 35; nearest bin" in capsys.readouterr().err


def test_the_same_distances_give_the_same_bytes(tmp_path):
    path = table(tmp_path, np.random.default_rng(0).uniform(1, 2, 75))
    for name in ("one.csv", "two.csv"):
        run(path, SPEC, tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        ([1.0, None, 3.0], "1 of 3 distances are not finite"),
        ([1.0, "near", 3.0], "near"),
        ([1.0, -2.0, 3.0], "1 of 3 distances"),
        ([1.0], "at least two bins"),
        ([2.5] * 75, "all 75 bins are equally distant.*cannot tell them apart.*choose another extractor"),
    ],
)
def test_distances_without_weights_are_refused(tmp_path, distances, message):
    with pytest.raises(DegcraftError, match=message):
        run(table(tmp_path, distances), SPEC, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("alpha", [-1, float("nan")])
def test_a_wrong_alpha_is_refused(tmp_path, alpha):
    with pytest.raises(DegcraftError, match="alpha is"):
        run(table(tmp_path, [1.0, 2.0]), weighting(alpha=alpha), tmp_path / "out.csv")


def test_equal_distances_end_with_one_line(tmp_path, monkeypatch, capsys):
    path = table(tmp_path, [1.0, 1.0])
    given = ["--distances", path, "--spec", json.dumps(SPEC), "--code", "c", "--output", tmp_path / "out.csv"]
    monkeypatch.setattr(sys, "argv", ["weights", *map(str, given)])
    with pytest.raises(SystemExit) as ended:
        enter(main)
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith(f"error: {path}: all 2 bins are equally distant")
    assert said.count("\n") == 1


BINS = {
    "blur": {"range": [0, 5], "count": 5},
    "noise": {"range": [0, 50], "count": 5},
    "quality": {"range": [30, 90], "count": 3},
}
TRUE = 1 * 15 + 2 * 3  # blur 1 to 2, noise 20 to 30, quality 30 to 50: where the references lie
SCRATCH = 40 * banks.AXES[:, 5].astype(np.float32)


def spec_of(kind, floor=0.05):
    if kind == "second-order":
        return {"weighting": {"kind": kind, "floor": floor}, "seed": 0}
    bins = BINS if kind == "mixture" else {name: {"range": entry["range"]} for name, entry in BINS.items()}
    return {"weighting": {"kind": kind, "floor": floor}, "bins": bins, "seed": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    arrays = archive.arrays(banks.estimator(banks.make(contents=50, each=40)))
    write_arrays(folder / "posterior.npz", {}, parameters=np.array(["a", "b", "c"]), **arrays)
    features = banks.references(0).features
    write_arrays(folder / "references.npz", {}, features=features)
    write_arrays(folder / "scratched.npz", {}, features=features + SCRATCH)
    return folder


def estimated(folder, kind, references="references", floor=0.05, name="out.csv"):
    given = ["--posterior", folder / "posterior.npz", "--references", folder / f"{references}.npz"]
    given += ["--spec", json.dumps(spec_of(kind, floor)), "--code", "c0de", "--output", folder / name]
    main([str(each) for each in given])
    return read_table(folder / name)


def test_mixture_says_every_bin_its_weight_error_and_verdict(folder, capsys):
    found = estimated(folder, "mixture")
    regions = edges(grid(BINS))
    assert list(found) == [*regions, "weight", "error", "explained", "expected", "verdict"]
    assert found[[*regions]].equals(regions)
    weights = found["weight"].to_numpy()
    assert weights.sum() == pytest.approx(1)
    assert weights.argmax() == TRUE
    assert weights[TRUE] > 0.8
    assert weights.min() >= 0.05 / 75
    assert (found["verdict"] == "explained").all()
    said = capsys.readouterr().err
    assert f"greatest weight {weights[TRUE]:.4f} (error {found['error'][TRUE]:.4f}) on bin {TRUE}; effective" in said
    assert f"effective number of bins {effective_bins(weights):.2f} of 75" in said
    assert "references explained by this degradation model" in said


def test_a_floor_of_mixture_is_shared_by_all_bins(folder):
    plain, half = (estimated(folder, "mixture", floor=floor)["weight"].to_numpy() for floor in (0, 0.5))
    assert half == pytest.approx(floored(plain, 0.5))


def test_refined_is_a_density_that_can_be_drawn_from(folder, capsys):
    found = estimated(folder, "refined")
    assert list(found) == ["class", "share", "parameter", "low", "high", "weight", "explained", "expected", "verdict"]
    draw = drawn_from(folder / "out.csv")
    assert draw.edges[:, [0, -1]].tolist() == [[0, 5], [0, 50], [30, 90]]
    assert draw.shares.sum() == pytest.approx(1)
    assert draw.shares[-1] == pytest.approx(0.05)
    assert draw.weights[-1] == pytest.approx(1 / CELLS)
    values = np.array([draw.draw(np.random.default_rng(seed)) for seed in range(500)])
    inside = ((values > [0.8, 17, 30]) & (values < [2.2, 33, 55])).all(axis=1)
    assert inside.mean() > 0.8
    assert (
        ", ".join(f"{name} {low:.3g} to {high:.3g}" for name, low, high in said_ranges(found))
        in capsys.readouterr().err
    )


def said_ranges(found):
    """The fifth and the ninety-fifth hundredth of each parameter, from the table."""
    for name in BINS:
        mine = found[found["parameter"] == name]
        mass = (mine["share"] * mine["weight"]).groupby(mine["low"]).sum().cumsum()
        highs = mine.groupby("low")["high"].first()
        yield name, mass.index[(mass > 0.05).argmax()], highs.iloc[(mass >= 0.95).argmax()]


@pytest.mark.parametrize("kind", ["mixture", "refined"])
def test_scratched_references_are_told_and_widen(folder, capsys, kind):
    found = estimated(folder, kind, "scratched")
    assert (found["verdict"] == "not explained").all()
    assert (found["explained"] == 0).all()
    assert "references not explained by this degradation model: 0% lie within" in capsys.readouterr().err
    assert found["weight"].max() < 0.3


@pytest.mark.parametrize("kind", ["mixture", "refined"])
def test_the_same_references_give_the_same_bytes(folder, kind):
    for name in ("one.csv", "two.csv"):
        estimated(folder, kind, name=name)
    assert (folder / "one.csv").read_bytes() == (folder / "two.csv").read_bytes()


def test_references_without_features_are_refused(folder):
    write_arrays(folder / "empty.npz", {}, images=np.zeros(3))
    with pytest.raises(DegcraftError, match=r"empty\.npz: missing, truncated or damaged"):
        estimated(folder, "mixture", "empty")


def test_cells_of_the_second_order_space_are_named_after_its_parameters(tmp_path):
    names = second_order.PARAMETERS
    table = cells(Density.uniform(len(names)), Space.cube(names))
    assert list(dict.fromkeys(table["parameter"])) == list(names)
    write_table(tmp_path / "cells.csv", table)
    draw = drawn_from(tmp_path / "cells.csv")
    assert len(draw.draw(np.random.default_rng(0))) == len(names)
    assert draw.edges[:, [0, -1]].tolist() == [[0, 1]] * len(names)


def test_central_ranges():
    weights = np.zeros((1, 3, CELLS))
    weights[0, 0, 10:20] = 0.1
    weights[0, 1, [0, 39]] = 0.02, 0.98
    weights[0, 2, :30] = 1 / 30
    found = central(Density(np.ones(1), weights), Space.of_bins(BINS))
    assert [name for name, _, _ in found] == [*BINS]
    assert [ends for _, *ends in found] == [pytest.approx(ends) for ends in ([1.25, 2.5], [48.75, 50], [31.5, 73.5])]
