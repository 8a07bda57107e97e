import json
import shutil
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from degcraft.alignment import Alignment, aligned
from degcraft.errors import DegcraftError
from degcraft.io import read_table, write_pack, write_table
from degcraft.metrics import fidelity
from degcraft.stages import evaluate
from degcraft.streams import stream

NAMES = ["baby", "bird", "zebra"]


def spec(metrics=("psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb", "lpips"), weights="none", crop=4):
    lpips = {"net": "squeeze", "weights": weights}
    return {"evaluate": {"metrics": list(metrics), "crop": crop, "lpips": lpips}}


@pytest.fixture
def place(tmp_path):
    rng = stream(0, "test", "evaluate")
    truth = [rng.integers(20, 230, (40 + 4 * i, 48, 3), dtype=np.uint8) for i in range(3)]
    restored = [
        np.clip(image + rng.normal(0, 5 + i, image.shape), 0, 255).astype(np.uint8) for i, image in enumerate(truth)
    ]
    write_pack(tmp_path / "images", truth, NAMES, ["generated"] * 3)
    (tmp_path / "restored").mkdir()
    for name, image in zip(NAMES, restored, strict=True):
        Image.fromarray(image).save(tmp_path / "restored" / f"{name}.png")
    return tmp_path, truth, restored


def run(folder, options, weights=None):
    evaluate.run(folder / "restored", folder / "images", weights, options, folder / "metrics.csv")
    return read_table(folder / "metrics.csv", "name", text=["name"])


def test_table_holds_the_metrics_of_every_image(place):
    folder, truth, restored = place
    table = run(folder, spec())
    assert list(table) == ["name", "psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb", "lpips"]
    assert list(table["name"]) == NAMES
    for row, image, original in zip(table.to_dict("records"), restored, truth, strict=True):
        for metric, value in fidelity(image, original, 4).items():
            assert row[metric] == value
    assert table["lpips"].isna().all()
    assert (folder / "metrics.csv").read_text().splitlines()[1].endswith(",NA")


def test_config_orders_and_limits_the_columns(place):
    folder, truth, restored = place
    table = run(folder, spec(["ssim_y", "psnr_rgb"], crop=0))
    assert list(table) == ["name", "ssim_y", "psnr_rgb"]
    assert table["psnr_rgb"][0] == fidelity(restored[0], truth[0], 0)["psnr_rgb"]


def test_equal_images_are_infinite(place):
    folder, truth, _ = place
    Image.fromarray(truth[1]).save(folder / "restored" / "bird.png")
    assert run(folder, spec())["psnr_y"].tolist()[1] == np.inf


def test_lpips_with_weights(place, shared_data):
    folder, truth, restored = place
    file = shared_data / "weights" / "squeezenet1_1_features.safetensors"
    table = run(folder, spec(["lpips", "psnr_y"], weights=str(file)), file)
    assert list(table) == ["name", "lpips", "psnr_y"]
    from degcraft.checkpoints import load_weights
    from degcraft.perceptual import build_lpips, lpips_distance

    network = build_lpips("squeeze", load_weights(file))
    expected = [lpips_distance(network, *pair) for pair in zip(restored, truth, strict=True)]
    assert table["lpips"].tolist() == pytest.approx(expected, rel=1e-6)


def test_same_bytes_twice(place):
    folder = place[0]
    run(folder, spec())
    first = (folder / "metrics.csv").read_bytes()
    run(folder, spec())
    assert (folder / "metrics.csv").read_bytes() == first


ALIGNMENTS = {
    "baby": Alignment(0, 0, 1, 1, 1, 0, 0, 0),
    "zebra": Alignment(1.25, -2.5, 0.8, 1.1, 0.9, 12.5, -8, 3),
}


@pytest.fixture
def application(place):
    """Truth of an application, photographs that differ from the SR images in place and exposure."""
    folder, truth, restored = place
    images = {name: (truth[NAMES.index(name)], restored[NAMES.index(name)]) for name in ALIGNMENTS}
    (folder / "truth").mkdir()
    for name, (original, _) in images.items():
        Image.fromarray(original).save(folder / "truth" / f"{name}.png")
    rows = [{"name": name, **asdict(alignment)} for name, alignment in ALIGNMENTS.items()]
    write_table(folder / "truth" / "alignment.csv", pd.DataFrame(rows))
    return folder, images


def run_application(folder, options):
    evaluate.run(folder / "restored", folder / "truth", None, options, folder / "metrics.csv")
    return read_table(folder / "metrics.csv", "name", text=["name"])


def test_an_applications_images_are_aligned_first(application, capsys):
    folder, images = application
    table = run_application(folder, spec())
    assert list(table) == ["name", "psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb", "lpips"]
    assert table["name"].tolist() == ["baby", "zebra"]
    original, image = images["baby"]
    assert table["psnr_y"][0] == fidelity(image, original, 4)["psnr_y"]
    original, image = images["zebra"]
    pair = aligned(image, original, ALIGNMENTS["zebra"])
    assert pair[1].shape == (42, 42, 3)  # 48 x 48 without 3 pixels on each side
    for metric, value in fidelity(*pair, 4).items():
        assert table[metric][1] == value
    assert capsys.readouterr().err.endswith(
        "; aligned by a mean shift of 1.40 pixels (+0.62 down, -1.25 right), mean gains 0.900, 1.050, 0.950\n"
    )


def test_the_alignment_undoes_a_change_of_place_and_exposure(application):
    folder, images = application
    original = images["zebra"][0]
    # What lies 2 pixels lower in the truth, and is darker there.
    moved = np.clip(np.roll(original, -2, axis=0) * (1 / 0.9) + 5, 0, 255).round().astype(np.uint8)
    Image.fromarray(moved).save(folder / "restored" / "zebra.png")
    gains = {f"gain_{channel}": 0.9 for channel in ("red", "green", "blue")}
    offsets = {f"offset_{channel}": -4.5 for channel in ("red", "green", "blue")}
    row = {"name": "zebra", "down": 2.0, "right": 0.0, **gains, **offsets}
    write_table(folder / "truth" / "alignment.csv", pd.DataFrame([row]))
    assert run_application(folder, spec(["psnr_rgb"]))["psnr_rgb"].item() > 45
    assert fidelity(moved, original, 4)["psnr_rgb"] < 15


def test_damaged_truth_of_an_application_is_refused_by_name(application):
    folder, _ = application
    damage(folder / "truth" / "zebra.png", "truncated")
    with pytest.raises(DegcraftError, match=r"zebra\.png.*rm -r .*truth, then run again"):
        run_application(folder, spec())
    (folder / "truth" / "alignment.csv").write_text("name,down\nbaby,1\n")
    with pytest.raises(DegcraftError, match=r"alignment\.csv: .*no column right"):
        run_application(folder, spec())


def test_command_line_takes_the_folder_of_an_application(application):
    folder, _ = application
    module = [sys.executable, "-m", "degcraft.stages.evaluate", "--restored", folder / "restored"]
    module += ["--truth", folder / "truth", "--weights", "--spec", json.dumps(spec()), "--code", "0"]
    subprocess.run([*module, "--output", folder / "cli.csv"], check=True)
    run_application(folder, spec())
    assert (folder / "cli.csv").read_bytes() == (folder / "metrics.csv").read_bytes()


def damage(path, how):
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "broken chunk":
        content = bytearray(path.read_bytes())
        content[content.index(b"IDAT") + 100] ^= 0xFF
        path.write_bytes(content)
    elif how == "small":
        Image.open(path).crop((0, 0, 48, 40)).save(path)
    else:
        Image.open(path).convert("L").save(path)


@pytest.mark.parametrize("how", ["missing", "truncated", "empty", "broken chunk", "small", "grey"])
def test_damaged_images_are_refused_by_name(place, how):
    folder = place[0]
    damage(folder / "restored" / "zebra.png", how)
    with pytest.raises(DegcraftError) as caught:
        run(folder, spec())
    assert "zebra.png" in str(caught.value)
    assert f"rm -r {folder / 'restored'}, then run again" in str(caught.value)
    assert not (folder / "metrics.csv").exists()


def test_too_small_an_image_is_named(place):
    folder = place[0]
    with pytest.raises(DegcraftError, match=r"baby\.png: .*at least 51 are needed.*evaluate\.crop"):
        run(folder, spec(crop=20))


def test_wanted_lpips_weights_must_be_given(place):
    with pytest.raises(DegcraftError, match=r"evaluate\.lpips\.weights is torchvision"):
        run(place[0], spec(weights="torchvision"))


def command(folder, options, **given):
    arguments = {"restored": folder / "restored", "output": folder / "cli.csv", **given}
    flags = [f"--{name}={value}" for name, value in arguments.items()]
    pack = [str(folder / "images" / name) for name in ("pixels.npy", "index.csv")]
    return [*flags, "--truth", *pack, "--weights", "--spec", json.dumps(options), "--code", "0"]


def test_command_line_without_weights_loads_no_torch(place):
    folder = place[0]
    arguments = command(folder, spec())
    code = f"import sys; from degcraft.stages.evaluate import main; main({arguments}); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert "3 images; psnr_y " in done.stderr
    run(folder, spec())
    assert (folder / "cli.csv").read_bytes() == (folder / "metrics.csv").read_bytes()


def test_command_line_ends_with_one_plain_line(place):
    folder = place[0]
    shutil.rmtree(folder / "restored")
    module = [sys.executable, "-m", "degcraft.stages.evaluate"]
    done = subprocess.run([*module, *command(folder, spec())], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "baby.png" in done.stderr
    assert done.stderr.count("\n") == 1
