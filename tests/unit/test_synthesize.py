import numpy as np
import pandas as pd
import pytest
from PIL import Image

from degcraft.bins import grid
from degcraft.errors import DegcraftError
from degcraft.io import read_arrays, write_pack
from degcraft.stages import synthesize
from tests.conftest import photo_like

OPTIONS = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}
SPACE = {
    name: {"range": span, "count": 2} for name, span in [("blur", [0, 4]), ("noise", [0, 40]), ("quality", [30, 90])]
}
SETTING = {"blur": [1, 2], "noise": [5, 15], "quality": [75, 85]}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    write_pack(folder, [photo_like(seed, 96, 96) for seed in range(4)], list("abcd"), list("abcd"))
    return folder


@pytest.mark.parametrize("threads", [1, 3])
def test_bins_are_drawn_once_whatever_the_threads(images, tmp_path, threads):
    spec = {"seed": 0, "degradation": OPTIONS, "bins": SPACE}
    synthesize.run_bins(images, spec, "code", tmp_path / "one.npz", 1)
    synthesize.run_bins(images, spec, "code", tmp_path / "other.npz", threads)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    lr, blur, noise, quality = read_arrays(tmp_path / "one.npz", "images", "blur", "noise", "quality")
    assert lr.shape == (8, 4, 24, 24, 3)
    assert lr.dtype == np.uint8
    for number, region in enumerate(grid(SPACE)):
        for values, (low, high) in zip(
            (blur, noise, quality), (region.blur, region.noise, region.quality), strict=True
        ):
            assert ((values[number] >= low) & (values[number] <= high)).all()
    assert len(np.unique(blur)) == blur.size


def test_references_keep_their_draws(images, tmp_path):
    spec = {"seed": 0, "degradation": OPTIONS, "setting": SETTING}
    synthesize.run_references(images, "setting3", spec, "code", tmp_path / "r.npz", 2)
    lr, noise = read_arrays(tmp_path / "r.npz", "images", "noise")
    assert lr.shape == (4, 24, 24, 3)
    assert ((noise >= 5) & (noise <= 15)).all()


def test_test_images_do_not_depend_on_how_many_there_are(images, tmp_path):
    spec = {"seed": 0, "degradation": OPTIONS, "setting": SETTING}
    synthesize.run_test(images, "setting3", spec, "code", tmp_path / "all", 2)
    fewer = tmp_path / "fewer"
    write_pack(fewer, [photo_like(2, 96, 96)], ["c"], ["c"])
    synthesize.run_test(fewer, "setting3", spec, "code", tmp_path / "one", 1)
    assert (tmp_path / "all" / "c.png").read_bytes() == (tmp_path / "one" / "c.png").read_bytes()
    table = pd.read_csv(tmp_path / "all" / "parameters.csv")
    assert table.columns.tolist() == ["name", "blur", "noise", "quality"]
    assert Image.open(tmp_path / "all" / "a.png").size == (24, 24)
    for name, (low, high) in SETTING.items():
        assert table[name].between(low, high).all()


def test_a_truncated_pack_is_refused(images, tmp_path):
    folder = tmp_path / "pack"
    write_pack(folder, [photo_like(0, 96, 96)], ["a"], ["a"])
    content = (folder / "pixels.npy").read_bytes()
    (folder / "pixels.npy").write_bytes(content[:5000])
    with pytest.raises(DegcraftError, match="truncated or damaged"):
        synthesize.run_bins(folder, {"seed": 0, "degradation": OPTIONS, "bins": SPACE}, "code", tmp_path / "b.npz", 1)
    assert not (tmp_path / "b.npz").exists()
