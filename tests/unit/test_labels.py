import numpy as np
import pytest

from degcraft.figures.labels import MARKER, along, offsets

WINDOW = np.array([0.0, 0.0, 200.0, 100.0])
SIZE = 6.0
NONE = np.zeros((0, 2))


def box(middle, label):
    half = np.array([len(label) * 0.6 * SIZE, SIZE]) / 2
    return (*(middle - half), *(middle + half))


def shared(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0) * max(height, 0)


def test_a_lone_point_has_its_label_beside_it():
    points = np.array([[100.0, 50.0]])
    (step,) = offsets(points, ["25"], NONE, WINDOW, SIZE)
    assert 0 < np.hypot(*step) < 10
    marker = (98, 48, 102, 52)
    assert shared(box(points[0] + step, "25"), marker) == 0


@pytest.mark.parametrize("seed", range(5))
def test_labels_of_a_crowd_cover_neither_one_another_nor_points(seed):
    points = np.random.default_rng(seed).uniform([60, 30], [140, 70], size=(8, 2))
    labels = ["0", "1", "5", "10", "15", "25", "50", "100"]
    steps = offsets(points, labels, NONE, WINDOW, SIZE)
    boxes = [box(point + step, label) for point, step, label in zip(points, steps, labels, strict=True)]
    markers = [(x - MARKER / 2, y - MARKER / 2, x + MARKER / 2, y + MARKER / 2) for x, y in points]
    for number, one in enumerate(boxes):
        assert all(shared(one, other) < 2 for other in boxes[number + 1 :])
        assert all(shared(one, marker) < 2 for marker in markers)


@pytest.mark.parametrize("corner", [(1.0, 1.0), (199.0, 1.0), (1.0, 99.0), (199.0, 99.0)])
def test_a_label_stays_in_the_window(corner):
    (step,) = offsets(np.array([corner]), ["0.05"], NONE, WINDOW, SIZE)
    left, lower, right, upper = box(np.array(corner) + step, "0.05")
    assert (left >= 0, lower >= 0, right <= 200, upper <= 100) == (True,) * 4


def test_a_label_keeps_off_lines():
    points = np.array([[100.0, 50.0]])
    free = offsets(points, ["25"], NONE, WINDOW, SIZE)[0]
    line = np.array([points[0], points[0] + 3 * free])
    moved = offsets(points, ["25"], along([line]), WINDOW, SIZE)[0]
    assert free @ moved <= 0


def test_a_point_without_label_takes_no_room():
    points = np.array([[100.0, 50.0], [100.0, 50.0]])
    steps = offsets(points, ["", "5"], NONE, WINDOW, SIZE)
    assert np.array_equal(steps[1], offsets(points[1:], ["5"], NONE, WINDOW, SIZE)[0])


def test_places_along_lines_go_from_corner_to_corner():
    found = along([np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 5.0]]), np.array([[3.0, 3.0]])])
    assert found[0].tolist() == [0, 0]
    assert found[-1].tolist() == [10, 5]
    assert ((found[:, 1] == 0) | (found[:, 0] == 10)).all()
    assert np.ptp(found[found[:, 1] == 0, 0]) == 10
    assert along([]).shape == (0, 2)
