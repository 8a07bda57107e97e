import numpy as np
import pytest
from scipy import stats

from degcraft.weighting import density, residuals
from degcraft.weighting.residuals import SHRINKAGES, Residuals, Verdict, centre, design, judge
from tests import banks

SCRATCH = banks.AXES[:, 5].astype(np.float32)  # a direction in which no degradation moves the features


@pytest.fixture(scope="module")
def calibrated():
    bank = banks.make(contents=100, each=40)
    return banks.estimator(bank)


def judged(calibrated, features, seed=0):
    posterior, found = calibrated.posterior, calibrated.residuals
    components = posterior(features)
    distances = found.measure(features, components)
    return judge(found, distances, density.estimate(components, 0.02), np.random.default_rng(seed))


def test_centres_are_the_means_of_truncated_normals():
    components = banks.components(banks.references(0, n=20, low=(0, 0, 0), high=(1, 1, 1)).features)
    for axis in range(3):
        m, s = components.means[:, 0, axis], banks.SPREADS[axis]
        exact = stats.truncnorm(-m / s, (1 - m) / s, m, s).mean()
        assert centre(components)[:, axis] == pytest.approx(exact, abs=3e-3)  # cells are 1/40 wide


def test_terms_of_the_prediction():
    u, v = 2.0, 3.0
    assert design(np.array([[u, v]])).tolist() == [[1, u, v, u * u, u * v, v * v, u**3, v**3]]


def test_features_are_predicted_from_degradations():
    bank = banks.make()
    found = banks.estimator(bank).residuals
    predicted = design(bank.points) @ found.prediction * found.scale + found.shift
    expected = bank.points / banks.SPREADS @ banks.AXES[:, :3].T
    assert abs(predicted - expected).mean() < 0.3  # of unit noise


def test_distances_are_those_of_the_residuals_covariance():
    bank = banks.make()
    estimator = banks.estimator(bank)
    posterior, found = estimator.posterior, estimator.residuals
    components = posterior(bank.features)
    standard = (bank.features - bank.features.mean(axis=0)) / bank.features.std(axis=0)
    residual = standard - design(centre(components)) @ found.prediction
    expected = np.einsum("nc,cd,nd->n", residual, np.linalg.inv(np.cov(residual.T)), residual)
    assert found.measure(bank.features, components) == pytest.approx(expected, rel=0.15)
    assert found.measure(bank.features, components).mean() == pytest.approx(banks.FEATURES, rel=0.03)


def test_distances_of_the_bank_are_held_out():
    bank = banks.make(contents=8, each=3)
    estimator = banks.estimator(bank)
    posterior, found = estimator.posterior, estimator.residuals
    own = found.measure(bank.features, posterior(bank.features))
    assert found.distances.mean() > 1.2 * own.mean()
    new = banks.references(0, low=(0, 0, 0), high=(1, 1, 1))
    others = found.measure(new.features, posterior(new.features))
    assert abs(np.median(found.distances) - np.median(others)) < abs(np.median(own) - np.median(others))


def test_shrinkage_is_that_of_the_greatest_likelihood_of_other_contents():
    rng = np.random.default_rng(0)
    folds = np.arange(60) % 4
    residual = rng.normal(size=(60, 40))
    scores = []
    for shrinkage in SHRINKAGES:
        total = 0.0
        for fold in range(4):
            covariance = residual[folds != fold].T @ residual[folds != fold] / (folds != fold).sum()
            shrunk = (1 - shrinkage) * covariance + shrinkage * np.diag(np.diag(covariance)) + 1e-9 * np.eye(40)
            total += stats.multivariate_normal(np.zeros(40), shrunk).logpdf(residual[folds == fold]).sum()
        scores.append(total)
    ours = [residuals._held_out(residual, folds, shrinkage)[0] for shrinkage in SHRINKAGES]
    assert np.diff(ours) == pytest.approx(np.diff(scores), rel=1e-6)
    assert np.argmax(ours) == len(SHRINKAGES) - 1  # 45 images of 40 features: little but the diagonal is known


@pytest.mark.parametrize(
    "box", [{}, {"low": (0, 0, 0), "high": (1, 1, 1)}, {"low": (0.5, 0.5, 0.5), "high": (0.7, 0.7, 0.7)}]
)
def test_references_from_the_model_are_explained_in_19_of_20_sets(calibrated, box):
    verdicts = [judged(calibrated, banks.references(seed, **box).features, seed) for seed in range(40)]
    assert np.mean([str(verdict) == "explained" for verdict in verdicts]) >= 0.85
    assert np.mean([verdict.share for verdict in verdicts]) > 0.965
    assert all(0.88 < verdict.expected < 0.99 for verdict in verdicts)


@pytest.mark.parametrize("size", [8, 30, 100])
def test_scratched_references_are_not_explained(calibrated, size):
    for seed in range(5):
        found = judged(calibrated, banks.references(seed).features + size * SCRATCH, seed)
        assert str(found) == "not explained"
        assert found.share < 0.2
        assert (found.powers[~found.explained] < 1).all()
        assert (found.powers[found.explained] == 1).all()


def test_a_contaminated_part_is_told_apart(calibrated):
    features = banks.references(0).features
    features[:30] += 10 * SCRATCH
    found = judged(calibrated, features)
    assert str(found) == "partly explained"
    assert not found.explained[:30].any()
    assert found.share == pytest.approx(0.7, abs=0.03)


def test_the_farther_the_less_a_reference_says(calibrated):
    features = banks.references(0).features
    powers = [judged(calibrated, features + size * SCRATCH).powers.max() for size in (5, 10, 20, 40)]
    assert powers == sorted(powers, reverse=True)
    assert powers[-1] < 0.05


def known(distances, contents):
    """Residuals of which only the distances and contents matter, at uniform places."""
    places = np.random.default_rng(0).random((len(distances), 3))
    return Residuals(np.zeros(1), np.ones(1), np.zeros((1, 1)), np.ones((1, 1)), places, distances, contents)


def test_expected_share_is_what_sets_of_the_bank_reach():
    distances = stats.chi2(12).rvs(size=20_000, random_state=0)
    found = known(distances, np.arange(20_000) % 200)
    verdict = judge(found, np.full(100, 5.0), density.Density.uniform(3), np.random.default_rng(0))
    assert verdict.expected == pytest.approx(stats.binom(100, 0.99).ppf(0.05) / 100, abs=0.011)
    larger = judge(found, np.full(2000, 5.0), density.Density.uniform(3), np.random.default_rng(0))
    assert larger.expected == pytest.approx(stats.binom(2000, 0.99).ppf(0.05) / 2000, abs=0.003)


def test_the_limit_is_that_of_the_same_degradations():
    # Distances are ten times larger where the first degradation is strong: references there are no strangers.
    rng = np.random.default_rng(0)
    found = known(rng.chisquare(5, 4000), np.arange(4000) % 100)
    strong = found.places[:, 0] > 0.5
    found.distances[strong] *= 10
    cells = np.full((1, 3, density.CELLS), 1 / density.CELLS)
    cells[0, 0] = np.repeat([0, 1 / 20], 20)
    there, elsewhere = density.Density(np.ones(1), cells), density.Density(np.ones(1), cells[..., ::-1])
    distances = 10 * rng.chisquare(5, 100)
    assert judge(found, distances, there, rng).share > 0.95
    assert judge(found, distances, elsewhere, rng).share < 0.7  # a twentieth of the comparison is with all


def test_a_narrow_density_still_compares_with_many_images():
    cells = np.zeros((1, 3, density.CELLS))
    cells[0, :, 17:24] = 1 / 7  # half a hundredth of the cube, and of the bank
    narrow = density.Density(np.ones(1), cells)
    shares = []
    for seed in range(10):
        found = known(stats.chi2(12).rvs(size=1000, random_state=seed), np.arange(1000) % 50)
        assert 0 < (narrow.density(found.places) > 0).sum() < 10
        distances = stats.chi2(12).rvs(size=1000, random_state=100 + seed)
        shares.append(judge(found, distances, narrow, np.random.default_rng(0)).share)
    # Were it only the two images inside, and the twentieth that all others count, nearly a tenth would be left out.
    assert np.mean(shares) > 0.96


@pytest.mark.parametrize(
    ("explained", "sentence"),
    [(97, "explained"), (96, "explained"), (95, "partly explained"), (50, "partly explained"), (49, "not explained")],
)
def test_verdicts_in_words(explained, sentence):
    verdict = Verdict(np.arange(100) < explained, np.ones(100), 0.96)
    assert verdict.share == explained / 100
    assert str(verdict) == sentence


def test_the_same_generator_gives_the_same_verdict(calibrated):
    features = banks.references(0).features
    first, second = (judged(calibrated, features, seed=5) for _ in range(2))
    assert first.expected == second.expected
    assert first.powers.tobytes() == second.powers.tobytes()
