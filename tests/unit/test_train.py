import contextlib
import json
import math
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from degcraft import resumption
from degcraft.backbones import build
from degcraft.batches import Pairs, Patches
from degcraft.bins import Mixture, Region
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack, read_table, write_pack, write_table
from degcraft.models import read_model, write_model
from degcraft.stages import train as stage
from degcraft.training import Recipe, Trainer, fit
from tests.conftest import photo_like

BACKBONE = {"kind": "srresnet", "width": 8, "blocks": 1}
DEGRADATION = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}
CPU = torch.device("cpu")


def recipe(**changes):
    base = {
        "iterations": 12, "batch": 2, "patch": 32, "lr": 1e-3, "betas": (0.9, 0.99), "periods": 1,
        "lr_floor": 1e-7, "ema": 0.99, "log_every": 3,
    }  # fmt: skip
    return Recipe(**{**base, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    images = [photo_like(seed, 48 + 8 * seed, 64) for seed in range(3)]
    write_pack(folder, images, ["a", "b", "c"], ["a", "b", "c"])
    return folder


@pytest.fixture(scope="module")
def pack(folder):
    return ImagePack(folder)


def region(blur=(0, 1), noise=(0, 10), quality=(80, 90)):
    return Mixture([Region(blur, noise, quality)], np.ones(1))


def trainer(**changes):
    torch.manual_seed(0)
    return Trainer(build(BACKBONE), recipe(**changes), CPU, contextlib.nullcontext)


def batches(pack, draw=None, **changes):
    used = recipe(**changes)
    return Pairs(Patches(pack, used.patch, draw or region(), (0, 0)), range(used.batch), DEGRADATION)


def run(trained, source, save=lambda state: None, every=5, until=None):
    steps = range(trained.step, until or trained.recipe.iterations)
    fit(trained, (source[step] for step in steps), every, save, lambda line: None)
    return trained


def test_cosine_schedule():
    r = recipe(iterations=1000, periods=4, lr=2e-4, lr_floor=1e-7)
    assert r.lr_at(0) == pytest.approx(2e-4)
    assert r.lr_at(125) == pytest.approx(1e-7 + (2e-4 - 1e-7) / 2)
    assert r.lr_at(249) < 1e-6
    assert r.lr_at(250) == pytest.approx(2e-4)
    expected = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.Adam([torch.zeros(1)], lr=1e-3), 12, 1e-7)
    for step in range(12):
        assert recipe().lr_at(step) == pytest.approx(expected.get_last_lr()[0], rel=1e-9)
        expected.optimizer.step()
        expected.step()


def test_training_lowers_the_loss_and_averages_the_weights(pack):
    trained = run(trainer(iterations=600, lr=5e-3, log_every=50), batches(pack, iterations=600))
    assert [row[0] for row in trained.losses] == list(range(50, 601, 50))
    assert trained.losses[-1][1] < 0.97 * trained.losses[0][1]  # 0.937 of it where it was tried
    own, averaged = (next(network.parameters()) for network in (trained.network, trained.average))
    assert 0 < (own - averaged).abs().max() < 0.1


def test_a_resumed_training_ends_in_the_same_weights(pack):
    states = []
    whole = run(
        trainer(), batches(pack), save=lambda state: states.append(torch.save(state, "/dev/null") or state["step"])
    )
    assert states == [5, 10]
    half = run(trainer(), batches(pack), until=7)
    resumed = trainer()
    torch.manual_seed(99)
    resumed.load(half.state())
    run(resumed, batches(pack))
    assert resumed.losses == whole.losses
    for name, weight in whole.average.state_dict().items():
        assert torch.equal(weight, resumed.average.state_dict()[name]), name


def test_divergence_stops_and_saves_nothing_bad(pack):
    saved = []
    broken = trainer(lr=1e6, log_every=6)
    with pytest.raises(DegcraftError, match=r"diverged.*lower train.lr \(now 1e\+06\)"):
        run(broken, batches(pack), save=lambda state: saved.append(state["step"]), every=1)
    assert all(step < broken.step for step in saved)


def test_not_a_number_is_noticed_before_the_checkpoint_is_replaced(pack):
    saved = []
    poisoned = trainer(log_every=12)
    with torch.no_grad():
        poisoned.network.conv_last.bias[0] = math.nan
    with pytest.raises(DegcraftError, match="diverged before step 2: mean loss nan"):
        run(poisoned, batches(pack), save=saved.append, every=2)
    assert saved == []


def test_models_are_rebuilt_from_their_file(tmp_path):
    torch.manual_seed(0)
    network = build(BACKBONE).eval()
    write_model(tmp_path / "m.safetensors", network, {"backbone": BACKBONE, "spec": {"seed": 0}})
    again, meta = read_model(tmp_path / "m.safetensors", CPU)
    image = torch.rand(1, 3, 9, 11)
    assert torch.allclose(network(image), again(image), atol=1e-6)
    assert meta["spec"] == {"seed": 0}
    content = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(content[:-100])
    with pytest.raises(DegcraftError, match="truncated or damaged"):
        read_model(tmp_path / "m.safetensors", CPU)


def spec():
    options = {name: getattr(recipe(), name) for name in Recipe.__dataclass_fields__} | {"compile": False}
    return {
        "seed": 0, "training_seed": 0, "train": options, "degradation": DEGRADATION, "backbone": BACKBONE,
        "compute": {"device": "cpu", "precision": "fp32", "threads": 1},
        "setting": {"blur": [0, 1], "noise": [0, 10], "quality": [80, 90]},
    }  # fmt: skip


def test_a_damaged_checkpoint_is_said_and_training_starts_anew(folder, tmp_path, capsys, monkeypatch):
    stage.run(folder, None, None, spec(), "code", 5, 1, tmp_path / "whole")
    kept = []
    monkeypatch.setattr(resumption, "save", lambda state, path: kept.append(path))
    stage.run(folder, None, None, spec(), "code", 5, 1, tmp_path / "again")
    kept[0].parent.mkdir()
    kept[0].write_bytes(b"half a checkpoint")
    stage.run(folder, None, None, spec(), "code", 5, 1, tmp_path / "again")
    assert "damaged" in capsys.readouterr().err
    for name in ("model.safetensors", "model.json", "loss.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_checkpoint_of_another_definition_is_not_used(folder, tmp_path, monkeypatch):
    paths = []
    changed = spec()
    changed["train"]["lr"] = 5e-4
    monkeypatch.setattr(resumption, "resume", lambda trainer, path, report: paths.append(path))
    stage.run(folder, None, None, spec(), "code", 100, 1, tmp_path)
    stage.run(folder, None, None, changed, "code", 100, 1, tmp_path)
    stage.run(folder, None, None, spec(), "other code", 100, 1, tmp_path)
    assert len(set(paths)) == 3


def refined(path, blur=1):
    """Table of a density past the bins: one class, `blur` in one cell of two."""
    columns = {
        "class": 0, "share": 1.0, "parameter": np.repeat(["blur", "noise", "quality"], 2),
        "low": [0, 1, 0, 5, 80, 85], "high": [1, 2, 5, 10, 85, 90], "weight": [1 - blur, blur, 0.5, 0.5, 0.5, 0.5],
    }  # fmt: skip
    write_table(path, pd.DataFrame(columns))
    return path


def test_training_draws_from_a_density_past_the_bins(folder, tmp_path):
    past = {name: value for name, value in spec().items() if name != "setting"}
    stage.run(folder, refined(tmp_path / "weights.csv"), None, past, "code", 5, 1, tmp_path / "past")
    stage.run(
        folder,
        None,
        None,
        spec() | {"setting": {"blur": [1, 2], "noise": [0, 10], "quality": [80, 90]}},
        "code",
        5,
        1,
        tmp_path / "bins",
    )
    losses = [read_table(tmp_path / name / "loss.csv")["loss"].to_numpy() for name in ("past", "bins")]
    assert len(losses[0]) == 4
    assert losses[0] != pytest.approx(losses[1], rel=1e-6)  # other random numbers
    assert losses[0] == pytest.approx(losses[1], rel=0.2)  # of the same distribution


def test_a_checkpoint_of_another_density_is_not_used(folder, tmp_path, monkeypatch):
    paths = []
    past = {name: value for name, value in spec().items() if name != "setting"}
    monkeypatch.setattr(resumption, "resume", lambda trainer, path, report: paths.append(path))
    for number, blur in enumerate((1, 0.5, 1)):
        stage.run(folder, refined(tmp_path / f"{number}.csv", blur), None, past, "code", 100, 1, tmp_path)
    assert paths[0] == paths[2] != paths[1]


def test_a_training_begins_with_the_weights_of_another(folder, tmp_path):
    stage.run(folder, None, None, spec(), "code", 100, 1, tmp_path / "first")
    initial, still = tmp_path / "first" / "model.safetensors", spec()
    still["train"] |= {"lr": 1e-12, "lr_floor": 1e-13, "iterations": 3, "log_every": 3}
    stage.run(folder, None, initial, still, "code", 100, 1, tmp_path / "second")
    before, after = (read_model(tmp_path / name / "model.safetensors", CPU)[0] for name in ("first", "second"))
    for own, other in zip(before.parameters(), after.parameters(), strict=True):
        assert torch.allclose(own, other, atol=1e-9)
    other = spec() | {"backbone": {**BACKBONE, "width": 12}}
    with pytest.raises(DegcraftError, match=r"'width': 8.* not .*'width': 12.*rm .*model.safetensors"):
        stage.run(folder, None, initial, other, "code", 100, 1, tmp_path / "third")


def test_another_beginning_is_another_checkpoint(folder, tmp_path, monkeypatch):
    stage.run(folder, None, None, spec(), "code", 100, 1, tmp_path / "first")
    paths = []
    monkeypatch.setattr(resumption, "resume", lambda trainer, path, report: paths.append(path))
    for initial in (None, tmp_path / "first" / "model.safetensors"):
        stage.run(folder, None, initial, spec(), "code", 100, 1, tmp_path / "second")
    assert len(set(paths)) == 2


def test_a_compiled_network_trains_to_the_same_losses(pack):
    torch.manual_seed(0)
    compiled = Trainer(build(BACKBONE), recipe(), CPU, contextlib.nullcontext, compiled=True)
    found, expected = (run(one, batches(pack)).losses for one in (compiled, trainer()))
    assert [row[1] for row in found] == pytest.approx([row[1] for row in expected], rel=1e-4)


def test_processes_share_batches_and_train_the_same_network(folder, tmp_path):
    stage.run(folder, None, None, spec(), "code", 5, 1, tmp_path / "one")
    given = ["--images", folder, "--spec", json.dumps(spec()), "--code", "code", "--checkpoint-every", 5]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2]
    command = [*launcher, "-m", "degcraft.stages.train", *given, "--output", tmp_path / "two"]
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 12/12") == 1
    one, two = (read_table(tmp_path / name / "loss.csv")["loss"].to_numpy() for name in ("one", "two"))
    assert two == pytest.approx(one, rel=1e-5)
    one, two = (read_model(tmp_path / name / "model.safetensors", CPU)[0] for name in ("one", "two"))
    for own, other in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.allclose(own, other, atol=1e-5)


@pytest.mark.parametrize(("number", "processes"), [(signal.SIGTERM, 1), (signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_a_training_that_is_told_to_end_keeps_its_last_step(folder, tmp_path, number, processes):
    longer = spec()
    longer["train"] |= {"iterations": 300, "log_every": 20}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"] if processes == 2 else []
    given = ["--images", folder, "--spec", json.dumps(longer), "--code", "code", "--checkpoint-every", 1000]
    words = [sys.executable, *launcher, "-m", "degcraft.stages.train", *given, "--output"]

    def begin(output):
        return subprocess.Popen([str(word) for word in (*words, output)], stderr=subprocess.PIPE, text=True)

    with begin(tmp_path / "ended") as ended:
        while "step 20/300" not in ended.stderr.readline():
            assert ended.poll() is None
        ended.send_signal(number)
        told = ended.stderr.read()
    assert ended.returncode == 128 + number if processes == 1 else ended.returncode != 0
    assert f"{number.name}: step " in told, told
    assert not list((tmp_path / "ended").glob("[!.]*"))
    for output in ("ended", "whole"):
        with begin(tmp_path / output) as again:
            assert ("continuing from step" in again.stderr.read()) == (output == "ended")
        assert again.returncode == 0
    # A line of the loss curve that two processes were at is closed with the first one's losses.
    for name in ["model.safetensors", "loss.csv"][: 3 - processes]:
        assert (tmp_path / "ended" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_trains_to_the_losses_of_the_processor(folder, tmp_path, compiled):
    stage.run(folder, None, None, spec(), "code", 5, 1, tmp_path / "cpu")
    fast = spec() | {"compute": {"device": "cuda", "precision": "bf16", "threads": 1}}
    fast["train"]["compile"] = compiled
    stage.run(folder, None, None, fast, "code", 5, 2, tmp_path / "gpu")
    losses = [read_table(tmp_path / name / "loss.csv")["loss"].to_numpy() for name in ("cpu", "gpu")]
    assert losses[1] == pytest.approx(losses[0], rel=0.03)  # other noise
