import contextlib
import copy

import numpy as np
import pytest
import torch

from degcraft.errors import DegcraftError
from degcraft.methods.adversaries import least_squares
from degcraft.methods.learning import Material, learning
from degcraft.methods.usrda import networks
from degcraft.methods.usrda.learning import build
from tests.conftest import photo_like
from tests.learning import assert_same_training, pack_of, train

pytestmark = pytest.mark.usefixtures("one_thread", "torch_seed")

CPU = torch.device("cpu")
VGG = {"kind": "vgg", "layer": [1, 2], "weights": "random", "seed": 0}
PHASE = {"iterations": 4, "batch": 2, "patch": 32, "lr": 1e-3}
SIZES = {"width": 4, "depth": 2, "blocks": 1, "growth": 4, "target_blocks": 1, "critic_width": 4}


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return pack_of(tmp_path_factory.mktemp("usrda"), [photo_like(seed, 48, 56) for seed in range(3)])


def references():
    rng = np.random.default_rng(0)
    images = np.stack([photo_like(seed, 20, 24) for seed in range(10, 14)])
    return np.clip(images + rng.normal(0, 20, images.shape), 0, 255).astype(np.uint8)


def method(pack, perceptual=None, given=True, log_every=2, width=4, **changes):
    options = {"kind": "usrda", "sizes": {**SIZES, "width": width}, "phases": {"adaptation": {**PHASE, **changes}}}
    images = references() if given else None
    return build(options, Material(pack, images, perceptual, (0, 0), log_every, CPU, contextlib.nullcontext))


def measured(trainer):
    table = {}
    for _, name, value in trainer.measurements:
        table.setdefault(name, []).append(value)
    return table


def test_the_whole_method_gives_what_restores(pack):
    made = method(pack)
    (phase,) = list(made.phases())
    assert phase.name == "adaptation"
    train(phase)
    assert isinstance(learning(made.options, made.material), type(made))
    fresh = networks.build(made.options)
    fresh.load_state_dict(made.restorer().state_dict())
    lr = torch.rand(1, 3, 9, 7)
    assert fresh(lr).shape == (1, 3, 36, 28)
    torch.testing.assert_close(fresh(lr), made.restorer()(lr))
    names = {"alignment", "reconstruction", "target_l1", "style", "identity", "cycle", "sr_l1", "critic_loss"}
    assert measured(phase.trainer).keys() == names | {f"critic_accuracy_{name}" for name in ("features", "lr", "hr")}


@pytest.mark.parametrize("done", [2, 3])
def test_a_resumed_training_ends_in_the_same_weights(pack, done):
    def phase(seed):
        torch.manual_seed(seed)
        return next(method(pack, iterations=6, log_every=3).phases())

    whole, half, resumed = phase(0), phase(0), phase(1)
    train(whole)
    resumed.trainer.load(copy.deepcopy(train(half, until=done).state()))
    train(resumed)
    assert_same_training(whole.trainer, resumed.trainer)


@pytest.mark.parametrize("perceptual", [None, (VGG, None)], ids=["plain", "VGG"])
def test_losses(pack, perceptual):
    phase = next(method(pack, perceptual).phases())
    trainer, batch = phase.trainer, phase.batches[0]
    xs, ys, xt = (images / 255 for images in (batch[0], batch[1], batch[3]))
    restorer, target, critic = trainer.network["restorer"], trainer.network["target"], trainer.critic
    with torch.no_grad():
        fs, ft = restorer.encoder(xs), restorer.encoder(xt)
        styled, sr = target(fs), restorer.decoder(fs)
        cycled = restorer.encoder(styled)
        again = restorer.decoder(cycled)

        def whole(image):
            seen = 0 if perceptual is None else trainer.perception(image, ys)
            return (image - ys).abs().mean() + 0.01 * (seen + least_squares(critic["hr"](image), 1))

        expected = whole(sr) + whole(again) + (target(ft) - xt).abs().mean()
        expected += 0.01 * (least_squares(critic["features"](fs), 0.5) + least_squares(critic["features"](ft), 0.5))
        expected += 0.01 * (least_squares(critic["lr"](styled), 1) + (cycled - fs).abs().mean())
        assert float(trainer.loss(*batch)) == pytest.approx(float(expected), rel=1e-5)
        judged = least_squares(critic["features"](fs), 1) + least_squares(critic["features"](ft), 0)
        judged += least_squares(critic["lr"](xt), 1) + least_squares(critic["lr"](styled), 0)
        judged += least_squares(critic["hr"](ys), 1)
        judged += (least_squares(critic["hr"](sr), 0) + least_squares(critic["hr"](again), 0)) / 2
        assert float(trainer.critic_loss()) == pytest.approx(float(judged), rel=1e-5)


def test_every_network_and_critic_learns(pack):
    phase = next(method(pack).phases())
    trainer = phase.trainer
    before = {part: copy.deepcopy(getattr(trainer, part).state_dict()) for part in ("network", "critic")}
    train(phase)
    for part, state in before.items():
        weights = dict(getattr(trainer, part).named_parameters())
        assert {name.split(".")[0] for name in weights} in ({"restorer", "target"}, {"features", "lr", "hr"})
        assert not [name for name, weight in weights.items() if torch.equal(weight, state[name])]


def test_the_critics_move_at_every_second_step(pack):
    trainer = train(next(method(pack, log_every=1).phases()))
    assert [step for step, name, _ in trainer.measurements if name == "critic_loss"] == [2, 4]


def test_adam_never_forgets_its_largest_gradients(pack):
    trainer = train(next(method(pack).phases()))
    for optimiser in (trainer.optimiser, trainer.critic_optimiser):
        assert {(group["amsgrad"], group["betas"]) for group in optimiser.param_groups} == {(True, (0.9, 0.99))}
        assert all((entry["max_exp_avg_sq"] >= entry["exp_avg_sq"]).all() for entry in optimiser.state.values())


def test_the_rate_halves_three_times(pack):
    recipe = next(method(pack, iterations=600).phases()).trainer.recipe
    assert [recipe.lr_at(step) / 1e-3 for step in (0, 249, 250, 350, 450, 599)] == [1, 1, 1 / 2, 1 / 4, 1 / 8, 1 / 8]


def test_it_needs_references(pack):
    with pytest.raises(DegcraftError, match="no references of a target"):
        next(method(pack, given=False).phases())
    with pytest.raises(DegcraftError, match="references of 20 LR pixels, but patches of 96 HR"):
        next(method(pack, patch=96, batch=2).phases())


def test_it_learns_to_restore_and_the_domains_stay_mixed(pack):
    phase = next(method(pack, iterations=400, batch=4, lr=4e-3, log_every=20, width=12).phases())
    lines = measured(train(phase))
    last = {name: float(np.mean(values[-5:])) for name, values in lines.items()}
    # Measured: SR L1 .216 to .072, target L1 .254 to .065; accuracy of the critics of HR images .79 and of features .87,
    # .94 without the alignment.
    assert last["sr_l1"] < 0.5 * lines["sr_l1"][0]
    assert last["target_l1"] < 0.5 * lines["target_l1"][0]
    assert last["critic_accuracy_hr"] > 0.6  # critics learn
    assert last["critic_accuracy_features"] < 0.97
