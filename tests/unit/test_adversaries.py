import contextlib
import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from degcraft.errors import DegcraftError
from degcraft.io import ImagePack, write_pack
from degcraft.methods.adversaries import (
    Adversarial,
    accuracy,
    crop_critic,
    l1,
    least_squares,
    logistic,
    relativistic,
)
from degcraft.methods.crops import CLEAN, Beside, KnownPairs, ReferenceCrops
from degcraft.methods.schedules import Falling, Stepped, common
from degcraft.training import fit
from tests.conftest import photo_like

CPU = torch.device("cpu")
PHASE = {"iterations": 12, "batch": 2, "patch": 32, "lr": 1e-2}


class Toy(Adversarial):
    """A network of one colour matrix; everything that is computed is put down."""

    def __init__(self, log_every=3, poison=(None, None), **options):
        torch.manual_seed(0)
        critic = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3))
        recipe = Stepped(**common(PHASE, log_every), milestones=(0.5,))
        super().__init__(nn.Conv2d(3, 3, 1), critic, recipe, CPU, contextlib.nullcontext, **options)
        self.poison, self.seen = poison, []

    def loss(self, clean, real):
        made = self.forward(clean)
        self.kept = real, made.detach()
        self.seen.append(("network", *self.weights()))
        loss = l1(made, clean) + 0.01 * logistic(self.critic(made), 1)
        return loss * (math.nan if self.step == self.poison[0] else 1)

    def critic_loss(self):
        self.seen.append(("critic", *self.weights()))
        real, made = (self.critic(images) for images in self.kept)
        self.measure("noise", torch.rand(()))
        loss = logistic(real, 1) + logistic(made, 0)
        return loss * (math.inf if self.step - 1 == self.poison[1] else 1)

    def weights(self):
        return [flat(part.parameters()) for part in (self.network, self.critic)]


def flat(tensors):
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


def batch(step):
    generator = torch.Generator().manual_seed(step)
    return torch.rand(2, 3, 8, 8, generator=generator), 0.5 + 0.1 * torch.randn(2, 3, 8, 8, generator=generator)


def run(trainer, until=12, every=100, save=lambda state: None):
    fit(trainer, (batch(step) for step in range(trainer.step, until)), every, save, lambda line: None)
    return trainer


def test_losses_against_closed_forms():
    scores, others = torch.tensor([[0.3], [-1.2], [2.0]]), torch.tensor([[0.1], [0.7], [-0.4]])
    x, y = scores.flatten().double().numpy(), others.flatten().double().numpy()
    assert float(least_squares(scores, 1)) == pytest.approx(((x - 1) ** 2).mean())
    assert float(logistic(scores, 1)) == pytest.approx(np.log1p(np.exp(-x)).mean())
    assert float(logistic(scores, 0)) == pytest.approx(np.log1p(np.exp(x)).mean())
    assert float(relativistic(scores, others, 1)) == pytest.approx(np.log1p(np.exp(-(x - y.mean()))).mean())
    assert float(relativistic(scores, others, 0)) == pytest.approx(np.log1p(np.exp(x - y.mean())).mean())
    assert float(l1(scores, others)) == pytest.approx(np.abs(x - y).mean())


def test_accuracy_gives_either_kind_half():
    real, fake = torch.tensor([1.0, 2, 3, -1]), torch.tensor([0.2, -3.0])
    assert float(accuracy(real, fake, 0)) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert float(accuracy(real, fake, 0.5)) == pytest.approx((3 / 4 + 1) / 2)
    assert float(accuracy(torch.zeros(3), torch.zeros(5), 0)) == 0.5


def test_each_step_moves_its_own_side_alone():
    toy = Toy()
    toy.advance(*batch(0))
    (_, network_0, critic_0), (_, network_1, critic_1) = toy.seen
    network_2, critic_2 = toy.weights()
    assert torch.equal(critic_0, critic_1)
    assert not torch.equal(network_0, network_1)
    assert torch.equal(network_1, network_2)
    assert not torch.equal(critic_1, critic_2)


def test_the_critic_moves_along_the_gradient_of_its_own_loss():
    toy, twin = Toy(), Toy()
    toy.advance(*batch(0))
    twin.loss(*batch(0))
    twin.critic_loss().backward()
    gradient = flat(weight.grad for weight in twin.critic.parameters())
    moved = toy.weights()[1] - twin.weights()[1]
    expected = -PHASE["lr"] * gradient / (gradient.abs() + 1e-8)  # the first step of Adam
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-7)


def test_the_critic_may_move_less_often_and_later():
    def critic_steps(**options):
        toy = run(Toy(**options), until=9)
        numbers = np.cumsum([name == "network" for name, *_ in toy.seen])
        return [int(number) for number, (name, *_) in zip(numbers, toy.seen, strict=True) if name == "critic"]

    assert critic_steps() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert critic_steps(critic_every=2) == [2, 4, 6, 8]
    assert critic_steps(critic_start=5) == [6, 7, 8, 9]


def test_both_sides_follow_the_schedule():
    toy = run(Toy(), until=7)
    rates = {group["lr"] for optimiser in (toy.optimiser, toy.critic_optimiser) for group in optimiser.param_groups}
    assert rates == {PHASE["lr"] / 2}


@pytest.mark.parametrize("poison", [(4, None), (None, 4)], ids=["network", "critic"])
def test_a_loss_that_is_no_number_ends_the_training_before_a_checkpoint_is_replaced(poison):
    saved = []
    with pytest.raises(
        DegcraftError, match=r"diverged before step 5: mean loss is nan.*\(now 0.01\) in the section me"
    ):
        run(Toy(log_every=12, poison=poison), every=1, save=lambda state: saved.append(state["step"]))
    assert saved == [1, 2, 3, 4]


def test_a_loss_may_grow():
    toy = Toy(log_every=1)
    toy.losses = [(0, 1e-6, 1e-2)]
    assert len(run(toy, until=2).losses) == 3


def test_a_resumed_training_ends_in_the_same_weights_and_measurements():
    whole, half = run(Toy(log_every=5)), run(Toy(log_every=5), until=7)
    state = copy.deepcopy(half.state())
    resumed = Toy(log_every=5)
    nn.init.zeros_(resumed.critic[0].weight)
    torch.manual_seed(99)
    resumed.load(state)
    run(half)  # what was loaded is not touched by the one that goes on
    torch.set_rng_state(state["random"])
    run(resumed)
    assert resumed.losses == whole.losses
    assert resumed.measurements == whole.measurements
    assert [name for _, name, _ in whole.measurements] == ["noise", "critic_loss"] * 2
    for one, other in ((whole.network, resumed.network), (whole.critic, resumed.critic)):
        for name, value in one.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), name


def test_a_checkpoint_holds_nothing_but_plain_data(tmp_path):
    toy = run(Toy(), until=4)
    torch.save(toy.state(), tmp_path / "state.pt")
    Toy().load(torch.load(tmp_path / "state.pt", weights_only=True))


def test_measurements_are_means_of_their_steps():
    toy = Toy(log_every=3)
    for value in (1.0, 5.0):
        toy.measure("level_255", torch.tensor(value))
    toy.step = 3
    toy.log()
    assert toy.measurements == [(3, "level_255", 3.0)]


@pytest.mark.parametrize(("side", "last"), [(8, 4), (16, 4), (18, 9), (64, 4), (72, 9), (128, 4), (256, 8)])
def test_critics_of_crops_of_any_even_size(side, last):
    with torch.no_grad():
        critic = crop_critic(side, inputs=2, width=2).eval()
        assert critic.features(torch.rand(1, 2, side, side)).shape[2:] == (last, last)
        assert critic(torch.rand(1, 2, side, side)).shape == (1, 1)


@pytest.mark.parametrize("side", [4, 6, 15])
def test_crops_that_no_critic_takes(side):
    with pytest.raises(DegcraftError, match=f"sees crops of {side} pixels; an even number from 8 on is needed"):
        crop_critic(side)


# Schedules.


def test_rates_fall_at_the_milestones():
    recipe = Stepped(**common({**PHASE, "iterations": 100}, 10), milestones=(0.25, 0.5))
    assert [recipe.lr_at(step) / 1e-2 for step in (0, 24, 25, 49, 50, 99)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert Stepped(**common(PHASE, 10)).lr_at(11) == 1e-2


def test_rates_fall_along_a_line():
    recipe = Falling(**common({**PHASE, "iterations": 100}, 10), start=0.6)
    assert [recipe.lr_at(step) for step in (0, 60, 70, 80, 100)] == pytest.approx([1e-2, 1e-2, 7.5e-3, 5e-3, 0])
    assert all(recipe.lr_at(step) > 0 for step in range(100))


def test_what_every_recipe_takes():
    recipe = Stepped(**common(PHASE, 100, (0.5, 0.999)))
    assert (recipe.log_every, recipe.betas, recipe.ema_at(0), recipe.ema_at(11)) == (12, (0.5, 0.999), 0, 0)


# Material.


def references():
    return np.stack([photo_like(seed, 20, 24) for seed in range(5)])


def test_crops_of_references_are_parts_of_them_turned_or_mirrored():
    source = ReferenceCrops(references(), 4, 12, (0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(references(), (12, 12), axis=(1, 2))  # (5, 9, 13, 3, 12, 12)
    turns = set()
    for step in range(4):
        crops, used = source[step].numpy(), []
        assert crops.shape == (4, 3, 12, 12)
        for crop in crops:
            forms = [np.rot90(crop[:, :, ::m], t, axes=(1, 2)) for m in (1, -1) for t in range(4)]
            found = [(form, np.argwhere((windows == image).all(axis=(3, 4, 5)))) for form, image in enumerate(forms)]
            places = [(form, tuple(place[0])) for form, place in found if len(place)]
            assert len(places) == 1
            turns.add(places[0][0])
            used.append(places[0][1][0])
        assert len(set(used)) == 4
    assert len(turns) >= 5


def test_crops_depend_on_seeds_and_step_alone():
    made = [ReferenceCrops(references(), 3, 12, seeds)[step] for seeds, step in (((0, 0), 1), ((0, 0), 1))]
    assert torch.equal(*made)
    for seeds, step in (((1, 0), 1), ((0, 1), 1), ((0, 0), 2)):
        assert not torch.equal(made[0], ReferenceCrops(references(), 3, 12, seeds)[step])


@pytest.mark.parametrize(
    ("given", "batch", "side", "message"),
    [
        (None, 2, 8, "^methods: no references of a target; this method learns from them; train it for a setting"),
        (references(), 6, 8, "^methods: 5 references, but batches of 6; .* write batch: 5 in"),
        (references(), 2, 21, "^methods: references of 20 LR pixels, but patches of 84 HR .* write patch: 80 or less"),
    ],
)
def test_references_that_do_not_do(given, batch, side, message):
    with pytest.raises(DegcraftError, match=message):
        ReferenceCrops(given, batch, side, (0, 0))


def test_sources_beside_one_another(tmp_path):
    write_pack(tmp_path, [photo_like(0, 40, 40)], ["a"], ["a"])
    recipe = Stepped(**common(PHASE, 1))
    pairs, crops = (
        KnownPairs(ImagePack(tmp_path), recipe, CLEAN, (0, 0)),
        ReferenceCrops(references(), 2, 8, (0, 0)),
    )
    lr, hr, described, real = Beside(pairs, crops)[3]
    assert (lr.shape, hr.shape, real.shape) == ((2, 3, 8, 8), (2, 3, 32, 32), (2, 3, 8, 8))
    assert described.tolist() == [[0, 0, math.inf]] * 2
    assert torch.equal(real, crops[3])
    assert torch.equal(hr, pairs[3][1])
