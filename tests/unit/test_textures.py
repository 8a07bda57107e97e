import contextlib

import numpy as np
import pytest
import torch
from PIL import Image

from degcraft.classes import Listing, decoded, list_textures
from degcraft.errors import DegcraftError
from degcraft.extractors.alexnet import single_column
from degcraft.extractors.convolutional import IMAGENET
from degcraft.pretraining import build
from degcraft.pretraining.task import recipe
from degcraft.pretraining.textures import Classification, Crops, middle
from degcraft.training import fit

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def save(path, height=70, width=70, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(image).save(path)


def plain(folder, **counts):
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            save(folder / name / f"{name}_{number:02d}.png")
    return folder


def minc(folder, train="ab", held_out="ab", categories=None, lines=()):
    (folder / "labels").mkdir(parents=True)
    for file, side, first in (("train1", train, 0), ("validate1", held_out, 5)):
        names = [f"images/{name}/{name}_{number}.jpg" for name in side for number in range(first, first + 2)]
        for name in names:
            save(folder / name)
        (folder / "labels" / f"{file}.txt").write_text("\n".join([*names, *lines]) + "\n")
    if categories is not None:
        (folder / "categories.txt").write_text("\n".join(categories) + "\n")
    return folder


def test_plain_folders(tmp_path):
    found = list_textures(plain(tmp_path, brick=25, wood=4, sky=2), 0)
    assert found.classes == ("brick", "sky", "wood")
    assert [found.labels.count(label) for label in range(3)] == [25, 2, 4]
    kept = [sum(held for held, label in zip(found.held_out, found.labels, strict=True) if label == k) for k in range(3)]
    assert kept == [2, 1, 1]  # one in ten, at least one
    assert len(set(found.files)) == 31
    for file, label in zip(found.files, found.labels, strict=True):
        assert file.parent.name == found.classes[label]


def test_the_split_follows_the_seed_alone(tmp_path):
    plain(tmp_path, brick=30, wood=30)
    first, again, other = (list_textures(tmp_path, seed) for seed in (0, 0, 1))
    assert first == again
    assert set(first.files) == set(other.files)
    assert first.files != other.files
    held = [file.name for file, kept in zip(first.files, first.held_out, strict=True) if kept]
    assert [name[-6:-4] for name in held[:3]] != [name[-6:-4] for name in held[3:]]  # classes have streams of their own


def test_other_files_are_passed_over(tmp_path):
    plain(tmp_path, brick=3, wood=3)
    for name in ("brick/.hidden.png", "brick/notes.txt", "brick/deeper/a.png", ".cache/a.png", "split.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    save(tmp_path / "wood" / "UPPER.PNG")
    found = list_textures(tmp_path, 0)
    assert found.classes == ("brick", "wood")
    assert [found.labels.count(label) for label in range(2)] == [3, 4]


def test_minc_layout(tmp_path):
    found = list_textures(minc(tmp_path), 3)
    assert found.classes == ("a", "b")
    assert found == list_textures(tmp_path, 4)  # the split is the data set's own
    sides = {
        kept: [str(file.relative_to(tmp_path)) for file, held in zip(found.files, found.held_out, strict=True) if held == kept]
        for kept in (False, True)
    }  # fmt: skip
    assert sides[False] == [f"images/{name}/{name}_{number}.jpg" for name in "ab" for number in (0, 1)]
    assert sides[True] == [f"images/{name}/{name}_{number}.jpg" for name in "ab" for number in (5, 6)]
    assert found.labels == (0, 0, 0, 0, 1, 1, 1, 1)


def test_minc_categories_give_the_order(tmp_path):
    found = list_textures(minc(tmp_path, categories=["b", "a"]), 0)
    assert found.classes == ("b", "a")
    assert [found.classes[label] for label in found.labels] == [file.parent.name for file in found.files]


def refusal(folder, seed=0):
    with pytest.raises(DegcraftError) as caught:
        list_textures(folder, seed)
    return str(caught.value).replace(str(folder), "FOLDER")


def test_no_such_folder(tmp_path):
    expected = (
        "FOLDER: not found; textures are needed there: one folder of images per class, or the folders images and labels "
        "of MINC-2500; correct the option textures of the extractor, or set its folder with --config data=FOLDER"
    )
    assert refusal(tmp_path / "none") == expected
    (tmp_path / "file").write_text("")
    assert refusal(tmp_path / "file") == expected.replace("not found", "not a folder")


def test_too_few_classes(tmp_path):
    needed = (
        "at least two classes are needed: one folder of images per class, or the folders images and labels of MINC-2500; "
        "correct the option textures of the extractor"
    )
    assert refusal(tmp_path) == f"FOLDER: no class; {needed}"
    assert refusal(plain(tmp_path, brick=5)) == f"FOLDER: the one class brick; {needed}"


def test_classes_that_lack_images(tmp_path):
    assert refusal(plain(tmp_path, brick=5, sky=0, wood=1)) == (
        "FOLDER: 2 of 3 classes lack images: sky (0 for training, 0 held out), wood (0 for training, 1 held out); at least "
        "one for training and one held out are needed; add images, or remove the class"
    )
    assert refusal(minc(tmp_path / "minc", "abc", "abx", categories="abcxy")) == (
        "FOLDER: 3 of 5 classes lack images: c (2 for training, 0 held out), x (0 for training, 2 held out), y (0 for "
        "training, 0 held out); at least one for training and one held out are needed; add images, or remove the class"
    )


def test_label_files_that_name_missing_images(tmp_path):
    minc(tmp_path)
    for number in (0, 1):
        (tmp_path / "images" / "a" / f"a_{number}.jpg").unlink()
    assert refusal(tmp_path) == (
        "FOLDER/labels/train1.txt: 2 of 4 images are missing, the first is images/a/a_0.jpg; unpack the whole data set "
        "again, or remove their lines"
    )


@pytest.mark.parametrize("line", ["a/a_0.jpg", "images/../../etc.jpg", "images/a/b/c.jpg", "a"])
def test_lines_of_another_kind(tmp_path, line):
    assert refusal(minc(tmp_path, lines=[line])) == (
        f'FOLDER/labels/train1.txt: "{line}" found; lines such as images/brick/brick_001968.jpg are needed; correct the '
        "line, or, for plain class folders, name FOLDER/images"
    )


def test_label_files_that_are_not_there_or_not_text(tmp_path):
    minc(tmp_path)
    (tmp_path / "labels" / "validate1.txt").write_bytes(b"\xff\xfe\x00")
    assert refusal(tmp_path).startswith("FOLDER/labels/validate1.txt: cannot be read ('utf-8'")
    (tmp_path / "labels" / "validate1.txt").unlink()
    message = refusal(tmp_path)
    assert message.startswith("FOLDER/labels/validate1.txt: cannot be read ([Errno 2]")
    assert message.endswith("unpack it again, or, for plain class folders, name FOLDER/images")


def test_an_image_on_both_sides(tmp_path):
    minc(tmp_path)
    line = "images/b/b_0.jpg\n"
    path = tmp_path / "labels" / "validate1.txt"
    path.write_text(path.read_text() + line)
    assert refusal(tmp_path).startswith(
        "FOLDER/labels: 1 images are in train1.txt and in validate1.txt, the first is images/b/b_0.jpg; "
    )


def test_a_class_that_categories_does_not_list(tmp_path):
    assert refusal(minc(tmp_path, "abc", "abc", categories="ab")).startswith(
        "FOLDER/categories.txt: does not list c, which the label files name; "
    )


def test_all_unfit_images_are_told_at_once(tmp_path):
    plain(tmp_path, brick=3, wood=3)
    save(tmp_path / "brick" / "small.png", 70, 62)
    (tmp_path / "wood" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    listing = list_textures(tmp_path, 0)
    with pytest.raises(DegcraftError) as caught:
        list(decoded(listing, 63))
    title, *lines = str(caught.value).replace(str(tmp_path), "FOLDER").split("\n  ")
    assert title == "2 of 8 textures cannot be used"
    assert lines[0] == (
        "FOLDER/brick/small.png: 62 x 70 pixels, patches have 63 x 63; take it out, or lower the option patch of pretrain"
    )
    assert lines[1].startswith("FOLDER/wood/broken.jpg: ")
    assert len(lines) == 2
    with pytest.raises(DegcraftError, match=r"(?s)^8 of 8 .*71 x 71; take"):
        list(decoded(listing, 71))


def test_decoded_images_are_those_of_the_files(tmp_path):
    listing = list_textures(plain(tmp_path, brick=2, wood=2), 0)
    for file, image in zip(listing.files, decoded(listing, 63), strict=True):
        assert np.array_equal(image, np.asarray(Image.open(file)))


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
