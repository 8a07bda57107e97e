import numpy as np
import pytest
from scipy import linalg, stats

from degcraft.degradations import degrade
from degcraft.degradations.shuffled import OPERATIONS, PARAMETERS, describe, steps
from degcraft.degradations.steps import Blur, Compress, Noise, Resample
from tests.conftest import photo_like
from tests.shuffled import CHANNELS, FILTERS, HALVING, OPTIONS, SILENT, at, is_noise, places


@pytest.fixture(scope="module")
def drawn():
    """What 10,000 uniform points mean, a column for each parameter."""
    points = np.random.default_rng(0).random((10_000, len(PARAMETERS)))
    meanings = [describe(point, OPTIONS) for point in points]
    return {name: np.array([meaning[name] for meaning in meanings]) for name in PARAMETERS}


def scale(drawn):
    return np.where(drawn["halving"] == "none", 4, 2)


def has_shares(values, published):
    found, counts = np.unique(values, return_counts=True)
    assert set(found.tolist()) == set(published)
    expected = [len(values) * published[value] for value in found.tolist()]
    return stats.chisquare(counts, expected).pvalue > 1e-3


def is_uniform(values, low, high):
    return len(values) > 300 and stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_parameters_are_named_once():
    assert len(PARAMETERS) == len(set(PARAMETERS)) == 38
    assert list(describe(at(), OPTIONS)) == list(PARAMETERS)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("halving", {"none": 0.75, "antialiased": 0.125} | dict.fromkeys(FILTERS, 0.125 / 3)),
        *((f"kernel{number}", {"isotropic": 0.5, "anisotropic": 0.5}) for number in (1, 2)),
        *((f"size{number}", dict.fromkeys(range(7, 26, 2), 0.1)) for number in (1, 2)),
        ("reduction", dict.fromkeys([*FILTERS, "strided"], 0.25)),
        ("filter", dict.fromkeys(FILTERS, 1 / 3)),
        ("channels", {"grey": 0.4, "colour": 0.4, "correlated": 0.2}),
        ("quality1", {np.inf: 0.1} | dict.fromkeys(range(30, 96), 0.9 / 66)),
        ("quality2", dict.fromkeys(range(30, 96), 1 / 66)),
    ],
)
def test_kinds_have_the_published_probabilities(drawn, name, published):
    assert has_shares(drawn[name], published)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_are_shuffled(drawn, operation):
    # Of 21 pairs of places, so many have the reduction (resize) at this place and the resize (reduction) after (before).
    pairs = {"reduction": lambda place: 7 - place, "resize": lambda place: place - 1}.get(operation, lambda place: 3)
    published = {place: pairs(place) / 21 for place in range(1, 8) if pairs(place)}
    assert has_shares(drawn[f"place_{operation}"], published)


def test_orders_are_permutations_with_the_resize_after_the_reduction(drawn):
    columns = np.stack([drawn[f"place_{operation}"] for operation in OPERATIONS], axis=1)
    assert (np.sort(columns, axis=1) == np.arange(1, 8)).all()
    assert (drawn["place_resize"] > drawn["place_reduction"]).all()
    others = columns[:, [OPERATIONS.index(name) for name in OPERATIONS if name not in ("reduction", "resize")]]
    orders = np.argsort(others, axis=1) @ 5 ** np.arange(5)  # of the other five
    assert has_shares(orders, dict.fromkeys(np.unique(orders).tolist(), 1 / 120))


def test_numbers_have_the_published_ranges(drawn):
    for s in (2, 4):
        column = {name: values[scale(drawn) == s] for name, values in drawn.items()}
        for number in "12":
            anisotropic = column["kernel" + number] == "anisotropic"
            assert is_uniform(column["sigma_x" + number][~anisotropic], 0, 2 + 0.2 * s)
            assert is_uniform(column["sigma_x" + number][anisotropic] ** 2, 0, 4 + s)
            assert is_uniform(column["sigma_y" + number][anisotropic] ** 2, 0, 4 + s)
            assert is_uniform(column["rotation" + number][anisotropic], 0, np.pi)
        strided = column["reduction"] == "strided"
        assert is_uniform(column["factor"][~strided], 1, 2 * s)
        assert is_uniform(column["sigma"][strided], 0.1, 0.6 * s)


def test_noise_has_the_published_levels(drawn):
    correlated = drawn["channels"] == "correlated"
    assert has_shares(drawn["level"][~correlated], dict.fromkeys(range(2, 26), 1 / 24))
    assert (drawn["level"][correlated] == 25).all()
    numbers = [name for name in PARAMETERS if name.startswith(("variance", "mixing"))]
    assert len(numbers) == 12
    for name in numbers:
        assert is_uniform(drawn[name][correlated], 0, 1)


@pytest.mark.parametrize(
    ("kind", "value", "names"),
    [
        *((f"kernel{number}", "isotropic", [f"sigma_y{number}", f"rotation{number}"]) for number in (1, 2)),
        ("reduction", "strided", ["factor"]),
        ("channels", "correlated", []),
    ],
)
def test_numbers_without_meaning_are_nan(drawn, kind, value, names):
    for name in PARAMETERS:
        if drawn[name].dtype.kind == "f":
            meaningless = np.isnan(drawn[name][drawn[kind] == value])
            assert meaningless.all() if name in names else not meaningless.all()


def test_coordinates_are_independent(drawn):
    sizes = np.stack([drawn["size1"], drawn["size2"], scale(drawn), drawn["quality2"], drawn["place_noise"]])
    assert np.abs(np.corrcoef(sizes) - np.eye(5)).max() < 0.04


@pytest.mark.parametrize("shape", [(64, 64), (72, 100), (128, 36), (32, 32)])
def test_sizes(shape):
    rng = np.random.default_rng(0)
    image = photo_like(0, *shape)
    for _ in range(60):
        point = rng.random(len(PARAMETERS))
        before, small = shape, (shape[0] // 4, shape[1] // 4)
        for step in steps(point, shape, OPTIONS):
            if isinstance(step, Resample):
                assert (step.rows.shape[1], step.columns.shape[1]) == before
                before = (step.rows.shape[0], step.columns.shape[0])
                assert min(before) >= min(8, *small)
        assert before == small
        result = degrade(image, point, rng, {"shuffled": OPTIONS})
        assert result.shape == (*small, 3)
        assert result.dtype == np.uint8


@pytest.mark.parametrize(
    ("share", "halving", "sides"),
    [
        (0.0, 0.0, [256, 64]),
        (0.1, 0.0, [150, 64]),  # 256 / 1.7
        (1.0, 0.0, [32, 64]),
        (0.0, HALVING["coverage"], [128, 128, 64]),
        (0.5, HALVING["bicubic"], [128, 51, 64]),  # 128 / 2.5
        (1.0, HALVING["antialiased"], [128, 32, 64]),
    ],
)
def test_sides_are_divided_by_the_factor(share, halving, sides):
    drawn = steps(at(halving=halving, factor=share), (256, 512), SILENT)
    assert [step.rows.shape[0] for step in drawn if isinstance(step, Resample)] == sides


def test_each_operation_happens_once_in_its_order():
    kinds = [type(step) for step in steps(at(quality1=0.5), (64, 64), OPTIONS)]
    assert kinds == [Blur, Resample, Blur, Resample, Noise, Compress, Compress]
    turned = places("jpeg", "noise", "camera", "resize", "blur2", "reduction", "blur1")
    kinds = [type(step) for step in steps(at(quality1=0.5, halving=0.9, **turned), (64, 64), OPTIONS)]
    assert kinds == [Resample, Compress, Noise, Resample, Blur, Resample, Blur, Compress]


@pytest.mark.parametrize("seed", range(20))
def test_correlated_noise_has_the_published_covariance(seed):
    rng = np.random.default_rng(seed)
    variances, entries = rng.random(3), rng.random((3, 3))
    names = [name for name in PARAMETERS if name.startswith(("variance", "mixing"))]
    shares = dict(zip(names, [*variances, *entries.ravel()], strict=True))
    drawn = steps(at(channels=CHANNELS["correlated"], level=0.1, **shares), (64, 64), OPTIONS)
    (noise,) = filter(is_noise, drawn)
    basis = linalg.orth(entries)
    expected = np.abs((25**2) * basis.T @ np.diag(variances) @ basis)
    assert noise.mixing @ noise.mixing.T == pytest.approx(expected, abs=1e-9)
    assert np.linalg.eigvalsh(expected).min() > -1e-9


@pytest.mark.parametrize("point", [np.full(38, 1.01), np.full(38, -0.01), np.full(37, 0.5), np.full(38, np.nan)])
def test_points_outside_the_cube_are_refused(point):
    with pytest.raises(ValueError, match="38 coordinates"):
        describe(point, OPTIONS)
