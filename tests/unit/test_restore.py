from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from degcraft.backbones import build
from degcraft.errors import DegcraftError
from degcraft.interpolation import bicubic
from degcraft.models import write_model
from degcraft.pictures import Picture
from degcraft.restore import Restorer, restore
from degcraft.stages import restore as stage
from tests.conftest import photo_like

CPU = torch.device("cpu")
BACKBONE = {"kind": "srresnet", "width": 8, "blocks": 1}
KINDS = {
    "srresnet": {"kind": "srresnet", "width": 8, "blocks": 3},
    "rrdb": {"kind": "rrdb", "width": 8, "blocks": 1, "growth": 4},
    "edsr": {"kind": "edsr", "width": 8, "blocks": 3},
    "rcan": {"kind": "rcan", "width": 8, "groups": 1, "blocks": 2, "reduction": 4},
}
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


def lively(kind):
    """A network whose SR images depend on all that it sees, as a trained one's do."""
    torch.manual_seed(1)
    network = build(KINDS[kind])
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (3, 3):
            torch.nn.init.normal_(layer.weight, std=0.8 / (9 * layer.in_channels) ** 0.5)
    return network.eval()


def photograph(dtype, height=150, width=230):
    image = photo_like(3, height, width)
    if dtype == np.uint8:
        return image
    fine = np.random.default_rng(0).integers(0, 257, image.shape)
    return (image.astype(np.uint32) * 256 + fine).astype(np.uint16)


def apart(one, other):
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["srresnet", "rrdb", "edsr"])
def test_tiles_and_whole_differ_by_at_most_one_level(kind, dtype):
    network, image = lively(kind), photograph(dtype)
    whole = Restorer(network, CPU, tile=0).pixels(image)
    tiled = Restorer(network, CPU, tile=64)
    assert apart(tiled.pixels(image), whole) <= 1
    tiled.margin = lambda white: 0
    assert apart(tiled.pixels(image), whole) > 3  # seams, where tiles do not overlap


def test_tiles_of_rcan_follow_its_means():
    network, image = lively("rcan"), photograph(np.uint8)
    whole = Restorer(network, CPU, tile=0).pixels(image)
    tiled = Restorer(network, CPU, tile=64)
    near = apart(tiled.pixels(image), whole)
    assert tiled.margin(255) <= 32
    tiled.margin = lambda white: 0
    assert near <= 8 < apart(tiled.pixels(image), whole)


def test_the_overlap_is_what_the_layers_see():
    # LR pixels: 1 + 2 per block + 1; then 1 at each of 2 x, 4 x and 4 x.
    for blocks, reach in ((1, 5), (3, 9)):
        torch.manual_seed(0)
        network = build({"kind": "srresnet", "width": 4, "blocks": blocks})
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.constant_(layer.weight, 1 / (9 * layer.in_channels))
        restorer = Restorer(network.eval(), CPU)
        assert restorer.margin(255) == restorer.margin(65535) == 16
        assert reach - 1 <= np.flatnonzero(restorer._influence)[-1] + 1 <= reach


@pytest.mark.parametrize("tile", [16, 64, 0])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 100), (130, 1), (65, 17), (16, 16)])
def test_any_size(height, width, tile):
    image = photograph(np.uint8, height, width)
    found = Restorer(lively("srresnet"), CPU, tile=tile).pixels(image)
    assert found.shape == (4 * height, 4 * width, 3)
    assert apart(found, restore(lively("srresnet"), image, CPU)) <= 1


def test_progress_is_told_for_every_tile():
    told = []
    Restorer(lively("srresnet"), CPU, tile=32).pixels(photograph(np.uint8, 40, 90), lambda *parts: told.append(parts))
    assert told == [(number, 6) for number in range(1, 7)]


def test_16_bits_are_kept_and_agree_with_8():
    network, image = lively("srresnet"), photograph(np.uint8, 40, 50)
    coarse = restore(network, image, CPU)
    fine = restore(network, image.astype(np.uint16) * 257, CPU)
    assert fine.dtype == np.uint16
    assert np.abs(fine / 257 - coarse).max() <= 0.5 + 1e-3
    assert len(np.unique(fine)) > 1000
    assert restore(Nearest(), np.full((1, 1, 3), 65535, np.uint16), CPU).max() == 65535


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_keep_their_kind(dtype):
    restorer = Restorer(lively("srresnet"), CPU)
    colours = photograph(dtype, 20, 30)
    plain = restorer(Picture(colours, exif=b"exif", icc=b"icc"))
    assert np.array_equal(plain.colours, restorer.pixels(colours))
    assert (plain.alpha, plain.exif, plain.icc) == (None, b"exif", b"icc")
    clear = restorer(Picture(colours, alpha=colours[..., 0].copy()))
    assert np.array_equal(clear.alpha, bicubic(np.repeat(colours[..., :1], 3, axis=2))[..., 0])
    grey = restorer(replace(plain, colours=np.repeat(colours[..., :1], 3, axis=2), grey=True))
    assert grey.grey
    assert np.array_equal(grey.colours[..., 0], grey.colours[..., 2])
    assert grey.colours.dtype == dtype


def test_grey_is_the_luma_of_what_the_network_makes():
    restorer = Restorer(lively("srresnet"), CPU)
    image = np.repeat(photograph(np.uint8, 20, 30)[..., :1], 3, axis=2)
    expected = np.array(Image.fromarray(restorer.pixels(image)).convert("L"))
    assert apart(restorer(Picture(image, grey=True)).colours[..., 1], expected) <= 1


def test_bicubic_of_16_bits_agrees_with_8():
    image = 64 + photo_like(1, 30, 40) // 2  # 8 bits are clipped between rows and columns, too
    fine = bicubic(image.astype(np.uint16) * 257)
    assert fine.dtype == np.uint16
    assert np.abs(fine / 257 - bicubic(image)).max() <= 1.5  # those are rounded twice
    assert bicubic(image[..., 0]).shape == (120, 160)


def test_wrong_options_are_refused():
    for tile in (-16, 100):
        with pytest.raises(DegcraftError, match=f"tile: {tile}; needed is a multiple of 16, or 0"):
            Restorer(lively("srresnet"), CPU, tile=tile)
    with pytest.raises(DegcraftError, match="half precision is slower on a CPU, and needs a GPU; leave --half out"):
        Restorer(lively("srresnet"), CPU, half=True)


def test_a_model_of_another_scale_is_refused(tmp_path):
    from spandrel.architectures.Compact import Compact

    for scale in (2, 4):
        torch.manual_seed(0)
        network = Compact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=scale)
        write_model(tmp_path / f"{scale}.safetensors", network, {"architecture": "RealESRGAN Compact"})
    with pytest.raises(DegcraftError, match=r"2.safetensors: enlarges x2; a model of scale 4 is needed"):
        Restorer.read(tmp_path / "2.safetensors", "cpu")
    restorer, image = Restorer.read(tmp_path / "4.safetensors", "cpu", tile=32), photograph(np.uint8)
    assert apart(restorer.pixels(image), restore(restorer.network, image, CPU)) <= 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_on_a_gpu_is_close(kind):
    device, image = torch.device("cuda"), photograph(np.uint8)
    network = lively(kind).to(device)
    exact = Restorer(network, device, tile=0).pixels(image)
    assert apart(Restorer(network, device, tile=64, half=True).pixels(image), exact) <= 4


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
