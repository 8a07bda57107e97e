import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from degcraft import backbones
from degcraft.degradations import degrade
from degcraft.errors import DegcraftError
from degcraft.methods.crops import PLAIN
from degcraft.models import read_model, write_model
from degcraft.restore import restore
from degcraft.stages import methods as stage
from tests.conftest import photo_like

CPU = torch.device("cpu")
RRDB = {"kind": "rrdb", "width": 64, "blocks": 1, "growth": 32}


def network(options=RRDB, seed=0):
    torch.manual_seed(seed)
    return backbones.build(options).eval()


def compact(**sizes):
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(0)
    return Compact(**{"num_in_ch": 3, "num_out_ch": 3, "num_feat": 16, "num_conv": 2, "upscale": 4, **sizes})


def published(path, needed=None, output=None):
    stage.run_published(path, {"network": needed}, "code", output or path.parent / "out")
    return path.parent / "out" / "model.safetensors"


@pytest.mark.parametrize("wrapping", ["params_ema", "params", "state_dict", None])
def test_published_weights_restore_as_the_network_itself(tmp_path, wrapping):
    ours = network()
    weights = ours.state_dict()
    torch.save({wrapping: weights} if wrapping else weights, tmp_path / "rrdb.pth")
    rebuilt, meta = read_model(published(tmp_path / "rrdb.pth", "rrdb"), CPU)
    assert meta["architecture"] == "ESRGAN"
    image = photo_like(0, 13, 17)
    np.testing.assert_array_equal(restore(rebuilt, image, CPU), restore(ours, image, CPU))


def test_averaged_weights_come_first(tmp_path):
    averaged, last = network(seed=1).state_dict(), network(seed=2).state_dict()
    torch.save({"params": last, "params_ema": averaged}, tmp_path / "both.pth")
    kept = load_file(published(tmp_path / "both.pth"))
    assert torch.equal(kept["conv_first.weight"], averaged["conv_first.weight"])


def test_a_compact_network_and_half_precision(tmp_path):
    ours = compact().eval()
    save_file({name: value.half() for name, value in ours.state_dict().items()}, tmp_path / "compact.safetensors")
    rebuilt, meta = read_model(published(tmp_path / "compact.safetensors"), CPU)
    assert meta["architecture"] == "RealESRGAN Compact"
    image = photo_like(1, 16, 12)
    difference = restore(rebuilt, image, CPU).astype(int) - restore(ours, image, CPU)
    assert np.abs(difference).max() <= 1


def test_a_model_of_our_own(tmp_path):
    options = {"kind": "srresnet", "width": 8, "blocks": 1}
    ours = network(options)
    write_model(tmp_path / "own.safetensors", ours, {"backbone": options, "scale": 4, "channels": 3})
    rebuilt, meta = read_model(published(tmp_path / "own.safetensors", "srresnet"), CPU)
    assert meta["backbone"] == options
    image = photo_like(2, 12, 12)
    np.testing.assert_array_equal(restore(rebuilt, image, CPU), restore(ours, image, CPU))


@pytest.mark.parametrize(
    ("make", "needed", "message"),
    [
        (lambda: compact(), "rrdb", "weights of RealESRGAN Compact, but its entry in methods names rrdb"),
        (lambda: compact(upscale=2), None, "RealESRGAN Compact of scale 2, 3 to 3 channels; scale 4, 3 to 3"),
        (lambda: compact(num_in_ch=1, num_out_ch=1), None, "of scale 4, 1 to 1 channels; scale 4, 3 to 3"),
        (lambda: torch.nn.Conv2d(3, 3, 3), None, "a network that spandrel does not know"),
    ],
)
def test_other_networks_are_refused_by_name(tmp_path, make, needed, message):
    save_file(make().state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(DegcraftError, match=message):
        published(tmp_path / "other.safetensors", needed)
    assert not (tmp_path / "out").exists()


def test_our_own_model_of_another_kind_or_scale_is_refused(tmp_path):
    options = {"kind": "srresnet", "width": 8, "blocks": 1}
    write_model(tmp_path / "own.safetensors", network(options), {"backbone": options, "scale": 4, "channels": 3})
    with pytest.raises(DegcraftError, match="weights of srresnet, but its entry in methods names rrdb"):
        published(tmp_path / "own.safetensors", "rrdb")
    write_model(tmp_path / "two.safetensors", network(options), {"backbone": options, "scale": 2, "channels": 3})
    with pytest.raises(DegcraftError, match="srresnet of scale 2"):
        published(tmp_path / "two.safetensors")


class Canary:
    def __reduce__(self):
        return (open, ("canary", "w"))


def test_a_pickle_with_code_is_refused_and_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"params": {"weight": torch.zeros(1)}, "more": Canary()}, tmp_path / "bad.pth")
    with pytest.raises(DegcraftError, match="not a whole, plain weight file"):
        published(tmp_path / "bad.pth")
    assert not (tmp_path / "canary").exists()


def test_metadata_say_where_weights_are_from(tmp_path):
    save_file(network().state_dict(), tmp_path / "rrdb.safetensors")
    published(tmp_path / "rrdb.safetensors")
    meta = json.loads((tmp_path / "out" / "model.json").read_text())
    assert {"architecture": "ESRGAN", "scale": 4, "channels": 3}.items() <= meta.items()
    assert meta["parameters"] == sum(value.numel() for value in network().parameters())
    assert len(meta["sha256"]) == 64


def gradient(image):
    return float(
        np.abs(np.diff(image.astype(float), axis=0)).mean() + np.abs(np.diff(image.astype(float), axis=1)).mean()
    )


def test_real_published_weights_restore_the_sharpness_that_bicubic_lacks(shared_data, tmp_path):
    stage.run_published(shared_data / "weights" / "realesr_general_x4v3.safetensors", {"network": None}, "", tmp_path)
    net, meta = read_model(tmp_path / "model.safetensors", CPU)
    assert meta["architecture"] == "RealESRGAN Compact"
    truth = np.array(Image.open(shared_data / "test" / "set5" / "butterfly.png").convert("RGB"))[:256, :256]
    lr = degrade(truth, (1.5, 10.0, 60.0), np.random.default_rng(0), PLAIN)
    enlarged = np.array(Image.fromarray(lr).resize((256, 256), Image.Resampling.BICUBIC))
    restored = restore(net, lr, CPU)
    assert np.corrcoef(restored.ravel(), truth.ravel())[0, 1] > 0.85
    assert 0.7 * gradient(truth) < gradient(restored) < 1.3 * gradient(truth)
    assert gradient(enlarged) < 0.7 * gradient(truth)
