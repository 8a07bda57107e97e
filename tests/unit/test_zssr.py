import numpy as np
import pytest
import torch
from PIL import Image
from scipy import signal, stats
from skimage.registration import phase_cross_correlation

from degcraft.degradations.first_order import blur_and_downsample
from degcraft.images import decode, packaged
from degcraft.interpolation import bicubic
from degcraft.methods.kernelgan import zssr
from degcraft.methods.kernelgan.estimation import applied_twice, bicubic_kernel
from degcraft.methods.kernelgan.learning import restored
from degcraft.methods.kernelgan.networks import ZSSR
from degcraft.methods.schedules import Stepped, common
from degcraft.metrics import psnr_rgb
from tests.conftest import photo_like

CPU = torch.device("cpu")


def options(iterations, width=8, depth=3):
    sizes = {"width": 8, "crop": 32, "restorer_width": width, "restorer_depth": depth, "restorer_crop": 32, "border": 4}
    phases = {
        "kernel": {"iterations": 9, "batch": 1, "lr": 1e-3},
        "restoration": {"iterations": iterations, "lr": 1e-3},
    }
    return {"kind": "kernelgan", "sizes": sizes, "phases": phases}


def recipe(iterations):
    return Stepped(**common({"iterations": iterations, "batch": 1, "patch": 32, "lr": 1e-3}, 1))


def tensor(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def gaussian(sigma, side=14):
    taps = np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / sigma) ** 2)
    return np.outer(taps, taps) / taps.sum() ** 2


def test_upscaling_is_pillows_bicubic():
    plane = np.random.default_rng(0).random((9, 12), dtype=np.float32)
    found = zssr.upscaled(torch.from_numpy(plane)[None, None], 4)[0, 0]
    wanted = Image.fromarray(plane).resize((48, 36), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(found, np.asarray(wanted), atol=1e-6)


@pytest.mark.parametrize(("scale", "side"), [(2, 14), (4, 28)])
def test_a_kernel_is_centred_on_the_pixels_that_one_stands_for(scale, side):
    y, x = np.mgrid[:40, :48].astype(np.float32)
    planes = torch.from_numpy(np.stack([y, x, np.ones_like(x)])[None])
    small = zssr.reduced(planes, torch.from_numpy(gaussian(1.5, side)).float(), scale)[0].numpy()
    assert small.shape == (3, 40 // scale, 48 // scale)
    np.testing.assert_allclose(small[2], 1, rtol=1e-5)
    inside = slice(side // scale, -(side // scale))
    middles = np.arange(48 // scale) * scale + (scale - 1) / 2
    np.testing.assert_allclose(small[1, 0, inside], middles[inside], rtol=1e-5)
    np.testing.assert_allclose(small[0, inside, 0], middles[: 40 // scale][inside], rtol=1e-5)


def test_reducing_by_the_bicubic_kernel_is_the_bicubic_reduction():
    image = photo_like(0, 40, 48)
    kernel = torch.from_numpy(np.pad(bicubic_kernel(), 3)).float()
    found = zssr.reduced(tensor(image), kernel, 2)[0].permute(1, 2, 0).numpy() * 255
    for colour in range(3):
        whole = Image.fromarray(image[..., colour].astype(np.float32))
        wanted = np.asarray(whole.resize((24, 20), Image.Resampling.BICUBIC))
        np.testing.assert_allclose(found[2:-2, 2:-2, colour], wanted[2:-2, 2:-2], atol=0.01)


def test_crops_of_sons_and_fathers_show_the_same():
    image = photo_like(0, 50, 61)
    kernel = gaussian(1.2)
    pairs = zssr.Pairs([tensor(image)], torch.from_numpy(kernel).float(), 2, 24, 40, np.random.default_rng(0))
    whole = np.lib.stride_tricks.sliding_window_view(image.transpose(2, 0, 1), (24, 24), axis=(1, 2))
    phases = set()
    for step in range(40):
        son, father, weights = pairs[step]
        assert son.shape == father.shape == (1, 3, 24, 24)
        assert weights.shape == (1, 1, 24, 24)
        wanted = np.rint(father[0].numpy() * 255)
        (top, left), *_ = np.argwhere((whole == wanted[:, None, None]).all(axis=(0, 3, 4)))
        phases.add((top % 2, left % 2))
        if 8 <= top <= 16 and 8 <= left <= 26:  # far from the border: the same as from the crop and what is around it
            around = image[top - 8 : top + 32, left - 8 : left + 32, 0].astype(float)
            small = signal.correlate2d(np.pad(around, 6, mode="reflect"), kernel, mode="valid")[::2, ::2]
            up = np.asarray(Image.fromarray(small.astype(np.float32)).resize((40, 40), Image.Resampling.BICUBIC))
            np.testing.assert_allclose(son[0, 0, 4:-4, 4:-4] * 255, up[12:-12, 12:-12], atol=0.01)
    assert len(phases) == 4


def test_weights_follow_the_gradients():
    image = np.zeros((48, 48, 3), np.uint8)
    image[:, 20:] = 200
    pairs = zssr.Pairs([tensor(image)], torch.from_numpy(gaussian(1)).float(), 2, 48, 1, np.random.default_rng(0))
    weights = pairs[0][2][0, 0, 24]
    assert weights.argmax() in range(17, 23)
    assert weights[5] < 1e-3 * weights.max()


@pytest.mark.parametrize("seed", range(8))
def test_a_line_that_falls_by_less_than_chance(seed):
    rng = np.random.default_rng(seed)
    values = 1 - rng.choice([0.01, 0.1]) * np.arange(5) + 0.1 * rng.standard_normal(5)
    line = stats.linregress(50 * np.arange(5), values)
    assert zssr.stalled(list(zip(50 * np.arange(5), values, strict=True))) == (-1.5 * line.slope < line.stderr)


def test_few_errors_say_nothing():
    assert not zssr.stalled([(50, 1.0), (100, 2.0)])


def test_learning_ends_when_the_error_stays():
    torch.manual_seed(0)
    lr, kernel = tensor(photo_like(0, 40, 40)), torch.from_numpy(gaussian(1)).float()
    trainer = zssr.Restoration(ZSSR(4, 2), recipe(3000), zssr.check(lr, kernel, 2), CPU)
    rng = np.random.default_rng(0)
    trainer.error = lambda: torch.tensor(rng.random())
    batches = zssr.Pairs([lr], kernel, 2, 8, 3000, rng)
    rates = []
    while trainer.lr > zssr.LOWEST and trainer.step < 3000:
        trainer.advance(*batches[trainer.step])
        rates.append(trainer.lr)
    changes = np.flatnonzero(np.diff(rates)) + 2  # steps
    assert not (changes % 60).any()
    assert (np.diff([0, *changes]) > 256).all()
    assert rates[-1] == pytest.approx(1e-6)
    assert [step for step, _ in trainer.errors[:3]] == [50, 100, 150]


def test_decisions_are_scaled_with_the_steps():
    trainer = zssr.Restoration(ZSSR(4, 2), recipe(300), (torch.zeros(1), torch.zeros(1)), CPU)
    assert (trainer.sampled, trainer.decided) == (5, 6)


def test_back_projection_brings_the_image_back():
    torch.manual_seed(0)
    lr, kernel = tensor(photo_like(0, 40, 48)), torch.from_numpy(gaussian(1.5)).float()
    network = ZSSR(4, 2)
    sr = zssr.enlarged(network, lr, kernel, 2)
    assert sr.shape == (1, 3, 80, 96)
    plain = network(zssr.upscaled(lr, 2)).clamp(0, 1).detach()
    errors = [float((zssr.reduced(image, kernel, 2) - lr).square().mean()) for image in (sr, plain)]
    assert errors[0] < 0.5 * errors[1]


@pytest.fixture(scope="module")
def photograph():
    return decode(packaged("astronaut"))[:256, 40:360]


def test_the_known_kernel_sharpens_and_moves_nothing(photograph):
    kernel = gaussian(1.5)
    whole = applied_twice(kernel)
    padded = np.pad(photograph.astype(float), ((12, 12), (12, 12), (0, 0)), mode="reflect")
    blurred = [signal.correlate2d(padded[..., colour], whole, mode="valid")[::4, ::4] for colour in range(3)]
    lr = np.rint(np.clip(np.stack(blurred, axis=-1), 0, 255)).astype(np.uint8)
    torch.manual_seed(0)
    sr, _ = zssr.restored(lr, {2: kernel, 4: whole}, options(80), np.random.default_rng(0), 80, CPU)
    assert psnr_rgb(sr, photograph, 4) > psnr_rgb(bicubic(lr), photograph, 4) + 1
    shift, *_ = phase_cross_correlation(
        photograph.mean(axis=2), sr.mean(axis=2), upsample_factor=50, normalization=None
    )
    assert np.abs(shift).max() <= 0.1


def test_the_bicubic_kernel_costs_nothing(photograph):
    lr = np.rint(np.clip(blur_and_downsample(photograph, 0), 0, 255)).astype(np.uint8)
    kernel = np.pad(bicubic_kernel(), 3)
    torch.manual_seed(0)
    sr, _ = zssr.restored(lr, {2: kernel, 4: applied_twice(kernel)}, options(80), np.random.default_rng(0), 80, CPU)
    assert psnr_rgb(sr, photograph, 4) > psnr_rgb(bicubic(lr), photograph, 4) - 0.1


def test_an_image_depends_on_its_name_and_the_seeds_alone():
    image, other = photo_like(0, 48, 56), photo_like(1, 48, 48)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = restored(image, options(6), (0, 1), "a", 5, CPU)
    assert torch.equal(torch.get_rng_state(), before)
    restored(other, options(6), (0, 1), "b", 5, CPU)
    again = restored(image, options(6), (0, 1), "a", 5, CPU)
    assert np.array_equal(first.restored, again.restored)
    assert torch.equal(first.kernel, again.kernel)
    assert first.measurements == again.measurements
    for seeds, name in (((0, 1), "b"), ((1, 1), "a"), ((0, 2), "a")):
        assert not torch.equal(restored(image, options(6), seeds, name, 5, CPU).kernel, first.kernel)


def test_what_is_learnt_and_measured():
    learnt = restored(photo_like(0, 50, 57), options(6), (0, 0), "a", 4, CPU)
    assert learnt.restored.shape == (200, 228, 3)
    assert learnt.restored.dtype == np.uint8
    assert learnt.kernel.shape == (28, 28)
    assert learnt.kernel.dtype == torch.float32
    assert float(learnt.kernel.sum()) == pytest.approx(1)
    found = {(phase, step, name) for phase, step, name, _ in learnt.measurements}
    assert {("kernel", 8, name) for name in ("kernel_sum", "bicubic_mse", "critic_accuracy", "critic_loss")} <= found
    steps = {
        scale: [step for _, step, name in found if name == f"reconstruction_mse_{scale}"] for scale in ("x2", "x4")
    }
    assert 4 in steps["x2"]
    assert max(steps["x2"]) <= 6
    assert max(steps["x2"]) + 4 in steps["x4"]  # counted on
    assert all(np.isfinite(value) for *_, value in learnt.measurements)
