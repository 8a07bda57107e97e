import json
import sys

import numpy as np
import pandas as pd
import pytest

from degcraft.errors import DegcraftError
from degcraft.io import read_table, write_table
from degcraft.stages import enter
from degcraft.stages.weights import main, run

SPEC = {"weighting": {"name": "frechet-a25", "alpha": 25}}


def table(tmp_path, distances):
    path = tmp_path / "distances.csv"
    write_table(path, pd.DataFrame({"bin": range(len(distances)), "blur_low": 0.5, "distance": distances}))
    return path


def test_table_keeps_its_columns_and_gains_weights(tmp_path, capsys):
    path = table(tmp_path, [4.0, 1, 9, 2, 6])
    main(
        ["--distances", str(path), "--spec", json.dumps(SPEC), "--code", "c0de", "--output", str(tmp_path / "out.csv")]
    )
    found = read_table(tmp_path / "out.csv")
    assert list(found) == ["bin", "blur_low", "distance", "weight"]
    assert found["weight"].to_numpy() == pytest.approx([4.49642e-6, 0.97939881, 0, 0.02059670, 1.2783e-11], abs=1e-7)
    assert found.drop(columns="weight").equals(read_table(path))
    said = capsys.readouterr().err
    assert "nearest bin 1 with weight 0.9794; second bin 3, 50.0% farther" in said
    assert "effective number of bins 1.11 of 5" in said


def test_alpha_zero_is_uniform(tmp_path):
    run(table(tmp_path, np.arange(75.0)), {"weighting": {"name": "frechet-a0", "alpha": 0}}, tmp_path / "out.csv")
    assert read_table(tmp_path / "out.csv")["weight"].to_numpy() == pytest.approx(1 / 75, rel=1e-14)


def test_the_same_distances_give_the_same_bytes(tmp_path):
    path = table(tmp_path, np.random.default_rng(0).uniform(1, 2, 75))
    for name in ("one.csv", "two.csv"):
        run(path, SPEC, tmp_path / name)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        ([1.0, None, 3.0], "1 of 3 distances are not finite"),
        ([1.0, "near", 3.0], "near"),
        ([1.0, -2.0, 3.0], "1 of 3 distances"),
        ([1.0], "at least two bins"),
        ([2.5] * 75, "all 75 bins are equally distant.*cannot tell them apart.*choose another extractor"),
    ],
)
def test_distances_without_weights_are_refused(tmp_path, distances, message):
    with pytest.raises(DegcraftError, match=message):
        run(table(tmp_path, distances), SPEC, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("alpha", [-1, float("nan")])
def test_a_wrong_alpha_is_refused(tmp_path, alpha):
    with pytest.raises(DegcraftError, match="alpha is"):
        run(table(tmp_path, [1.0, 2.0]), {"weighting": {"name": "frechet-a25", "alpha": alpha}}, tmp_path / "out.csv")


def test_equal_distances_end_with_one_line(tmp_path, monkeypatch, capsys):
    path = table(tmp_path, [1.0, 1.0])
    given = ["--distances", path, "--spec", json.dumps(SPEC), "--code", "c", "--output", tmp_path / "out.csv"]
    monkeypatch.setattr(sys, "argv", ["weights", *map(str, given)])
    with pytest.raises(SystemExit) as ended:
        enter(main)
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith(f"error: {path}: all 2 bins are equally distant")
    assert said.count("\n") == 1
