from pathlib import Path

import pytest

from degcraft import fingerprint
from degcraft.errors import DegcraftError
from degcraft.io import read_json
from degcraft.manifest import DEFINING, PARTS, changed, differences, manifest
from degcraft.stages import manifest as stage
from tests.integrity import config, small_run


@pytest.fixture
def described(tmp_path, monkeypatch, default_config):
    """Manifest of a small run with some edits of the config, each in a folder of its own."""

    def made(name, **edits):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        options = config(default_config, **edits)
        stage.run(small_run(options)[-1:], options, Path("results/manifest.json"))
        return read_json("results/manifest.json")

    return made


def differing(there, here):
    return [part for part, lines in differences(there, here).items() if lines]


def test_two_runs_of_one_config_have_the_same_manifest(described):
    first, second = described("first"), described("second", data="/elsewhere")
    assert first == second
    assert set(first) == set(PARTS)
    assert list(first["code"]) == ["features", "prepare", "synthesize"]
    assert list(first["outputs"]) == [
        "results/degraded/bins.npz",
        "results/features/dct/bins.npz",
        "results/images/bins/index.csv",
        "results/images/bins/pixels.npy",
    ]
    assert first["inputs"] == {}
    assert {"python", "machine", "numpy", "torch"} <= set(first["versions"])


def test_an_edit_of_the_config_is_named(described):
    first, second = described("first"), described("second", bins={"blur": {"count": 3}})
    assert differing(first, second) == ["config", "outputs"]
    found = differences(first, second)
    assert found["config"] == ["bins.blur.count (there 2, here 3)"]
    assert [line.split()[0] for line in found["outputs"]] == [
        "results/degraded/bins.npz",
        "results/features/dct/bins.npz",
    ]


def test_an_edit_of_the_code_is_named(described, monkeypatch):
    first = described("first")
    real = fingerprint.code
    monkeypatch.setattr(
        fingerprint, "code", lambda stage, *rest: "f" * 16 if stage == "features" else real(stage, *rest)
    )
    second = described("second")
    assert differing(first, second) == ["code", "outputs"]  # archives hold the hash of the code that made them
    assert differences(first, second)["code"][0].startswith("features (there ['")


def test_other_circumstances_are_no_other_computation(described, monkeypatch):
    first = described("first")
    monkeypatch.setattr(stage, "version", lambda name: "99" if name == "numpy" else "1")
    second = described("second")
    assert differing(first, second) == ["versions"]
    assert not set(DEFINING) & {"versions", "device", "outputs"}


def test_inputs_are_what_no_stage_made():
    records = {
        "w.csv": {"stage": "weights", "code": "a", "device": "cpu", "sha256": "1", "inputs": {"f.npz": "2", "own/v.csv": "3"}},
        "f.npz": {"stage": "features", "code": "b", "device": "H200", "sha256": "2", "inputs": {"images of bins": "4"}},
        "other.csv": {"stage": "tables", "code": "c", "device": "cpu", "sha256": "5", "inputs": {}},
    }  # fmt: skip
    found = manifest({"seed": 0, "data": "/here"}, {}, ["w.csv"], records.get)
    assert found == {
        "config": {"seed": 0},
        "code": {"weights": ["a"], "features": ["b"]},
        "versions": {},
        "device": {"weights": ["cpu"], "features": ["H200"]},
        "inputs": {"own/v.csv": "3", "images of bins": "4"},
        "outputs": {"w.csv": "1", "f.npz": "2"},
    }


def test_a_result_that_is_gone_is_named_with_the_command_that_makes_it(described, default_config):
    described("first")
    Path("results/degraded/bins.npz").unlink()
    told = (
        r"^results/degraded/bins.npz and 0 more: gone, .* type: snakemake --cores 1 --force results/degraded/bins.npz,"
    )
    with pytest.raises(DegcraftError, match=told):
        stage.run(["results/features/dct/bins.npz"], config(default_config), Path("results/manifest.json"))


def test_a_result_without_a_record_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a\n1\n")
    with pytest.raises(DegcraftError, match=r"t.csv: no record of how it was made; type: rm -r t.csv, then run again"):
        stage.run(["t.csv"], {}, Path("manifest.json"))
    Path(".t.csv.record").write_text("{")
    with pytest.raises(
        DegcraftError, match=r"t.csv: missing, truncated or damaged \(its record .t.csv.record is damaged"
    ):
        stage.run(["t.csv"], {}, Path("manifest.json"))


def test_lists_and_absences_are_compared():
    assert changed({"a": [1, 2], "b": {}}, {"a": [1], "c": 0}) == [
        "a (then [1, 2], now [1])",
        "b (then {}, now absent)",
        "c (then absent, now 0)",
    ]
