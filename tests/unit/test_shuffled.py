import numpy as np
import pytest
import torch
from scipy import linalg, ndimage, stats
from scipy.stats import multivariate_normal
from torch.nn import functional

from degcraft.degradations import degrade
from degcraft.degradations.first_order import jpeg
from degcraft.degradations.shuffled import OPERATIONS, PARAMETERS, describe, steps
from degcraft.degradations.steps import Blur, Compress, Noise, Resample
from tests.conftest import photo_like

FILTERS = ["bilinear", "bicubic", "coverage"]
OPTIONS = {
    "halved": 0.25,
    "antialiased": 0.5,
    "filters": FILTERS,
    "kernel_size": [7, 25],
    "anisotropic": 0.5,
    "variance": [[0, 6], [0, 8]],
    "sigma": [[0, 2.4], [0, 2.8]],
    "factor": [[1, 4], [1, 8]],
    "strided": 0.25,
    "strided_sigma": [[0.1, 1.2], [0.1, 2.4]],
    "grey": 0.4,
    "colour": 0.4,
    "level": [2, 25],
    "jpeg": 0.9,
    "quality": [30, 95],
}
SILENT = OPTIONS | {"level": [0, 0]}
FINE = OPTIONS | {"quality": [100, 100]}
FILTER = {"bilinear": 0.1, "bicubic": 0.4, "coverage": 0.7}  # coordinates, of the resize and of the reduction
HALVING = {"bilinear": 0.76, "bicubic": 0.81, "coverage": 0.85, "antialiased": 0.9}
CHANNELS = {"grey": 0.2, "colour": 0.6, "correlated": 0.9}
ORDER = ("blur1", "reduction", "blur2", "resize", "noise", "jpeg", "camera")


def places(*order):
    return {f"place_{name}": place / 7 for place, name in enumerate(order)}


def at(**shares):
    """The point that degrades least, but for the given coordinates; noise is grey and comes after the resize."""
    least = dict.fromkeys(PARAMETERS, 0.0) | places(*ORDER)
    least |= {"kernel1": 0.9, "kernel2": 0.9, "reduction": FILTER["coverage"], "filter": FILTER["coverage"]}
    least |= {"quality1": 1.0, "quality2": 1.0}
    assert shares.keys() <= least.keys()
    return np.array(list((least | shares).values()))


def degraded(image, options=SILENT, seed=0, **shares):
    return degrade(image, at(**shares), np.random.default_rng(seed), {"shuffled": options})


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


def test_reduction_and_resize_change_places():
    image = photo_like(1, 96, 96)
    shares = {"factor": 0.3, "filter": FILTER["bicubic"], "sigma_x1": 0.5, "size1": 0.9}
    asked = degraded(image, **shares, **places("reduction", "blur1", "resize", "blur2", "noise", "jpeg", "camera"))
    other = degraded(image, **shares, **places("resize", "blur1", "reduction", "blur2", "noise", "jpeg", "camera"))
    assert (asked == other).all()
    assert (asked != degraded(image, **shares)).any()


@pytest.mark.parametrize("halving", [0.0, HALVING["bilinear"], HALVING["coverage"]])
def test_without_degradation_the_mean_of_blocks_is_compressed(halving):
    small = photo_like(2, 24, 32)  # as HR image, each pixel repeated, so that means are whole numbers
    found = degraded(small.repeat(4, 0).repeat(4, 1), halving=halving)
    assert (found == jpeg(small, 95)).all()


def test_the_order_of_noise_and_resize_matters():
    flat = np.full((512, 512, 3), 128, np.uint8)
    for order, divisor in ((ORDER, 1), (("noise", *(name for name in ORDER if name != "noise")), 4)):
        found = degraded(flat, FINE, level=0.9, **places(*order)).astype(float)
        assert found.std() == pytest.approx(np.hypot(23 / divisor, 12**-0.5), rel=0.03)
        assert np.ptp(found, axis=2).max() <= 2  # grey


def test_coloured_noise_is_independent_in_each_channel():
    (noise,) = (step for step in steps(at(channels=CHANNELS["colour"], level=0.5), (64, 64), OPTIONS) if is_noise(step))
    assert noise.mixing @ noise.mixing.T == pytest.approx(14**2 * np.eye(3))
    found = degraded(np.full((512, 512, 3), 128, np.uint8), FINE, channels=CHANNELS["colour"], level=0.5)
    luma = found @ [0.299, 0.587, 0.114]  # JPEG leaves colour at half the resolution
    assert luma.std() == pytest.approx(14 * np.linalg.norm([0.299, 0.587, 0.114]), rel=0.03)


def is_noise(step):
    return isinstance(step, Noise)


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


def reference(image, kernel, size, kind):
    """Blur by scipy, resize by torch, clipped."""
    blurred = ndimage.convolve(image.astype(np.float64), kernel[..., None], mode="mirror")
    tensor = torch.from_numpy(blurred).permute(2, 0, 1)[None]
    flags = {} if kind == "area" else {"align_corners": False}
    return functional.interpolate(tensor, size=size, mode=kind, **flags)[0].permute(1, 2, 0).numpy().clip(0, 255)


def normal_density(size, covariance):
    offsets = np.arange(size) - size // 2
    density = multivariate_normal(cov=covariance).pdf(np.dstack(np.meshgrid(offsets, offsets)))
    return density / density.sum()


def difference(found, expected):
    return np.abs(found.astype(int) - expected)


@pytest.mark.parametrize(("halving", "s"), [(0.0, 4), (HALVING["bilinear"], 2)])
def test_agrees_with_the_steps_made_one_by_one(halving, s):
    image = photo_like(3, 144, 192)
    shares = {"kernel1": 0.2, "size1": 0.45, "sigma_x1": 0.7, "sigma_y1": 0.1, "rotation1": 0.3}
    shares |= {"reduction": FILTER["bilinear"], "factor": 0.25, "quality1": 0.45, "size2": 0.99, "sigma_x2": 0.3}
    shares |= {"filter": FILTER["bicubic"], "quality2": 0.2, "halving": halving}
    order = places("blur1", "reduction", "jpeg", "blur2", "camera", "resize", "noise")
    found = degraded(image, **shares, **order)

    if s == 2:
        image = image.reshape(72, 2, 96, 2, 3).mean((1, 3))
    turn = np.array([[np.cos(0.3 * np.pi), -np.sin(0.3 * np.pi)], [np.sin(0.3 * np.pi), np.cos(0.3 * np.pi)]])
    kernel = normal_density(15, turn @ np.diag([0.7 * (4 + s), 0.1 * (4 + s)]) @ turn.T)
    factor = 1 + 0.25 * (2 * s - 1)
    once = reference(image, kernel, tuple(int(side / factor) for side in image.shape[:2]), "bilinear")
    coded = jpeg(np.rint(once).astype(np.uint8), 63)
    twice = reference(coded, normal_density(25, np.eye(2) * (0.3 * (2 + 0.2 * s)) ** 2), (36, 48), "bicubic")
    expected = jpeg(np.rint(twice).astype(np.uint8), 43)
    assert difference(found, expected).mean() < 0.02  # a pixel that is rounded the other way changes its block
    assert difference(found, expected).max() <= 6


@pytest.mark.parametrize(("halving", "s"), [(0.0, 4), (HALVING["bilinear"], 2)])
def test_the_strided_reduction_keeps_the_picture_in_its_place(halving, s):
    image = photo_like(4, 96, 128)
    found = degraded(image, halving=halving, reduction=0.9, sigma=0.5)
    if s == 2:
        image = image.reshape(48, 2, 64, 2, 3).mean((1, 3))
    offsets = np.arange(-12, 13)
    width = 0.1 + 0.5 * (0.6 * s - 0.1)
    gaussian = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * width**2))
    shift = (s - 1) / 2  # by linear interpolation, the last samples going on beyond the end
    moved = ndimage.shift(gaussian, -shift, order=1, mode="nearest")
    expected = ndimage.convolve(image.astype(float), (moved / moved.sum())[..., None], mode="mirror")[::s, ::s]
    assert difference(found, jpeg(np.rint(expected).astype(np.uint8), 95)).mean() < 0.05
    shifted = np.roll(expected, 1, axis=1)
    assert difference(found, expected).mean() < 0.5 * difference(found, shifted).mean()


def test_the_same_generator_gives_the_same_image():
    image, rng = photo_like(5, 64, 64), np.random.default_rng(0)
    for _ in range(20):
        point = rng.random(len(PARAMETERS))
        first, again, other = (
            degrade(image, point, np.random.default_rng(seed), {"shuffled": OPTIONS}) for seed in (1, 1, 2)
        )
        assert (first == again).all()
        assert (first != other).any()
        silent, still = (degrade(image, point, np.random.default_rng(seed), {"shuffled": SILENT}) for seed in (1, 2))
        assert (silent == still).all()


def energy(image):
    """Mean squared difference of neighbours."""
    image = image.astype(float)
    return np.square(np.diff(image, axis=0)).mean() + np.square(np.diff(image, axis=1)).mean()


@pytest.mark.parametrize(
    ("name", "beside", "sign"),
    [
        ("sigma_x1", {"size1": 0.9}, -1),
        ("sigma_x2", {"size2": 0.9}, -1),
        ("sigma_y1", {"kernel1": 0.2, "size1": 0.9, "sigma_x1": 0.1}, -1),
        ("factor", {"filter": FILTER["bilinear"]}, -1),
        ("sigma", {"reduction": 0.9}, -1),
        ("level", {}, 1),
        ("variance1", {"channels": CHANNELS["correlated"], "mixing11": 1.0, "mixing22": 0.5, "mixing33": 0.2}, 1),
    ],
)
def test_sharpness_and_noise_go_one_way(name, beside, sign):
    image = photo_like(6, 192, 192)
    found = [energy(degraded(image, OPTIONS, **beside | {name: share})) for share in (0.0, 0.33, 0.67, 1.0)]
    assert (np.diff(found) * sign > 0).all(), found


@pytest.mark.parametrize("shape", [(66, 64), (64, 65)])
def test_other_sides_are_refused(shape):
    with pytest.raises(ValueError, match="multiples of 4"):
        degraded(photo_like(0, *shape))


@pytest.mark.parametrize("point", [np.full(38, 1.01), np.full(38, -0.01), np.full(37, 0.5), np.full(38, np.nan)])
def test_points_outside_the_cube_are_refused(point):
    with pytest.raises(ValueError, match="38 coordinates"):
        describe(point, OPTIONS)
