import contextlib
import copy
import itertools

import numpy as np
import pytest
import torch
from scipy import linalg, stats

from degcraft.degradations.first_order import gaussian_taps
from degcraft.degradations.kernels import gaussian as gaussian_kernel
from degcraft.methods.crops import PLAIN, KnownPairs
from degcraft.methods.ikc.codes import SIZE, directions, gaussian
from degcraft.methods.ikc.learning import SETTING
from degcraft.methods.ikc.networks import build
from degcraft.methods.learning import Material, learning
from degcraft.methods.schedules import common
from degcraft.training import Recipe
from tests.conftest import photo_like
from tests.learning import pack_of

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
TINY = {"width": 4, "blocks": 1, "code": 5, "predictor": 4}


def options(sizes=TINY, corrections=2, restoration=(), correction=()):
    phase = {"iterations": 8, "batch": 2, "patch": 32, "lr": 1e-3}
    phases = {"restoration": phase | dict(restoration), "correction": phase | dict(correction)}
    return {"kind": "ikc", "sizes": sizes, "corrections": corrections, "phases": phases}


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return pack_of(tmp_path_factory.mktemp("few"), [photo_like(seed, 48, 56) for seed in range(3)])


def method(entry, images, log_every=4):
    torch.manual_seed(0)
    return learning(entry, Material(images, None, None, (0, 0), log_every, CPU, contextlib.nullcontext))


def recipe(batch, patch):
    return Recipe(**common({"iterations": 1, "batch": batch, "patch": patch, "lr": 1e-3}, 1))


def trained(made):
    """The measurements of each phase by name."""
    measured = {}
    for phase in made.phases():
        for step in range(phase.trainer.recipe.iterations):
            phase.trainer.advance(*phase.batches[step])
            if phase.trainer.step % phase.trainer.recipe.log_every == 0:
                phase.trainer.log()
        measured[phase.name] = phase.trainer.measurements
    return measured


# Codes of kernels.


@pytest.mark.parametrize("blur", [0.2, 0.7, 1.9, 4.0])
def test_kernels_are_those_of_the_first_order_model(blur):
    taps = gaussian_taps(blur, SIZE)
    kernel = gaussian(torch.tensor([blur], dtype=torch.float64))[0].view(SIZE, SIZE)
    assert PLAIN["kernel_size"] == SIZE
    np.testing.assert_allclose(kernel, np.outer(taps, taps), rtol=0, atol=1e-12)
    np.testing.assert_allclose(kernel, gaussian_kernel(SIZE, blur, blur, 0), rtol=0, atol=1e-12)


def test_directions_are_right_singular_vectors_of_the_population():
    found = directions(6)
    assert found.shape == (441, 6)
    np.testing.assert_allclose(found.T @ found, np.eye(6), rtol=0, atol=1e-12)
    widths = (np.arange(4000) + 0.5) / 4000 * 3.8 + 0.2  # of the uniform distribution itself, not of draws from it
    kernels = np.stack([gaussian_kernel(SIZE, width, width, 0).ravel() for width in widths])
    _, strength, vectors = linalg.svd(kernels - kernels.mean(axis=0), full_matrices=False)
    for place in range(6):
        assert abs(vectors[place] @ found[:, place]) > 0.999, place
    spread = (kernels - kernels.mean(axis=0)) @ found
    assert (spread.std(axis=0) * len(widths) ** 0.5).tolist() == pytest.approx(strength[:6].tolist(), rel=0.02)
    assert strength[:6].tolist() == sorted(strength[:6], reverse=True)


def test_directions_do_not_depend_on_how_many_are_asked_for():
    assert (directions(3) == directions(6)[:, :3]).all()
    largest = np.abs(directions(6)).argmax(axis=0)
    assert (directions(6)[largest, range(6)] > 0).all()
    assert np.abs(directions(1)).argmax() == 441 // 2  # the middle pixel: kernels differ there most


def test_the_first_coordinate_falls_with_the_blur():
    codes = build(options()).codes(torch.linspace(0.2, 4, 39))
    assert codes.shape == (39, 5)
    assert (codes[1:, 0] < codes[:-1, 0]).all()
    assert float(codes[0, 0]) == pytest.approx(directions(5)[220, 0], abs=1e-3)  # not blurred: the middle's row


def test_ten_coordinates_hold_a_kernel_but_for_the_mean_left_over():
    kernels = gaussian(torch.linspace(0.3, 4, 20, dtype=torch.float64)).numpy()
    mean = kernels.mean(axis=0)
    deviations = kernels - mean
    held = deviations @ directions(10) @ directions(10).T
    assert np.abs(held - deviations).max() < 1e-4


# The restorer.


def test_the_restorer_gives_the_image_under_the_code_before_the_last_correction():
    torch.manual_seed(0)
    network = build(options(corrections=3))
    lr = torch.rand(2, 3, 12, 9)
    with torch.no_grad():
        codes = network.estimates(lr)
        sr = network(lr)
    assert codes.shape == (2, 4, 5)
    assert sr.shape == (2, 3, 48, 36)
    for step in range(3):
        image = network.sftmd(lr, codes[:, step])
        torch.testing.assert_close(codes[:, step] + network.corrector(image, codes[:, step]), codes[:, step + 1])
    torch.testing.assert_close(sr, image)
    assert not torch.equal(codes[:, 2], codes[:, 3])


def test_the_state_holds_the_directions():
    first, other = build(options()), build(options())
    first.directions.mul_(2)
    other.load_state_dict(first.state_dict())
    assert torch.equal(other.directions, first.directions)
    assert not [name for name, _ in first.named_parameters() if "directions" in name]


def test_fresh_codes_depend_on_the_image():
    torch.manual_seed(0)
    sizes = {**TINY, "code": 10, "predictor": 64}
    network = build(options(sizes))
    with torch.no_grad():
        guesses = network.predictor(torch.rand(2, 1, 1, 1) * torch.rand(2, 3, 16, 16))
        changes = network.corrector(torch.rand(2, 1, 1, 1) * torch.rand(2, 3, 32, 32), torch.zeros(2, 10))
    assert float((guesses[0] - guesses[1]).norm() / guesses.norm()) > 0.05  # PyTorch's own start: up to 0.04
    assert float((changes[0] - changes[1]).norm() / changes.norm()) > 0.05  # and 0.0001


# Training.


def test_the_phases_and_their_schedules(few):
    made = method(options(), few)
    phases = made.phases()
    first = next(phases)
    rates = [first.trainer.recipe.lr_at(step) for step in range(8)]
    assert rates == pytest.approx([1e-3, 0.50005e-3] * 4)  # four periods of two steps, cosine
    second = next(phases)
    falling = [second.trainer.recipe.lr_at(step) for step in (0, 4)]
    assert falling == pytest.approx([1e-3, 0.5e-3])  # one period of eight steps
    assert [phase.name for phase in (first, second)] == ["restoration", "correction"]
    assert {phase.trainer.recipe.betas for phase in (first, second)} == {(0.9, 0.99)}
    assert next(phases, None) is None
    lr, hr, described = second.batches[0]
    assert lr.shape == (2, 3, 8, 8)
    assert hr.shape == (2, 3, 32, 32)
    assert ((described[:, 0] >= 0.2) & (described[:, 0] <= 4)).all()
    assert (described[:, 1] == 0).all()
    assert described[:, 2].isinf().all()


def test_each_phase_moves_its_networks_alone(few):
    made = method(options(), few)
    states = [copy.deepcopy(made.restorer().state_dict())]
    for phase in made.phases():
        for step in range(2):
            phase.trainer.advance(*phase.batches[step])
        states.append(copy.deepcopy(made.restorer().state_dict()))
    for number, learnt in enumerate(({"sftmd"}, {"predictor", "corrector"})):
        before, after = states[number], states[number + 1]
        moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
        assert moved == learnt


def test_a_step_of_the_correction_is_one_of_the_predictor_and_several_of_the_corrector(few):
    made = method(options(corrections=3), few)
    _, phase = made.phases()
    lr, _, described = batch = phase.batches[0]
    network = copy.deepcopy(made.restorer())
    truth, lr = network.codes(described[:, 0]), lr / 255
    predictor, corrector = (
        torch.optim.Adam(net.parameters(), 1e-3, (0.9, 0.99)) for net in (network.predictor, network.corrector)
    )
    codes = network.predictor(lr)
    for optimiser in (predictor, corrector, corrector, corrector):
        if optimiser is corrector:
            codes = codes.detach()
            codes = codes + network.corrector(network.sftmd(lr, codes), codes)
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(codes, truth).backward()
        optimiser.step()
    phase.trainer.advance(*batch)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(made.restorer().state_dict()[name], value, msg=name)


@pytest.mark.parametrize("number", [0, 1], ids=["restoration", "correction"])
def test_a_resumed_phase_ends_in_the_same_weights(few, tmp_path, number):
    def phase(seed):
        made = method(options(), few)
        chosen = next(itertools.islice(made.phases(), number, None))
        torch.manual_seed(seed)
        with torch.no_grad():
            for weight in chosen.trainer.network.parameters():
                weight.add_(0.01 * seed)
        return chosen

    def advanced(chosen, first, last):
        for step in range(first, last):
            chosen.trainer.advance(*chosen.batches[step])
        return chosen.trainer

    whole, part, other = phase(0), phase(0), phase(1)
    torch.save(advanced(part, 0, 2).state(), tmp_path / "state.pt")
    other.trainer.load(torch.load(tmp_path / "state.pt", weights_only=True))
    first, second = advanced(whole, 0, 4), advanced(other, 2, 4)
    assert second.step == 4
    for name, value in first.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name
    assert first.log() == second.log()
    assert first.measurements == second.measurements


def field(seed, side=128):
    """An image of fine random texture, (side, side, 3), uint8, on whose patches blur shows everywhere."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = 1
    waves = rng.standard_normal((3, 2, *frequency.shape))
    texture = np.fft.irfft2((waves[:, 0] + 1j * waves[:, 1]) / frequency**0.8, (side, side)).transpose(1, 2, 0)
    return np.clip(128 + 45 * texture / texture.std(), 0, 255).astype(np.uint8)


def test_the_codes_order_blur_widths_and_corrections_help(tmp_path):
    # Mean distance from the true codes on held-out patches: a constant 0.214, the first guess 0.109, the last one
    # 0.088; mean error of the blur 0.34 and 0.29 pixels; its rank correlation with the true one 0.968 and 0.971.
    images = pack_of(tmp_path / "train", [field(seed) for seed in range(40)])
    sizes = {"width": 8, "blocks": 1, "code": 10, "predictor": 8}
    restoration = {"iterations": 400, "batch": 4, "patch": 48, "lr": 4e-3}
    correction = {"iterations": 850, "batch": 8, "patch": 64, "lr": 2e-3}
    made = method(options(sizes, 2, restoration, correction), images, 50)
    measured = trained(made)
    rmse = [value for _, name, value in measured["restoration"] if name == "sr_rmse_255"]
    assert rmse[-1] < 0.85 * rmse[0]
    last = {name: value for step, name, value in measured["correction"] if step == 850}
    assert last["code_error_last"] < last["code_error_first"] < 0.15

    held_out = pack_of(tmp_path / "test", [field(seed) for seed in range(1000, 1016)])
    lr, _, described = KnownPairs(held_out, recipe(64, 64), SETTING, (9, 9))[0]
    network, blur = made.restorer(), described[:, 0]
    with torch.no_grad():
        truth, codes = network.codes(blur), network.estimates(lr / 255)
    widths = torch.linspace(0.2, 4, 381)
    constant = network.codes(widths).mean(dim=0)
    first, corrected = (float((codes[:, place] - truth).norm(dim=1).mean()) for place in (0, -1))
    assert corrected < 0.95 * first
    assert corrected < 0.55 * float((constant - truth).norm(dim=1).mean())
    nearest = widths[torch.cdist(codes[:, -1], network.codes(widths)).argmin(dim=1)]
    assert stats.spearmanr(nearest, blur).statistic > 0.9
    assert float((nearest - blur).abs().mean()) < 0.4  # pixels
