import contextlib
import copy
import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from degcraft import resumption
from degcraft.checkpoints import load_weights
from degcraft.errors import DegcraftError
from degcraft.extractors import build
from degcraft.io import ImagePack, write_pack
from degcraft.pretraining import MODULES
from degcraft.pretraining import build as build_task
from degcraft.stages import pretrain as stage
from tests.conftest import photo_like

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
FILES = ("model.safetensors", "model.json", "loss.csv")
ALEXNET = {"kind": "alexnet", "weights": "trained", "textures": "textures"}
DASR = {"kind": "dasr", "weights": "trained"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    names = ["a", "b", "c"]
    write_pack(folder / "train", [photo_like(seed, 48, 56) for seed in range(3)], names, names)
    for label, name in enumerate(("brick", "wood")):
        (folder / "textures" / name).mkdir(parents=True)
        for number in range(4):
            image = photo_like(10 * label + number, 66, 70) // (1 + label)
            Image.fromarray(image).save(folder / "textures" / name / f"{number}.png")
    return folder


def spec(entry, **changes):
    options = {"alexnet": {"patch": 63, "lr": 1e-3}, "dasr": {"patch": 32, "lr": 1e-3, "queue": 12}}[entry["kind"]]
    return {
        "extractor": entry, "pretrain": {"iterations": 7, "batch": 4, **options, **changes}, "log_every": 2, "seed": 0,
        "compute": {"device": "cpu", "precision": "fp32", "threads": 1},
    }  # fmt: skip


def run(data, entry, output, every=100, code="code", **changes):
    textures = data / "textures" if "textures" in entry else None
    stage.run(data / "train", textures, spec(entry, **changes), code, every, 1, output)
    return output


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return {entry["kind"]: run(data, entry, folder / entry["kind"]) for entry in (ALEXNET, DASR)}


def test_every_kind_has_its_module():
    assert set(MODULES) == {"alexnet", "dasr"}


@pytest.mark.parametrize(("entry", "count"), [(ALEXNET, 256), (DASR, 256)])
def test_the_extractor_reads_what_was_trained(trained, entry, count):
    weights = load_weights(trained[entry["kind"]] / "model.safetensors")
    images = np.stack([photo_like(seed, 72, 72) for seed in range(2)])
    found = build(entry, weights, CPU)(images)
    assert found.shape == (2, count, 1, 1)
    assert np.isfinite(found).all()
    untrained = build({**entry, "weights": "random", "seed": 0}, None, CPU)(images)
    assert not np.allclose(found, untrained, rtol=0.05)


def test_extractors_take_the_default_input(trained):
    for folder in trained.values():
        assert "input" not in load_weights(folder / "model.safetensors").metadata


def test_files_of_alexnet(trained):
    meta = json.loads((trained["alexnet"] / "model.json").read_text())
    assert meta["spec"] == spec(ALEXNET)
    assert meta["code"] == "code"
    assert meta["parameters"] == 2_469_696
    assert meta["classes"] == ["brick", "wood"]
    assert (meta["training_images"], meta["held_out_images"]) == (6, 2)
    assert meta["held_out_accuracy"] in (0, 0.5, 1)
    assert meta["chance_accuracy"] == 0.5
    loss = pd.read_csv(trained["alexnet"] / "loss.csv")
    assert loss["step"].tolist() == [2, 4, 6]
    assert loss["lr"].iloc[0] == pytest.approx(0.5e-3 * (1 + math.cos(math.pi / 7)))
    assert 0 < loss["loss"].iloc[0] < 2


def test_files_of_dasr(trained):
    meta = json.loads((trained["dasr"] / "model.json").read_text())
    loss = pd.read_csv(trained["dasr"] / "loss.csv")["loss"]
    assert meta["spec"] == spec(DASR)
    assert meta["parameters"] == 1_147_200
    assert (meta["loss_start"], meta["loss_end"]) == (loss.iloc[0], loss.iloc[-1])
    assert meta["loss_guess"] == pytest.approx(math.log(13))


def test_the_weights_know_where_they_are_from(trained):
    for folder in trained.values():
        with safe_open(folder / "model.safetensors", "pt") as file:
            metadata = file.metadata()
        assert {name: json.loads(text) for name, text in metadata.items()} == {
            "degcraft": json.loads((folder / "model.json").read_text())
        }


def test_nothing_else_is_left(trained):
    for folder in trained.values():
        assert {path.name for path in folder.rglob("*") if path.is_file()} == set(FILES)
        assert not (folder / ".textures").exists()


def test_statistics_of_the_encoder_are_trained(trained):
    tensors = load_weights(trained["dasr"] / "model.safetensors").tensors
    assert tensors["1.num_batches_tracked"] == 7
    assert not torch.equal(tensors["16.running_var"], torch.ones(256))


class Killed(BaseException):
    """Like SIGKILL, nothing catches it."""


@pytest.mark.parametrize("entry", [ALEXNET, DASR], ids=["alexnet", "dasr"])
def test_a_killed_training_ends_in_the_same_bytes(data, trained, entry, tmp_path, monkeypatch, capsys):
    kept, keep = [], resumption.save

    def save(state, path):
        keep(state, path)
        kept.append(state["step"])
        raise Killed

    monkeypatch.setattr(resumption, "save", save)
    with pytest.raises(Killed):
        run(data, entry, tmp_path, every=3)
    monkeypatch.undo()
    assert kept == [3]
    torch.manual_seed(99)
    run(data, entry, tmp_path, every=2)
    assert "continuing from step 3" in capsys.readouterr().err
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (trained[entry["kind"]] / name).read_bytes(), name


def test_a_checkpoint_holds_all_of_the_contrast(data):
    def fresh(seed):
        torch.manual_seed(seed)
        return build_task(ImagePack(data / "train"), None, spec(DASR), CPU, contextlib.nullcontext)

    first, other = fresh(0), fresh(1)
    first.begin()
    for step in range(2):
        first.advance(*first.batches[step])
    other.load(copy.deepcopy(first.state()))
    for task in (first, other):
        task.advance(*task.batches[2])
    assert other.step == 3
    assert torch.equal(first.queue, other.queue)
    for own, theirs in ((first.network, other.network), (first.average, other.average)):
        for name, value in own.state_dict().items():
            assert torch.equal(value, theirs.state_dict()[name]), name


def test_textures_left_by_a_kill_are_replaced(data, trained, tmp_path):
    write_pack(tmp_path / ".textures", [photo_like(0, 80, 80)], ["old"], ["old"])
    run(data, ALEXNET, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == (trained["alexnet"] / "model.safetensors").read_bytes()
    assert not (tmp_path / ".textures").exists()


def test_a_checkpoint_of_another_definition_is_not_used(data, tmp_path, monkeypatch):
    paths = []

    class Enough(Exception):
        pass

    def stop(task, path, report):
        paths.append(path.name)
        raise Enough

    monkeypatch.setattr(resumption, "resume", stop)
    own = tmp_path / "copy"
    shutil.copytree(data, own)
    changes = [{}, {}, {"lr": 2e-3}, {"code": "other"}]
    for change in changes:
        with pytest.raises(Enough):
            run(own, ALEXNET, tmp_path / "out", **change)
    shutil.move(own / "textures" / "wood" / "3.png", own / "textures" / "brick" / "4.png")
    with pytest.raises(Enough):
        run(own, ALEXNET, tmp_path / "out")
    assert paths[0] == paths[1]
    assert len(set(paths)) == 4


def refusal(data, entry, output, **changes):
    with pytest.raises(DegcraftError) as caught:
        run(data, entry, output, **changes)
    assert not [path for path in output.rglob("*") if path.is_file()]
    return str(caught.value)


def test_a_queue_of_broken_batches(data, tmp_path):
    assert refusal(data, DASR, tmp_path, queue=10) == (
        "pretrain.dasr.queue: 10, but batches of 4; a multiple of the batch is needed; write queue: 12"
    )


def test_training_images_smaller_than_the_patch(data, tmp_path):
    assert refusal(data, DASR, tmp_path, patch=52).startswith(
        "pretrain.dasr.patch: 52, but 3 training images are smaller, first a; "
    )


def test_textures_smaller_than_the_patch(data, tmp_path):
    message = refusal(data, ALEXNET, tmp_path, patch=68)
    assert message.startswith("8 of 8 textures cannot be used\n")
    assert "3.png: 70 x 66 pixels, patches have 68 x 68; take it out" in message


def test_a_damaged_texture(data, tmp_path):
    shutil.copytree(data / "textures", tmp_path / "data" / "textures")
    (tmp_path / "data" / "textures" / "wood" / "0.png").write_bytes(b"\x89PNG")
    message = refusal(tmp_path / "data", ALEXNET, tmp_path / "out")
    assert message.startswith("1 of 8 textures cannot be used\n")
    assert "wood/0.png: " in message


def test_no_images_at_all(tmp_path):
    with pytest.raises(DegcraftError, match="pretrain: no images for kind dasr; give --textures FOLDER or --images"):
        stage.run(None, None, spec(DASR), "", 1, 1, tmp_path)


def test_alexnet_without_textures(data, tmp_path):
    assert "kind alexnet with weights: trained has no textures" in refusal(
        data, {"kind": "alexnet", "weights": "trained"}, tmp_path
    )


def test_divergence_names_its_option(data, tmp_path):
    with pytest.raises(DegcraftError, match=r"diverged.*lower pretrain.alexnet.lr \(now 1e\+08\)"):
        run(data, ALEXNET, tmp_path, lr=1e8)
    assert not (tmp_path / ".textures").exists()


def test_command_line(data, trained, tmp_path, capsys):
    def command(*given):
        options = ["--spec", json.dumps(spec(ALEXNET)), "--code", "code", "--checkpoint-every", "100"]
        stage.main([*given, *options, "--output", str(tmp_path)])

    command("--images", "--textures", str(data / "textures"))
    said = capsys.readouterr().err
    assert "8 textures of 2 classes" in said
    assert "held_out_accuracy" in said
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (trained["alexnet"] / name).read_bytes()
    with pytest.raises(DegcraftError, match=r"^nowhere: not found; textures are needed there: "):
        command("--images", str(data / "train" / "pixels.npy"), "--textures", "nowhere")


def test_command_line_of_training_images(data, trained, tmp_path):
    given = ["--images", *(str(data / "train" / name) for name in ("pixels.npy", "index.csv")), "--textures"]
    options = ["--spec", json.dumps(spec(DASR)), "--code", "code", "--checkpoint-every", "3", "--threads", "2"]
    stage.main([*given, *options, "--output", str(tmp_path)])
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (trained["dasr"] / name).read_bytes()
