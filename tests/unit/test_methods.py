import json
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from degcraft import compared, training
from degcraft.errors import DegcraftError
from degcraft.io import write_arrays, write_pack
from degcraft.methods.kernels import sheet
from degcraft.models import read_model
from degcraft.restore import restore
from degcraft.stages import methods as stage
from tests.conftest import photo_like

CPU = torch.device("cpu")
COMPUTE = {"device": "cpu", "precision": "fp32", "threads": 1}
IKC = {
    "kind": "ikc",
    "corrections": 2,
    "sizes": {"width": 4, "blocks": 1, "code": 3, "predictor": 4},
    "phases": {name: {"iterations": 6, "batch": 2, "patch": 32, "lr": 0.001} for name in compared.PHASES["ikc"]},
}
PDMSR = {
    "kind": "pdmsr",
    "noise_penalty": 10,
    "sizes": {**dict.fromkeys(compared.SIZES["pdmsr"], 4), "blocks": 1, "kernel": 5, "noise_inputs": 3},
    "phases": {"adaptation": {"iterations": 4, "batch": 3, "patch": 32, "lr": 0.01}},
}
KERNELGAN = {
    "kind": "kernelgan",
    "images": 2,
    "sizes": {"width": 4, "crop": 27, "border": 1, "restorer_width": 4, "restorer_depth": 3, "restorer_crop": 24},
    "phases": {
        "kernel": {"iterations": 6, "batch": 1, "lr": 0.001},
        "restoration": {"iterations": 6, "lr": 0.001},
    },
}


def spec(method):
    return {"method": method, "log_every": 2, "compute": COMPUTE, "seed": 0, "training_seed": 1}


@pytest.fixture
def images(tmp_path):
    pixels = [photo_like(seed, 48, 56) for seed in range(4)]
    write_pack(tmp_path / "train", pixels, ["a", "b", "c", "d"], ["test"] * 4)
    return tmp_path / "train"


@pytest.fixture
def references(tmp_path):
    write_arrays(tmp_path / "references.npz", {}, images=np.stack([photo_like(seed, 16, 16) for seed in range(5)]))
    return tmp_path / "references.npz"


@pytest.fixture
def test_folder(tmp_path):
    folder = tmp_path / "test"
    folder.mkdir()
    for seed, name in enumerate("abc"):
        Image.fromarray(photo_like(seed, 30, 32)).save(folder / f"{name}.png")
    pd.DataFrame({"name": [*"abc"], "blur": 1}).to_csv(folder / "parameters.csv", index=False)
    return folder


def trained(images, output, method=IKC, references=None, every=2):
    stage.run(images, references, None, spec(method), "code", every, 0, output)
    return output / "model.safetensors"


def test_a_trained_method_is_a_model_like_any_other(images, tmp_path):
    model = trained(images, tmp_path / "out")
    network, meta = read_model(model, CPU)
    assert restore(network, photo_like(9, 12, 13), CPU).shape == (48, 52, 3)
    described = json.loads((tmp_path / "out" / "model.json").read_text())
    assert described == meta
    assert described["method"] == IKC
    assert described["parameters"] == sum(weight.numel() for weight in network.parameters())
    loss = pd.read_csv(tmp_path / "out" / "loss.csv")
    assert loss[["phase", "step"]].to_numpy().tolist() == [[p, s] for p in compared.PHASES["ikc"] for s in (2, 4, 6)]
    measured = pd.read_csv(tmp_path / "out" / "diagnostics" / "measurements.csv")
    assert {"sr_rmse_255", "code_error_first", "code_error_last"} == set(measured["name"])
    assert np.isfinite(measured["value"]).all()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("diagnostics", "loss.csv", "model.json", "model.safetensors")
    ]


@pytest.mark.parametrize("steps", [3, 9])  # killed in the first phase, and in the second
def test_a_killed_training_ends_in_the_same_bytes(images, tmp_path, monkeypatch, steps):
    whole = trained(images, tmp_path / "whole").read_bytes()
    advance, done = training.Trainer.advance, []

    def killed(self, *batch):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(None)
        advance(self, *batch)

    monkeypatch.setattr(training.Trainer, "advance", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(images, tmp_path / "killed")
    monkeypatch.setattr(training.Trainer, "advance", advance)
    assert trained(images, tmp_path / "killed").read_bytes() == whole
    curves = [(tmp_path / run / "loss.csv").read_bytes() for run in ("killed", "whole")]
    assert curves[0] == curves[1]


def test_a_diverged_training_keeps_its_last_good_state(images, tmp_path):
    wild = {**IKC, "phases": {**IKC["phases"], "correction": {**IKC["phases"]["correction"], "lr": 1e30}}}
    with pytest.raises(
        DegcraftError, match=r"training diverged before step .*; the last good checkpoint is kept; lower"
    ):
        trained(images, tmp_path / "out", wild, every=1)
    (kept,) = (tmp_path / "out" / ".checkpoint").glob("*-restoration.pt")
    state = torch.load(BytesIO(kept.read_bytes()[32:]), weights_only=True)  # behind its SHA-256
    assert state["step"] == 6
    assert all(torch.isfinite(value).all() for value in state["network"].values())
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_references_are_learnt_from(images, references, tmp_path):
    model = trained(images, tmp_path / "out", PDMSR, references)
    assert load_file(model)
    kernels = np.array(Image.open(tmp_path / "out" / "diagnostics" / "kernels.png"))
    assert kernels.ndim == 2
    assert kernels.max() == 255
    measured = pd.read_csv(tmp_path / "out" / "diagnostics" / "measurements.csv")
    assert {"critic_accuracy", "noise_sd_255"} <= set(measured["name"])
    other = tmp_path / "other.npz"
    write_arrays(other, {}, images=np.stack([255 - photo_like(seed, 16, 16) for seed in range(5)]))
    again = trained(images, tmp_path / "again", PDMSR, other)
    assert again.read_bytes() != model.read_bytes()


def test_fewer_references_than_a_batch_are_refused(images, tmp_path):
    write_arrays(tmp_path / "few.npz", {}, images=np.stack([photo_like(seed, 16, 16) for seed in range(2)]))
    with pytest.raises(DegcraftError, match=r"methods: 2 references, but batches of 3; .* write batch: 2"):
        trained(images, tmp_path / "out", PDMSR, tmp_path / "few.npz")


def test_each_test_image_is_learnt_from(test_folder, tmp_path):
    stage.run_images(test_folder, spec(KERNELGAN), "code", tmp_path / "out", tmp_path / "diagnostics")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    assert Image.open(tmp_path / "out" / "a.png").size == (128, 120)
    measured = pd.read_csv(tmp_path / "diagnostics" / "measurements.csv")
    assert set(measured["phase"]) == {f"{name} {phase}" for name in "ab" for phase in ("kernel", "restoration")}
    assert (tmp_path / "diagnostics" / "kernels.png").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diagnostics", "out", "test"]


def test_images_that_are_done_are_not_learnt_from_again(test_folder, tmp_path, monkeypatch):
    from degcraft.methods.kernelgan import learning

    stage.run_images(test_folder, spec(KERNELGAN), "code", tmp_path / "whole", tmp_path / "diagnostics")
    restored, seen = learning.restored, []

    def killed(image, options, seeds, name, *rest):
        seen.append(name)
        if seen == ["a", "b"]:
            raise KeyboardInterrupt
        return restored(image, options, seeds, name, *rest)

    monkeypatch.setattr(learning, "restored", killed)
    with pytest.raises(KeyboardInterrupt):
        stage.run_images(test_folder, spec(KERNELGAN), "code", tmp_path / "out", tmp_path / "more")
    stage.run_images(test_folder, spec(KERNELGAN), "code", tmp_path / "out", tmp_path / "more")
    assert seen == ["a", "b", "b"]
    for name in ("a.png", "b.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_test_images_smaller_than_a_crop_are_refused_by_name(test_folder, tmp_path):
    large = {**KERNELGAN, "sizes": {**KERNELGAN["sizes"], "restorer_crop": 64}}
    with pytest.raises(DegcraftError, match=r"a\.png: .*needs sides of 64"):
        stage.run_images(test_folder, spec(large), "code", tmp_path / "out", tmp_path / "diagnostics")


def test_kernels_are_shown_side_by_side():
    kernels = np.zeros((3, 5, 5))
    kernels[:, 2, 2] = [1.0, 0.5, -1.0]
    kernels[0, 0, 0] = 0.5
    picture = sheet(kernels)
    assert picture.shape == (84, 84)
    assert picture[20, 20] == 255
    assert picture[4, 4] == 128
    assert picture[20, 64] == 255  # each has its own white
    assert picture[64, 20] == 0  # negative is black
    assert (picture[:, 41] == 128).all()
