import tracemalloc

import numpy as np
import pytest
from PIL import Image

from degcraft.errors import DegcraftError
from degcraft.sources import Material, named_sources
from tests.conftest import photo_like


def save(path, image, **options):
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return str(path)


def read(files, side=16, **options):
    material = Material(named_sources(files), side, **options)
    return material, list(material)


def test_names_are_safe_and_unique_and_in_order(tmp_path):
    (tmp_path / "b").mkdir()
    named = ["a b.png", "A_B.png", "é.png", "; touch x.png", "b/a b.png"]
    files = [save(tmp_path / name, photo_like(seed, 20, 30)) for seed, name in enumerate(named)]
    sources = named_sources(files, ["coins"])
    assert [source.name for source in sources] == ["A_B-2", "_", "__touch_x", "a_b", "a_b-3", "coins"]
    shown = {source.name: source.shown for source in sources}
    assert shown["_"] == "é.png"
    assert (shown["a_b"], shown["a_b-3"]) == (f"{tmp_path.name}/a b.png", "b/a b.png")
    assert shown["coins"] == "packaged:coins"


def test_sources_keep_their_place_in_what_was_given():
    sources = named_sources(["z.png", "a.png"], ["coins"])
    assert [(source.name, source.number) for source in sources] == [("a", 1), ("coins", 2), ("z", 0)]


def test_pages_of_a_tiff_are_images(tmp_path):
    pages = [photo_like(seed, 20, 30) for seed in range(3)]
    first, *rest = map(Image.fromarray, pages)
    material, pieces = read([save(tmp_path / "scan.tif", first, save_all=True, append_images=rest)])
    assert [(piece.name, piece.frame) for piece in pieces] == [(f"scan-{page:06d}", page) for page in range(3)]
    assert all(np.array_equal(piece.pixels, page) for piece, page in zip(pieces, pages, strict=True))
    assert material.kind == "pages"


def test_kinds_are_told_apart(tmp_path):
    image = save(tmp_path / "a.png", photo_like(0, 20, 30))
    pages = [Image.fromarray(photo_like(seed, 20, 30)) for seed in (1, 2)]
    tiff = save(tmp_path / "b.tif", pages[0], save_all=True, append_images=pages[1:])
    assert [read(files)[0].kind for files in ([image], [tiff], [image, tiff])] == ["images", "pages", "mixed"]


def test_sixteen_bits_become_eight_as_elsewhere(tmp_path):
    deep = np.linspace(0, 65535, 600).round().astype(np.uint16).reshape(20, 30)
    _, (piece,) = read([save(tmp_path / "deep.png", deep)])
    assert np.array_equal(piece.pixels[..., 0], np.rint(deep / 257).astype(np.uint8))
    assert piece.solid is None


def test_opaque_parts_are_known(tmp_path):
    rgba = np.dstack([photo_like(0, 20, 30), np.full((20, 30), 255, np.uint8)])
    opaque = save(tmp_path / "a.png", rgba)
    rgba[:, :9, 3] = 254
    material, pieces = read([opaque, save(tmp_path / "b.png", rgba[::-1].copy())], side=8, reduce=2)
    assert pieces[0].solid is None
    assert pieces[1].solid.shape == pieces[1].pixels.shape[:2] == (10, 15)
    assert pieces[1].solid[:, 5:].all()
    assert not pieces[1].solid[:, :5].any()  # a reduced pixel is opaque if all that it is made from is
    assert material.transparent == 1


def test_all_problems_come_in_one_message(tmp_path):
    files = [save(tmp_path / "inks.jpg", Image.new("CMYK", (30, 20)))]
    files += [save(tmp_path / "float.tif", Image.new("F", (30, 20)))]
    files += [save(tmp_path / "small.png", photo_like(0, 9, 30)), save(tmp_path / "good.png", photo_like(1, 20, 30))]
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:300])
    material = Material(named_sources([*files, str(tmp_path / "cut.png")]), 16)
    with pytest.raises(DegcraftError) as told:
        list(material)
    title, *lines = str(told.value).splitlines()
    assert title == "application: 4 of 5 files cannot be used"
    for name, problem in [("inks.jpg", "CMYK"), ("float.tif", "floating"), ("small.png", "30 x 9"), ("cut.png", "cut")]:
        assert sum(name in line and problem in line for line in lines) == 1


def test_a_video_gives_frames_that_are_spread(tmp_path):
    from tests.unit.test_video import film, moving

    file = film(tmp_path / "my film.mp4", moving(30, 64, 96))
    material, pieces = read([str(file)], frames=5)
    assert [piece.frame for piece in pieces] == [3, 9, 15, 21, 27]
    assert [piece.name for piece in pieces] == [f"my_film-{frame:06d}" for frame in (3, 9, 15, 21, 27)]
    assert material.kind == "video"
    again = dict(material.again([1, 4]))
    assert {number: piece.frame for number, piece in again.items()} == {1: 9, 4: 27}
    assert all(np.array_equal(piece.pixels, pieces[number].pixels) for number, piece in again.items())


def test_again_gives_what_the_first_reading_numbered(tmp_path):
    images = [photo_like(seed, 20, 30) for seed in range(4)]
    images[2] = images[0]
    files = [save(tmp_path / f"{number}.png", image) for number, image in enumerate(images)]
    material, pieces = read(files)
    assert [piece.name for piece in pieces] == ["0", "1", "3"]
    assert material.duplicates == 1
    ((number, piece),) = material.again([2])
    assert (number, piece.name) == (2, "3")
    assert np.array_equal(piece.pixels, images[3])


def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    files = [save(tmp_path / f"{seed}.png", photo_like(seed, 200, 300)) for seed in range(12)]

    def peak(count):
        material = Material(named_sources(files[:count]), 16)
        tracemalloc.start()
        for _ in material:
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(12) < 1.5 * peak(2)
