import io

import numpy as np
import pandas as pd
import pytest

from degcraft.errors import DegcraftError
from degcraft.evidence import cost, estimation
from degcraft.io import write_arrays, write_table
from degcraft.stages import estimation as stage
from degcraft.streams import stream
from degcraft.trials import Boxes, Trial, arrays, random_box
from degcraft.weighting import archive, effective_bins
from degcraft.weighting.agreement import bin_densities, log_density
from degcraft.weighting.density import CELLS
from tests import banks

BINS = 75
BOX = Boxes(np.ones(1), np.array([[0.2, 0.4, 0.0]]), np.array([[0.4, 0.6, 1 / 3]]))  # a bin
PAIR = Boxes(
    np.full(2, 0.5), np.array([[0.1, 0.1, 0.1], [0.7, 0.6, 0.5]]), np.array([[0.3, 0.3, 0.4], [0.9, 0.8, 0.9]])
)
SPEC = {
    "weightings": ["frechet-a25", "frechet-auto", "mixture", "refined"],
    "counts": [20, 50],
    "references": 100,
    "floor": 0.05,
}


def rngs(*items):
    return stream(0, "test", "estimation", *items)


@pytest.fixture(scope="module")
def bank():
    made = banks.make(contents=BINS, each=30)
    numbers = np.ravel_multi_index(
        [np.digitize(made.points[:, axis], edges[1:-1]) for axis, edges in enumerate(banks.EDGES)], (5, 5, 3)
    )
    binned = np.stack([made.features[numbers == number][:12] for number in range(BINS)])
    return estimation.Bank(binned, banks.estimator(made, smoothing=0.03), 50.0, banks.EDGES, 1)


def references(boxes, n=100):
    rng = rngs("references")
    return banks.observed(boxes.draw(rng, n), rng)


@pytest.fixture(scope="module")
def table(bank):
    targets = [Trial("setting9", BOX, 100), Trial("box0", BOX, 100), Trial("pair0", PAIR, 100)]
    features = {target.name: references(target.truth) for target in targets}
    return estimation.repeat_table(bank, targets, features, SPEC, rngs)


def test_log_density_of_what_is_known():
    points = BOX.draw(rngs("box"), 500)
    assert log_density(BOX.density(points), 0) == pytest.approx(np.log(BINS))
    assert log_density(BOX.density(points), 0.1) == pytest.approx(np.log(0.9 * BINS + 0.1))
    assert log_density(np.ones(9), 0.3) == pytest.approx(0)
    assert log_density(np.zeros(9), 0.05) == pytest.approx(np.log(0.05))
    assert log_density(np.array([1.0, 0.0]), 0) == -np.inf


def test_densities_of_bins_integrate_to_their_weights():
    weights = rngs("weights").dirichlet(np.ones(BINS))
    points = rngs("points").random((300_000, 3))
    found = bin_densities(weights, banks.EDGES, points)
    summed, _ = np.histogramdd(points, banks.EDGES, weights=found / len(points))
    assert summed.ravel() == pytest.approx(weights, rel=0.1)
    assert bin_densities(np.full(BINS, 1 / BINS), banks.EDGES, points) == pytest.approx(1)
    corner = bin_densities(weights, banks.EDGES, np.array([[0.0, 0, 0], [1, 1, 1]]))
    assert corner == pytest.approx(weights[[0, -1]] * BINS)


def test_every_weighting_is_measured_on_every_target(table):
    counts = table.groupby(["target", "weighting"])["references"].apply(sorted).to_dict()
    for weighting in SPEC["weightings"]:
        assert counts["setting9", weighting] == [20, 50, 100]
        assert counts["box0", weighting] == counts["pair0", weighting] == [100]
    assert counts["setting9", "oracle"] == counts["pair0", "uniform"] == [100]
    assert len(table) == 4 * (3 + 1 + 1) + 2 * 3
    assert table["true_mass"].between(0, 1).all()
    assert table["total_variation"].between(0, 1).all()
    assert table["effective_bins"].between(1, BINS + 1e-9).all()
    found = table[~table["weighting"].isin(estimation.BASELINES)]
    assert found["seconds"].between(0, 30).all()
    assert table["seconds"].isna().sum() == 2 * 3


def test_what_knows_nothing_and_what_knows_all(table):
    lines = table[table["target"] == "box0"].set_index("weighting")
    assert lines.loc["uniform", "true_mass"] == pytest.approx(1 / BINS)
    assert lines.loc["uniform", "effective_bins"] == pytest.approx(BINS)
    assert lines.loc["uniform", "log_density"] == 0
    assert lines.loc["oracle", "total_variation"] == pytest.approx(0, abs=1e-12)
    assert lines.loc["oracle", "log_density"] == pytest.approx(np.log(0.95 * BINS + 0.05))


def test_exact_posteriors_find_a_bin_and_a_pair(table):
    lines = table[table["references"] == 100].set_index(["target", "weighting"])
    # The box is a bin, and a density past the bins leaks over its edges.
    for name, least in (("mixture", 0.8), ("refined", 0.6)):
        assert lines.loc[("box0", name), "true_mass"] > least
        assert lines.loc[("pair0", name), "true_mass"] > 0.8
        for target in ("box0", "pair0"):
            limit = lines.loc[(target, "oracle"), "log_density"]
            assert 0.45 * limit < lines.loc[(target, name), "log_density"] < limit


def test_measures_of_a_result_are_those_of_its_weights(bank):
    found = estimation.find(bank, "mixture", references(BOX), rngs("again"))
    points, expected = BOX.draw(rngs("points"), 50), BOX.masses(banks.EDGES)
    lines = estimation.measured(found, expected, points, 0.05)
    (true,) = np.flatnonzero(expected > 1e-9)
    assert lines["true_mass"] == pytest.approx(found.weights[true])
    assert lines["log_density"] == pytest.approx(np.log(0.95 * BINS * found.weights[true] + 0.05))
    assert lines["effective_bins"] == effective_bins(found.weights)


def test_chosen_alpha_is_the_bank_s(bank):
    chosen = estimation.find(bank, "frechet-auto", references(BOX), rngs("unused"))
    assert np.array_equal(chosen.weights, estimation.find(bank, "frechet-a50", references(BOX), rngs("")).weights)


def test_refined_weights_are_integrals_of_its_density(bank):
    found = estimation.find(bank, "refined", references(PAIR), rngs("again"))
    points = rngs("cube").random((200_000, 3))
    counted, _ = np.histogramdd(points, banks.EDGES, weights=found.density(points) / len(points))
    assert found.weights == pytest.approx(counted.ravel(), abs=0.01)


def repeats(table):
    other = table.assign(true_mass=table["true_mass"] / 2)
    return {("traces", "0a"): table, ("traces", "0b"): other, ("dct", "0a"): table, ("dct", "0b"): other}


def test_baselines_are_listed_once_per_repeat(table):
    joined = estimation.joined(repeats(table))
    assert list(joined) == list(estimation.COLUMNS)
    known = joined[joined["weighting"].isin(estimation.BASELINES)]
    assert len(known) == 2 * 2 * 3  # baselines, repeats, targets
    assert known["extractor"].isna().all()
    assert len(joined) == len(known) + 4 * 20


def test_summary_is_mean_and_spread_over_repeats(table):
    means = estimation.summary(estimation.joined(repeats(table)), "true_mass")
    one = table.query("target == 'box0' and weighting == 'mixture'")["true_mass"].item()
    line = means.loc[("dct", "mixture", "boxes", 100)]
    assert line["mean"] == pytest.approx(0.75 * one)
    assert line["std"] == pytest.approx(np.std([one, one / 2], ddof=1))
    assert ("", "oracle", "pairs", 100) in means.index


def test_several_boxes_are_averaged_before_the_spread():
    lines = pd.DataFrame(
        [("box0", "0a", 0.2), ("box1", "0a", 0.4), ("box0", "0b", 0.6), ("box1", "0b", 1.0)],
        columns=["target", "seed", "true_mass"],
    ).assign(extractor="dct", weighting="mixture", references=100)
    line = estimation.summary(lines, "true_mass").iloc[0]
    assert line.tolist() == pytest.approx([0.55, np.std([0.3, 0.8], ddof=1)])


def test_markdown_has_a_table_for_each_measure(table):
    joined = estimation.joined(repeats(table))
    text = estimation.estimation_markdown(joined, 100, {"vgg54": "no weights"})
    sections = text.split("\n## ")
    assert len(sections) == 1 + 3 + 2
    mass = table.query("target == 'pair0' and weighting == 'refined'")["true_mass"].item()
    (line,) = [line for line in sections[1].splitlines() if line.startswith("| traces | refined ")]
    assert f"{0.75 * mass:.2f} ± {mass / np.sqrt(8):.2f} |" in line
    assert "| extractor | weighting | setting9 | boxes | pairs |" in sections[1]
    assert "| extractor | weighting | 20 | 50 | 100 |" in sections[4]
    assert text.endswith("Not measured: vgg54 (no weights)\n")
    assert "±" not in estimation.estimation_markdown(estimation.joined({("dct", "0a"): table}), 100, {})


def test_figure_table_has_no_times_and_names_what_is_absent(table):
    shown = estimation.estimation_figure(estimation.joined(repeats(table)), {"vgg54": "no weights"})
    assert "seconds" not in shown
    assert shown["note"].dropna().tolist() == ["no weights"]
    assert shown.iloc[-1]["extractor"] == "vgg54"


def test_boxes_of_many_parameters_are_judged_on_their_axes(bank):
    targets = [Trial(f"box{number}", random_box(rngs("box", number), 3, [0, 1, 2]), 100) for number in range(3)]
    targets.append(Trial("box3", Boxes(np.ones(1), np.array([[0.1, 0, 0]]), np.array([[0.3, 1, 1]])), 100))
    features = {target.name: references(target.truth) for target in targets}
    lines = cost.box_table(bank.estimator, ("a", "b", "c"), targets, features, 0.05, rngs)
    assert lines["restricted"].tolist() == ["a+b+c"] * 3 + ["a"]
    # All axes are restricted, so that nothing is left out.
    assert lines["log_density"][:3].to_numpy() == pytest.approx(lines["log_density_restricted"][:3].to_numpy())
    assert lines["bound"][3] == pytest.approx(np.log(0.95 * 5 + 0.05))
    assert 0.5 < lines["log_density_restricted"][3] < lines["bound"][3]
    density, _ = bank.estimator.refined(features["box3"], rngs("box3", "refined"))
    points = targets[3].truth.draw(rngs("box3", "truth"), estimation.TRUE_DRAWS)
    cell = np.minimum((points[:, 0] * CELLS).astype(int), CELLS - 1)
    expected = np.log(0.95 * CELLS * (density.shares @ density.cells[:, 0])[cell] + 0.05).mean()
    assert lines["log_density_restricted"][3] == pytest.approx(expected)


def test_cost_table_compares_grid_and_banks():
    second = pd.DataFrame({"samples": [50, 60], "parameters": 30, "target": "box0", "log_density": [1.0, 2.0]})
    second = second.assign(log_density_restricted=[1.5, 2.5], bound=4.0, restricted="a", seconds=1.0)
    table = cost.cost_table(second, [5, 5, 3], 100, None)
    assert list(table) == list(cost.COLUMNS)
    grid = table[table["row"] == "grid"].set_index("parameters")["images"]
    assert (grid.loc[3], grid.loc[30]) == (12_500, pytest.approx(100 * 5.0**30))
    assert table.loc[table["row"] == "first-order", ["parameters", "images"]].to_numpy().tolist() == [[3, 7500]]
    assert table.loc[table["row"] == "second-order", "images"].tolist() == [50, 60]
    absent = cost.cost_table(None, [5, 5, 3], 100, "no weights")
    assert absent["note"].dropna().tolist() == ["no weights"]


def written(tmp_path, bank, targets):
    """Files of a repeat as earlier stages write them."""
    write_arrays(tmp_path / "posterior.npz", {}, **archive.arrays(bank.estimator))
    write_arrays(tmp_path / "bank.npz", {}, features=bank.features)
    write_arrays(tmp_path / "targets.npz", {}, **arrays(targets))
    features = [references(target.truth, target.references) for target in targets]
    write_arrays(tmp_path / "features.npz", {}, features=np.concatenate(features))
    write_table(tmp_path / "alphas.csv", pd.DataFrame({"alpha": [1.0, 50.0], "score": [0.5, 1.5]}))
    return [tmp_path / f"{name}" for name in ("bank.npz", "posterior.npz", "alphas.csv", "targets.npz", "features.npz")]


def stage_spec():
    bins = {name: {"range": [0, 1], "count": len(edges) - 1} for name, edges in zip(
        ("blur", "noise", "quality"), banks.EDGES, strict=True)}  # fmt: skip
    few = {"weightings": ["frechet-a25", "mixture"], "counts": [10], "references": 20}
    return {**SPEC, **few, "bins": bins, "distances": {"ddof": 1}, "seed": 0}


def test_stages_measure_and_join(tmp_path, bank):
    targets = [Trial("setting9", BOX, 20), Trial("pair0", PAIR, 20)]
    files = written(tmp_path, bank, targets)
    outputs = [tmp_path / extractor / f"seed0{role}.csv" for extractor in ("dct", "traces") for role in "ab"]
    for output in outputs:
        stage.run_repeat(*files, stage_spec(), output)
    text = (tmp_path / "dct" / "seed0a.csv").read_text()
    again = tmp_path / "again" / "seed0a.csv"
    stage.run_repeat(*files, stage_spec(), again)
    plain = [pd.read_csv(io.StringIO(one)).drop(columns="seconds") for one in (text, again.read_text())]
    pd.testing.assert_frame_equal(*plain)
    stage.run_collect(outputs, {}, {"references": 20}, tmp_path / "all.csv", tmp_path / "all.md")
    table = pd.read_csv(tmp_path / "all.csv")
    assert list(table) == list(estimation.COLUMNS)
    assert set(table["seed"]) == {"0a", "0b"}
    assert len(table) == 4 * 2 * (2 + 1) + 2 * 2 * 2
    assert table["true_mass"].between(0, 1).all()
    assert (tmp_path / "all.md").read_text().startswith("# What is found of known targets\n")


def test_features_of_other_references_are_refused(tmp_path, bank):
    files = written(tmp_path, bank, [Trial("setting9", BOX, 100)])
    write_arrays(files[-1], {}, features=references(BOX, 99))
    with pytest.raises(DegcraftError, match="99 feature vectors for 100 references"):
        stage.run_repeat(*files, stage_spec(), tmp_path / "seed0a.csv")


def test_nothing_to_collect_says_why(tmp_path):
    with pytest.raises(DegcraftError, match=r"none can be computed here \(no textures\)"):
        stage.run_collect([], {"alexnet-minc": "no textures"}, {"references": 9}, tmp_path / "a.csv", tmp_path / "a.md")
