import numpy as np
import pytest
from scipy import stats

from degcraft.bins import PARAMETERS, grid, unit_edges
from degcraft.spaces import Cells, Space

BINS = {
    "blur": {"range": [0, 5], "count": 5},
    "noise": {"range": [10, 50], "count": 4},
    "quality": {"range": [30, 90], "count": 3},
}


def test_cube_and_units_are_inverse():
    space = Space.of_bins(BINS)
    points = np.random.default_rng(0).random((7, 4, 3))
    assert space.names == PARAMETERS
    assert space.to_cube(space.to_units(points)) == pytest.approx(points, abs=1e-14)
    assert space.to_units(np.array([[0, 0, 0], [1, 1, 1], [0.5, 0.25, 0.1]])).tolist() == [
        [0, 10, 30],
        [5, 50, 90],
        [2.5, 20, 36],
    ]


def test_a_space_needs_no_counts():
    ranges = {name: {"range": entry["range"]} for name, entry in BINS.items()}
    assert (Space.of_bins(ranges).highs == Space.of_bins(BINS).highs).all()


def test_a_space_of_cube_coordinates_changes_nothing():
    space, points = Space.cube(("a", "b")), np.random.default_rng(0).random((5, 2))
    assert space.names == ("a", "b")
    assert (space.to_units(points) == points).all()
    assert (space.to_cube(points) == points).all()


def test_edges_of_bins_in_the_cube_are_those_of_the_grid():
    space, regions = Space.of_bins(BINS), grid(BINS)
    for axis, (name, edges) in enumerate(zip(PARAMETERS, unit_edges(BINS), strict=True)):
        corners = np.zeros((len(edges), 3))
        corners[:, axis] = edges
        found = space.to_units(corners)[:, axis]
        assert found == pytest.approx(sorted({end for region in regions for end in getattr(region, name)}))


def cells(classes=2, d=3, count=6, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(count), size=(classes, d))
    weights[:, :, [0, 3, -1]] = 0
    weights /= weights.sum(axis=2, keepdims=True)
    edges = np.cumsum(rng.uniform(0.5, 2, (d, count + 1)), axis=1)
    return Cells(rng.dirichlet(np.ones(classes)), weights, edges)


def drawn(draw, n, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([draw.draw(rng) for _ in range(n)])


def counted(draw, values, axis):
    return np.histogram(values[:, axis], bins=draw.edges[axis])[0]


@pytest.mark.parametrize("axis", range(3))
def test_draws_match_the_cells(axis):
    draw = cells()
    values = drawn(draw, 8000)
    expected = 8000 * draw.shares @ draw.weights[:, axis]
    found = counted(draw, values, axis)
    assert (found[expected == 0] == 0).all()
    assert stats.chisquare(found[expected > 0], expected[expected > 0]).pvalue > 1e-3


def test_draws_are_uniform_inside_a_cell():
    draw = cells()
    values = drawn(draw, 8000)
    for axis in range(3):
        place = np.searchsorted(draw.edges[axis], values[:, axis], side="right") - 1
        low, high = draw.edges[axis, place], draw.edges[axis, place + 1]
        assert stats.kstest((values[:, axis] - low) / (high - low), "uniform").pvalue > 1e-3


def test_cells_of_no_weight_are_never_drawn():
    weights = np.zeros((1, 2, 5))
    weights[0, 0, 2] = 1
    weights[0, 1, [1, 4]] = 0.5
    values = drawn(Cells(np.ones(1), weights, np.tile(np.arange(6.0), (2, 1))), 1000)
    assert set(np.floor(values[:, 0])) == {2}
    assert set(np.floor(values[:, 1])) == {1, 4}


class Extreme:
    """A generator that draws the same number always: the least or the greatest that there is."""

    def __init__(self, value):
        self.value = value

    def random(self, size=None):
        return self.value if size is None else np.full(size, self.value)


@pytest.mark.parametrize(("value", "first"), [(0.0, 1), (1 - 2**-53, 4)])
def test_the_least_and_greatest_numbers_fall_into_cells_with_weight(value, first):
    draw = cells()
    for cell, edges in zip(draw.draw(Extreme(value)), draw.edges, strict=True):
        assert edges[first] <= cell <= edges[first + 1]


def test_classes_are_drawn_by_their_share_and_whole():
    weights = np.zeros((2, 2, 2))
    weights[0, :, 0] = weights[1, :, 1] = 1
    values = drawn(Cells(np.array([0.3, 0.7]), weights, np.array([[0.0, 1, 2], [0, 1, 2]])), 4000)
    upper = values > 1
    assert (upper[:, 0] == upper[:, 1]).all()
    assert stats.binomtest(int(upper[:, 0].sum()), 4000, 0.7).pvalue > 1e-3


def test_weights_need_not_sum_to_one_exactly():
    weights = np.full((1, 1, 3), (1 - 1e-9) / 3)
    values = drawn(Cells(np.array([1 - 1e-9]), weights, np.array([[0.0, 1, 2, 3]])), 2000)
    assert stats.chisquare(np.histogram(values, bins=[0, 1, 2, 3])[0]).pvalue > 1e-3


def test_the_whole_cube():
    values = drawn(Cells.cube(4), 3000)
    assert values.shape == (3000, 4)
    for axis in range(4):
        assert stats.kstest(values[:, axis], "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(values.T) - np.eye(4)).max() < 0.1


def test_draws_are_numbers_of_the_generator_alone():
    draw = cells()
    first, second = (draw.draw(np.random.default_rng(3)) for _ in range(2))
    assert first == second
    assert all(type(value) is float for value in first)
    assert first != draw.draw(np.random.default_rng(4))
