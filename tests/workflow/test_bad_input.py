"""Bad input: exit code not 0, one plain message before or instead of work, nothing that exists is lost."""

import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

from degcraft.config import merge
from tests.conftest import photo_like
from tests.workflow.engine import TINY, snakemake

TABLE = "results/table2.csv"
CRAFTED = "results/metrics/srresnet/setting1/{}/seed0.csv"


def refused(workdir: Path, changes: dict, *targets: str) -> str:
    """Output of a run that must be refused."""
    path = workdir / "bad.yaml"
    path.write_text(yaml.safe_dump(merge(yaml.safe_load(TINY.read_text()), changes)))
    kept = workdir / "results" / "kept.csv"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("computed before\n")
    result = snakemake(workdir, "--cores", "1", "--", *targets, config=path)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert kept.read_text() == "computed before\n"
    return result.stdout


CONFIGS = [
    ({"trian": {}}, r'trian: unknown key; did you mean "train"\?'),
    ({"train": {"lr": "fast"}}, r'train\.lr: expected a number > 0, got "fast"'),
    ({"settings": {"setting1": {"blur": [2, 1]}}}, r"settings\.setting1\.blur: .*got \[2, 1\] \(write \[1, 2\]\)"),
    ({"bins": {"blur": {"count": 0}}}, r"bins\.blur\.count: expected an integer >= 1, got 0"),
    ({"weights": {"alpha": -1}}, r"weights\.alpha: expected a number >= 0, got -1"),
    (
        {"settings": {"../x": {"blur": [0, 1], "noise": [0, 1], "quality": [80, 90]}}},
        r"settings: .*\.\./x.* cannot name files",
    ),
    ({"prepare": {"train": {"images": ["../photos"]}}}, r'\.\./photos" holds "\.\."'),
    ({"prepare": {"train": {"images": ["nowhere"]}}}, r"prepare\.train\.images: nowhere: not found; check the path"),
    ({"extractors": {"dct": {"kind": "alexnet", "weights": "mine.safetensors"}}}, r"mine\.safetensors: no such file"),
]


@pytest.mark.parametrize(("changes", "message"), CONFIGS)
def test_a_wrong_config_is_refused_before_work(tmp_path, changes, message):
    output = refused(tmp_path, changes, TABLE)
    assert re.search(message, output), output[-2000:]
    assert not (tmp_path / "results" / "images").exists()


def test_all_problems_are_told_at_once(tmp_path):
    changes = merge(merge(CONFIGS[0][0], CONFIGS[1][0]), CONFIGS[3][0])
    output = refused(tmp_path, changes, TABLE)
    assert all(re.search(CONFIGS[number][1], output) for number in (0, 1, 3))
    assert f"in config.yaml as changed by {tmp_path / 'bad.yaml'}\n" in output


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (CRAFTED.format("dtc.frechet-a25"), 'unknown draw "dtc.frechet-a25"; did you mean "dct.frechet-a25"?'),
        ("results/metrics/srresnet/setting7/uniform/seed0.csv", 'unknown target "setting7"; did you mean "setting'),
        ("results/metrics/rddb/setting1/uniform/seed0.csv", 'unknown backbone "rddb"; did you mean "rrdb"?'),
    ],
)
def test_an_unknown_name_in_a_target_is_refused(tmp_path, target, message):
    assert message in refused(tmp_path, {}, target)


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    output = refused(tmp_path, {"prepare": {"test": {"images": ["photos"]}}}, TABLE)
    assert "photos: no image in this folder" in output
    assert not (tmp_path / "results" / "images").exists()


def test_damaged_and_small_images_are_named_together(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(photo_like(0, 300, 300)).save(folder / "whole.png")
    Image.fromarray(photo_like(1, 40, 40)).save(folder / "small.png")
    (folder / "cut.png").write_bytes((folder / "whole.png").read_bytes()[:2000])
    output = refused(
        tmp_path, {"prepare": {"references": {"images": ["photos"]}}}, "results/images/references/index.csv"
    )
    assert re.search(r"photos/cut\.png: .*replace it with a whole copy", output)
    assert "photos/small.png: 40 x 40 pixels, at least 256 x 256 are needed" in output
    assert not (tmp_path / "results" / "images" / "references" / "pixels.npy").exists()


def test_too_few_references_are_refused_with_the_number_to_write(tmp_path):
    changes = {"prepare": {"references": {"dead_leaves": 2, "count": 9}}}
    output = refused(tmp_path, changes, "results/images/references/index.csv")
    assert re.search(r"9 are needed \(prepare\.references\.count\); add images.* or set count: 3", output)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"not a weights file", "not a whole, plain weight file"), (None, "no first convolution of AlexNet")],
)
def test_a_wrong_weights_file_is_refused(tmp_path, content, message):
    import torch
    from safetensors.torch import save_file

    if content is None:
        save_file({"something": torch.zeros(3)}, tmp_path / "mine.safetensors")
    else:
        (tmp_path / "mine.safetensors").write_bytes(content)
    changes = {"extractors": {"own": {"kind": "alexnet", "weights": "mine.safetensors"}}}
    output = refused(tmp_path, changes, "results/features/own/references-setting1.npz")
    assert f"error: mine.safetensors: {message}" in output


def test_textures_that_are_not_there_are_asked_for(tmp_path):
    output = refused(tmp_path, {}, "results/pretrained/alexnet-minc/model.safetensors")
    assert re.search(r"error: textures/minc-2500: not found; textures are needed there", output), output[-2000:]
