import json

import numpy as np
import pytest

from degcraft.errors import DegcraftError
from degcraft.io import read_table, write_arrays
from degcraft.stages.distances import main, run
from degcraft.weighting.frechet import squared_distances

SPEC = {
    "distances": {"ddof": 1},
    "bins": {
        "blur": {"range": [0, 4], "count": 2},
        "noise": {"range": [0, 50], "count": 1},
        "quality": {"range": [30, 90], "count": 3},
    },
}
COLUMNS = ["bin", "blur_low", "blur_high", "noise_low", "noise_high", "quality_low", "quality_high", "distance"]


@pytest.fixture
def features(tmp_path):
    rng = np.random.default_rng(0)
    bank = (rng.normal(size=(6, 8, 20)) + np.arange(6)[:, None, None]).astype(np.float32)
    references = (rng.normal(size=(9, 20)) + 3.2).astype(np.float32)
    write_arrays(tmp_path / "bins.npz", {}, features=bank)
    write_arrays(tmp_path / "references.npz", {}, features=references)
    return bank, references


def test_table_has_every_bin_with_its_ranges_and_distance(tmp_path, features, capsys):
    files = ["--bins", str(tmp_path / "bins.npz"), "--references", str(tmp_path / "references.npz")]
    main([*files, "--spec", json.dumps(SPEC), "--code", "c0de", "--output", str(tmp_path / "out.csv")])
    table = read_table(tmp_path / "out.csv")
    assert list(table) == COLUMNS
    assert table["bin"].tolist() == [0, 1, 2, 3, 4, 5]
    assert table.loc[4, "blur_low":"quality_high"].tolist() == [2, 4, 0, 50, 50, 70]
    assert (table["distance"].to_numpy() == squared_distances(*features, ddof=1)).all()
    assert "nearest bin 3 (blur 2 to 4, noise 0 to 50, quality 30 to 50)" in capsys.readouterr().err


def test_ddof_is_used(tmp_path, features):
    distances = {}
    for ddof in (0, 1):
        run(
            tmp_path / "bins.npz",
            tmp_path / "references.npz",
            SPEC | {"distances": {"ddof": ddof}},
            tmp_path / "out.csv",
        )
        distances[ddof] = read_table(tmp_path / "out.csv")["distance"].to_numpy()
    assert (distances[0] == squared_distances(*features, ddof=0)).all()
    assert (distances[0] != distances[1]).all()


@pytest.mark.parametrize("which", ["bins", "references"])
def test_features_that_are_not_finite_are_refused(tmp_path, features, which):
    array = features[0 if which == "bins" else 1].copy()
    array.flat[17] = np.nan
    write_arrays(tmp_path / f"{which}.npz", {}, features=array)
    with pytest.raises(DegcraftError, match=r"not finite.*type: rm"):
        run(tmp_path / "bins.npz", tmp_path / "references.npz", SPEC, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_features_of_two_extractors_are_refused(tmp_path, features):
    write_arrays(tmp_path / "references.npz", {}, features=features[1][:, :7])
    with pytest.raises(DegcraftError, match="of 20 and of 7 dimensions"):
        run(tmp_path / "bins.npz", tmp_path / "references.npz", SPEC, tmp_path / "out.csv")


def test_another_number_of_bins_is_refused(tmp_path, features):
    write_arrays(tmp_path / "bins.npz", {}, features=features[0][:5])
    with pytest.raises(DegcraftError, match="6 bins in the config"):
        run(tmp_path / "bins.npz", tmp_path / "references.npz", SPEC, tmp_path / "out.csv")


def test_a_truncated_file_is_named(tmp_path, features):
    path = tmp_path / "bins.npz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DegcraftError, match=r"bins\.npz: missing, truncated or damaged"):
        run(path, tmp_path / "references.npz", SPEC, tmp_path / "out.csv")
