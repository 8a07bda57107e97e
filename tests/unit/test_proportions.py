import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

from degcraft.weighting.posterior import Components
from degcraft.weighting.proportions import Proportions, average, bin_likelihoods, estimate, maximise
from tests import banks

# Six bins: normals of unit spread in a feature space of two dimensions, as far apart as neighbouring bins really are.
CENTRES = np.array([[0, 0], [2, 0], [4, 0], [0, 2.5], [2, 2.5], [4, 2.5]])
TRUTH = np.array([0.35, 0.25, 0, 0.25, 0.15, 0])


def likelihoods(seed, n, truth=TRUTH):
    """Exact likelihoods of n images from the known mixture, (n, bins)."""
    rng = np.random.default_rng(seed)
    features = CENTRES[rng.choice(len(CENTRES), size=n, p=truth)] + rng.normal(size=(n, 2))
    return np.exp(-0.5 * np.square(features[:, None] - CENTRES).sum(axis=-1))


def estimated(seed, n):
    return estimate(likelihoods(seed, n), np.random.default_rng([seed, n]))


def log_likelihood(weights, given):
    return np.log(given @ weights).sum()


def test_true_proportions_lie_within_three_error_bars():
    found = [estimated(seed, 300) for seed in range(20)]
    near = np.array([abs(one.weights - TRUTH) <= 3 * one.errors for one in found])
    assert near.mean() > 0.95
    assert near[:, TRUTH > 0].mean() > 0.95


def test_errors_shrink_as_the_root_of_the_number_of_images():
    distances, bars = [], []
    for n in (10, 100, 1000):
        found = [estimated(seed, n) for seed in range(12)]
        distances.append(np.mean([abs(one.weights - TRUTH).sum() / 2 for one in found]))
        bars.append(np.mean([one.errors[TRUTH > 0] for one in found]))
    # A factor of ten in images is one of 3.2 in errors.
    assert 2 < distances[0] / distances[1] < 5
    assert 2 < distances[1] / distances[2] < 5
    assert 2.2 < bars[1] / bars[2] < 4.5
    assert distances[2] < 0.05


def test_error_bars_are_the_spread_over_samples():
    found = [estimated(seed, 200) for seed in range(40)]
    spread = np.std([one.weights for one in found], axis=0)[TRUTH > 0]
    bars = np.mean([one.errors for one in found], axis=0)[TRUTH > 0]
    assert (bars / spread > 0.5).all()
    assert (bars / spread < 2).all()


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_an_optimiser_of_the_same_likelihood(seed):
    given = likelihoods(seed, 150)
    best = minimize(
        lambda weights: -log_likelihood(weights, given) / len(given),
        np.full(6, 1 / 6),
        jac=lambda weights: -(given / (given @ weights)[:, None]).mean(axis=0),
        method="SLSQP",
        bounds=[(0, 1)] * 6,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    (found,) = maximise(given, np.ones((1, 150)), iterations=20_000)
    assert best.success
    assert found == pytest.approx(best.x, abs=1e-3)
    (early,) = maximise(given, np.ones((1, 150)))
    assert log_likelihood(best.x, given) - log_likelihood(early, given) < 0.5  # nats, of all 150 images together


def test_the_maximum_has_no_better_direction():
    given = likelihoods(3, 200)
    (found,) = maximise(given, np.ones((1, 200)), iterations=20_000)
    gradient = (given / (given @ found)[:, None]).mean(axis=0)  # 1 for bins that are there, at most 1 for others
    assert gradient[found > 1e-3] == pytest.approx(1, abs=1e-4)
    assert (gradient < 1 + 1e-4).all()


def test_counts_are_repeated_images():
    given, counts = likelihoods(4, 30), np.random.default_rng(0).integers(0, 4, 30)
    repeated = np.repeat(given, counts, axis=0)
    (found,), (expected,) = maximise(given, counts[None].astype(float)), maximise(repeated, np.ones((1, len(repeated))))
    assert found == pytest.approx(expected, abs=1e-12)


def test_bins_that_cannot_be_told_apart_share_alike():
    given = likelihoods(5, 100)
    twins = np.column_stack([given, given[:, 0], given[:, 4]])
    found = estimate(twins, np.random.default_rng(0)).weights
    assert found[[0, 4]] == pytest.approx(found[[6, 7]], rel=1e-12)
    assert found[0] + found[6] == pytest.approx(estimate(given, np.random.default_rng(0)).weights[0], abs=0.03)


def test_images_that_say_nothing_leave_all_bins_alike():
    found = estimate(np.random.default_rng(0).random((50, 1)) * np.ones(75), np.random.default_rng(0))
    assert found.weights == pytest.approx(1 / 75, rel=1e-12)
    assert found.errors == pytest.approx(0, abs=1e-12)


def test_one_image_is_enough_and_excludes_nothing():
    found = estimate(np.array([[1, 0.5, 0.01]]), np.random.default_rng(0))
    assert found.weights.sum() == pytest.approx(1)
    assert found.weights.argmax() == 0
    assert (found.weights >= 0).all()


def test_a_factor_per_image_and_the_order_of_images_do_not_matter():
    given = likelihoods(6, 80)
    order = np.random.default_rng(0).permutation(80)
    factors = np.random.default_rng(1).uniform(1e-30, 1e30, (80, 1))
    (expected,), (found,) = (maximise(each, np.ones((1, 80))) for each in (given, (given * factors)[order]))
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_same_generator_gives_the_same_numbers():
    first, second = (estimated(7, 60) for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert first.errors.tobytes() == second.errors.tobytes()
    assert first.weights.sum() == pytest.approx(1, abs=1e-12)


def test_mixing_adds_weights_and_independent_errors():
    first = Proportions(np.array([1, 0.0]), np.array([0.3, 0.3]))
    second = Proportions(np.array([0.5, 0.5]), np.array([0.4, 0]))
    mixed = first.mixed(second, 0.5)
    assert mixed.weights.tolist() == [0.75, 0.25]
    assert mixed.errors == pytest.approx([0.25, 0.15])


def test_averages_of_flattened_posteriors():
    given = np.array([[8.0, 1, 0], [3, 3, 3]])
    plain = average(given, np.ones(2))
    assert plain.weights == pytest.approx([(8 / 9 + 1 / 3) / 2, (1 / 9 + 1 / 3) / 2, 1 / 6])
    assert average(given, np.zeros(2)).weights == pytest.approx(1 / 3)
    third = average(given, np.array([1 / 3, 1])).weights
    assert third == pytest.approx([(2 / 3 + 1 / 3) / 2, 1 / 3, 1 / 6])
    assert plain.errors == pytest.approx(abs(given[0] / 9 - 1 / 3) / 2 / np.sqrt(2))


def test_bin_likelihoods_are_products_of_truncated_normals():
    rng = np.random.default_rng(0)
    n, k, edges = 4, 3, [np.array([0, 0.2, 0.5, 1]), np.linspace(0, 1, 3)]
    shares = rng.dirichlet(np.ones(k), size=n)
    means, spreads = rng.uniform(-0.5, 1.5, (n, k, 2)), rng.uniform(0.03, 1, (n, k, 2))
    found = bin_likelihoods(Components(np.log(shares), means, spreads), edges)
    for image in range(n):
        expected = np.zeros((3, 2))
        for one in range(k):
            m, s = means[image, one], spreads[image, one]
            axes = [stats.truncnorm(-m[a] / s[a], (1 - m[a]) / s[a], m[a], s[a]).cdf(edges[a]) for a in (0, 1)]
            along = [np.diff(cdf) / np.diff(bounds) for cdf, bounds in zip(axes, edges, strict=True)]
            expected += shares[image, one] * np.outer(*along)
        assert found[image] == pytest.approx(expected.ravel(), rel=1e-9)


def test_bin_likelihoods_are_means_of_the_density_and_average_to_one():
    components = banks.components(banks.references(0, n=3).features)
    found = bin_likelihoods(components, banks.EDGES)
    assert found.shape == (3, 75)
    assert found.mean(axis=1) == pytest.approx(1, rel=1e-12)
    rng = np.random.default_rng(0)
    for image, bin_ in ((0, found[0].argmax()), (1, found[1].argmax()), (2, found[2].argmax())):
        place = np.unravel_index(bin_, (5, 5, 3))
        low = np.array([edges[at] for edges, at in zip(banks.EDGES, place, strict=True)])
        points = low + rng.random((20_000, 3)) * [0.2, 0.2, 1 / 3]
        density = np.exp(components[np.full(len(points), image)].log_density(points))
        assert density.mean() == pytest.approx(found[image, bin_], rel=0.05)


def test_images_of_one_bin_are_found_there():
    # The box of the references is bin 1, 2, 0, and posteriors are a quarter of a bin wide.
    found = [
        estimate(
            bin_likelihoods(banks.components(banks.references(seed).features), banks.EDGES), np.random.default_rng(0)
        )
        for seed in range(5)
    ]
    true = 1 * 15 + 2 * 3
    assert [one.weights.argmax() for one in found] == [true] * 5
    assert np.mean([one.weights[true] for one in found]) > 0.8
    assert all(one.weights[true] + 3 * one.errors[true] > 0.95 for one in found)
