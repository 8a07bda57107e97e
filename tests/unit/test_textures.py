import contextlib

import numpy as np
import pytest
import torch

from degcraft.classes import Listing, decoded, list_textures
from degcraft.errors import DegcraftError
from degcraft.extractors.alexnet import single_column
from degcraft.extractors.convolutional import IMAGENET
from degcraft.pretraining import build
from degcraft.pretraining.task import recipe
from degcraft.pretraining.textures import Classification, Crops, middle
from degcraft.training import fit

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


def striped(seed, horizontal, side=80):
    """Stripes of any width, phase and colours, across or down."""
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(side) * rng.uniform(0.4, 1.2) + rng.uniform(0, 6))[:, None, None]
    image = np.broadcast_to(128 + 60 * wave * rng.uniform(0.5, 1, 3), (side, side, 3)) + rng.normal(
        0, 8, (side, side, 3)
    )
    return np.ascontiguousarray(image if horizontal else image.transpose(1, 0, 2)).clip(0, 255).astype(np.uint8)


def stripes(count=24):
    labels = tuple(number % 2 for number in range(count))
    held_out = tuple(number >= count * 2 // 3 for number in range(count))
    images = [striped(number, label) for number, label in enumerate(labels)]
    return images, Listing(("down", "across"), tuple(map(str, range(count))), labels, held_out)


def options(**changes):
    base = {"iterations": 3, "batch": 4, "patch": 63, "lr": 5e-4}
    return recipe({"pretrain": base | changes, "log_every": 2})


def test_crops_are_windows_of_training_images():
    shapes = [(63, 90), (80, 63), (63, 63)]
    images = [np.full((*shape, 3), 80 * number, dtype=np.uint8) for number, shape in enumerate(shapes)]
    listing = Listing(("a", "b"), ("0", "1", "2"), (0, 1, 1), (False, True, False))
    source = Crops(images, listing, options(batch=16), 0)
    assert len(source) == 3
    crops, labels = source[0]
    assert crops.shape == (16, 63, 63, 3)
    assert crops.dtype == torch.uint8
    assert crops.amax(dim=(1, 2, 3)).tolist() == [160 * label for label in labels.tolist()]  # never image 1
    assert set(labels.tolist()) == {0, 1}


def test_crops_move_and_flip():
    image = np.arange(65 * 65 * 3).reshape(65, 65, 3) % 251
    listing = Listing(("a", "b"), ("0", "1"), (0, 1), (False, True))
    crops, _ = Crops([image.astype(np.uint8)] * 2, listing, options(batch=80), 0)[1]
    windows = {
        image[top : top + 63, left : left + 63][::down, ::across].astype(np.uint8).tobytes(): (top, left, down, across)
        for top, left, down, across in np.ndindex(3, 3, 2, 2)
        for down, across in [(1 - 2 * down, 1 - 2 * across)]
    }
    seen = {windows[crop.numpy().tobytes()] for crop in crops}
    assert [len({place[axis] for place in seen}) for axis in range(4)] == [3, 3, 2, 2]


def test_crops_depend_on_step_and_seed_and_not_on_workers():
    images, listing = stripes()
    source = Crops(images, listing, options(), 0)
    assert not torch.equal(source[0][0], source[1][0])
    assert not torch.equal(source[0][0], Crops(images, listing, options(), 1)[0][0])
    loader = torch.utils.data.DataLoader(source, batch_size=None, sampler=range(1, 3), num_workers=2)
    for step, batch in enumerate(loader, start=1):
        for found, expected in zip(batch, source[step], strict=True):
            assert torch.equal(found, expected)


def test_middle_of_an_image():
    image = np.arange(7 * 6 * 3).reshape(7, 6, 3)
    assert np.array_equal(middle(image, 3), image[2:5, 1:4])
    assert np.array_equal(middle(image[:3, :3], 3), image[:3, :3])


def task(images, listing, **changes):
    torch.manual_seed(0)
    return Classification(images, listing, options(**changes), 0, CPU, contextlib.nullcontext)


def test_loss_is_the_cross_entropy_of_the_classes():
    images, listing = stripes()
    trained = task(images, listing)
    trained.network.eval()
    crops, labels = trained.batches[0]
    scores = trained.network(IMAGENET.apply(crops)).detach().double().numpy()
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = -np.log(chances[np.arange(4), labels]).mean()
    assert float(trained.loss(crops, labels).detach()) == pytest.approx(expected, rel=1e-5)
    assert trained.guess == pytest.approx(np.log(2))


def test_stripes_are_learnt():
    images, listing = stripes()
    trained = task(images, listing, iterations=60, batch=8)
    fit(trained, (trained.batches[step] for step in range(60)), 1000, lambda state: None, lambda line: None)
    found = trained.summary()
    assert found["classes"] == ["down", "across"]
    assert (found["training_images"], found["held_out_images"]) == (16, 8)
    assert found["chance_accuracy"] == 0.5
    assert found["held_out_accuracy"] > 0.8
    assert np.mean([row[1] for row in trained.losses[-3:]]) < 0.5 * np.log(2)


def test_accuracy_and_chance_are_counted_on_held_out_images():
    images, _ = stripes(8)
    listing = Listing(
        ("down", "across"), tuple("01234567"), (0, 1) * 4, (False, True, True, True, False, True, True, False)
    )
    trained = task(images, listing, batch=2)
    with torch.no_grad():
        trained.average.classifier[3].weight.zero_()
        trained.average.classifier[3].bias.copy_(torch.tensor([0.0, 1.0]))  # always class 1
    found = trained.summary()
    assert found["held_out_images"] == 5
    assert found["held_out_accuracy"] == 3 / 5
    assert found["chance_accuracy"] == 3 / 5


def test_the_extractor_has_torchvisions_names():
    images, listing = stripes(4)
    found = task(images, listing).extractor().state_dict()
    assert list(found) == [f"features.{name}" for name in single_column().state_dict()]


def test_a_kind_without_textures_is_refused():
    spec = {"extractor": {"kind": "alexnet"}, "pretrain": {}, "seed": 0}
    with pytest.raises(
        DegcraftError, match=r"kind alexnet .* has no textures; .*write textures: FOLDER into its entry"
    ):
        build([], None, spec, CPU, contextlib.nullcontext)


def test_a_kind_that_is_not_trained_here_is_refused():
    spec = {"extractor": {"kind": "vgg"}, "pretrain": {}, "seed": 0}
    with pytest.raises(DegcraftError, match="kind vgg with weights: trained; alexnet and dasr can be trained here"):
        build([], None, spec, CPU, contextlib.nullcontext)


def test_real_textures(shared_data):
    listing = list_textures(shared_data / "reference" / "dtd10", 0)
    assert len(listing.classes) == 10
    assert len(listing.files) == 400
    assert sum(listing.held_out) == 40
    part = Listing(listing.classes, *(values[::20] for values in listing[1:]))
    images = list(decoded(part, 72))
    trained = task(images, part, batch=4, patch=72)
    fit(trained, (trained.batches[step] for step in range(2)), 1000, lambda state: None, lambda line: None)
    assert 1.5 < trained.losses[0][1] < 3.5  # a guess has log(10) = 2.3
