import json
from functools import partial

import numpy as np
import pytest

from degcraft.bins import grid
from degcraft.errors import DegcraftError
from degcraft.io import read_arrays, write_arrays
from degcraft.stages import posterior as stage
from degcraft.weighting import archive
from tests import banks

SPEC = {
    "bins": {"blur": {"range": [0, 4]}, "noise": {"range": [0, 50]}, "quality": {"range": [30, 90]}},
    "posterior": {"epochs": 2, "width": 8, "components": 2, "folds": 3},
    "seed": 0,
}


@pytest.fixture
def files(tmp_path):
    """A bank of 2 x 2 x 2 bins, 6 contents in each."""
    counted = {name: {**entry, "count": 2} for name, entry in SPEC["bins"].items()}
    rng = np.random.default_rng(0)
    drawn = np.array([[region.draw(rng) for _ in range(6)] for region in grid(counted)])
    cube = (drawn - [0, 0, 30]) / [4, 50, 60]
    features = np.stack([banks.observed(points, rng) for points in cube])
    columns = {name: drawn[..., axis] for axis, name in enumerate(SPEC["bins"])}
    write_arrays(tmp_path / "bank.npz", {}, **columns)
    write_arrays(tmp_path / "features.npz", {}, features=features)
    return tmp_path


def run(folder, output, **changes):
    spec = {**SPEC, "posterior": {**SPEC["posterior"], **changes}}
    given = ["--bank", folder / "bank.npz", "--features", folder / "features.npz", "--output", folder / output]
    stage.main([*map(str, given), "--spec", json.dumps(spec), "--code", "c0de"])


def test_the_stage_writes_the_same_bytes_twice(files, capsys):
    for name in ("one.npz", "two.npz"):
        run(files, name)
    assert (files / "one.npz").read_bytes() == (files / "two.npz").read_bytes()
    assert "48 images, 12 features: held-out log-density of the true degradation" in capsys.readouterr().err


def test_the_stage_writes_what_estimates_need(files):
    run(files, "out.npz")
    parameters, meta = read_arrays(files / "out.npz", "parameters", "meta")
    assert parameters.tolist() == ["blur", "noise", "quality"]
    assert json.loads(str(meta)) == {"spec": SPEC, "code": "c0de"}
    estimator = archive.estimator(partial(read_arrays, files / "out.npz"))
    assert len(estimator.posterior.networks) == 3
    assert 0.01 <= estimator.smoothing <= 0.08
    assert estimator.residuals.contents.tolist() == [*range(6)] * 8
    assert estimator.residuals.places.shape == (48, 3)


def test_feature_maps_are_refused(files):
    write_arrays(files / "features.npz", {}, features=np.zeros((8, 24, 5), np.float32))
    with pytest.raises(DegcraftError, match=r"\(8, 24, 5\) for \(8, 6\) images.*write features\.pooling: average"):
        run(files, "out.npz")


def test_fewer_contents_than_folds_are_refused(files):
    with pytest.raises(DegcraftError, match=r"6 contents for 7 folds.*lower posterior\.folds"):
        run(files, "out.npz", folds=7)
    assert not (files / "out.npz").exists()
