import dataclasses

import numpy as np
import pytest

from degcraft.weighting import density, effective_bins, proportions
from tests import banks

TRUE = 1 * 15 + 2 * 3  # the bin of EDGES in which references lie unless said
SCRATCH = 40 * banks.AXES[:, 5].astype(np.float32)


@pytest.fixture(scope="module")
def estimator():
    return banks.estimator(banks.make(contents=100, each=40))


def mixture(estimator, features, seed=0):
    return estimator.mixture(features, banks.EDGES, np.random.default_rng(seed))


def test_weights_of_the_true_bin(estimator):
    for seed in range(4):
        found, verdict = mixture(estimator, banks.references(seed).features)
        assert verdict.share > 0.95
        assert found.weights.sum() == pytest.approx(1)
        assert found.weights.argmax() == TRUE
        assert found.weights[TRUE] > 0.85
        assert abs(found.weights[TRUE] - 1) < 3 * found.errors[TRUE] + 0.05


def test_explained_references_have_the_proportions_of_greatest_likelihood(estimator):
    features = next(
        features
        for features in (banks.references(seed).features for seed in range(20))
        if mixture(estimator, features)[1].explained.all()
    )
    rng = np.random.default_rng(0)
    estimator.refined(features, rng)  # draws what judging draws
    given = proportions.bin_likelihoods(estimator.posterior(features), banks.EDGES)
    assert (mixture(estimator, features)[0].weights == proportions.estimate(given, rng).weights).all()


@pytest.mark.parametrize("size", [0.25, 1, 10])
def test_scratched_references_widen_the_weights_and_never_collapse(estimator, size):
    features = banks.references(0).features
    sharp, _ = mixture(estimator, features)
    found, verdict = mixture(estimator, features + size * SCRATCH)
    assert not verdict.explained.any()
    assert str(verdict) == "not explained"
    assert found.weights.sum() == pytest.approx(1)
    assert effective_bins(found.weights) > 5 * effective_bins(sharp.weights)
    assert found.weights.max() < 0.4
    assert (found.weights > 0).all()


def test_the_farther_the_wider(estimator):
    features = banks.references(0).features
    widths = [
        effective_bins(mixture(estimator, features + size * SCRATCH)[0].weights) for size in (0, 0.1, 0.2, 0.5, 1)
    ]
    assert widths == sorted(widths)
    assert widths[-1] > 70


def test_references_that_contradict_each_other_do_not_collapse(estimator):
    # Features that the model cannot make, although each alone points at one sharp bin.
    features = banks.references(0).features[:1] + np.random.default_rng(0).normal(scale=3, size=(50, 12)).astype(
        np.float32
    )
    found, verdict = mixture(estimator, features)
    assert verdict.share < 0.2
    assert found.weights.max() < 0.2


def test_a_contaminated_part_widens_by_its_share(estimator):
    features = banks.references(0).features
    features[:25] += 10 * SCRATCH
    found, verdict = mixture(estimator, features)
    share = verdict.share
    assert share == pytest.approx(0.75, abs=0.03)
    clean, _ = mixture(estimator, banks.references(0).features)
    assert found.weights[TRUE] == pytest.approx(share * clean.weights[TRUE] + (1 - share) / 75, abs=0.05)
    assert found.weights.min() > 0.2 * (1 - share) / 75
    assert (found.errors > 0).all()


def test_explained_references_have_the_density_of_greatest_likelihood(estimator):
    for seed in range(20):
        features = banks.references(seed).features
        found, verdict = estimator.refined(features, np.random.default_rng(0))
        if verdict.explained.all():
            assert (found.cells == density.estimate(estimator.posterior(features), 0.02).cells).all()
            return
    pytest.fail("no set was explained altogether")


def test_densities_of_explained_references_beat_uniform_by_far(estimator):
    for seed in range(4):
        found, _ = estimator.refined(banks.references(seed).features, np.random.default_rng(0))
        others = banks.references(50 + seed, n=500).points
        own = np.log(75)  # the box is one bin of 75
        assert np.log(0.95 * found.density(others) + 0.05).mean() > own - 1


def test_densities_of_scratched_references_are_wide(estimator):
    features = banks.references(0).features
    for size in (1, 10):
        found, _ = estimator.refined(features + size * SCRATCH, np.random.default_rng(0))
        assert len(found.shares) == 1
        assert (found.cells * density.CELLS).max() < 2
        assert (found.cells * density.CELLS).min() > 0.1


def test_densities_of_a_contaminated_part_are_mixed(estimator):
    features = banks.references(0).features
    features[:25] += 10 * SCRATCH
    found, verdict = estimator.refined(features, np.random.default_rng(0))
    assert found.shares[-1] == pytest.approx(1 - verdict.share)
    assert found.shares.sum() == pytest.approx(1)
    far = np.random.default_rng(0).uniform((0.6, 0, 0.6), (1, 0.2, 1), size=(50, 3))
    assert found.density(far).min() > 0.2 * (1 - verdict.share)


def test_what_images_say_nothing_of_stays_uniform(estimator):
    some = dataclasses.replace(estimator, informative=np.array([0, 2]))
    features = banks.references(0).features
    for given in (features, features + SCRATCH):
        found, _ = some.refined(given, np.random.default_rng(0))
        assert found.cells[:, 1] == pytest.approx(1 / density.CELLS)
        assert found.cells[:, [0, 2]].max() > 1.05 / density.CELLS
    none = dataclasses.replace(estimator, informative=np.array([], dtype=int))
    assert none.refined(features, np.random.default_rng(0))[0].cells == pytest.approx(1 / density.CELLS)


def test_one_reference_is_enough(estimator):
    features = banks.references(0, n=1).features
    assert mixture(estimator, features)[0].weights.sum() == pytest.approx(1)
    assert estimator.refined(features, np.random.default_rng(0))[0].cells.sum(axis=2) == pytest.approx(1)


def test_the_same_references_give_the_same_bytes(estimator):
    features = banks.references(0).features
    features[:5] += SCRATCH
    first, second = (mixture(estimator, features, seed=3)[0] for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes()
    first, second = (estimator.refined(features, np.random.default_rng(3))[0] for _ in range(2))
    assert first.cells.tobytes() == second.cells.tobytes()
