import hashlib
import json

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import spandrel
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from degcraft.backbones import build
from degcraft.errors import DegcraftError
from degcraft.exporting import OPSET, TOLERANCE, card, description, graph
from degcraft.models import read_model, write_model
from degcraft.restore import restore
from degcraft.stages import export as stage
from tests.conftest import photo_like

CPU = torch.device("cpu")
BACKBONES = {
    "srresnet": {"kind": "srresnet", "width": 16, "blocks": 2, "dropout": 0.7},
    "rrdb": {"kind": "rrdb", "width": 16, "blocks": 1, "growth": 32},
    "rrdb-narrow": {"kind": "rrdb", "width": 8, "blocks": 1, "growth": 8},
    "rcan": {"kind": "rcan", "width": 16, "blocks": 1, "groups": 2, "reduction": 4},
    "edsr": {"kind": "edsr", "width": 16, "blocks": 2},
}
JOB = {"backbone": "small", "target": "film", "draw": "traces.refined", "seed": 0, "initial": None}
FILES = dict.fromkeys(["safetensors", "onnx"], (1, "0" * 64))
TRAIN = {"iterations": 500, "batch": 8, "patch": 64}


def network(kind, seed=0):
    """As after a training: large weights, so that the output fills the range and differences would show."""
    torch.manual_seed(seed)
    built = build(BACKBONES[kind]).eval()
    with torch.no_grad():
        for layer in built.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.mul_(2)
                layer.bias.normal_(0, 0.05)
    return built


def written(path, kind):
    """A model as the stage train writes it."""
    meta = {"backbone": BACKBONES[kind], "scale": 4, "channels": 3, "spec": {"train": TRAIN}, "code": "abc"}
    write_model(path, network(kind), meta)
    return path


def exported(path, folder, metrics=None):
    stage.run(path, metrics, JOB, folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Gives the folder of an exported model of a kind; each is exported once."""
    root, done = tmp_path_factory.mktemp("exported"), {}

    def folder(kind):
        if kind not in done:
            done[kind] = exported(written(root / f"{kind}.safetensors", kind), root / kind)
        return done[kind]

    return folder


def session(content):
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", ["srresnet", "rrdb", "rcan", "edsr"])
def test_the_graph_computes_what_the_network_computes_at_any_size(kind, folders):
    run, ours = session(folders(kind) / "model.onnx"), network(kind)
    for shape in ((1, 3, 16, 16), (2, 3, 17, 31), (1, 3, 40, 9)):
        images = torch.rand(shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            expected = ours(images).numpy()
        (found,) = run.run(["output"], {"input": images.numpy()})
        assert found.shape == (shape[0], 3, 4 * shape[2], 4 * shape[3])
        assert np.ptp(expected) > 0.2
        assert np.abs(found - expected).max() < TOLERANCE


def test_the_graph_names_its_sizes_and_no_place_of_this_machine(folders):
    content = (folders("rrdb") / "model.onnx").read_bytes()
    model = onnx.load_from_string(content)
    for values, name, sides in ((model.graph.input, "input", ""), (model.graph.output, "output", "4*")):
        (value,) = values
        sizes = [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        assert (value.name, sizes) == (name, ["batch", 3, f"{sides}height", f"{sides}width"])
    assert [one.version for one in model.opset_import if one.domain == ""] == [OPSET]
    for place in (b"degcraft/", b"site-packages", b".py", torch.__version__.encode()):
        assert place not in content


def test_the_same_model_gives_the_same_bytes(folders, tmp_path):
    again = exported(written(tmp_path / "m.safetensors", "srresnet"), tmp_path / "again")
    for name in ("model.safetensors", "model.onnx", "model.json"):
        assert (folders("srresnet") / name).read_bytes() == (again / name).read_bytes()


def test_other_weights_give_other_bytes(folders):
    assert graph(network("srresnet", seed=1)) != (folders("srresnet") / "model.onnx").read_bytes()


def test_weights_keep_their_names_and_values_and_say_what_they_are(tmp_path):
    path = written(tmp_path / "m.safetensors", "srresnet")
    metrics = pd.DataFrame({"name": ["a", "b"], "psnr_y": [30.0, 31.0], "lpips": [np.nan, np.nan]})
    metrics.to_csv(tmp_path / "metrics.csv", index=False, na_rep="NA")
    folder = exported(path, tmp_path / "out", tmp_path / "metrics.csv")
    before, after = load_file(path), load_file(folder / "model.safetensors")
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    with safe_open(folder / "model.safetensors", "pt") as file:
        meta = json.loads(file.metadata()["degcraft"])
    assert meta["architecture"] == "SRResNet"
    assert meta["metrics"] == {"images": 2, "psnr_y": 30.5}
    assert (meta["scale"], meta["backbone"], meta["code"]) == (4, BACKBONES["srresnet"], "abc")
    assert meta["spec"] == {"train": TRAIN}


def test_an_exported_model_restores_as_the_trained_one(folders):
    image = photo_like(0, 13, 17)
    again, _ = read_model(folders("rrdb") / "model.safetensors", CPU)
    np.testing.assert_array_equal(restore(again, image, CPU), restore(network("rrdb"), image, CPU))


@pytest.mark.parametrize("kind", ["rrdb", "rcan"])
def test_spandrel_reads_the_weights_unchanged(kind, folders):
    read = spandrel.ModelLoader(device="cpu").load_from_file(folders(kind) / "model.safetensors")
    assert (read.architecture.id, read.scale) == ({"rrdb": "ESRGAN", "rcan": "RCAN"}[kind], 4)
    images = torch.rand((1, 3, 20, 24), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected, found = network(kind)(images).clamp(0, 1), read(images)
    assert expected.std() > 0.01
    assert (found - expected).abs().max() < 1e-5
    assert (
        "programs that use spandrel" in json.loads((folders(kind) / "model.json").read_text())["degcraft"]["readable"]
    )


@pytest.mark.parametrize("kind", ["srresnet", "edsr", "rrdb-narrow"])
def test_what_spandrel_does_not_read_says_so(kind, tmp_path):
    with pytest.raises((spandrel.UnsupportedModelError, RuntimeError)):
        spandrel.ModelLoader(device="cpu").load_from_file(written(tmp_path / "m.safetensors", kind))
    found = card({"backbone": BACKBONES[kind], "spec": {"train": TRAIN}}, JOB, FILES)
    assert "spandrel does not know this architecture" in found["degcraft"]["readable"]


def test_the_card_has_the_fields_of_openmodeldb(folders):
    found = json.loads((folders("rrdb") / "model.json").read_text())
    assert found["architecture"] == "esrgan"
    assert found["size"] == ["16nf", "1nb"]
    assert [found[name] for name in ("scale", "inputChannels", "outputChannels")] == [4, 3, 3]
    assert [found[f"training{name}"] for name in ("Iterations", "BatchSize", "HRSize", "OTF")] == [500, 8, 64, True]
    assert [found[name] for name in ("author", "license", "date", "pretrainedModelG")] == [None] * 4
    assert set(found["tags"]) == {"deblur", "denoise", "jpeg", "restoration"}
    assert "traces.refined estimated from reference images of film" in found["description"]
    for resource in found["resources"]:
        content = (folders("rrdb") / f"model.{resource['type']}").read_bytes()
        assert resource["size"] == len(content)
        assert resource["sha256"] == hashlib.sha256(content).hexdigest()
        assert resource["urls"] == []
    shape = {"layout": "NCHW", "shape": "batch, 3, height, width", "type": "float32"}
    assert found["degcraft"]["onnx"]["input"] == {"name": "input", **shape}


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        ("uniform", "evenly from the whole degradation space"),
        ("oracle", "the known degradations of film"),
        ("bicubic", "bicubic downsampling alone"),
        ("dct.second-order", "second-order model"),
    ],
)
def test_the_card_says_what_the_model_was_trained_for(draw, said):
    meta = {"backbone": BACKBONES["rcan"], "spec": {"train": TRAIN}, "metrics": {"images": 3, "psnr_y": 27.25}}
    found = card(meta, {**JOB, "draw": draw, "initial": "uniform"}, FILES)
    assert said in found["description"]
    assert "Means over 3 test images of film: psnr_y 27.25." in found["description"]
    assert (found["tags"] == ["general-upscaler"]) == (draw == "bicubic")
    assert found["pretrainedModelG"] == "4x-small-uniform"


@pytest.mark.parametrize("meta", [{"architecture": "ESRGAN"}, {"method": {"kind": "ikc"}}])
def test_models_of_others_are_refused(meta):
    with pytest.raises(DegcraftError, match=r"model of (ESRGAN|ikc): compared methods and published weights are not"):
        description(meta, None)


def test_a_damaged_model_leaves_nothing(tmp_path):
    path = written(tmp_path / "m.safetensors", "rrdb")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DegcraftError, match="damaged"):
        exported(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
