import numpy as np
import pytest

from degcraft.crops import choose, crop_windows


def flat_with(height, width, *detailed, side):
    """Grey image with noise of the given strength in some windows: (top, left, strength)."""
    rng = np.random.default_rng(0)
    image = np.full((height, width, 3), 128, np.uint8)
    for top, left, strength in detailed:
        image[top : top + side, left : left + side] += rng.integers(0, strength, (side, side, 1), dtype=np.uint8)
    return image


def test_windows_are_a_centred_grid_without_overlap():
    windows = crop_windows(np.zeros((70, 101, 3), np.uint8), 32)
    assert windows == [(3, 2), (3, 34), (3, 66), (35, 2), (35, 34), (35, 66)]


@pytest.mark.parametrize(("height", "width", "count"), [(31, 90, 0), (90, 31, 0), (32, 32, 1), (63, 64, 2)])
def test_number_of_windows(height, width, count):
    assert len(crop_windows(np.zeros((height, width, 3), np.uint8), 32)) == count


def test_detailed_windows_come_first():
    image = flat_with(64, 96, (0, 32, 10), (32, 64, 40), (32, 0, 20), side=32)
    assert crop_windows(image, 32)[:3] == [(32, 64), (32, 0), (0, 32)]


def test_detail_is_the_gradient_capped_at_32():
    line = np.array([0, 30, 60, 90, 120, 150, 150, 90, 30, 50, 70, 90], np.uint8)
    image = np.tile(line[:, None], (6, 1, 3)).astype(np.uint8)
    # Magnitudes 30 five times and 15: 165; and 30, 60, 20 four times: 170, of which the cap leaves 142.
    assert crop_windows(image, 6) == [(0, 0), (0, 6)]


def test_one_strong_edge_does_not_beat_much_detail():
    image = flat_with(32, 64, (0, 0, 24), side=32)
    image[:, 48:] = 255
    assert crop_windows(image, 32)[0] == (0, 0)


def test_every_image_contributes_before_any_contributes_twice():
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (64, 64 + 32 * k, 3), dtype=np.uint8) for k in range(3)]
    chosen = choose(iter(images), 8, 32)
    assert [crop.image for crop in chosen] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert len({(crop.image, crop.top, crop.left) for crop in chosen}) == 8
    for crop in chosen:
        assert np.array_equal(crop.pixels, images[crop.image][crop.top : crop.top + 32, crop.left : crop.left + 32])
    for number, image in enumerate(images):
        places = [(crop.top, crop.left) for crop in chosen if crop.image == number]
        assert places == crop_windows(image, 32)[: len(places)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17, 18, 30])
def test_choice_is_the_start_of_the_full_choice(count):
    rng = np.random.default_rng(2)
    images = [rng.integers(0, 256, (64, 64 + 32 * k, 3), dtype=np.uint8) for k in range(3)]
    everything = [(c.image, c.top, c.left) for c in choose(images, 1000, 32)]
    assert len(everything) == 4 + 6 + 8
    assert [(c.image, c.top, c.left) for c in choose(images, count, 32)] == everything[:count]


def test_crops_keep_no_image_alive():
    image = np.zeros((64, 64, 3), np.uint8)
    (crop,) = choose([image], 1, 32)
    assert not np.shares_memory(crop.pixels, image)
    assert crop.pixels.base is None


def test_no_images_no_crops():
    assert choose([], 5, 32) == []
    assert choose([np.zeros((20, 20, 3), np.uint8)], 5, 32) == []
