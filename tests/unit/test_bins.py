import numpy as np
import pytest

from degcraft.bins import Mixture, Region, grid, true_weights
from degcraft.streams import stream

SPACE = {
    "blur": {"range": [0, 5], "count": 5},
    "noise": {"range": [0, 50], "count": 5},
    "quality": {"range": [30, 90], "count": 3},
}


def test_the_paper_has_75_bins_that_tile_the_space():
    regions = grid(SPACE)
    assert len(regions) == 75
    assert regions[0] == Region((0, 1), (0, 10), (30, 50))
    assert regions[-1] == Region((4, 5), (40, 50), (70, 90))
    volume = sum(np.prod([high - low for low, high in (r.blur, r.noise, r.quality)]) for r in regions)
    assert volume == pytest.approx(5 * 50 * 60)


@pytest.mark.parametrize(
    ("name", "bins", "share"),
    [("setting1", 1, 1), ("setting2", 4, 1 / 4), ("setting3", 4, 1 / 4), ("setting4", 8, 1 / 8)],
)
def test_true_bins_of_the_settings(default_config, name, bins, share):
    weights = true_weights(grid(SPACE), Region.from_config(default_config["settings"][name]))
    assert np.count_nonzero(weights) == bins
    assert weights[weights > 0] == pytest.approx(np.full(bins, share))


def test_a_point_lies_in_the_bins_that_hold_it():
    assert Region((2, 2), (5, 5), (60, 60)).overlap(Region((1, 3), (0, 10), (50, 70))) == 1
    assert Region((2, 2), (5, 5), (60, 60)).overlap(Region((3, 4), (0, 10), (50, 70))) == 0


def test_draws_fill_their_region_evenly():
    region = Region((1, 2), (10, 30), (40, 80))
    draws = np.array([region.draw(stream(0, "test", i)) for i in range(4000)])
    unit = (draws - [1, 10, 40]) / [1, 20, 40]
    assert unit.min() >= 0
    assert unit.max() <= 1
    assert unit.mean(axis=0) == pytest.approx([0.5] * 3, abs=0.02)
    assert unit.var(axis=0) == pytest.approx([1 / 12] * 3, rel=0.05)
    assert np.abs(np.corrcoef(unit.T) - np.eye(3)).max() < 0.05


def test_mixture_draws_bins_by_weight():
    regions = grid(SPACE)
    weights = np.zeros(75)
    weights[[3, 40]] = 0.25, 0.75
    mixture = Mixture(regions, weights)
    draws = [mixture.draw(stream(1, "test", i)) for i in range(2000)]
    inside = [[bool(Region(*zip(d, d, strict=True)).overlap(regions[b])) for d in draws] for b in (3, 40)]
    assert np.mean(inside[0]) == pytest.approx(0.25, abs=0.03)
    assert np.mean(inside[0]) + np.mean(inside[1]) == 1


def test_uniform_mixture_is_uniform_over_the_space():
    draws = np.array([Mixture.uniform(grid(SPACE)).draw(stream(2, "test", i)) for i in range(4000)])
    assert draws.mean(axis=0) == pytest.approx([2.5, 25, 60], rel=0.03)
    assert draws.std(axis=0) == pytest.approx(np.array([5, 50, 60]) / np.sqrt(12), rel=0.03)


@pytest.mark.parametrize("weights", [[0.5, 0.4], [1.5, -0.5], [1.0], [np.nan, 1.0]])
def test_a_mixture_needs_proper_weights(weights):
    with pytest.raises(ValueError, match="sum to 1"):
        Mixture(grid(SPACE)[:2], np.array(weights))


def test_streams_depend_on_every_part_of_their_name():
    names = [(0, "a"), (1, "a"), (0, "b"), (0, "a", 1), (0, "a", "1"), (0, "a", 1, 2), (0, "a", 12)]
    values = [stream(*name).random() for name in names]
    assert len(set(values)) == len(names)
    assert stream(0, "a", 1).random() == values[3]
