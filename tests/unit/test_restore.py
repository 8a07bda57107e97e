import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from degcraft.backbones import build
from degcraft.errors import DegcraftError
from degcraft.models import write_model
from degcraft.restore import restore
from degcraft.stages import restore as stage
from tests.conftest import photo_like

CPU = torch.device("cpu")
BACKBONE = {"kind": "srresnet", "width": 8, "blocks": 1}
SPEC = {"compute": {"device": "cpu", "precision": "fp32", "threads": 1}}


class Nearest(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.interpolate(x, scale_factor=4, mode="nearest") * 1.5 - 0.2


def test_output_is_clamped_and_rounded():
    image = photo_like(0, 9, 13)
    expected = np.clip(image.astype(float) / 255 * 1.5 - 0.2, 0, 1) * 255
    found = restore(Nearest(), image, CPU)
    assert found.shape == (36, 52, 3)
    assert found.dtype == np.uint8
    assert np.abs(found[::4, ::4].astype(float) - expected).max() <= 0.5 + 1e-4


@pytest.fixture
def test_folder(tmp_path):
    folder = tmp_path / "test"
    folder.mkdir()
    for seed, name in enumerate(["a", "007"]):
        Image.fromarray(photo_like(seed, 12, 16)).save(folder / f"{name}.png")
    pd.DataFrame({"name": ["a", "007"], "blur": 1, "noise": 1, "quality": 80}).to_csv(
        folder / "parameters.csv", index=False
    )
    return folder


def test_every_test_image_is_restored(test_folder, tmp_path):
    torch.manual_seed(0)
    write_model(tmp_path / "m.safetensors", build(BACKBONE), {"backbone": BACKBONE})
    stage.run(tmp_path / "m.safetensors", test_folder, SPEC, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["007.png", "a.png"]
    assert Image.open(tmp_path / "out" / "a.png").size == (64, 48)


def test_more_images_than_wait_for_the_writers(tmp_path):
    folder = tmp_path / "test"
    folder.mkdir()
    names = [f"image{number}" for number in range(3 * stage.WRITERS)]
    for seed, name in enumerate(names):
        Image.fromarray(photo_like(seed, 8, 8)).save(folder / f"{name}.png")
    pd.DataFrame({"name": names}).to_csv(folder / "parameters.csv", index=False)
    network = build(BACKBONE).eval()
    write_model(tmp_path / "m.safetensors", network, {"backbone": BACKBONE})
    stage.run(tmp_path / "m.safetensors", folder, SPEC, tmp_path / "out")
    for seed, name in enumerate(names):
        expected = restore(network, photo_like(seed, 8, 8), CPU).astype(int)
        assert np.abs(np.array(Image.open(tmp_path / "out" / f"{name}.png")) - expected).max() <= 1


def test_a_truncated_test_image_leaves_no_half_folder(test_folder, tmp_path):
    write_model(tmp_path / "m.safetensors", build(BACKBONE), {"backbone": BACKBONE})
    content = (test_folder / "007.png").read_bytes()
    (test_folder / "007.png").write_bytes(content[:200])
    with pytest.raises(DegcraftError, match="truncated or damaged"):
        stage.run(tmp_path / "m.safetensors", test_folder, SPEC, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")] == []


def test_a_foreign_weights_file_is_refused(test_folder, tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "m.safetensors")
    with pytest.raises(DegcraftError, match="no degcraft metadata"):
        stage.run(tmp_path / "m.safetensors", test_folder, SPEC, tmp_path / "out")
