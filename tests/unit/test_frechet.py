import numpy as np
import pytest
import scipy.linalg

from degcraft.weighting import effective_bins, floored, ranking
from degcraft.weighting.frechet import bin_weights, squared_distance, squared_distances, statistics


def distance(a, b, ddof=1):
    return squared_distance(statistics(a, ddof), statistics(b, ddof))


def normal(seed, n, c, scale=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, c)) @ rng.normal(size=(c, c)) * scale + rng.normal(size=c)


def by_sqrtm(a, b):
    covariance_a, covariance_b = np.cov(a.T), np.cov(b.T)
    root = scipy.linalg.sqrtm(covariance_a)
    cross = scipy.linalg.sqrtm(root @ covariance_b @ root)
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return shift + np.trace(covariance_a + covariance_b - 2 * np.real(cross))


def test_published_check_value():
    i, j = np.mgrid[:6, :4]
    a, b = (np.sin(1.7 * i + 0.9 * j * s + s) + 0.1 * i * j for s in (1, 2))
    assert distance(a, b) == pytest.approx(1.7739104381505, rel=1e-9)


@pytest.mark.parametrize(("n", "m", "c"), [(50, 50, 5), (200, 90, 20), (31, 400, 30)])
def test_agrees_with_matrix_roots_when_covariances_are_regular(n, m, c):
    a, b = normal(1, n, c), normal(2, m, c)
    assert distance(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-8)


def test_agrees_with_matrix_roots_when_covariances_share_a_regular_subspace():
    # Rank deficient, but cleanly: both live in the same five of sixty dimensions.
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(60, 5)))[0]
    a, b = normal(1, 40, 5), normal(2, 30, 5)
    assert distance(a @ basis.T, b @ basis.T) == pytest.approx(by_sqrtm(a, b), rel=1e-9)


def test_orthogonal_supports_leave_only_the_traces():
    a, b = np.zeros((20, 50)), np.zeros((30, 50))
    a[:, :10], b[:, 10:40] = normal(1, 20, 10), normal(2, 30, 30)
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    assert distance(a, b) == pytest.approx(shift + a.var(axis=0, ddof=1).sum() + b.var(axis=0, ddof=1).sum(), rel=1e-12)


@pytest.mark.parametrize(("n", "c"), [(10, 300), (100, 256), (300, 10)])
def test_zero_for_a_set_against_itself_and_never_negative(n, c):
    a = normal(3, n, c, scale=100)
    size = a.var(axis=0).sum()
    assert 0 <= distance(a, a) <= 1e-10 * size
    assert 0 <= distance(a, a[::-1]) <= 1e-10 * size


@pytest.mark.parametrize(("n", "c"), [(10, 40), (40, 10)])
def test_translation_costs_its_squared_length(n, c):
    a = normal(4, n, c)
    shift = np.linspace(-3, 5, c)
    assert distance(a, a + shift) == pytest.approx(np.square(shift).sum(), rel=1e-10)


@pytest.mark.parametrize("ddof", [0, 1])
def test_one_dimension_has_a_closed_form(ddof):
    a, b = normal(5, 30, 1), normal(6, 50, 1, scale=3)
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=ddof) - b.std(ddof=ddof)) ** 2
    assert distance(a, b, ddof) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("n", "m", "c"), [(20, 30, 50), (60, 20, 40), (90, 80, 7)])
def test_symmetric_and_blind_to_the_order_of_samples_and_features(n, m, c):
    a, b = normal(7, n, c), normal(8, m, c)
    rng = np.random.default_rng(9)
    columns = rng.permutation(c)
    assert distance(b, a) == pytest.approx(distance(a, b), rel=1e-11)
    assert distance(rng.permutation(a)[:, columns], b[:, columns]) == pytest.approx(distance(a, b), rel=1e-11)


def test_distances_of_all_bins_are_those_of_each():
    bins = np.stack([normal(seed, 12, 30) for seed in range(5)])
    references = normal(9, 20, 30)
    together = squared_distances(bins, references, ddof=1)
    assert together == pytest.approx([distance(features, references) for features in bins], rel=1e-14)
    assert together.dtype == np.float64
    assert squared_distances(bins, bins[3], ddof=1).argmin() == 3


def test_float32_features_are_computed_in_float64():
    a, b = normal(1, 100, 60).astype(np.float32), normal(2, 100, 60).astype(np.float32)
    assert distance(a, b) == distance(a.astype(np.float64), b.astype(np.float64))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((1, 4)), "at least 2 samples"),
        (np.zeros(4), "matrix"),
        (np.array([[0.0, np.nan], [1, 2]]), "not finite"),
        (np.array([[0.0, np.inf], [1, 2]]), "not finite"),
    ],
)
def test_refuses_features_without_a_covariance(features, message):
    with pytest.raises(ValueError, match=message):
        statistics(features, 1)


def test_refuses_features_of_two_extractors():
    with pytest.raises(ValueError, match="of 3 and of 4 dimensions"):
        squared_distances(np.ones((2, 5, 3)), np.ones((5, 4)), 1)


PUBLISHED = {
    0: (0.2, 0.2, 0.2, 0.2, 0.2),
    1: (0.195534, 0.386966, 0, 0.315034, 0.102466),
    5: (0.0400905, 0.6884333, 0, 0.2684940, 0.0029822),
    25: (4.49642e-6, 0.97939881, 0, 0.02059670, 1.2783e-11),
}


@pytest.mark.parametrize("alpha", PUBLISHED)
def test_weights_have_their_check_values(alpha):
    weights = bin_weights((4, 1, 9, 2, 6), alpha)
    assert weights == pytest.approx(PUBLISHED[alpha], abs=5e-7)
    assert weights.sum() == pytest.approx(1, abs=1e-15)


def test_small_weights_keep_their_digits():
    assert bin_weights((4, 1, 9, 2, 6), 25)[4] == pytest.approx(1.2783e-11, rel=1e-4)


@pytest.mark.parametrize("alpha", [1e-3, 1, 25, 1e3, 1e300])
def test_farthest_bin_gets_nothing_and_nearest_most(alpha):
    weights = bin_weights(np.random.default_rng(0).uniform(3, 5, 75), alpha)
    distances = np.random.default_rng(0).uniform(3, 5, 75)
    assert weights[distances.argmax()] == 0
    assert weights.argmax() == distances.argmin()
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1)


def test_weights_do_not_depend_on_unit_or_offset():
    distances = np.random.default_rng(1).uniform(3, 5, 75)
    assert bin_weights(distances * 1e6 + 7, 25) == pytest.approx(bin_weights(distances, 25), rel=1e-6)


@pytest.mark.parametrize(
    ("distances", "alpha", "message"),
    [
        ([1.0], 25, "at least two bins"),
        ([1.0, np.nan, 2.0], 25, "1 of 3 distances"),
        ([1.0, np.inf], 25, "1 of 2 distances"),
        ([1.0, -0.1], 25, "1 of 2 distances"),
        ([1.0, 2.0], -1, "alpha is -1"),
        ([1.0, 2.0], np.nan, "alpha is nan"),
        ([1.0, 2.0], np.inf, "alpha is inf"),
        ([3.0, 3.0, 3.0], 25, "all 3 bins are equally distant"),
        ([3.0, 3.0 + 4e-16, 3.0], 25, "all 3 bins are equally distant"),
        ([0.0, 0.0], 0, "all 2 bins are equally distant"),
    ],
)
def test_weights_refuse(distances, alpha, message):
    with pytest.raises(ValueError, match=message):
        bin_weights(distances, alpha)


def test_effective_bins_counts_equal_weights():
    assert effective_bins(bin_weights(np.arange(75.0), 0)) == pytest.approx(75)
    assert effective_bins(np.array([0.25, 0, 0.25, 0.25, 0.25])) == pytest.approx(4)


def test_ranking_survives_distances_of_zero():
    assert ranking(np.array([0.0, 0.0, 1.0])) == (0, 1, 0.0)


@pytest.mark.parametrize("floor", [0, 0.05, 0.5, 1])
def test_a_floor_is_a_share_of_uniform(floor):
    weights = bin_weights(np.arange(5.0), 5)
    found = floored(weights, floor)
    assert found.sum() == pytest.approx(1, abs=1e-15)
    assert found.min() == pytest.approx(floor / 5)
    assert found - floor / 5 == pytest.approx((1 - floor) * weights)
