import pickle

import numpy as np
import pytest
import torch
from scipy import sparse

from degcraft.degradations import MODELS, degrade, steps_at
from degcraft.degradations.first_order import jpeg
from degcraft.degradations.kernels import filtered, gaussian, sinc
from degcraft.degradations.programs import Program, assembled, programmed, run, scheduled
from degcraft.degradations.resizing import matrix, resampled
from degcraft.degradations.steps import Blur, Compress, Noise, Photons, Resample
from tests.conftest import photo_like
from tests.second_order import OPTIONS as SECOND_ORDER
from tests.shuffled import OPTIONS as SHUFFLED

ROUND = {"sd": [0, 0], "poisson": [0, 0]}
SILENT = {
    "second_order": SECOND_ORDER | {stage: SECOND_ORDER[stage] | ROUND for stage in ("first", "second")},
    "shuffled": SHUFFLED | {"level": [0, 0]},
}
LOUD = {"second_order": SECOND_ORDER, "shuffled": SHUFFLED}
CPU = torch.device("cpu")


def batch(side, n=16):
    return np.stack([photo_like(seed, side, side) for seed in range(n)])


def points(model, n, seed=0):
    return np.random.default_rng(seed).random((n, len(MODELS[model].PARAMETERS)))


def ran(images, found, seed=0, device=CPU):
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)
    lr = run(tensor, found, torch.Generator(device).manual_seed(seed))
    return lr.permute(0, 2, 3, 1).cpu().numpy()


def agree(found, expected):
    """Equal in four of five images at least; in the others pixels that are rounded the other way change JPEG blocks."""
    differences = np.abs(found.astype(int) - expected).mean(axis=(1, 2, 3))
    return (differences == 0).mean() >= 0.8 and differences.max() < 4


@pytest.mark.parametrize("side", [128, 72, 32])
@pytest.mark.parametrize("model", MODELS)
def test_without_noise_batches_are_those_of_the_processor(model, side):
    images, chosen, rng = batch(side, 48), points(model, 48), np.random.default_rng(0)
    pairs = zip(images, chosen, strict=True)
    expected = np.stack([degrade(image, point, rng, {model: SILENT[model]}) for image, point in pairs])
    found = ran(images, programmed(chosen, side, {model: SILENT[model]}))
    assert found.shape == (48, side // 4, side // 4, 3)
    assert found.dtype == np.uint8
    assert agree(found, expected)


@pytest.mark.parametrize("model", MODELS)
def test_images_do_not_depend_on_their_batch(model):
    images, chosen = batch(64), points(model, 16)
    together = ran(images, programmed(chosen, 64, {model: SILENT[model]}))
    alone = [ran(images[[k]], programmed(chosen[[k]], 64, {model: SILENT[model]}))[0] for k in range(16)]
    assert agree(together, np.stack(alone))


@pytest.mark.parametrize("model", MODELS)
def test_the_generator_decides_the_noise(model):
    images, found = batch(48, 8), programmed(points(model, 8), 48, {model: LOUD[model]})
    first, again, other = (ran(images, found, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("model", MODELS)
def test_noise_has_the_strength_of_the_processor(model):
    images, chosen = np.full((120, 64, 64, 3), 128, np.uint8), points(model, 120)
    found = ran(images, programmed(chosen, 64, {model: LOUD[model]}))
    pairs = zip(images, chosen, strict=True)
    expected = [degrade(*pair, np.random.default_rng(0), {model: LOUD[model]}) for pair in pairs]
    own, other = (np.std(each, axis=(1, 2, 3)) for each in (found, np.stack(expected)))
    assert np.corrcoef(own, other)[0, 1] > 0.95
    assert own.mean() == pytest.approx(other.mean(), rel=0.05)


@pytest.mark.parametrize("model", MODELS)
def test_autocast_changes_nothing(model):
    images, found = batch(48, 8), programmed(points(model, 8), 48, {model: LOUD[model]})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = ran(images, found)
    assert (inside == ran(images, found)).all()


def recipes(model, n=24):
    return [steps_at(point, (64, 64), {model: LOUD[model]}) for point in points(model, n, seed=1)]


@pytest.mark.parametrize("model", MODELS)
def test_every_step_is_taken_once_and_in_order(model):
    each = recipes(model)
    taken = [[] for _ in each]
    groups = list(scheduled(each))
    for members in groups:
        assert len({type(step) for _, step in members}) == 1
        for image, step in members:
            taken[image].append(step)
    assert all(found == steps for found, steps in zip(taken, each, strict=True))
    assert sum(isinstance(members[0][1], Compress) for members in groups) == 2
    assert len(groups) < 30  # of up to 12 steps of 24 images


def test_programs_survive_being_handed_on():
    found = programmed(points("shuffled", 8), 48, {"shuffled": SHUFFLED})
    handed = pickle.loads(pickle.dumps(found))
    as_lists = Program(
        [type(group)(*group[:2], [list(shape) for shape in group.shapes]) for group in handed.groups], handed.numbers
    )
    images = batch(48, 8)
    assert (ran(images, found) == ran(images, as_lists)).all()  # pinning memory makes tuples lists


def steps_of(*recipes, side=64):
    """Results of recipes that keep the size, as programs for LR images of that side, on HR images of four times it."""
    down = sparse.csr_array(np.eye(side, 4 * side, dtype=np.float32))
    corner = Resample(down, down, clipped=False)
    return assembled([[corner, *recipe] for recipe in recipes], 4 * side)


def corners(images):
    """HR images that have the given ones in their corner, which `steps_of` cuts out."""
    side = images.shape[1]
    return np.pad(images, ((0, 0), (0, 3 * side), (0, 3 * side), (0, 0)), constant_values=255)


@pytest.mark.parametrize("side", [64, 9, 33])
def test_blurs_reflect_at_the_border_of_each_image(side):
    images = batch(side, 3)
    kernels = [gaussian(25, 3.0, 1.0, 0.4), sinc(7, 1.5), gaussian(13, 1.0, 1.0, 0.0)]
    found = ran(corners(images), steps_of(*([Blur(kernel)] for kernel in kernels), side=side))
    for image, kernel, result in zip(images, kernels, found, strict=True):
        expected = filtered(image.astype(np.float32), kernel).clip(0, 255)
        assert np.abs(result - expected).max() < 0.51


def test_images_of_different_sizes_are_blurred_together():
    image = photo_like(0, 64, 64)
    down, up = matrix(64, 41, "bilinear"), matrix(41, 16, "bicubic")
    smaller = [Resample(down, down, False), Blur(gaussian(9, 2.0, 2.0, 0.0)), Resample(up, up, False)]
    direct = matrix(64, 16, "area")
    larger = [Blur(sinc(21, 2.0)), Resample(direct, direct, False)]
    found = ran(np.stack([image, image]), assembled([smaller, larger], 64))
    once = filtered(resampled(image.astype(np.float32), down, down), gaussian(9, 2.0, 2.0, 0.0))
    twice = filtered(image.astype(np.float32), sinc(21, 2.0))
    assert np.abs(found[0] - resampled(once, up, up).clip(0, 255)).max() < 0.51
    assert np.abs(found[1] - resampled(twice, direct, direct).clip(0, 255)).max() < 0.51


@pytest.mark.parametrize("quality", [30, 69, 95])
def test_images_of_different_sizes_are_compressed_to_the_last_bit(quality):
    images = batch(24, 2)
    half = sparse.csr_array(np.eye(13, 24, dtype=np.float32))
    back = sparse.csr_array(np.eye(24, 13, dtype=np.float32))
    cut, pasted = Resample(half, half, False), Resample(back, back, False)
    found = ran(corners(images), steps_of([Compress(quality)], [cut, Compress(quality), pasted], side=24))
    assert (found[0] == jpeg(images[0], quality)).all()
    assert (found[1, :13, :13] == jpeg(np.ascontiguousarray(images[1, :13, :13]), quality)).all()
    assert (found[1, 13:] == 0).all()


def test_only_clipped_maps_cut_off():
    shift = sparse.csr_array(1.5 * np.eye(64, dtype=np.float32))
    back = sparse.csr_array(np.eye(64, dtype=np.float32) / 1.5)
    images = np.full((2, 64, 64, 3), 200, np.uint8)
    twice = [[Resample(shift, shift, clipped), Resample(back, back, False)] for clipped in (False, True)]
    found = ran(corners(images), steps_of(*twice))
    assert (found[0] == 200).all()
    assert (found[1] == 113).all()  # 255 / 2.25


def test_noise_has_the_covariance_of_each_image():
    covariance = np.array([[90.0, 40, 10], [40, 60, 30], [10, 30, 120]])
    mixings = [np.linalg.cholesky(covariance), 11.0 * np.ones((3, 1)), 7.0 * np.eye(3)]
    images = np.full((3, 64, 64, 3), 128, np.uint8)
    found = ran(corners(images), steps_of(*([Noise(mixing)] for mixing in mixings))).astype(float)
    for mixing, result in zip(mixings, found, strict=True):
        rounding = np.eye(3) / 12
        assert np.cov(result.reshape(-1, 3).T) == pytest.approx(mixing @ mixing.T + rounding, rel=0.08, abs=3)
    assert (np.ptp(found[1], axis=2) == 0).all()
    neighbours = np.corrcoef(found[2, 1:].ravel(), found[2, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.03


@pytest.mark.parametrize("grey", [True, False])
@pytest.mark.parametrize(("values", "levels"), [(1, 1), (16, 16), (17, 32), (5, 8)])
def test_variance_of_photon_noise_is_proportional_to_intensity(values, levels, grey):
    intensity = np.resize(np.linspace(60, 120, values).round(), 64)
    images = np.broadcast_to(intensity[None, :, None, None], (6, 64, 64, 3)).astype(np.uint8)
    scales = [0.1, 0.2] * 3
    # Around the images, which `corners` fills with white, there is one level more, which must not count.
    found = ran(corners(images), steps_of(*([Photons(scale, grey)] for scale in scales))).astype(float)
    for scale in (0, 1):
        noise = (found - images)[scale::2]
        expected = scales[scale] ** 2 * 255 * intensity / levels + 1 / 12
        assert noise.var() == pytest.approx(expected.mean(), rel=0.06)
        assert abs(noise.mean()) < 4 * noise.std() / (noise.size / (3 if grey else 1)) ** 0.5
        assert (np.ptp(noise, axis=3) == 0).all() == grey


def test_photons_of_a_small_image_do_not_count_what_surrounds_it():
    levels = np.resize([100, 110, 120, 130], 64)
    image = np.broadcast_to(levels[:, None, None], (64, 64, 3)).astype(np.uint8)
    cut = sparse.csr_array(np.eye(8, 64, dtype=np.float32))
    grown = sparse.csr_array(np.repeat(np.eye(8, dtype=np.float32), 8, 0))
    recipe = [Resample(cut, cut, False), Photons(0.3, grey=True), Resample(grown, grown, False)]
    # The second image, which is large all along, lays noise of many levels beside the first.
    other = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    found = ran(corners(np.stack([image] * 200 + [other])), steps_of(*[recipe] * 200, [Photons(0.3, grey=True)]))
    noise = found[:200, ::8, ::8].astype(float) - image[:8, :8]
    assert noise.var() == pytest.approx(0.09 * 255 * 115 / 4 + 1 / 12, rel=0.06)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("model", MODELS)
def test_gpus_make_the_same_batches(model):
    images = batch(128, 48)
    found = programmed(points(model, 48), 128, {model: SILENT[model]})
    assert agree(ran(images, found, device=torch.device("cuda")), ran(images, found))
