import contextlib
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from degcraft.degradations import first_order as degradations
from degcraft.errors import DegcraftError
from degcraft.extractors.dasr import encoder
from degcraft.pretraining import pairs as pairs_module
from degcraft.pretraining.contrast import Contrast, MomentumRecipe, contrast, projected_encoder
from degcraft.pretraining.pairs import Pairs, anisotropic_kernels, blur_and_downsample
from degcraft.pretraining.task import recipe
from degcraft.training import fit
from tests.conftest import photo_like
from tests.learning import pack_of

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return pack_of(tmp_path_factory.mktemp("images"), [photo_like(seed, 64, 80) for seed in range(3)])


@pytest.fixture(scope="module")
def white(tmp_path_factory):
    noise = np.random.default_rng(0).normal(128, 40, (256, 256, 3)).clip(0, 255).astype(np.uint8)
    return pack_of(tmp_path_factory.mktemp("white"), [noise])


def steady(iterations=4, batch=4, patch=32, lr=1e-4, log_every=2):
    options = {"iterations": iterations, "batch": batch, "patch": patch, "lr": lr}
    return MomentumRecipe(**vars(recipe({"pretrain": options, "log_every": log_every})))


def task(images, queue=8, seed=0, **options):
    torch.manual_seed(seed)
    return Contrast(images, steady(**options), queue, seed, CPU, contextlib.nullcontext)


def kernel(first, second, angle, size=21):
    return anisotropic_kernels(np.array([[first, second]]), np.array([angle]), size)[0]


@pytest.mark.parametrize(("spread", "centre"), [(1, 0.15915494), (2, 0.03978874), (3.5, 0.01306034), (5, 0.00684234)])
def test_kernel_of_equal_spreads_is_the_isotropic_one(spread, centre):
    taps = degradations.gaussian_taps(spread, 21)
    for angle in (0, 0.7, 2):
        found = kernel(spread, spread, angle)
        np.testing.assert_allclose(found, np.outer(taps, taps), rtol=1e-9, atol=1e-19)
        assert found[10, 10] == pytest.approx(centre, abs=5e-9)


@pytest.mark.parametrize("angle", [0, 0.4, 1.2, 2.9])
def test_second_moments_of_a_kernel(angle):
    found = kernel(3, 1.2, angle, 41)
    offsets = np.arange(41) - 20
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = turn @ np.diag([9, 1.44]) @ turn.T
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert (found * offsets**2).sum() == pytest.approx(expected[0, 0], rel=1e-4)
    assert (found * offsets[:, None] ** 2).sum() == pytest.approx(expected[1, 1], rel=1e-4)
    assert (found * offsets * offsets[:, None]).sum() == pytest.approx(expected[0, 1], abs=1e-3)


def test_the_narrowest_kernel_is_almost_a_pulse():
    neighbour = math.exp(-0.5 / 0.04)
    assert kernel(0.2, 0.2, 1)[10, 10] == pytest.approx(1 / (1 + 4 * neighbour + 4 * neighbour**2), rel=1e-9)


def test_blur_and_downsampling_against_scipy():
    patches = np.random.default_rng(0).uniform(0, 255, (2, 6, 32, 32)).astype(np.float32)
    kernels = anisotropic_kernels(np.array([[3.0, 0.8], [0.5, 2.0]]), np.array([0.6, 2.0]))
    found = blur_and_downsample(torch.tensor(patches), torch.tensor(kernels).float())
    down = degradations.downsampling_matrix(32, "bicubic")
    for item, channel in np.ndindex(2, 6):
        blurred = correlate(patches[item, channel].astype(np.float64), kernels[item], mode="mirror")
        np.testing.assert_allclose(found[item, channel], down @ blurred @ down.T, atol=1e-3)


def test_isotropic_blur_is_the_one_of_the_bins():
    image = photo_like(0, 48, 48)
    patches = torch.tensor(image).permute(2, 0, 1)[None].float()
    found = blur_and_downsample(patches, torch.tensor(kernel(1.7, 1.7, 0))[None].float())
    expected = degradations.blur_and_downsample(image, 1.7)
    np.testing.assert_allclose(found[0].permute(1, 2, 0), expected, atol=1e-3)


def test_pairs_have_shapes_and_repeat(pack):
    source = Pairs(pack, steady(), 0)
    assert len(source) == 4
    queries, keys = source[1]
    for patches in (queries, keys):
        assert patches.shape == (4, 3, 8, 8)
        assert patches.dtype == torch.uint8
    assert not torch.equal(queries, keys)
    again = Pairs(pack, steady(), 0)[1]
    assert torch.equal(queries, again[0])
    assert torch.equal(keys, again[1])
    for other in (source[2], source[-1], Pairs(pack, steady(), 1)[1]):
        assert not torch.equal(queries, other[0])


def test_loader_workers_do_not_change_the_pairs(pack):
    loader = torch.utils.data.DataLoader(Pairs(pack, steady(), 0), batch_size=None, sampler=range(1, 4), num_workers=2)
    for step, batch in enumerate(loader, start=1):
        for found, expected in zip(batch, Pairs(pack, steady(), 0)[step], strict=True):
            assert torch.equal(found, expected)


def test_a_pair_is_from_one_image(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs_module, "NOISE", (0.0, 0.0))
    grey = pack_of(tmp_path, [np.full((40, 40, 3), value, dtype=np.uint8) for value in range(0, 250, 10)])
    queries, keys = Pairs(grey, steady(batch=40), 0)[0]
    assert torch.equal(queries, keys)
    assert len(queries[:, 0, 0, 0].unique()) > 10


def test_a_pair_has_one_noise_level_and_two_fields(tmp_path):
    grey = pack_of(tmp_path, [np.full((160, 160, 3), 128, dtype=np.uint8)])
    queries, keys = (side.float() - 128 for side in Pairs(grey, steady(batch=40, patch=128), 0)[0])
    levels, others = (side.std(dim=(1, 2, 3)) for side in (queries, keys))
    torch.testing.assert_close(levels, others, rtol=0.12, atol=0.05)
    assert levels.min() < 4
    assert 21 < levels.max() < 26
    loud = levels > 5
    assert ((queries * keys).mean(dim=(1, 2, 3)) / (levels * others))[loud].abs().max() < 0.1


def test_a_pair_has_one_kernel(white, monkeypatch):
    monkeypatch.setattr(pairs_module, "NOISE", (0.0, 0.0))
    queries, keys = (
        side.float().std(dim=(2, 3)).mean(dim=1) for side in Pairs(white, steady(batch=24, patch=128), 0)[0]
    )
    torch.testing.assert_close(
        queries, keys, rtol=0.2, atol=0.2
    )  # the kernel alone decides what is left of white noise
    assert queries.max() > 2 * queries.min()


def test_images_smaller_than_a_patch_are_refused(pack):
    with pytest.raises(DegcraftError) as caught:
        Pairs(pack, steady(patch=68), 0)
    assert str(caught.value) == (
        "pretrain.dasr.patch: 68, but 3 training images are smaller, first image0; remove them or write patch: 64"
    )


def test_loss_is_info_nce():
    rng = np.random.default_rng(0)
    queries, keys, queue = (
        values / np.linalg.norm(values, axis=1, keepdims=True)
        for values in (rng.normal(size=(count, 5)) for count in (3, 3, 7))
    )
    expected = []
    for query, key in zip(queries, keys, strict=True):
        own = math.exp(query @ key / 0.07)
        expected.append(-math.log(own / (own + sum(math.exp(query @ other / 0.07) for other in queue))))
    found = contrast(torch.tensor(queries), torch.tensor(keys), torch.tensor(queue))
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-12)


def test_loss_of_a_guess():
    same = torch.ones(4, 1)
    assert float(contrast(same, same, torch.ones(10, 1))) == pytest.approx(math.log(11))


def test_head_has_the_published_number_of_parameters():
    counted = sum(parameter.numel() for parameter in projected_encoder()[2:].parameters())
    assert counted == 131_584


def test_queue_drops_the_oldest_keys(pack):
    trained = task(pack, queue=12)
    keys = torch.arange(5.0).repeat_interleave(4)[:, None].expand(20, 256)
    for batch in keys.split(4):
        trained.enqueue(batch)
    assert trained.queue.shape == (12, 256)
    assert trained.queue[:, 0].tolist() == [2] * 4 + [3] * 4 + [4] * 4


def test_queue_begins_with_keys_of_the_untrained_encoder(pack):
    trained = task(pack, queue=8)
    untrained = task(pack, queue=8).average
    trained.begin()
    expected = torch.cat([untrained(Pairs(pack, steady(), 0)[step][1].float()) for step in (-2, -1)])
    torch.testing.assert_close(trained.queue, torch.nn.functional.normalize(expected))


def test_keys_of_a_step_enter_the_queue(pack):
    trained = task(pack, queue=8)
    trained.begin()
    before = trained.queue
    trained.advance(*trained.batches[0])
    assert torch.equal(trained.queue[:4], before[4:])
    assert not torch.equal(trained.queue[4:], before[4:])
    torch.testing.assert_close(trained.queue.norm(dim=1), torch.ones(8))


def test_key_encoder_follows_with_momentum(pack):
    trained = task(pack, lr=1e-2)
    trained.begin()
    expected = {name: value.double() for name, value in trained.average.named_parameters()}
    for step in range(3):
        trained.advance(*trained.batches[step])
        expected = {
            name: 0.999 * expected[name] + 0.001 * value.double() for name, value in trained.network.named_parameters()
        }
    for name, value in trained.average.named_parameters():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-7)
        assert not value.requires_grad
    assert (trained.average[0][0].weight - trained.network[0][0].weight).abs().max() > 1e-3


def test_batch_statistics_of_each_encoder_are_its_own(pack):
    trained = task(pack)
    queries, keys = trained.batches[0]
    first = trained.network[0][0]
    expected = [0.1 * first(side.float()).mean(dim=(0, 2, 3)).detach() for side in (queries, keys)]
    trained.advance(queries, keys)
    for network, mean in zip((trained.network, trained.average), expected, strict=True):
        torch.testing.assert_close(network[0][1].running_mean, mean, rtol=1e-4, atol=1e-4)


def test_training_tells_degradations_apart(white):
    # One content, so that nothing but the degradation helps, and no pair comes twice.
    trained = task(white, queue=64, iterations=60, batch=8, patch=64, lr=1e-3, log_every=20)
    trained.begin()
    fit(trained, (trained.batches[step] for step in range(60)), 1000, lambda state: None, lambda line: None)
    losses = [row[1] for row in trained.losses]
    assert losses[-1] < losses[0] - 0.25
    assert losses[-1] < math.log(65) - 0.9
    assert trained.summary() == {"loss_start": losses[0], "loss_end": losses[-1], "loss_guess": math.log(65)}


def test_divergence_is_measured_against_a_guess(pack):
    trained = task(pack, queue=8, log_every=1)
    trained.losses, trained.step = [(1, 1e-6, 1e-3)], 2
    trained.window.fill_(0.5)  # a loss near 0 that grows is no divergence
    assert trained.log() == 0.5
    for value in (10.1 * math.log(9), math.nan):
        trained.window.fill_(value)
        with pytest.raises(DegcraftError, match=r"diverged before step 2: .*lower pretrain.dasr.lr \(now 0.0001\)"):
            trained.log()


@pytest.mark.parametrize(("queue", "hint"), [(6, 8), (9, 12), (3, 4)])
def test_a_queue_of_broken_batches_is_refused(pack, queue, hint):
    with pytest.raises(
        DegcraftError, match=rf"pretrain.dasr.queue: {queue}, but batches of 4; .* write queue: {hint}$"
    ):
        task(pack, queue=queue)


def test_the_trained_encoder_has_the_names_that_the_extractor_reads(pack):
    assert list(task(pack).extractor().state_dict()) == list(encoder().state_dict())
