import contextlib
import io
import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from degcraft.backbones.edsr import EDSR
from degcraft.errors import DegcraftError
from degcraft.leaves import dead_leaves
from degcraft.methods.learning import Material, learning
from degcraft.methods.pdmsr import networks
from degcraft.methods.pdmsr.learning import CLIP, moments
from degcraft.training import fit
from tests.learning import pack_of

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SIZES = {
    "width": 8, "blocks": 1, "kernel": 21, "kernel_inputs": 8, "kernel_width": 32, "kernel_blocks": 1,
    "noise_inputs": 3, "noise_width": 16, "noise_blocks": 1, "critic_width": 16,
}  # fmt: skip


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    rng = np.random.default_rng(1)
    return pack_of(tmp_path_factory.mktemp("images"), [dead_leaves(rng, 192, 192) for _ in range(6)])


BLUR, NOISE = 1.8, 10.0


@pytest.fixture(scope="module")
def references():
    """Other images, blurred by a Gaussian, every fourth pixel, with white noise."""
    rng = np.random.default_rng(2)
    images = []
    for _ in range(24):
        blurred = ndimage.gaussian_filter(dead_leaves(rng, 192, 192).astype(np.float64), (BLUR, BLUR, 0))[::4, ::4]
        images.append(np.clip(np.rint(blurred + rng.normal(0, NOISE, blurred.shape)), 0, 255).astype(np.uint8))
    return np.stack(images)


def fresh(pack, references, penalty=10, seed=0, log_every=2, **phase):
    torch.manual_seed(seed)
    adaptation = {"iterations": 8, "batch": 4, "patch": 48, "lr": 2e-4, **phase}
    options = {"kind": "pdmsr", "sizes": SIZES, "noise_penalty": penalty, "phases": {"adaptation": adaptation}}
    material = Material(pack, references, None, (seed, 0), log_every, CPU, contextlib.nullcontext)
    return learning(options, material)


def only_phase(method):
    (phase,) = method.phases()
    return phase


def advanced(phase, steps):
    for step in steps:
        phase.trainer.advance(*phase.batches[step])
    return phase.trainer


def weights(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def moved(before, network, part):
    return any(not torch.equal(before[name], value) for name, value in network.state_dict().items() if part in name)


def test_the_restorer_is_the_published_sr_network():
    network = networks.build({"sizes": {**SIZES, "width": 64, "blocks": 16}})
    assert isinstance(network, EDSR)
    assert sum(weight.numel() for weight in network.parameters()) == 1_517_571
    assert networks.build({"sizes": SIZES})(torch.rand(2, 3, 12, 9)).shape == (2, 3, 48, 36)


def test_the_restorer_reads_what_was_learnt(pack, references):
    method = fresh(pack, references)
    advanced(only_phase(method), range(2))
    restored = networks.build(method.options)
    restored.load_state_dict(method.restorer().state_dict())
    images = torch.rand(1, 3, 10, 10)
    torch.testing.assert_close(restored(images), method.trainer.network["sr"](images))


def test_batches_hold_patches_and_crops_of_references(pack, references):
    _, hr, _, crops = only_phase(fresh(pack, references)).batches[3]
    assert (hr.shape, hr.dtype) == ((4, 3, 48, 48), torch.uint8)
    assert (crops.shape, crops.dtype) == ((4, 3, 12, 12), torch.uint8)


def test_the_degradation_learns_from_the_critic_and_the_penalty_alone(pack, references):
    trainer = only_phase(fresh(pack, references)).trainer
    batch = only_phase(fresh(pack, references)).batches[0]
    with torch.no_grad():  # fresh ones make no noise: then nothing is to be learnt from its strength
        trainer.network["noise"].layers[-1].weight.normal_(0, 0.01)
    torch.manual_seed(5)
    trainer.loss(*batch).backward()
    found = {name: weight.grad for name, weight in trainer.network.named_parameters()}
    torch.manual_seed(5)
    hr, real = batch[1] / 255, batch[3] / 255
    blurred, _ = trainer.network["blur"](hr, torch.randn(4, SIZES["kernel_inputs"]))
    noise = trainer.network["noise"](blurred, torch.randn(4, 3, 12, 12))
    loss = ((trainer.critic(blurred + noise) - 1) ** 2).mean() + 10 * (noise**2).mean()
    own = {name: weight for name, weight in trainer.network.named_parameters() if not name.startswith("sr.")}
    for (name, _), gradient in zip(own.items(), torch.autograd.grad(loss, list(own.values())), strict=True):
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6)
    lr = (blurred + noise).detach().clamp(0, 1).mul(255).round() / 255
    l1 = (trainer.network["sr"](lr) - hr).abs().mean()
    part = dict(trainer.network["sr"].named_parameters())
    for name, gradient in zip(part, torch.autograd.grad(l1, list(part.values())), strict=True):
        torch.testing.assert_close(found[f"sr.{name}"], gradient, rtol=1e-3, atol=1e-6)
    assert torch.equal(trainer.judged, torch.cat([real, (blurred + noise).detach()]))


def test_the_critic_learns_one_of_references_and_zero_of_patches(pack, references):
    trainer = advanced(only_phase(fresh(pack, references)), range(1))
    real, fake = trainer.critic(trainer.judged[:4]), trainer.critic(trainer.judged[4:])
    expected = (((real - 1) ** 2).mean() + (fake**2).mean()) / 2
    torch.testing.assert_close(trainer.critic_loss(), expected)


def test_every_network_moves(pack, references):
    phase = only_phase(fresh(pack, references))
    before, critic = weights(phase.trainer.network), weights(phase.trainer.critic)
    advanced(phase, range(2))
    for part in ("blur.layers.0", "noise.layers.0", "sr.body"):
        assert moved(before, phase.trainer.network, part), part
    assert moved(critic, phase.trainer.critic, "layers.0")


def test_each_network_is_clipped_by_itself(pack, references):
    trainer = only_phase(fresh(pack, references)).trainer
    parts = [*trainer.network.children(), trainer.critic]
    for scale, part in zip((100, 2, 3, 70), parts, strict=True):
        for weight in part.parameters():
            weight.grad = torch.ones_like(weight) / math.sqrt(sum(w.numel() for w in part.parameters())) * scale
    trainer.descend()
    trainer.critic_optimiser.step()
    norms = [torch.stack([weight.grad.norm() for weight in part.parameters()]).norm().item() for part in parts]
    assert norms == pytest.approx([CLIP, 2, 3, CLIP], rel=1e-4)


def test_learning_rates_are_halved_three_times(pack, references):
    recipe = only_phase(fresh(pack, references, iterations=200)).trainer.recipe
    assert [recipe.lr_at(step) for step in (0, 49, 50, 100, 150, 199)] == [2e-4, 2e-4, 1e-4, 5e-5, 2.5e-5, 2.5e-5]
    assert recipe.betas == (0.9, 0.999)


def test_a_loaded_training_goes_on_to_the_bit(pack, references):
    whole, first, second = (only_phase(fresh(pack, references, seed=0)) for _ in range(3))
    torch.manual_seed(7)
    advanced(whole, range(4))
    torch.manual_seed(7)
    file = io.BytesIO()
    torch.save(advanced(first, range(2)).state(), file)
    with torch.no_grad():
        for weight in [*second.trainer.network.parameters(), *second.trainer.critic.parameters()]:
            weight.add_(0.1)
    torch.manual_seed(8)
    second.trainer.load(torch.load(io.BytesIO(file.getvalue()), weights_only=True))
    advanced(second, range(2, 4))
    for part in ("network", "average", "critic"):
        expected = getattr(whole.trainer, part).state_dict()
        for name, value in getattr(second.trainer, part).state_dict().items():
            assert torch.equal(value, expected[name]), name
    assert second.trainer.log() == whole.trainer.log()
    assert second.trainer.measurements == whole.trainer.measurements


def test_measurements(pack, references):
    trainer = advanced(only_phase(fresh(pack, references)), range(2))
    trainer.log()
    found = {name: value for _, name, value in trainer.measurements}
    assert set(found) == {
        "kernel_width_px", "kernel_row_px", "kernel_column_px", "noise_sd_255", "l1", "critic_accuracy", "critic_loss",
    }  # fmt: skip
    assert found["kernel_width_px"] == pytest.approx(math.sqrt((21**2 - 1) / 12), rel=0.01)  # almost flat
    assert abs(found["kernel_row_px"]) < 0.05
    assert 0 <= found["noise_sd_255"] < 1
    assert 0 <= found["critic_accuracy"] <= 1


def test_moments_of_a_shifted_gaussian():
    y, x = np.mgrid[-10:11, -10:11]
    kernel = np.exp(-((y - 1.5) ** 2) / 2 / 2.0**2 - (x + 0.5) ** 2 / 2 / 1.0**2)
    centre, width = moments(torch.from_numpy(kernel / kernel.sum()))
    assert centre.tolist() == pytest.approx([1.5, -0.5], abs=1e-3)
    assert float(width) == pytest.approx(math.sqrt((2.0**2 + 1.0**2) / 2), rel=1e-3)


def test_kernels_for_a_picture(pack, references):
    method = fresh(pack, references)
    before = torch.get_rng_state()
    kernels = method.kernels()
    assert kernels.shape == (4, 21, 21)
    assert torch.equal(kernels, method.kernels())
    assert torch.equal(before, torch.get_rng_state())
    torch.testing.assert_close(kernels.sum(dim=(1, 2)), torch.ones(4))


def learnt_degradation(pack, references, seed):
    """Relative distance of the mean kernel from the true one, its width, and the noise, fresh and after training."""
    phase = {"iterations": 400, "batch": 8, "patch": 48}
    method = fresh(pack, references, penalty=30, seed=seed, log_every=50, **phase)
    spike = np.zeros((21, 21))
    spike[10, 10] = 1
    truth = torch.from_numpy(ndimage.gaussian_filter(spike, BLUR, mode="constant")).float()

    def state():
        kernel = method.kernels().mean(dim=0)
        return float((kernel - truth).norm() / truth.norm()), float(moments(kernel)[1])

    before, trainer = state(), only_phase(method).trainer
    fit(trainer, (only_phase(method).batches[step] for step in range(400)), 1000, lambda _: None, lambda _: None)
    noise = [value for _, name, value in trainer.measurements if name == "noise_sd_255"]
    return before, state(), noise


def test_blur_and_noise_of_the_references_are_learnt(pack, references):
    (distance, width), learnt, noise = learnt_degradation(pack, references, 0)
    # Seeds 0, 1 and 2: distance 0.57, 0.58, 0.59 of the kernel's norm, width 3.3, 3.7, 3.4 px, noise 14.5, 14.1, 12.7.
    # No more is claimed: in longer trainings of this size the kernel becomes narrower than the truth and wide again.
    assert distance > 0.9
    assert learnt[0] < 0.7
    assert width > 6
    assert abs(learnt[1] - BLUR) < 0.6 * abs(width - BLUR)
    assert noise[0] < 2
    assert abs(noise[-1] - NOISE) < 6


def test_a_target_without_references(pack):
    with pytest.raises(DegcraftError, match=r"no references of a target; this method learns from them; train it for "):
        fresh(pack, None)


def test_fewer_references_than_a_batch(pack, references):
    with pytest.raises(DegcraftError, match=r"3 references, but batches of 4; .* write batch: 3"):
        fresh(pack, references[:3])
