import itertools

import numpy as np
import pytest
from scipy import integrate

from degcraft.streams import stream
from degcraft.weighting import density
from degcraft.weighting.density import CELLS, MIDDLES, SMOOTHINGS, Density, average, choose_smoothing, estimate
from degcraft.weighting.posterior import Components
from tests import banks

BOX = {"low": (0.3, 0.4, 0.1), "high": (0.6, 0.9, 0.5)}


def of(bank, smoothing=0.02):
    return estimate(banks.components(bank.features), smoothing)


def own(low, high):
    """Log-density of a uniform distribution on a box, nats above uniform on the cube."""
    return -np.log(np.subtract(high, low)).sum()


def two_boxes(seed):
    first = banks.references(seed, n=60, low=(0.1, 0.1, 0.1), high=(0.3, 0.3, 0.3))
    second = banks.references(seed + 100, n=40, low=(0.6, 0.6, 0.6), high=(0.9, 0.8, 0.9))
    return np.concatenate([first.features, second.features]), np.concatenate([first.points, second.points])


def test_integrates_to_one():
    found = of(banks.references(0)).mixed(of(banks.references(1, **BOX)), 0.3)
    places = np.stack(np.meshgrid(MIDDLES, MIDDLES, MIDDLES, indexing="ij"), axis=-1).reshape(-1, 3)
    assert found.density(places).mean() == pytest.approx(1, rel=1e-9)


def test_density_is_shares_of_products():
    cells = np.random.default_rng(0).dirichlet(np.ones(CELLS), size=(2, 3))
    points = np.array([[0, 0.5, 1], [0.024, 0.026, 0.99]])
    by_hand = [
        sum(
            share * np.prod([one[axis][at] * CELLS for axis, at in enumerate(place)])
            for share, one in zip((0.3, 0.7), cells, strict=True)
        )
        for place in ((0, 20, 39), (0, 1, 39))
    ]
    assert Density(np.array([0.3, 0.7]), cells).density(points) == pytest.approx(by_hand)


def test_uniform_is_one_everywhere():
    assert Density.uniform(5).density(np.random.default_rng(0).random((20, 5))) == pytest.approx(1)


def test_a_mixture_of_densities_is_their_mean():
    first, second = of(banks.references(0)), of(banks.references(1, **BOX))
    points = np.random.default_rng(0).random((50, 3))
    expected = 0.8 * first.density(points) + 0.2 * second.density(points)
    assert first.mixed(second, 0.2).density(points) == pytest.approx(expected)


@pytest.mark.parametrize(
    "box", [BOX, {"low": (0, 0, 0), "high": (1, 1, 1)}, {"low": (0, 0.7, 0.2), "high": (0.3, 1, 0.4)}]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_known_box_is_found(box, seed):
    found = of(banks.references(seed, **box))
    others = banks.references(50 + seed, n=1000, **box).points
    assert len(found.shares) == 1
    assert np.log(0.95 * found.density(others) + 0.05).mean() > own(**box) - 0.8
    assert np.log(found.density(others)).mean() < own(**box)  # no density is better in its box than the box


def test_more_images_find_it_better():
    others = banks.references(50, n=1000, **BOX).points
    scores = [
        np.mean(
            [
                np.log(0.95 * of(banks.references(seed, n=n, **BOX), 0.03).density(others) + 0.05).mean()
                for seed in range(4)
            ]
        )
        for n in (10, 50, 400)
    ]
    assert scores == sorted(scores)
    assert own(**BOX) - scores[-1] < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_two_boxes_are_two_classes(seed):
    features, points = two_boxes(seed)
    found = estimate(banks.components(features), 0.02)
    assert found.shares == pytest.approx([0.4, 0.6], abs=0.01) or found.shares == pytest.approx([0.6, 0.4], abs=0.01)
    first, second = (np.log(found.density(part)).mean() for part in (points[:60], points[60:]))
    assert first > np.log(0.6 / 0.2**3) - 0.8
    assert second > np.log(0.4 / (0.3 * 0.2 * 0.3)) - 0.8
    crossed = points[:40] * [1, 0, 0] + points[60:] * [0, 1, 1]
    assert found.density(crossed).max() < 1e-3


def test_few_images_are_one_class():
    features, _ = two_boxes(0)
    assert len(estimate(banks.components(features[52:71]), 0.02).shares) == 1


def test_more_smoothing_is_smoother():
    bank = banks.references(0, n=30, **BOX)
    rough = [abs(np.diff(of(bank, smoothing).cells[0], n=2, axis=1)).sum() for smoothing in (0, *SMOOTHINGS)]
    assert rough == sorted(rough, reverse=True)
    assert rough[0] > 5 * rough[-1]


def test_without_smoothing_the_likelihood_only_grows(monkeypatch):
    components = banks.components(banks.references(0, n=30, **BOX).features)
    likelihoods = []
    for steps in (1, 2, 5, 20, 80):
        monkeypatch.setattr(density, "ITERATIONS", steps)
        cells = estimate(components, 0).cells[0]
        along = [components.masses(density.EDGES, axis)[:, 0] @ cells[axis] * CELLS for axis in range(3)]
        likelihoods.append(np.log(along).sum())
    assert likelihoods == sorted(likelihoods)


def test_smoothing_keeps_the_uniform_distribution():
    kernel = density._smoother(0.05)
    assert kernel.sum(axis=1) == pytest.approx(1)
    middle = kernel[20]
    assert np.sqrt(middle @ (MIDDLES - MIDDLES[20]) ** 2) == pytest.approx(0.05, rel=0.01)
    assert np.full(CELLS, 1 / CELLS) @ kernel == pytest.approx(1 / CELLS, rel=1e-6)  # what leaves at an end comes back
    assert kernel[0, 0] > 1.8 * kernel[20, 20]


def test_the_order_of_images_does_not_matter():
    for features in (banks.references(0, **BOX).features, two_boxes(0)[0]):
        other = features[np.random.default_rng(0).permutation(len(features))]
        points = np.random.default_rng(1).random((200, 3))
        first, second = (estimate(banks.components(each), 0.02).density(points) for each in (features, other))
        assert first == pytest.approx(second, rel=1e-6)


def sharp(points, spread, seed=0):
    """Posteriors of one normal each, off the truth by their own spread."""
    means = points + np.random.default_rng(seed).normal(scale=spread, size=points.shape)
    return Components(np.zeros((len(points), 1)), means[:, None], np.full((len(points), 1, points.shape[1]), spread))


def test_28_axes():
    rng = np.random.default_rng(0)
    points = rng.uniform(0.2, 0.7, (100, 28))
    with np.errstate(divide="raise", invalid="raise"):
        found = estimate(sharp(points, 0.05), 0.03)
    assert found.cells.shape == (1, 28, CELLS)
    assert found.cells.sum(axis=2) == pytest.approx(1)
    others = np.log(found.density(rng.uniform(0.2, 0.7, (1000, 28)))).mean()
    assert 0.8 * 28 * np.log(2) < others < 28 * np.log(2)


def test_an_image_far_from_all_others_keeps_everything_finite():
    points = np.random.default_rng(0).uniform(0.1, 0.2, (100, 28))
    points[17] = 0.95
    with np.errstate(divide="raise", invalid="raise"):
        found = estimate(sharp(points, 0.007), 0.01)
    assert np.isfinite(found.cells).all()
    assert np.log(found.density(points[:17])).mean() > 28 * np.log(10) - 28 * 0.5


def test_averages():
    components = banks.components(banks.references(0, **BOX).features)
    masses = [components.masses(density.EDGES, axis)[:, 0] for axis in range(3)]
    plain, flat = average(components, np.ones(100)), average(components, np.zeros(100))
    assert plain.cells[0] == pytest.approx(np.stack([axis.mean(axis=0) for axis in masses]))
    assert flat.cells[0] == pytest.approx(1 / CELLS)
    entropies = [
        -(cells * np.log(cells)).sum()
        for cells in (average(components, np.full(100, power)).cells for power in (1, 0.3, 0.1, 0.01, 0))
    ]
    assert entropies == sorted(entropies)


def test_smoothing_is_chosen_as_for_targets_whose_truth_is_known():
    bank = banks.make()
    chosen = choose_smoothing(banks.components(bank.features), bank.points, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    scores = dict.fromkeys(SMOOTHINGS, 0.0)
    for seed in range(12):
        widths = rng.uniform(0.1, 0.5, 3)
        low = rng.uniform(0, 1 - widths)
        references = banks.references(seed, low=low, high=low + widths)
        for smoothing in SMOOTHINGS:
            scores[smoothing] += np.log(0.95 * of(references, smoothing).density(references.points) + 0.05).mean() / 12
    assert scores[chosen] > max(scores.values()) - 0.1
    assert scores[chosen] > min(scores.values()) + 0.2


def test_sharp_posteriors_want_little_smoothing():
    points = banks.make().points
    assert choose_smoothing(sharp(points, 0.007), points, np.random.default_rng(0)) == SMOOTHINGS[0]


@pytest.mark.parametrize("n", [3, 48])
def test_smoothing_is_chosen_from_few_images_too(n):
    bank = banks.make(contents=n, each=1)
    assert choose_smoothing(banks.components(bank.features), bank.points, np.random.default_rng(0)) in SMOOTHINGS


def test_a_smoothing_is_chosen_where_nothing_is_known():
    bank = banks.make(contents=20, each=10)
    none = banks.components(bank.features).along([])
    assert choose_smoothing(none, bank.points[:, :0], np.random.default_rng(0)) in SMOOTHINGS


def densities(classes=2, d=3):
    rng = stream(0, "test", "estimation", "densities")
    return Density(rng.dirichlet(np.ones(classes)), rng.dirichlet(np.ones(CELLS), size=(classes, d)))


@pytest.mark.parametrize("counts", [(5, 5, 3), (7, 3, 11), (40, 1, 2)])
def test_masses_of_bins_are_integrals(counts):
    density, edges = densities(), [np.linspace(0, 1, count + 1) for count in counts]
    masses = density.bin_masses(edges)
    assert masses.shape == (np.prod(counts),)
    assert masses.sum() == pytest.approx(1, abs=1e-12)
    fine = (np.arange(280) + 0.5) / 280  # 280 is a multiple of 40; of 7 too, not of 3 and 11
    grid = np.stack(np.meshgrid(*[fine[::4]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    counted, _ = np.histogramdd(grid, edges, weights=density.density(grid))
    assert masses == pytest.approx(counted.ravel() / len(grid), abs=0.02)


def test_masses_of_one_axis_are_exact_between_cells():
    density, edges = densities(d=1), np.array([0, 0.21, 0.5, 1])
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        steps = [0.2 + 0.025 * step for step in range(33)]
        integral, _ = integrate.quad(
            lambda x: density.density(np.array([[x]]))[0], low, high, points=[x for x in steps if low < x < high],
            limit=100,
        )  # fmt: skip
        assert density.bin_masses([edges])[number] == pytest.approx(integral, rel=1e-6)


def test_marginals_forget_the_other_axes():
    density = densities(d=4)
    points = stream(0, "test", "estimation", "points").random((200_000, 4))
    points[:, [1, 3]] = [0.31, 0.72]
    expected = density.density(points).mean()
    assert density.marginal([1, 3]).density(np.array([[0.31, 0.72]]))[0] == pytest.approx(expected, rel=0.02)
