import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from degcraft.io import read_arrays, write_arrays
from degcraft.weighting import archive, fitting
from degcraft.weighting.posterior import Components, Posterior, join, parts
from tests import banks

CELLS = np.linspace(0, 1, 41)
# Means and spreads before truncation: ordinary, broad, outside, at the bounds, and so far out that the cube underflows.
NORMALS = [(0.4, 0.1), (0.5, 0.0068), (0.0, 0.0068), (-0.2, 4.4), (1.3, 0.05), (2, 0.02), (-1, 0.0068), (2, 0.0068)]


def one(mean, spread):
    return Components(np.zeros((1, 1)), np.full((1, 1, 1), mean), np.full((1, 1, 1), spread))


def truncated(mean, spread):
    return stats.truncnorm((0 - mean) / spread, (1 - mean) / spread, mean, spread)


def at(components, *points):
    return np.array([components.log_density(np.array([[point]]))[0] for point in points])


def mixed(seed=0, n=5, k=3, d=2):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(k), size=n)
    return Components(np.log(shares), rng.uniform(-0.3, 1.3, (n, k, d)), rng.uniform(0.02, 0.6, (n, k, d)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("mean", "spread"), NORMALS)
def test_masses_are_those_of_truncated_normals(mean, spread):
    found = one(mean, spread).masses(CELLS, 0)[0, 0]
    assert found.sum() == pytest.approx(1, abs=1e-14)
    assert found == pytest.approx(np.diff(truncated(mean, spread).cdf(CELLS)), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(("mean", "spread"), NORMALS)
def test_log_densities_are_those_of_truncated_normals(mean, spread):
    points = np.array([0, 0.001, 0.3, 0.5, 0.999, 1])
    assert at(one(mean, spread), *points) == pytest.approx(truncated(mean, spread).logpdf(points), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("mean", "spread"), NORMALS)
def test_log_densities_integrate_to_one(mean, spread):
    # Where the normal is cut far out, almost all lies within a hundredth of a hundredth of the edge.
    kinks = sorted({min(max(mean, 0), 1), *(abs(edge - 10.0**-power) for edge in (0, 1) for power in (2, 3, 4, 5))})
    total = integrate.quad(lambda u: np.exp(at(one(mean, spread), u)[0]), 0, 1, points=kinks, limit=200)[0]
    assert total == pytest.approx(1, abs=1e-6)


def test_masses_and_densities_of_mixtures_agree():
    components = mixed()
    middles = (np.arange(400) + 0.5) / 400
    points = np.stack(np.meshgrid(middles, middles, indexing="ij"), axis=-1).reshape(-1, 2)
    for number in range(len(components)):
        same = components[np.full(len(points), number)]
        density = np.exp(same.log_density(points)).reshape(40, 10, 400).mean(axis=(1, 2)) / 40
        masses = np.exp(components.log_shares[number]) @ components.masses(CELLS, 0)[number]
        assert density == pytest.approx(masses, abs=1e-5)


def test_some_of_the_images_are_those_images():
    components = mixed()
    chosen = components[np.array([3, 1])]
    assert len(chosen) == 2
    assert (chosen.means == components.means[[3, 1]]).all()
    assert (components[1:3].log_shares == components.log_shares[1:3]).all()


def test_joining_averages_densities():
    first, second = mixed(1), mixed(2)
    points = np.random.default_rng(3).random((5, 2))
    average = (np.exp(first.log_density(points)) + np.exp(second.log_density(points))) / 2
    assert np.exp(join([first, second]).log_density(points)) == pytest.approx(average, rel=1e-12)


def test_outputs_of_zero_are_broad_posteriors_in_the_middle():
    components = parts(np.zeros((1, 2 * 7)), np.zeros((1, 3)))
    assert components.log_shares == pytest.approx(np.log(0.5))
    assert (components.means == 0.5).all()
    assert components.spreads == pytest.approx(np.exp(-1.5))


def test_outputs_are_bounded():
    components = parts(np.array([[0, 1e4, -1e4, 1e4, -1e4]]), np.zeros((1, 2)))
    assert components.means[0, 0].tolist() == [2, -1]
    assert np.log(components.spreads[0, 0]) == pytest.approx([1.5, -5])


def test_a_network_written_by_hand_says_the_exact_posterior():
    bank = banks.references(0)
    found, exact = banks.network()(bank.features), banks.components(bank.features)
    assert found.means == pytest.approx(exact.means, abs=1e-5)
    assert found.spreads == pytest.approx(exact.spreads, rel=1e-6)


def test_features_beyond_five_spreads_are_cut():
    network = banks.network()
    far = network.shift + network.scale * np.float32([[5], [500]])
    assert (network(far).means[0] == network(far).means[1]).all()


# A bank of two parameters whose features are curved and noisy; Bayes' rule on a lattice gives its exact posteriors.
NOISE = 0.2
RECIPE = fitting.Recipe(epochs=60, width=32, components=3, folds=2)
LATTICE = (np.indices((100, 100)).reshape(2, -1).T + 0.5) / 100


def signal(points):
    u, v = points.T
    return np.stack([u, u**2 - v / 2, np.sin(3 * u), v, u * v, np.cos(3 * v)], axis=1)


def curved(seed, contents, each):
    """Features (n, 8), points and contents; the last two features depend on the content alone."""
    rng = np.random.default_rng(seed)
    points, owners = rng.random((contents * each, 2)), np.repeat(np.arange(contents), each)
    noisy = signal(points) + rng.normal(scale=NOISE, size=(len(points), 6))
    return np.concatenate([noisy, rng.normal(size=(contents, 2))[owners]], axis=1).astype(np.float32), points, owners


def exact_log_density(features, points):
    """Mean over images of the logarithm of the exact posterior density of the truth."""
    gaps = np.square(features[:, None, :6] - signal(LATTICE)).sum(axis=-1) / NOISE**2
    likelihood = np.exp(-0.5 * (gaps - gaps.min(axis=1, keepdims=True)))
    cell = (points * 100).astype(int) @ [100, 1]
    true = likelihood[np.arange(len(points)), cell] / likelihood.mean(axis=1)
    return np.log(true).mean()


@pytest.fixture(scope="module")
def bank():
    return curved(0, 30, 100)


@pytest.fixture(scope="module")
def fitted(bank):
    torch.set_num_threads(1)
    features, points, contents = bank
    return fitting.fit(features, points, contents % 2, RECIPE, seed=0)


@pytest.fixture(scope="module")
def unseen():
    return curved(1, 40, 30)


def test_fitted_posteriors_are_nearly_as_sharp_as_the_exact_ones(bank, fitted, unseen):
    posterior, scores = fitted
    features, points, contents = bank
    held_out = posterior.held_out(features, contents % 2).log_density(points)
    assert [held_out[contents % 2 == fold].mean() for fold in (0, 1)] == pytest.approx(scores, abs=1e-4)
    features, points = (each[::3] for each in unseen[:2])
    exact = exact_log_density(features, points)
    assert exact > 2
    found = posterior(features).log_density(points).mean()
    assert exact - 0.35 < found < exact


@pytest.mark.parametrize("axis", [0, 1])
def test_central_intervals_cover_what_they_say(fitted, unseen, axis):
    features, points, _ = unseen
    components = fitted[0](features)
    fine = np.linspace(0, 1, 401)
    masses = np.einsum("nk,nkm->nm", np.exp(components.log_shares), components.masses(fine, axis))
    below = masses.cumsum(axis=1)[np.arange(len(points)), (points[:, axis] * 400).astype(int)]
    # 1200 images: standard errors of .014 and .009; the average of two networks is a little broad.
    assert (abs(below - 0.5) < 0.25).mean() == pytest.approx(0.5, abs=0.1)
    assert (abs(below - 0.5) < 0.45).mean() == pytest.approx(0.9, abs=0.05)


def test_numpy_agrees_with_torch():
    torch.manual_seed(0)
    trained = fitting.MixtureDensity(6, 2, RECIPE).eval()
    shift, scale = np.full(6, 0.3, np.float32), np.full(6, 1.5, np.float32)
    features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32) * 4
    points = np.random.default_rng(1).random((50, 2))
    x = torch.from_numpy(np.clip((features - shift) / scale, -5, 5))
    with torch.no_grad():
        log_shares, means, log_spreads = (value.numpy() for value in trained(x))
        loss = float(trained.loss(x, torch.from_numpy(points.astype(np.float32))))
    found = trained.exported(shift, scale)(features)
    assert found.log_shares == pytest.approx(log_shares, abs=1e-5)
    assert found.means == pytest.approx(means, abs=1e-5)
    assert found.spreads == pytest.approx(np.exp(log_spreads), rel=1e-5)
    assert -found.log_density(points).mean() == pytest.approx(loss, abs=1e-5)


def small():
    features, points, contents = curved(2, 8, 12)
    return features, points, contents % 2, fitting.Recipe(epochs=3, width=8, components=2, folds=2)


def everything(posterior):
    return b"".join(
        array.tobytes()
        for network in posterior.networks
        for layer in [*network.layers, network.direct, (network.shift, network.scale)]
        for array in layer
    )


def test_the_same_bank_and_seed_give_the_same_bytes():
    (first, scores), (second, again), (other, _) = (fitting.fit(*small(), seed=seed) for seed in (0, 0, 1))
    assert everything(first) == everything(second)
    assert scores == again
    assert everything(first) != everything(other)


def test_each_network_ignores_its_own_fold():
    features, points, folds, recipe = small()
    recipe = dataclasses.replace(recipe, epochs=1)  # with one pass there is none to choose by the fold left out
    zero = (folds == 0)[:, None]
    (before, scores), (after, others) = (
        fitting.fit(np.where(zero, some, features), np.where(zero, places, points), folds, recipe, seed=0)
        for some, places in ((features, points), (features + 1, 1 - points))
    )
    assert everything(Posterior(before.networks[:1])) == everything(Posterior(after.networks[:1]))
    assert everything(Posterior(before.networks[1:])) != everything(Posterior(after.networks[1:]))
    assert scores[0] != others[0]


def test_information_of_each_parameter():
    # Normals of known spread about uniform places: nats above uniform are those of the entropies.
    made = banks.make(contents=100, each=100)
    inside = ((made.points > 0.3) & (made.points < 0.7)).all(axis=1)  # no truncation
    told = banks.components(made.features[inside]).information(made.points[inside])
    assert told == pytest.approx(-np.log(banks.SPREADS) - 0.5 * np.log(2 * np.pi * np.e), abs=0.05)


def test_the_archive_gives_everything_back(tmp_path):
    bank = banks.make(contents=8, each=20)
    before = banks.estimator(bank)
    write_arrays(tmp_path / "posterior.npz", {}, **archive.arrays(before))
    after = archive.estimator(partial(read_arrays, tmp_path / "posterior.npz"))
    assert everything(after.posterior) == everything(before.posterior)
    assert (after.smoothing, after.informative.tolist()) == (before.smoothing, before.informative.tolist())
    measured = [one.residuals.measure(bank.features, one.posterior(bank.features)) for one in (before, after)]
    assert (measured[0] == measured[1]).all()
    assert (after.residuals.contents == bank.contents).all()


def test_parameters_without_traces_are_found():
    made = banks.make(contents=40, each=50)
    points = np.concatenate([made.points, np.random.default_rng(0).random((2000, 1))], axis=1)
    recipe = fitting.Recipe(epochs=6, width=32, components=1, folds=2)
    found, _ = fitting.estimator(made.features, points, made.contents, recipe, seed=0)
    assert found.informative.tolist() == [0, 1, 2]
