import numpy as np
import pytest
from scipy import integrate

from degcraft.bins import Region, grid, true_weights, unit_edges
from degcraft.io import read_arrays, write_arrays
from degcraft.spaces import Space
from degcraft.streams import stream
from degcraft.trials import ARRAYS, Boxes, Trial, arrays, random_box, random_pair, restored, setting_boxes

SPACE = {
    name: {"range": span, "count": count}
    for name, span, count in (("blur", [0, 5], 5), ("noise", [0, 50], 5), ("quality", [30, 90], 3))
}
SETTINGS = {
    "setting1": {"blur": [0, 1], "noise": [0, 10], "quality": [80, 90]},
    "setting3": {"blur": [1.5, 2.5], "noise": [5, 15], "quality": [75, 85]},
    "setting4": {"blur": [2.5, 3.5], "noise": [25, 35], "quality": [65, 75]},
}
EDGES = unit_edges(SPACE)


def rng(*items):
    return stream(0, "test", "trials", *items)


def many(d=3):
    """Boxes and pairs of boxes, by name."""
    boxes = {f"box{number}": random_box(rng("box", number), d) for number in range(3)}
    return boxes | {f"pair{number}": random_pair(rng("pair", number), d) for number in range(3)}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_have_their_true_weights(setting):
    boxes = setting_boxes(SETTINGS, SPACE)[setting]
    expected = true_weights(grid(SPACE), Region.from_config(SETTINGS[setting]))
    assert boxes.masses(EDGES) == pytest.approx(expected, abs=1e-12)
    drawn = Space.of_bins(SPACE).to_units(boxes.draw(rng(setting), 4000))
    for axis, (low, high) in enumerate(SETTINGS[setting].values()):
        assert (drawn[:, axis] >= low).all()
        assert (drawn[:, axis] <= high).all()
        assert np.ptp(drawn[:, axis]) > 0.99 * (high - low)


@pytest.mark.parametrize("name", many())
def test_masses_are_the_shares_of_draws(name):
    boxes = many()[name]
    drawn = boxes.draw(rng("draws", name), 200_000)
    counted, _ = np.histogramdd(drawn, EDGES)
    assert boxes.masses(EDGES) == pytest.approx(counted.ravel() / len(drawn), abs=0.004)
    assert boxes.masses(EDGES).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", many())
def test_density_is_that_of_the_draws(name):
    # Of the distribution itself, the mean of 1 / density is the volume that it covers.
    boxes = many()[name]
    drawn = boxes.draw(rng("draws", name), 100_000)
    covered = (boxes.density(rng("uniform").random((400_000, 3))) > 0).mean()
    assert (1 / boxes.density(drawn)).mean() == pytest.approx(covered, rel=0.05)
    assert boxes.density(rng("uniform").random((400_000, 3))).mean() == pytest.approx(1, rel=0.05)


def test_density_of_overlapping_boxes_adds_up():
    boxes = Boxes(np.array([0.25, 0.75]), np.array([[0.0], [0.4]]), np.array([[0.5], [0.9]]))
    points = np.array([[0.2], [0.45], [0.6], [0.95]])
    assert boxes.density(points) == pytest.approx([0.5, 2.0, 1.5, 0])
    mass, _ = integrate.quad(lambda x: boxes.density(np.array([[x]]))[0], 0, 1, points=[0.4, 0.5, 0.9])
    assert mass == pytest.approx(1)


def test_random_boxes_are_between_a_tenth_and_four_tenths_wide():
    boxes = [random_box(rng("width", number), 3) for number in range(300)]
    widths = np.concatenate([box.highs - box.lows for box in boxes])
    assert widths.min() >= 0.1
    assert widths.max() <= 0.4
    assert widths.mean() == pytest.approx(0.25, abs=0.01)
    lows, highs = np.concatenate([box.lows for box in boxes]), np.concatenate([box.highs for box in boxes])
    assert lows.min() >= 0
    assert highs.max() <= 1
    assert lows.min() < 0.02  # anywhere, up to both ends
    assert highs.max() > 0.98
    assert all(box.restricted().tolist() == [0, 1, 2] for box in boxes)


def test_boxes_of_many_parameters_restrict_three_of_those_named():
    boxes = [random_box(rng("many", number), 30, [3, 7, 17, 29]) for number in range(100)]
    axes = [tuple(box.restricted()) for box in boxes]
    assert set(axes) == {(3, 7, 17), (3, 7, 29), (3, 17, 29), (7, 17, 29)}
    free = np.setdiff1d(np.arange(30), axes[0])
    assert boxes[0].lows[0, free].tolist() == [0] * 27
    assert boxes[0].highs[0, free].tolist() == [1] * 27


def test_pairs_are_two_boxes_of_equal_share():
    pair = random_pair(rng("pair"), 3)
    assert pair.shares.tolist() == [0.5, 0.5]
    assert not np.array_equal(pair.lows[0], pair.lows[1])
    apart = Boxes(pair.shares, np.array([[0.0], [0.8]]), np.array([[0.1], [0.9]]))
    drawn = apart.draw(rng("halves"), 10_000)
    assert (drawn < 0.5).mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    "other",
    [
        {"blur": [0, 5.5], "noise": [0, 10], "quality": [80, 90]},
        {"blur": [0, 1], "noise": [0, 10], "quality": [20, 40]},
        {"blur": [2, 2], "noise": [0, 10], "quality": [80, 90]},
        {"blur": [0, 1], "noise": [0, 10], "quality": "none"},
    ],
)
def test_settings_without_a_density_in_the_bins_are_left_out(other):
    assert list(setting_boxes({"other": other, **SETTINGS}, SPACE)) == list(SETTINGS)


def test_files_keep_everything(tmp_path):
    trials = [Trial(name, boxes, 5 + number) for number, (name, boxes) in enumerate(many().items())]
    write_arrays(tmp_path / "a.npz", {}, **arrays(trials))
    for one, other in zip(trials, restored(read_arrays(tmp_path / "a.npz", *ARRAYS)), strict=True):
        assert (one.name, one.references) == (other.name, other.references)
        for part in ("shares", "lows", "highs"):
            assert np.array_equal(getattr(one.truth, part), getattr(other.truth, part))
