import numpy as np
import pandas as pd
import pytest
from PIL import Image

from degcraft import trials
from degcraft.bins import grid
from degcraft.degradations.second_order import PARAMETERS
from degcraft.errors import DegcraftError
from degcraft.io import ImagePack, read_arrays, write_pack
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


def test_a_repeat_draws_other_bins(images, tmp_path):
    spec = {"seed": 0, "degradation": OPTIONS, "bins": SPACE}
    for name in ("", "seed0a", "seed0b"):
        synthesize.run_bins(images, spec, "code", tmp_path / f"{name}.npz", 1, name)
    drawn = [read_arrays(tmp_path / f"{name}.npz", "blur")[0] for name in ("", "seed0a", "seed0b")]
    assert all(one.shape == drawn[0].shape for one in drawn)
    assert len(np.unique(np.concatenate(drawn))) == 3 * drawn[0].size


TARGETS = {
    **{"boxes": 2, "pairs": 1, "references": 3, "counts": [6], "seed": 0, "degradation": OPTIONS, "bins": SPACE},
    "settings": {"setting3": SETTING, "outside": {**SETTING, "blur": [3, 5]}},
}


def test_references_of_known_targets_lie_in_their_ranges(images, tmp_path, capsys):
    synthesize.run_targets(images, TARGETS, "code", tmp_path / "t.npz", 1, "seed0a")
    synthesize.run_targets(images, TARGETS, "code", tmp_path / "again.npz", 3, "seed0a")
    assert (tmp_path / "t.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    lr, points = read_arrays(tmp_path / "t.npz", "images", "points")
    targets = trials.restored(read_arrays(tmp_path / "t.npz", *trials.ARRAYS))
    assert [(target.name, target.references) for target in targets] == [
        ("setting3", 6), ("box0", 3), ("box1", 3), ("pair0", 3),
    ]  # fmt: skip
    assert lr.shape == (15, 24, 24, 3)
    begin = 0
    for target in targets:
        assert (target.truth.density(points[begin : begin + target.references]) > 0).all()
        begin += target.references
    log = capsys.readouterr().err
    assert "outside: left out" in log
    assert "6 references of one target, 4 contents: contents are used again" in log


def test_every_content_comes_before_one_comes_again(images, tmp_path):
    # Without blur, noise and compression the LR image says its content.
    clean = {**TARGETS, "settings": {}, "boxes": 1, "pairs": 1, "references": 8}
    space = {
        name: {"range": span} for name, span in [("blur", [0, 1e-4]), ("noise", [0, 1e-4]), ("quality", [99, 100])]
    }
    synthesize.run_targets(images, {**clean, "bins": space}, "code", tmp_path / "t.npz", 1, "seed0a")
    (lr,) = read_arrays(tmp_path / "t.npz", "images")
    whole = [
        synthesize.degrade(image, (0.0, 0.0, 99.5), np.random.default_rng(0), OPTIONS) for image in ImagePack(images)
    ]
    nearest = [int(np.argmin([np.abs(one - other.astype(float)).mean() for other in whole])) for one in lr]
    for first in range(0, 16, 4):
        assert sorted(nearest[first : first + 4]) == [0, 1, 2, 3]
    assert nearest[:4] != nearest[8:12]  # in another order for another target


def test_boxes_of_the_second_order_model_restrict_what_is_asked_for(default_config, images, tmp_path):
    spec = {"seed": 0, "boxes": 3, "references": 5, "second_order": default_config["second_order"]}
    names = ["resize1", "level2", "quality2", "cutoff3"]
    synthesize.run_second_order(images, {**spec, "parameters": names}, "code", tmp_path / "t.npz", 2)
    lr, points = read_arrays(tmp_path / "t.npz", "images", "points")
    assert lr.shape == (15, 24, 24, 3)
    assert points.shape == (15, 30)
    for number, target in enumerate(trials.restored(read_arrays(tmp_path / "t.npz", *trials.ARRAYS))):
        chosen = {PARAMETERS[axis] for axis in target.truth.restricted()}
        assert len(chosen) == 3
        assert chosen < set(names)
        assert (target.truth.density(points[5 * number : 5 * number + 5]) > 1).all()


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
