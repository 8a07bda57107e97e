import json

import numpy as np
import pytest

from degcraft.errors import DegcraftError
from degcraft.io import read_table, write_arrays
from degcraft.stages.alpha import main
from degcraft.weighting import frechet
from degcraft.weighting.alpha import ALPHAS, _target, scores

EDGES = [np.linspace(0, 1, 6), np.linspace(0, 1, 5)]


def bank(noise, seed=0, contents=40, channels=10):
    """Features of 5 x 4 bins, linear in two degradations, under so much noise."""
    rng = np.random.default_rng(seed)
    bins = np.stack(np.meshgrid(range(5), range(4), indexing="ij"), axis=-1).reshape(20, 1, 2)
    points = (bins + rng.random((20, contents, 2))) / [5, 4]
    directions = np.random.default_rng(9).normal(size=(2, channels))
    features = 3 * points @ directions + rng.normal(scale=noise, size=(20, contents, channels))
    return features.astype(np.float32), points


def best(noise, seed):
    return ALPHAS[int(scores(*bank(noise, seed), EDGES, 1, np.random.default_rng(seed)).argmax())]


def test_informative_features_take_a_larger_alpha():
    chosen = [np.mean([best(noise, seed) for seed in range(4)]) for noise in (0.1, 3, 30)]
    assert chosen == sorted(chosen, reverse=True)
    assert chosen[0] > 2 * chosen[1] > 0
    assert chosen[2] < 1


def test_features_that_say_nothing_gain_nothing():
    found = scores(*bank(1000), EDGES, 1, np.random.default_rng(0))
    assert found.max() < 0.05
    assert found[-1] < -0.5  # sure of the wrong bin


def test_alpha_zero_is_uniform():
    assert ALPHAS[0] == 0
    for noise in (0.1, 30):
        assert scores(*bank(noise), EDGES, 1, np.random.default_rng(0))[0] == pytest.approx(0, abs=1e-12)


def test_scores_are_log_likelihoods_of_the_true_bins():
    # Of two bins eq. 4 leaves the nearer one alone for all alphas but 0, and a box as large as a bin lies in it by 3/4.
    points = np.random.default_rng(0).random((2, 60, 1)) * 0.5 + [[[0]], [[0.5]]]
    features = np.repeat(points, 3, axis=2).astype(np.float32)
    found = scores(features, points, [np.array([0, 0.5, 1])], 1, np.random.default_rng(0))
    assert np.ptp(found[1:]) < 1e-12
    expected = 0.75 * np.log(1.95) + 0.25 * np.log(0.05)
    assert found[1] == pytest.approx(expected, abs=0.25)  # 40 targets, each with a spread of .53


@pytest.mark.parametrize("seed", range(5))
def test_truth_of_a_target_is_the_share_of_its_box_in_each_bin(seed):
    places = np.random.default_rng(seed).random((400, 2))
    inside, truth = _target(places, EDGES, np.random.default_rng(seed))
    assert truth.shape == (20,)
    assert truth.sum() == pytest.approx(1)
    assert len(inside) >= 10
    width = np.ptp(places[inside], axis=0)
    assert (width <= np.array([1 / 5, 1 / 4]) * 1.5).all()
    cells = (places[inside] * [5, 4]).astype(int) @ [4, 1]
    assert set(cells) <= set(np.flatnonzero(truth))
    # 10 to 40 images of the box, uniform over it.
    assert np.bincount(cells, minlength=20) / len(inside) == pytest.approx(truth, abs=0.4)


def test_few_images_still_make_a_target():
    inside, truth = _target(np.random.default_rng(0).random((4, 2)), EDGES, np.random.default_rng(0))
    assert len(inside) == 4
    assert truth.sum() == pytest.approx(1)


def test_targets_and_bins_share_no_content():
    # Features tell only the content: were it on both sides, distances would not all be alike.
    features, points = bank(0.1)
    own = np.random.default_rng(1).normal(size=(40, 10)).astype(np.float32)
    features = np.broadcast_to(own, features.shape) + features * np.float32(1e-6)
    assert scores(features, points, EDGES, 1, np.random.default_rng(0)).max() < 0.2


def test_the_best_alpha_finds_targets_of_other_contents():
    features, points = bank(1, contents=80)
    found = scores(features[:, :40], points[:, :40], EDGES, 1, np.random.default_rng(0))
    bins = [frechet.statistics(one, 1) for one in features[:, :40]]
    gains = np.zeros(len(ALPHAS))
    for true in range(20):
        target = frechet.statistics(features[true, 40:], 1)
        distances = np.array([frechet.squared_distance(one, target) for one in bins])
        for number, alpha in enumerate(ALPHAS):
            gains[number] += np.log(0.95 * frechet.bin_weights(distances, alpha)[true] * 20 + 0.05)
    assert gains[found.argmax()] > 0.6 * gains.max() > 0


def test_the_same_generator_gives_the_same_scores():
    first, second = (scores(*bank(1), EDGES, 1, np.random.default_rng(4)) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_ddof_is_used():
    first, second = (scores(*bank(1), EDGES, ddof, np.random.default_rng(4)) for ddof in (0, 1))
    assert (first[1:] != second[1:]).any()


def test_several_vectors_per_image_are_refused():
    features, points = bank(1)
    with pytest.raises(ValueError, match=r"features of shape \(20, 80, 10\) for \(20, 40\) images"):
        scores(np.repeat(features, 2, axis=1), points, EDGES, 1, np.random.default_rng(0))


SPEC = {
    "distances": {"ddof": 1},
    "bins": {
        "blur": {"range": [0, 4], "count": 5},
        "noise": {"range": [0, 50], "count": 4},
        "quality": {"range": [30, 90], "count": 1},
    },
    "seed": 0,
}


def run(folder, features, points, name="out.csv"):
    write_arrays(
        folder / "bank.npz",
        {},
        blur=points[..., 0] * 4,
        noise=points[..., 1] * 50,
        quality=np.full(points.shape[:2], 60.0),
    )
    write_arrays(folder / "features.npz", {}, features=features)
    given = ["--bank", folder / "bank.npz", "--features", folder / "features.npz", "--output", folder / name]
    main([*map(str, given), "--spec", json.dumps(SPEC), "--code", "c0de"])


def test_the_stage_writes_a_score_per_alpha_and_says_the_best(tmp_path, capsys):
    run(tmp_path, *bank(0.1))
    run(tmp_path, *bank(0.1), name="again.csv")
    table = read_table(tmp_path / "out.csv", "alpha", "score")
    assert tuple(table["alpha"]) == ALPHAS
    best_alpha = table["alpha"][table["score"].idxmax()]
    assert best_alpha > 3
    assert f"alpha {best_alpha:g}: {table['score'].max():.2f} nats above uniform" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()


@pytest.mark.parametrize(
    ("features", "contents", "message"),
    [
        (bank(1)[0].repeat(2, axis=1), 40, r"for \(20, 40\) images.*write features\.pooling: average"),
        (bank(1)[0][:, :2], 2, "at least 2 samples.*raise prepare.bins.count"),
        (np.ones((20, 40, 5), np.float32), 40, "all 20 bins are equally distant.*choose another extractor"),
    ],
)
def test_features_without_an_alpha_are_refused(tmp_path, features, contents, message):
    with pytest.raises(DegcraftError, match=message):
        run(tmp_path, features, bank(1)[1][:, :contents])
    assert not (tmp_path / "out.csv").exists()
