import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from degcraft.errors import DegcraftError
from degcraft.extractors import pool
from degcraft.extractors.alexnet import single_column
from degcraft.extractors.dct import features as dct_features
from degcraft.io import read_arrays, write_arrays
from degcraft.stages import enter
from degcraft.stages.features import main, run

OPTIONS = {"batch": 3, "pooling": "average"}
COMPUTE = {"device": "cpu", "precision": "fp32", "threads": 1}
DCT = {"extractor": {"kind": "dct"}, "features": OPTIONS}
VGG = {
    "extractor": {"kind": "vgg", "layer": [2, 2], "weights": "random", "seed": 0},
    "features": OPTIONS,
    "compute": COMPUTE,
}
ALEXNET = {"extractor": {"kind": "alexnet", "weights": "net.safetensors"}, "features": OPTIONS, "compute": COMPUTE}


@pytest.fixture
def bins(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 5, 72, 72, 3), dtype=np.uint8)
    write_arrays(tmp_path / "bins.npz", {}, images=images)
    write_arrays(tmp_path / "references.npz", {}, images=images[2])
    return tmp_path / "bins.npz"


@pytest.mark.parametrize("spec", [DCT, VGG])
def test_bins_and_references_get_the_same_features(tmp_path, bins, spec):
    run(bins, None, spec, "c0de", tmp_path / "out.npz")
    run(tmp_path / "references.npz", None, spec, "c0de", tmp_path / "reference.npz")
    (bank,), (target,) = (
        read_arrays(tmp_path / "out.npz", "features"),
        read_arrays(tmp_path / "reference.npz", "features"),
    )
    assert bank.dtype == target.dtype == np.float32
    assert bank.shape == (4, 5, 378 if spec is DCT else 128)
    assert (bank[2] == target).all()


def test_features_keep_the_order_of_bins_and_images(tmp_path, bins):
    run(bins, None, DCT, "c0de", tmp_path / "out.npz")
    (bank,), (images,) = read_arrays(tmp_path / "out.npz", "features"), read_arrays(bins, "images")
    assert bank[3, 1] == pytest.approx(dct_features(images[3, 1:2])[0], abs=1e-6)


def test_positions_are_samples(tmp_path, bins):
    run(bins, None, VGG | {"features": {"batch": 5, "pooling": "positions"}}, "c0de", tmp_path / "out.npz")
    assert read_arrays(tmp_path / "out.npz", "features")[0].shape == (4, 5 * 36 * 36, 128)


def test_same_bytes_again_with_provenance(tmp_path, bins):
    for name in ("one.npz", "two.npz"):
        run(bins, None, VGG, "c0de", tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert json.loads(str(np.load(tmp_path / "one.npz")["meta"])) == {"spec": VGG, "code": "c0de"}


def test_command_line_with_empty_and_given_weights(tmp_path, bins, capsys):
    arguments = ["--input", str(bins), "--code", "c0de"]
    main([*arguments, "--weights", "", "--spec", json.dumps(DCT), "--output", str(tmp_path / "dct.npz")])
    save_file(single_column().state_dict(), tmp_path / "net.safetensors")
    given = ["--weights", str(tmp_path / "net.safetensors"), "--spec", json.dumps(ALEXNET)]
    main([*arguments, *given, "--output", str(tmp_path / "alexnet.npz")])
    assert read_arrays(tmp_path / "alexnet.npz", "features")[0].shape == (4, 5, 256)
    assert "20 of 20 images" in capsys.readouterr().err


def test_dct_stage_loads_no_torch(tmp_path, bins):
    code = (
        "import sys; from degcraft.stages.features import main; main(sys.argv[1:]);"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('torch', 'torchvision', 'safetensors')]"
    )
    given = ["--input", bins, "--weights", "--spec", json.dumps(DCT), "--code", "c", "--output", tmp_path / "out.npz"]
    subprocess.run([sys.executable, "-c", code, *given], check=True)
    assert (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_refused(tmp_path, bins, value):
    state = single_column().state_dict()
    state["10.bias"][7] = value
    save_file(state, tmp_path / "net.safetensors")
    with pytest.raises(DegcraftError, match="5 of 5 feature vectors of set 0 are not finite"):
        run(bins, tmp_path / "net.safetensors", ALEXNET, "c0de", tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_wrong_weights_end_with_one_line(tmp_path, bins, monkeypatch, capsys):
    save_file({"conv1.weight": torch.zeros(96, 3, 11, 11)}, tmp_path / "net.safetensors")
    given = ["--input", bins, "--weights", tmp_path / "net.safetensors", "--spec", json.dumps(ALEXNET), "--code", "c"]
    monkeypatch.setattr(sys, "argv", ["features", *map(str, given), "--output", str(tmp_path / "out.npz")])
    with pytest.raises(SystemExit) as ended:
        enter(main)
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert "conv1.bias is absent" in said


@pytest.mark.parametrize(
    "images", [np.zeros((2, 72, 72, 3)), np.zeros((2, 72, 72), np.uint8), np.zeros((2, 9, 9, 4), np.uint8)]
)
def test_what_are_no_images_is_refused(tmp_path, images):
    write_arrays(tmp_path / "in.npz", {}, images=images)
    with pytest.raises(DegcraftError, match="damaged"):
        run(tmp_path / "in.npz", None, DCT, "c0de", tmp_path / "out.npz")


def test_pooling_of_maps():
    maps = np.random.default_rng(0).normal(size=(3, 4, 2, 5)).astype(np.float32)
    assert pool(maps, "average") == pytest.approx(maps.reshape(3, 4, 10).mean(axis=2), abs=1e-6)
    positions = pool(maps, "positions")
    assert positions.shape == (30, 4)
    assert (positions[13] == maps[1, :, 0, 3]).all()
