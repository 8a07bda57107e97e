import json

import numpy as np
import pandas as pd
import pytest

from degcraft.io import write_arrays
from degcraft.mixtures import DOUBT, by_source, gap, mixed, notes, parted, space_of
from degcraft.spaces import Space
from degcraft.stages import checks as stage
from degcraft.stages.weights import cells
from degcraft.weighting import archive
from degcraft.weighting.density import Density
from tests import banks

SPACE = Space(("blur", "noise", "quality"), np.array([0.0, 0.0, 30.0]), np.array([5.0, 50.0, 90.0]))
NEAR = {"low": (0.1, 0.1, 0.1), "high": (0.3, 0.3, 0.3)}
FAR = {"low": (0.6, 0.6, 0.6), "high": (0.8, 0.8, 0.8)}


@pytest.fixture(scope="module")
def estimator():
    return banks.estimator(banks.make())


def joined(seed, first, second, counts=(50, 50)):
    drawn = [
        banks.references(seed + 50 * k, n=n, **box)
        for k, (box, n) in enumerate(zip((first, second), counts, strict=True))
    ]
    return np.concatenate([bank.features for bank in drawn])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "box", [NEAR, {"low": (0.2, 0.4, 0), "high": (0.4, 0.6, 1 / 3)}, {"low": (0,) * 3, "high": (1,) * 3}]
)
def test_one_setting_is_one_kind(estimator, box, seed):
    assert len(mixed(banks.references(seed, **box).features, estimator, SPACE)) < 2


@pytest.mark.parametrize("seed", range(3))
def test_one_setting_whose_parameters_depend_on_each_other_is_one_kind(estimator, seed):
    along = np.random.default_rng(seed).random((150, 1))
    points = np.clip(along + np.random.default_rng(seed + 9).normal(scale=0.03, size=(150, 3)), 0, 1)
    features = banks.observed(points, np.random.default_rng(seed + 20))
    assert len(mixed(features, estimator, SPACE)) < 2


@pytest.mark.parametrize("counts", [(50, 50), (75, 25)])
@pytest.mark.parametrize("seed", range(3))
def test_two_far_settings_are_two_kinds_with_their_references(estimator, counts, seed):
    groups = mixed(joined(seed, NEAR, FAR, counts), estimator, SPACE)
    assert len(groups) == 2
    truth = set(range(counts[0]))
    own = max(groups, key=lambda group: len(truth & set(group.crops)))
    assert len(truth ^ set(own.crops)) < 0.1 * sum(counts)
    assert sorted(groups[0].crops + groups[1].crops) == list(range(sum(counts)))
    assert [own.typical[name] for name in SPACE.names] == pytest.approx([1, 10, 42], rel=0.2)


def test_settings_that_differ_in_noise_alone(estimator):
    second = {"low": (0.1, 0.7, 0.1), "high": (0.3, 0.9, 0.3)}
    groups = mixed(joined(4, NEAR, second), estimator, SPACE)
    assert sorted(group.typical["noise"] for group in groups) == pytest.approx([10, 40], rel=0.2)


def test_few_references_are_not_told_apart(estimator):
    features = joined(0, NEAR, FAR, (8, 8))
    assert mixed(features, estimator, SPACE) == []
    assert "too few to tell" in notes([], [], len(features))[0]


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.random(100),
        lambda rng: rng.normal(size=100),
        lambda rng: rng.exponential(size=100),
        lambda rng: np.where(rng.random(100) < 0.2, rng.random(100), 0.01 * rng.random(100)),
    ],
)
def test_densities_with_one_peak_have_no_gap(draw):
    doubts = [gap(draw(np.random.default_rng(seed)))[0] for seed in range(300)]
    assert (np.array(doubts) < DOUBT).mean() < 0.01


def test_a_gap_is_where_it_is():
    rng = np.random.default_rng(0)
    doubt, cut = gap(np.concatenate([rng.normal(2, 0.5, 50), rng.normal(6, 0.5, 50)]))
    assert doubt < 1e-9
    assert cut == pytest.approx(4, abs=0.2)


def test_three_clusters_are_three_parts():
    rng = np.random.default_rng(1)
    places = np.concatenate([rng.normal(at, 0.03, size=(30, 2)) for at in ((0.1, 0.1), (0.5, 0.5), (0.1, 0.8))])
    found = sorted(part.tolist() for part in parted(places, np.arange(90)))
    assert found == [list(range(30)), list(range(30, 60)), list(range(60, 90))]


def test_near_clusters_are_no_reason_to_split():
    rng = np.random.default_rng(2)
    places = np.concatenate([rng.normal(at, 0.005, size=(50, 2)) for at in (0.4, 0.48)])
    assert len(parted(places, np.arange(100))) == 1


def test_sources_and_notes(estimator):
    groups = mixed(joined(0, NEAR, FAR, (60, 40)), estimator, SPACE)
    crops = pd.DataFrame(
        {
            "crop": range(100),
            "source": [f"{'film' if k < 60 else 'phone'}{k % 8}.png" for k in range(100)],
            "frame": None,
        }
    )
    sources = by_source(groups, crops)
    assert sources == [[f"film{k}.png" for k in range(8)], [f"phone{k}.png" for k in range(8)]]
    kinds, advice = notes(groups, sources, 100)
    assert kinds.startswith("The material looks like 2 kinds: 60% of the references (film0.png, film1.png, ")
    assert "film4.png and 3 more) with blur of about " in kinds
    assert advice.startswith("Splitting these images")


def test_kinds_within_the_same_images_cannot_be_split_by_image(estimator):
    groups = mixed(joined(0, NEAR, FAR), estimator, SPACE)
    crops = pd.DataFrame({"crop": range(100), "source": [f"{k % 5}.png" for k in range(100)], "frame": None})
    assert "cannot be split by image" in notes(groups, by_source(groups, crops), 100)[1]


def test_frames_are_named(estimator):
    groups = mixed(joined(0, NEAR, FAR), estimator, SPACE)
    crops = pd.DataFrame({"crop": range(100), "source": "film.mp4", "frame": np.arange(100) // 2})
    assert by_source(groups, crops)[0][0] in ("film.mp4, frame 0", "film.mp4, frame 25")


def test_the_space_of_a_table():
    found = space_of(cells(Density.uniform(3), SPACE))
    assert found.names == SPACE.names
    np.testing.assert_allclose([found.lows, found.highs], [SPACE.lows, SPACE.highs])


def test_the_stage_names_groups(estimator, tmp_path):
    write_arrays(tmp_path / "posterior.npz", {}, **archive.arrays(estimator))
    write_arrays(tmp_path / "features.npz", {}, features=joined(0, NEAR, FAR))
    cells(Density.uniform(3), SPACE).to_csv(tmp_path / "weights.csv", index=False)
    names = ["a b.png"] * 50 + ["é.png"] * 50
    pd.DataFrame({"crop": range(100), "source": names, "frame": "NA", "top": 0, "left": 0}).to_csv(
        tmp_path / "crops.csv", index=False
    )
    stage.run_mixed(
        tmp_path / "posterior.npz",
        tmp_path / "features.npz",
        tmp_path / "weights.csv",
        tmp_path,
        tmp_path / "mixed.json",
    )
    found = json.loads((tmp_path / "mixed.json").read_text())
    assert found["mixed"] is True
    assert sorted(group["sources"][0] for group in found["groups"]) == ["a b.png", "é.png"]
    assert len(found["notes"]) == 2
