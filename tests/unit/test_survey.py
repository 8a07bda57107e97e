import numpy as np
import pytest
from PIL import Image, ImageFilter

from degcraft.cleanness import are_clean, cleanness
from degcraft.crops import luma_of
from degcraft.images import decode, packaged
from degcraft.overlays import Overlays
from degcraft.references import choose_references, measured, noise_of, overlaid
from degcraft.shots import THUMBNAIL, spread, starts, without_repeats
from degcraft.survey import Survey, few, left_out
from tests.conftest import photo_like

SIDE = 32


def rng(seed=0):
    return np.random.default_rng(seed)


def texture(seed, height=SIDE, width=SIDE):
    """Coloured blobs of about 4 pixels, far from black and white."""
    small = rng(seed).integers(60, 200, (height // 4, width // 4, 3))
    return small.repeat(4, 0).repeat(4, 1).astype(np.uint8)


def chosen(images, count=100, least=2, seed=0, places=None):
    windows = [measured(image, SIDE) for image in images]
    for one in windows:
        overlaid(one, places, SIDE)
    return choose_references(windows, count, least, rng(seed))


def test_windows_keep_to_the_grid_of_jpeg():
    for height, width in ((32, 32), (75, 101), (200, 333)):
        windows = measured(photo_like(0, height, width), SIDE)
        assert len(windows.places) == (height // SIDE) * (width // SIDE)
        assert (windows.places % 8 == 0).all()
        assert len({tuple(place) for place in windows.places.tolist()}) == len(windows.places)
        assert (windows.places + SIDE <= (height, width)).all()
    assert len(measured(photo_like(0, 31, 90), SIDE).places) == 0


def test_shares_are_those_of_the_pixels():
    image = np.concatenate([texture(0), np.full((SIDE, SIDE, 3), 128, np.uint8), texture(1)], axis=1)
    image[:8, :SIDE] = 255  # a quarter of the first window
    windows = measured(image, SIDE)
    by_left = dict(zip(windows.places[:, 1].tolist(), range(3), strict=True))
    assert windows.saturated[by_left[0]] == 0.25
    assert windows.saturated[[by_left[32], by_left[64]]].tolist() == [0, 0]
    assert windows.flat[by_left[32]] > 0.5
    assert windows.flat[by_left[64]] < 0.3


def test_images_without_a_good_window_are_counted():
    flat = np.full((SIDE, SIDE, 3), 128, np.uint8)
    images = [texture(0), flat, texture(1)]
    assert chosen(images, count=9, least=2).notes == ["1 of 3 images gave no crop: none of their windows is good."]
    assert chosen(images, count=2, least=2).notes == []  # two were wanted


def test_noise_is_no_texture():
    image = np.clip(128 + rng().normal(0, 20, (64, 64, 3)), 0, 255).astype(np.uint8)
    plane = luma_of(image)
    assert noise_of(plane) == pytest.approx(plane.std(), rel=0.1)
    assert measured(image, SIDE).flat.min() > 0.5
    noisy = np.clip(texture(0, 64, 64) + rng().normal(0, 10, (64, 64, 3)), 0, 255).astype(np.uint8)
    assert measured(noisy, SIDE).flat.max() < 0.5


def test_large_images_are_measured_in_bands(monkeypatch):
    image = photo_like(0, 200, 333)
    whole = measured(image, SIDE)
    monkeypatch.setattr("degcraft.references._AT_ONCE", SIDE * 333)
    bands = measured(image, SIDE)
    assert sorted(bands.places.tolist()) == sorted(whole.places.tolist())
    shares = [dict(zip(map(tuple, one.places.tolist()), one.saturated, strict=True)) for one in (whole, bands)]
    assert shares[0] == shares[1]


def test_transparent_windows_are_never_used():
    solid = np.ones((64, 64), bool)
    solid[40, 10] = False
    places = measured(texture(0, 64, 64), SIDE, solid).places.tolist()
    assert sorted(places) == [[0, 0], [0, 32], [32, 32]]


def test_flat_and_saturated_windows_are_avoided_and_then_given_up_in_order():
    flat, flatter, bright = np.full((SIDE, SIDE, 3), 128, np.uint8), texture(3), texture(1)
    flatter[:, 8:] = 128
    bright[::4, ::2] = 255  # an eighth
    images = [flat, texture(0), bright, texture(2), flatter]
    assert {image for image, _, _ in chosen(images).places} == {1, 3}
    everything = chosen(images, least=5)
    assert [image for image, _, _ in everything.places][2:] == [4, 2, 0]
    assert everything.notes == [
        "Good windows were too few, so 1 crops have more flat areas.",
        "Good windows were too few, so 1 crops have saturated areas.",
        "Good windows were too few, so 1 crops have hardly any texture.",
    ]
    assert chosen(images, least=4).places == everything.places[:4]
    assert len(chosen(images, count=3, least=3).places) == 3


def test_every_image_gives_one_before_any_gives_two():
    images = [texture(seed, 64, 96) for seed in range(5)]
    places = chosen(images, count=12).places
    assert [sorted(image for image, _, _ in places[start : start + 5]) for start in (0, 5)] == [list(range(5))] * 2
    assert len(set(places)) == 12


def test_the_order_is_the_seeds():
    images = [texture(seed, 64, 96) for seed in range(9)]
    assert chosen(images, count=4).places == chosen(images, count=4).places
    assert len({tuple(chosen(images, count=4, seed=seed).places) for seed in range(5)}) > 1


def test_places_that_show_the_same_come_last():
    still = texture(0, 64, 96)
    frames = [np.clip(still + rng(seed).normal(0, 4, still.shape), 0, 255).astype(np.uint8) for seed in range(5)]
    places = chosen(frames, count=10).places
    assert len({(top, left) for _, top, left in places[:6]}) == 6
    assert len({(top, left) for _, top, left in places}) == 6
    assert "4 of 10 crops show what others of the same place show" in chosen(frames, count=10).notes[0]


def titled(count, height=96, width=128):
    """Scenes with white strokes at one place, and a little noise everywhere, as after compression."""
    images = []
    for seed in range(count):
        image = texture(seed, height, width).astype(float)
        image[70:84, 20:60:6] = image[70:84, 21:60:6] = 235
        images.append(np.clip(image + rng(seed).normal(0, 2, image.shape), 0, 255).astype(np.uint8))
    return images


def places_of(images):
    overlays = Overlays()
    for image in images:
        overlays.add(luma_of(image))
    return overlays.places(images[0].shape[:2])


def test_text_that_stays_is_found():
    found = places_of(titled(20))
    assert found[72:82, 20:56:6].mean() > 0.8
    found[66:88, 16:64] = False
    assert not found.any()


def test_nothing_stays_in_moving_or_in_still_images():
    assert not places_of([texture(seed, 96, 128) for seed in range(20)]).any()
    still = texture(0, 96, 128)
    frames = [np.clip(still + rng(seed).normal(0, 4, still.shape), 0, 255).astype(np.uint8) for seed in range(20)]
    assert not places_of(frames).any()
    assert places_of(titled(7)) is None  # too few to tell


def test_crops_keep_away_from_text():
    survey = Survey(SIDE)
    for image in titled(20):
        survey.add(image, None)
    choice = survey.choose(100, 2, rng())
    assert len(choice.places) == 100
    assert not {(64, 0), (64, 32)} & {(top, left) for _, top, left in choice.places}
    assert any(note.startswith("In 20 images, something stays in place") for note in choice.notes)
    assert survey.ranges() == {"width": [128, 128], "height": [96, 96]}


def enlarged(name, side=1100):
    """A packaged photograph, mirrored to a large size: as sharp as it is."""
    image = decode(packaged(name))
    times = -(-side // min(image.shape[:2]))
    rows = np.concatenate([image, image[::-1]] * times)[:side]
    return np.concatenate([rows, rows[:, ::-1]] * times, axis=1)[:, :side]


def jpeg(image, quality):
    from io import BytesIO

    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


CHANGES = {
    "blurred": lambda image: np.array(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1))),
    "noisy": lambda image: np.clip(image + rng().normal(0, 6, image.shape), 0, 255).astype(np.uint8),
    "compressed": lambda image: jpeg(image, 40),
    "small": lambda image: image[:700, :700],
}


@pytest.mark.parametrize("name", ["coffee", "rocket", "china", "motorcycle_left"])
def test_large_clean_photographs_are_told_from_degraded_ones(name):
    image = enlarged(name)
    assert are_clean([cleanness(image)])
    assert {kind: are_clean([cleanness(change(image))]) for kind, change in CHANGES.items()} == dict.fromkeys(CHANGES, False)  # fmt: skip


def test_the_note_on_clean_images():
    survey, other = Survey(SIDE), Survey(SIDE)
    survey.add(enlarged("coffee"), None)
    other.add(texture(0, 64, 64), None)
    assert survey.notes()[0].startswith(
        "The images are large already (up to 1100 x 1100 pixels), sharp and hardly noisy"
    )
    assert other.notes() == []


def test_few_and_left_out_are_told():
    assert few(50) == []
    assert few(49)[0].startswith("There are only 49 references, 100 are better: with few, estimates depend on")
    assert left_out(0, 0, 0) == []
    assert len(left_out(1, 2, 3)) == 3


def shots(*lengths):
    """Thumbnails of shots that drift slowly, and flicker."""
    parts = []
    for seed, length in enumerate(lengths):
        scene = rng(seed).integers(0, 200, THUMBNAIL)
        step = rng(seed + 100).normal(0, 0.5, (length, *THUMBNAIL)).cumsum(0)
        flicker = rng(seed + 200).integers(0, 30, (length, 1, 1))
        parts.append(np.clip(scene + step + flicker, 0, 255))
    return np.concatenate(parts).astype(np.uint8)


def test_cuts_are_found():
    assert starts(shots(40, 3, 60, 1, 20)) == [0, 40, 43, 103, 104]
    assert starts(shots(1)) == [0]
    long = shots(4500, 200)
    assert starts(long) == [0, 4500]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 50, 500])
def test_frames_are_shared_out(count):
    cuts, frames = [0, 10, 11, 60], 100
    found = spread(cuts, frames, count)
    assert len(found) == min(count, frames)
    assert found == sorted(set(found))
    shares = np.histogram(found, [*cuts, frames])[0]
    if 4 <= count < frames:
        assert shares.min() == 1
        assert abs(shares[2] / shares[3] - 49 / 40) < 0.5


def test_repeated_frames_are_dropped():
    thumbnails = shots(10)
    thumbnails[7] = thumbnails[2]
    assert without_repeats(thumbnails, [1, 2, 5, 7, 9]) == [1, 2, 5, 9]
