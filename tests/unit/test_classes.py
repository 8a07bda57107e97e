import numpy as np
import pytest
from PIL import Image

from degcraft.classes import decoded, list_textures
from degcraft.errors import DegcraftError


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
