import contextlib
import copy
import io
import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from degcraft.degradations import first_order
from degcraft.errors import DegcraftError
from degcraft.methods.dasr.networks import DASR, build
from degcraft.methods.learning import Material, learning
from degcraft.pretraining import pairs as pairs_module
from degcraft.pretraining.pairs import Pairs, TruePairs
from tests.conftest import photo_like
from tests.learning import pack_of, train

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
BATCH = 4


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    return pack_of(tmp_path_factory.mktemp("images"), [photo_like(seed, 64, 80) for seed in range(3)])


def entry(encoder=4, restoration=4, queue=12, **phase):
    common = {"batch": BATCH, "patch": 32, "lr": 1e-3, **phase}
    return {
        "kind": "dasr",
        "sizes": {"width": 8, "groups": 1, "blocks": 1, "reduction": 2, "queue": queue},
        "phases": {
            "encoder": {**common, "iterations": encoder},
            "restoration": {**common, "iterations": restoration},
        },
    }


def method(images, options=None, seeds=(0, 0), log_every=2):
    torch.manual_seed(seeds[1])
    return learning(options or entry(), Material(images, None, None, seeds, log_every, CPU, contextlib.nullcontext))


def begun(images, options=None, **further):
    """The method at the beginning of its second phase, and both phases."""
    made = method(images, options, **further)
    phases = made.phases()
    first = next(phases)
    train(first)
    return made, first, next(phases)


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_the_sizes_of_an_entry_are_those_of_the_network():
    sizes = {"width": 64, "groups": 5, "blocks": 5, "reduction": 8, "queue": 8192}
    network = build({"kind": "dasr", "sizes": sizes})
    assert sum(weight.numel() for weight in network.parameters()) == 1_147_200 + 4_690_499
    assert build(entry())(torch.rand(2, 3, 8, 12)).shape == (2, 3, 32, 48)


def test_learning_rates_fall_where_published(pack):
    _, first, second = begun(pack, entry(encoder=10, restoration=8))
    assert (first.name, second.name) == ("encoder", "restoration")
    assert [first.trainer.recipe.lr_at(step) for step in (0, 5, 6, 9)] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])
    rates = [second.trainer.recipe.lr_at(step) for step in (0, 1, 2, 3, 4, 6, 7)]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4, 1.25e-4, 1.25e-4])


def test_the_truth_is_what_the_query_was_made_of(pack, monkeypatch):
    monkeypatch.setattr(pairs_module, "NOISE", (0.0, 0.0))
    monkeypatch.setattr(pairs_module, "SPREAD", (2.0, 2.0))
    source = begun(pack)[2].batches
    queries, keys, truth = source[1]
    assert truth.shape == (BATCH, 3, 32, 32)
    assert truth.dtype == torch.uint8
    for number in range(BATCH):
        blurred = first_order.blur_and_downsample(truth[number].permute(1, 2, 0).numpy(), 2.0, 21, "bicubic")
        assert queries[number].permute(1, 2, 0).numpy() == pytest.approx(blurred.clip(0, 255), abs=0.51)
        assert abs(keys[number].permute(1, 2, 0).numpy() - blurred).max() > 5


def test_pairs_with_truth_are_the_same_pairs(pack):
    recipe = method(pack)._pairs(Pairs, "encoder", (), 1).recipe
    for found, expected in zip(TruePairs(pack, recipe, 0)[2][:2], Pairs(pack, recipe, 0)[2], strict=True):
        assert torch.equal(found, expected)


def test_pairs_depend_on_phase_and_both_seeds(pack):
    _, first, second = begun(pack)
    queries = [
        first.batches[0][0],
        second.batches[0][0],
        *(begun(pack, seeds=s)[1].batches[0][0] for s in ((1, 0), (0, 1))),
    ]
    assert len({one.contiguous().numpy().tobytes() for one in queries}) == 4
    assert torch.equal(queries[0], next(method(pack).phases()).batches[0][0])


def test_the_queue_is_full_at_the_first_step_and_goes_on(pack):
    phases = (made := method(pack)).phases()
    first = next(phases)
    untrained = copy.deepcopy(first.trainer.average)
    begin = [torch.nn.functional.normalize(untrained(first.batches[step][1].float())) for step in (-2, -1)]
    first.trainer.advance(*first.batches[0])
    torch.testing.assert_close(first.trainer.queue[:8], torch.cat(begin)[-8:])
    before = train(first).queue
    second = next(phases)
    assert torch.equal(second.trainer.queue, before)
    second.trainer.advance(*second.batches[0])
    assert torch.equal(second.trainer.queue[:8], before[4:])
    assert not torch.equal(second.trainer.queue[8:], before[8:])
    torch.testing.assert_close(second.trainer.queue.norm(dim=1), torch.ones(12))
    assert torch.equal(first.trainer.queue, before)
    assert made.restoration is second.trainer


def test_encoder_and_momentum_copy_go_on_with_their_statistics(pack):
    _, first, second = begun(pack)
    for mine, theirs in (("network", "network"), ("average", "average")):
        found = getattr(second.trainer, mine).projected().state_dict()
        assert_same(dict(found), dict(getattr(first.trainer, theirs).state_dict()))
    kept = {name: weight.clone() for name, weight in second.trainer.average.named_parameters()}
    second.trainer.advance(*second.batches[0])
    for name, weight in second.trainer.network.named_parameters():
        moved = 0.999 * kept[name].double() + 0.001 * weight.double()
        torch.testing.assert_close(second.trainer.average.get_parameter(name).double(), moved, rtol=1e-5, atol=1e-7)
    encoders = [side.restorer.encoder[1] for side in (second.trainer.network, second.trainer.average)]
    assert [norm.num_batches_tracked.item() for norm in encoders] == [5, 5 + 3]  # the copy filled the queue of 12, too
    assert not torch.equal(encoders[0].running_mean, encoders[1].running_mean)


def test_loss_is_error_in_grey_levels_and_contrast(pack):
    trainer, batches = (second := begun(pack)[2]).trainer, second.batches
    queries, _, truth = batches[0]
    restorer = copy.deepcopy(trainer.network.restorer)
    expected = (restorer(queries / 255) - truth / 255).abs().mean().item()
    loss = trainer.loss(*batches[0]).item()
    measured = {name: value.item() for name, value in trainer.sums.items()}
    assert set(measured) == {"l1", "contrast_nats"}
    assert measured["l1"] == pytest.approx(expected, rel=1e-5)
    assert loss == pytest.approx(255 * measured["l1"] + measured["contrast_nats"], rel=1e-6)
    assert trainer.guess == pytest.approx(math.log(13))


def test_both_parts_of_the_loss_teach_the_encoder(pack):
    network = begun(pack)[2].trainer.network
    sr, vectors = network(torch.rand(2, 3, 8, 8))
    for output in (sr, vectors):
        network.zero_grad()
        output.square().mean().backward(retain_graph=True)
        assert network.restorer.encoder[0].weight.grad.abs().max() > 0


def test_measurements_of_both_phases(pack):
    _, first, second = begun(pack)
    train(second)
    assert [row[:2] for row in first.trainer.measurements] == [(2, "contrast_nats"), (4, "contrast_nats")]
    assert [row[2] for row in first.trainer.measurements] == pytest.approx([row[1] for row in first.trainer.losses])
    assert {row[:2] for row in second.trainer.measurements} == {
        (step, name) for step in (2, 4) for name in ("l1", "contrast_nats")
    }


@pytest.mark.parametrize("number", [0, 1])
def test_a_resumed_training_ends_in_the_same_bits(pack, number):
    whole, half, other = (begun(pack)[2] if number else next(method(pack).phases()) for _ in range(3))
    for step in range(4):
        whole.trainer.advance(*whole.batches[step])
    for step in range(2):
        half.trainer.advance(*half.batches[step])
    file = io.BytesIO()
    torch.save(half.trainer.state(), file)
    file.seek(0)
    torch.manual_seed(99)
    with torch.no_grad():
        for weight in other.trainer.network.parameters():
            weight.normal_()
    other.trainer.load(torch.load(file, weights_only=True))
    for step in range(2, 4):
        other.trainer.advance(*other.batches[step])
    state, expected = (dict(one.trainer.state()) for one in (other, whole))
    for one in (state, expected):
        one.pop("random")
    assert {"network", "average", "optimiser", "queue"} <= set(state)
    assert_same(state, expected)


def test_the_restorer_is_rebuilt_from_its_state(pack):
    made, _, second = begun(pack)
    train(second)
    restorer, rebuilt = made.restorer(), build(entry()).eval()
    assert isinstance(restorer, DASR)
    state = restorer.state_dict()
    assert state["encoder.1.num_batches_tracked"] == 8
    assert not torch.equal(state["encoder.16.running_var"], torch.ones(256))
    rebuilt.load_state_dict(state)
    lr = torch.rand(2, 3, 10, 12)
    with torch.no_grad():
        torch.testing.assert_close(restorer(lr), rebuilt(lr), rtol=1e-5, atol=1e-6)  # memory formats differ
        alone = torch.cat([rebuilt(one[None]) for one in lr])  # the statistics are not those of the batch
        torch.testing.assert_close(rebuilt(lr), alone, rtol=1e-4, atol=1e-5)


def speckled(seed, side):
    """White noise of a contrast of its own."""
    rng = np.random.default_rng(seed)
    return rng.normal(128, rng.uniform(30, 50), (side, side, 3)).clip(0, 255).astype(np.uint8)


def codes(restorer, images, widths):
    """Codes (images * widths, 256) of every image under isotropic blur of every width, without noise."""
    lr = np.stack(
        [first_order.blur_and_downsample(image, width, 21, "bicubic") for image in images for width in widths]
    )
    with torch.no_grad():
        return restorer.codes(torch.from_numpy(lr.clip(0, 255).round()).permute(0, 3, 1, 2).float() / 255).numpy()


def blur_order(restorer):
    """Spearman correlation of blur width and what is read out of the codes of other images than it was fitted on."""
    widths = np.linspace(0.2, 4, 12)
    known, held_out = (
        [speckled(first + number, 96) for number in range(count)] for first, count in ((100, 3), (200, 8))
    )
    features = codes(restorer, known, widths)
    mean = features.mean(axis=0)
    main = np.linalg.svd(features - mean, full_matrices=False)[2][0]  # of 256 directions, 36 codes can fit one
    slope, offset = np.polyfit((features - mean) @ main, np.tile(widths, len(known)), 1)
    found = slope * ((codes(restorer, held_out, widths) - mean) @ main) + offset
    return spearmanr(found, np.tile(widths, len(held_out))).statistic


def test_codes_order_blur_widths(tmp_path):
    images = pack_of(tmp_path, [speckled(seed, 256) for seed in range(6)])
    options = entry(encoder=60, restoration=20, queue=64, batch=8, patch=64)
    torch.manual_seed(0)
    assert blur_order(build(options).eval()) < 0.6
    made, first, second = begun(images, options, log_every=20)
    assert first.trainer.measurements[-1][2] < math.log(65) - 0.8
    losses = [value for _, name, value in train(second).measurements if name == "contrast_nats"]
    assert losses[-1] < math.log(65) - 0.8
    assert blur_order(made.restorer()) > 0.9


def test_what_does_not_fit_is_refused(pack):
    message = r"methods \(kind dasr\).queue: 10, but batches of 4; a multiple .* write queue: 12$"
    with pytest.raises(DegcraftError, match=message):
        next(method(pack, entry(queue=10)).phases())
    with pytest.raises(DegcraftError, match=r"methods \(kind dasr\).patch: 68, but 3 training images are smaller"):
        next(method(pack, entry(patch=68)).phases())
