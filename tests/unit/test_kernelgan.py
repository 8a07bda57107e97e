import copy

import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from degcraft.errors import DegcraftError
from degcraft.images import decode, packaged
from degcraft.methods.kernelgan.estimation import (
    Crops,
    KernelGAN,
    applied_twice,
    bicubic_kernel,
    corners,
    correlated,
    estimated,
    finished,
    steepness,
)
from degcraft.methods.kernelgan.learning import restored, smallest
from degcraft.methods.schedules import Stepped, common
from tests.conftest import photo_like

CPU = torch.device("cpu")
SIZES = {"width": 8, "crop": 32, "restorer_width": 8, "restorer_depth": 3, "restorer_crop": 32, "border": 10}


def options(iterations, lr=1e-3, **sizes):
    phases = {"kernel": {"iterations": iterations, "batch": 1, "lr": lr}, "restoration": {"iterations": 8, "lr": 1e-3}}
    return {"kind": "kernelgan", "sizes": SIZES | sizes, "phases": phases}


def recipe(iterations, batch=1):
    return Stepped(**common({"iterations": iterations, "batch": batch, "patch": 32, "lr": 1e-3}, 1))


def gaussian(across, along, angle, side=14):
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    kernel = np.exp(-0.5 * ((u / across) ** 2 + (v / along) ** 2))
    return kernel / kernel.sum()


def middle(kernel):
    return np.array(ndimage.center_of_mass(kernel)) - (len(kernel) - 1) / 2


def test_squares_are_drawn_in_proportion_to_the_energy_in_them():
    energy = np.random.default_rng(0).random((9, 11)) ** 4
    drawn = corners(energy, 3, 2, 40_000, np.random.default_rng(1))
    inside = ndimage.uniform_filter(energy, 3)[1:-1, 1:-1][::2, ::2]
    counts = np.zeros(inside.shape)
    np.add.at(counts, tuple(drawn.T // 2), 1)
    assert not (drawn % 2).any()
    np.testing.assert_allclose(counts / counts.sum(), inside / inside.sum(), rtol=0, atol=0.01)


def test_squares_of_the_whole_image():
    assert corners(np.ones((5, 5)), 5, 2, 3, np.random.default_rng(0)).tolist() == [[0, 0]] * 3


def test_steepness_of_an_edge_and_of_nothing():
    image = np.zeros((30, 90, 3), np.uint8)
    image[:, 40:] = 80
    found = steepness(image)
    assert found.shape == (30, 90)
    assert found.mean() == pytest.approx(1)
    assert set(np.flatnonzero(found[15] > 0.1)) == set(range(37, 43))  # slopes at 39 and 40, and 2 pixels around
    assert found.max() == pytest.approx(np.percentile(found, 97))
    np.testing.assert_allclose(steepness(np.full((20, 20, 3), 7, np.uint8)), 1)


def test_crops_and_patches_are_parts_of_the_image():
    image = photo_like(0, 50, 60)
    crops, patches = Crops(image, 32, recipe(4, batch=2), np.random.default_rng(0), CPU)[3]
    assert crops.shape == (2, 3, 32, 32)
    assert patches.shape == (2, 3, 10, 10)
    whole = np.lib.stride_tricks.sliding_window_view(image.transpose(2, 0, 1), (32, 32), axis=(1, 2))
    wanted = np.rint((crops[1].numpy() + 1) * 127.5)
    places = np.argwhere((whole == wanted[:, None, None]).all(axis=(0, 3, 4)))
    assert len(places) == 1
    assert not (places % 2).any()


def test_a_correlation_is_scipys():
    images, kernel = torch.rand(2, 3, 20, 17).double(), torch.rand(4, 4).double()
    found = correlated(images, kernel, 2)
    wanted = signal.correlate2d(images[1, 2].numpy(), kernel.numpy(), mode="valid")[::2, ::2]
    np.testing.assert_allclose(found[1, 2], wanted)


def test_the_bicubic_kernel():
    assert bicubic_kernel().shape == (8, 8)
    assert bicubic_kernel().sum() == pytest.approx(1)
    assert bicubic_kernel()[3, 4] == pytest.approx(0.18800354, abs=1e-8)  # published


def test_the_bicubic_loss_is_0_where_the_generator_is_bicubic():
    trainer = KernelGAN(8, recipe(10), CPU)
    kernel = torch.zeros(13, 13)
    kernel[3:11, 3:11] = torch.from_numpy(bicubic_kernel()).float()  # its middle is 6.5, between two pixels
    trainer.network.kernel = lambda: kernel
    trainer.loss(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 10, 10))
    assert float(trainer.difference) < 1e-12
    trainer.weight = 0.0  # its centre, sum and edge are right as well: only sparseness and the critic are left
    loss = trainer.loss(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 10, 10))
    sparse = 5 * (kernel.abs() + 1e-12).pow(0.2).mean()
    scores = trainer.critic(trainer.fake)  # one step of the power iteration later
    assert (loss - sparse).item() == pytest.approx((scores - 1).abs().mean().item(), abs=0.02)


def test_the_edge_of_the_kernel_is_penalised():
    edge = KernelGAN(8, recipe(10), CPU).edge.numpy()
    assert not edge[2:-2, 2:-2].any()
    assert edge[0, 0] == pytest.approx(30 * (1 - np.exp(-(36 + 36) / (2 * 13**2))), rel=1e-5)
    assert edge[1, 6] == pytest.approx(30 * (1 - np.exp(-25 / (2 * 13**2))), rel=1e-5)


def test_the_bicubic_loss_counts_less_once_it_is_low():
    trainer = KernelGAN(8, recipe(30), CPU)  # a decision every 2 steps
    weights = []
    for difference, total in [(0.5, 1)] * 2 + [(0.3, 0.1)] * 4 + [(0.3, 1)] * 9:
        crops = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 10, 10)

        def loss(*_, difference=difference, total=total):
            trainer.difference, trainer.total = torch.tensor(difference), torch.tensor(total)
            trainer.fake, trainer.real = torch.rand(2, 1, 3, 10, 10)
            return trainer.network.kernel().sum()

        trainer.loss = loss
        trainer.advance(*crops)
        weights.append(trainer.weight)
    assert weights == pytest.approx([5] * 9 + [0.05] * 2 + [5e-4] * 2 + [5e-6] * 2)


def test_a_training_continues_to_the_bit():
    batches = Crops(photo_like(0, 60, 60), 32, recipe(6), np.random.default_rng(0), CPU)

    def fresh(seed):
        torch.manual_seed(seed)
        return KernelGAN(8, recipe(6), CPU)

    first, other = fresh(0), fresh(1)
    for step in range(4):
        first.advance(*batches[step])
    first.weight = 0.05
    state = copy.deepcopy(first.state())
    for step in (4, 5):
        first.advance(*batches[step])
    other.load(state)
    for step in (4, 5):
        other.advance(*batches[step])
    assert (first.weight, first.near) == (other.weight, other.near)
    assert torch.equal(first.network.kernel(), other.network.kernel())
    for name, value in first.critic.state_dict().items():
        assert torch.equal(value, other.critic.state_dict()[name]), name


@pytest.mark.parametrize("moved", [(0, 0), (0.3, -0.8), (-1.2, 0.5)])
def test_a_finished_kernel_is_centred_between_pixels(moved):
    y, x = np.mgrid[:13, :13] - 6.0
    kernel = np.exp(-((y - moved[0]) ** 2 + (x - moved[1]) ** 2) / 4.5) + 0.004
    found = finished(-3 * kernel)  # of any sum
    assert found.shape == (14, 14)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    assert np.abs(middle(found)).max() < 0.01
    assert np.count_nonzero(found > 1e-3) < 80  # weak taps are gone
    np.testing.assert_allclose(found, gaussian(1.5, 1.5, 0), atol=0.02)


def test_twice_a_kernel_is_two_downsamplings_in_a_row():
    kernel = np.pad(np.random.default_rng(0).random((4, 4)), 5)
    kernel /= kernel.sum()
    image = np.random.default_rng(1).random((80, 80))

    def halved(plane):
        return signal.correlate2d(plane, kernel, mode="valid")[::2, ::2]

    whole = applied_twice(kernel)
    assert whole.shape == (28, 28)
    twice = halved(halved(image))
    once = signal.correlate2d(image[6:-6, 6:-6], whole, mode="valid")[::4, ::4]  # 40 taps begin 6 pixels before 28
    np.testing.assert_allclose(once[: len(twice), : len(twice)], twice)
    assert np.abs(middle(applied_twice(gaussian(1, 2, 0.5)))).max() < 1e-12


def test_small_images_are_refused():
    assert smallest(options(1)) == 52
    assert smallest(options(1, restorer_crop=64)) == 64
    with pytest.raises(DegcraftError, match=r"^b: 60 x 51 LR pixels; .* needs sides of 52; write crop: 31 and rest"):
        restored(photo_like(0, 51, 60), options(1), (0, 0), "b", 1, CPU)
    with pytest.raises(DegcraftError, match=r"needs sides of 52; give larger images$"):
        restored(photo_like(0, 44, 60), options(1), (0, 0), "b", 1, CPU)


@pytest.mark.parametrize(("name", "value", "needed"), [("crop", 26, "27"), ("restorer_crop", 34, "multiple of 4")])
def test_crops_that_suit_no_network_are_refused(name, value, needed):
    with pytest.raises(DegcraftError, match=f"^methods, kind kernelgan: {name}: {value}; .*{needed}"):
        restored(photo_like(0, 60, 60), options(1, **{name: value}), (0, 0), "a", 1, CPU)


# Measured over five seeds, 300 steps of width 16: distances .077 to .088 from this kernel of deviations 1 and 2 (bicubic
# .269, untrained .201), deviations 1.4 and 1.5; .041 to .051 from a round one of 2. What is learnt is how wide a blur is
# plausible rather than this one: without the critic the distances are the same, and a blur of .7 is overestimated
# (1.5; at the published sizes 1.2 to 1.4).
def test_a_wide_kernel_is_found_better_than_by_the_bicubic_one():
    hr = decode(packaged("astronaut"))[:320, :480]
    true = gaussian(1, 2, 0.5)
    padded = np.pad(hr.astype(float), ((6, 6), (6, 6), (0, 0)), mode="reflect")
    blurred = [signal.correlate2d(padded[..., colour], true, mode="valid")[::2, ::2] for colour in range(3)]
    lr = np.rint(np.clip(np.stack(blurred, axis=-1), 0, 255)).astype(np.uint8)
    torch.manual_seed(0)
    found, measurements = estimated(lr, options(300, width=16), np.random.default_rng(0), 100, CPU)
    values = {(step, name): value for step, name, value in measurements}
    assert values[300, "kernel_sum"] == pytest.approx(1, abs=0.02)
    assert 0 <= values[300, "critic_accuracy"] <= 1
    bicubic = np.linalg.norm(np.pad(bicubic_kernel(), 3) - true)
    torch.manual_seed(0)
    untrained = finished(KernelGAN(16, recipe(1), CPU).network.kernel().detach().double().numpy())
    assert np.linalg.norm(found - true) < 0.5 * bicubic
    assert np.linalg.norm(found - true) < np.linalg.norm(untrained - true)
