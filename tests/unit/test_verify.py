import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from degcraft import records
from degcraft.commands import verify
from degcraft.errors import DegcraftError
from degcraft.io import whole_file
from degcraft.stages import manifest
from tests.integrity import SMALL, config, flip, small_run

BINS, FEATURES = "results/degraded/bins.npz", "results/features/dct/bins.npz"


class Given:
    results = Path("results")
    configfile = (Path("own.yaml"),)
    manifest = None


@pytest.fixture
def run(tmp_path, monkeypatch, default_config):
    """A small run in the current folder, with the config file that it is of."""
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(yaml.safe_dump(SMALL))
    small_run(config(default_config))
    return config(default_config)


def told(capsys):
    verify.run(Given())
    return capsys.readouterr().out.splitlines()


def test_a_finished_run_is_whole(run, capsys):
    assert told(capsys) == ["5 whole, 0 stale, 0 corrupt, 0 foreign"]


def test_other_config_other_code_and_other_inputs_are_stale(run, capsys, monkeypatch):
    Path("own.yaml").write_text(yaml.safe_dump(SMALL | {"features": {"batch": 7}}))
    made = records.read(Path(BINS))
    with records.job("synthesize", made["spec"], "0" * 16), whole_file(BINS) as anew:
        shutil.copy(BINS, anew)
    assert told(capsys) == [
        f"stale    {BINS}: made by other code",
        f"stale    {FEATURES}: made with another features.batch (then 25, now 7)",
        "3 whole, 2 stale, 0 corrupt, 0 foreign",
    ]


def test_results_of_another_input_are_stale(run, capsys):
    pixels = Path("results/images/bins/pixels.npy")
    made = records.read(pixels)
    with records.job("prepare", made["spec"], made["code"]), whole_file(pixels) as anew:
        anew.write_bytes(pixels.read_bytes()[:-1] + b"0")
    assert told(capsys) == [
        f"stale    {BINS}: made from another {pixels}",
        "4 whole, 1 stale, 0 corrupt, 0 foreign",
    ]


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bits_are_corrupt_and_the_command_to_type_is_told(run, capsys, seed):
    flip(Path(BINS), np.random.default_rng(seed))
    with pytest.raises(
        DegcraftError,
        match=rf"^1 of 5 results are not as .* type: rm -r {BINS} && snakemake --cores 1 "
        rf"{BINS} --configfile own.yaml$",
    ):
        verify.run(Given())
    out = capsys.readouterr().out.splitlines()
    assert out == [
        f"corrupt  {BINS}: not the bytes that were written",
        "4 whole, 0 stale, 1 corrupt, 0 foreign",
    ]


def test_what_no_rule_makes_is_foreign(run, capsys):
    Path("results/notes.txt").write_text("mine")
    shutil.copytree("results/features/dct", "results/features/unknown")
    Path("results/logs").mkdir()
    Path("results/logs/prepare.log").write_text("")
    Path("results/images/bins/.index.csv.record").unlink()
    assert told(capsys) == [
        "foreign  results/features/unknown/bins.npz: no rule of this config makes it",
        "foreign  results/images/bins/index.csv: no record of how it was made",
        "foreign  results/notes.txt: no record of how it was made",
        "4 whole, 0 stale, 0 corrupt, 3 foreign",
    ]


def test_manifests_are_compared_part_by_part(run, capsys, monkeypatch, tmp_path, default_config):
    given = Given()
    given.manifest = Path("there.json")
    with pytest.raises(
        DegcraftError, match=r"results/manifest.json: no such file; .* type: snakemake --cores 1 results"
    ):
        verify.run(given)
    manifest.run([FEATURES], run, Path("results/manifest.json"))
    shutil.copy("results/manifest.json", "there.json")
    verify.run(given)
    assert capsys.readouterr().out.splitlines()[-1] == "the same computation, with the same results"
    found = json.loads(Path("there.json").read_text())
    found["config"]["seed"] = 5
    found["versions"]["numpy"] = "1.0"
    Path("there.json").write_text(json.dumps(found))
    with pytest.raises(DegcraftError, match=r"^another computation: config differ"):
        verify.run(given)
    out = capsys.readouterr().out.splitlines()
    assert [line.split() for line in out if line.endswith(("same", "differs"))] == [
        ["config", "differs"],
        ["code", "same"],
        ["inputs", "same"],
        ["versions", "differs"],
        ["device", "same"],
        ["outputs", "same"],
    ]
    assert out[1].strip() == "seed (there 5, here 0)"


def test_no_results_and_a_wrong_config_are_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DegcraftError, match=r"results: no such folder"):
        verify.run(Given())
    Path("results").mkdir()
    Path("own.yaml").write_text("seed: many\n")
    with pytest.raises(DegcraftError, match="seed"):
        verify.run(Given())
