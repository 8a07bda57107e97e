import os
import re

import av
import numpy as np
import pytest
import yaml
from PIL import Image

from degcraft import commands, estimates, inspection, places
from degcraft.benchmarks import calibration
from degcraft.config import validate
from degcraft.entries import DEFAULT, merged
from degcraft.errors import DegcraftError
from degcraft.images import decode, packaged
from degcraft.inputs import SUFFIXES, VIDEO_SUFFIXES, check_files, listed_files
from tests.conftest import photo_like


@pytest.fixture
def material(tmp_path, monkeypatch):
    """A working directory with 24 images in a folder of its own, and an empty config."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(calibration, "MEASURED", 0.02)
    (tmp_path / "my.yaml").write_text("# my changes\nseed: 3\n")
    save(tmp_path / "film", {f"{number:02d}.png": photo_like(number, 150, 220) for number in range(24)})
    return tmp_path


def save(folder, images):
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        Image.fromarray(image).save(folder / name)


def write_clip(path, count=30, height=160, width=240):
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = width, height
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(photo_like(number, height, width), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def add(name, *argv):
    return commands.main(["new", name, *map(str, argv), "--config", "my.yaml"])


def entry(folder, name="film"):
    return yaml.safe_load((folder / "my.yaml").read_text())["applications"][name]


def named(config, entries):
    return listed_files(config, entries, SUFFIXES + VIDEO_SUFFIXES)


CONFIG = {"data": "."}


def test_a_folder_becomes_a_target(material, capsys):
    assert add("film", "--images", material / "film") == 0
    out = capsys.readouterr().out
    assert entry(material)["images"] == [str(material / "film")]
    assert entry(material)["references"] == {"count": 100, "min": 20, "crops": []}
    text = (material / "my.yaml").read_text()
    assert text.startswith(
        "# my changes\nseed: 3\n\napplications:\n  # Added by degcraft new: 24 .png; 220 x 150 pixels"
    )
    config = merged([DEFAULT.read_text(encoding="utf-8"), text])
    validate(config)
    check_files(config)
    cores = os.cpu_count() if not hasattr(os, "sched_getaffinity") else len(os.sched_getaffinity(0))
    assert (
        f"next: snakemake --cores {cores} results/applications/film/report.html --configfile {material / 'my.yaml'} --snakefile {DEFAULT.with_name('Snakefile')}\n"
        in out
    )
    assert re.search(r"takes: about \d[\d.]* \w+ here \(\w+, \d+ cores, from [\d.e+]+ steps/s just measured\)", out)
    assert re.search(r"training 3 models, \d+ (?:seconds|minutes?) restoring$", out, re.MULTILINE)


def test_a_name_can_be_taken_once(material, capsys):
    assert add("film", "--images", "film") == 0
    before = (material / "my.yaml").read_bytes()
    assert add("film", "--images", "film") == 1
    assert f"film: the name is taken; edit applications.film in {material / 'my.yaml'}" in capsys.readouterr().err
    for taken in ("archive", "setting1"):
        assert add(taken, "--images", "film") == 1
        assert f"{taken} in {DEFAULT}" in capsys.readouterr().err
    assert (material / "my.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "says"), [("My Film", "write my-film"), ("any", "a meaning of its own"), ("ä", "cannot name files")]
)
def test_a_name_must_be_safe(material, capsys, name, says):
    assert add(name, "--images", "film") == 1
    assert says in capsys.readouterr().err
    assert (material / "my.yaml").read_text() == "# my changes\nseed: 3\n"


def test_an_expanded_pattern_becomes_a_pattern(tmp_path):
    folder = tmp_path / "many files ü"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number}.png").touch()
    (folder / "notes.txt").touch()
    (folder / ".hidden.png").touch()
    typed = [str(folder / f"{number}.png") for number in range(3000)]
    entries, rest = places.named(typed, "--images")
    assert (entries, rest) == ([f"{folder}/*.png"], [])
    assert named(CONFIG, entries) == sorted(typed)
    entries, rest = places.named(typed[1:], "--images")
    assert (entries, rest) == ([], sorted(typed[1:]))


def test_what_was_typed_leads_to_the_same_files(material, monkeypatch):
    save(
        material / "b", {"x.PNG": photo_like(1, 90, 90), "y.PNG": photo_like(2, 90, 90), "z.jpg": photo_like(3, 90, 90)}
    )
    (material / "list.csv").write_text("file\nfilm/01.png\n")
    (material / "link").symlink_to(material / "film")
    monkeypatch.setenv("HOME", str(material))
    for typed, files in [
        (["film"], sorted((material / "film").iterdir())),
        (["film/../film/00.png"], [material / "film" / "00.png"]),
        (["~/film/0*.png"], sorted((material / "film").glob("0*.png"))),
        (["b/x.PNG", "b/y.PNG"], [material / "b" / "x.PNG", material / "b" / "y.PNG"]),
        (["b/z.jpg", "b/x.PNG", "b/z.jpg"], [material / "b" / "x.PNG", material / "b" / "z.jpg"]),
        (["list.csv"], [material / "film" / "01.png"]),
        (["link"], [material / "link" / file.name for file in sorted((material / "film").iterdir())]),
    ]:
        entries, rest = places.named(typed, "--images")
        assert rest == []
        assert len(entries) <= len(set(typed))
        assert named(CONFIG, entries) == [file.as_posix() for file in files]
    with pytest.raises(DegcraftError, match=r"--images .*/nowhere: no such file or folder"):
        places.named(["film", "nowhere"], "--images")


def test_files_that_no_pattern_describes_go_into_a_list(material):
    chosen = [material / "film" / f"{number:02d}.png" for number in range(1, 24)]
    assert add("film", "--images", *chosen) == 0
    assert entry(material)["images"] == [{"list": str(material / "film-images.csv")}]
    assert named(CONFIG, entry(material)["images"]) == [str(file) for file in chosen]
    before = (material / "my.yaml").read_bytes(), (material / "film-images.csv").read_bytes()
    (material / "other.csv").write_text("file\n")
    (material / "film2-images.csv").write_text("mine\n")
    assert add("film2", "--images", *chosen) == 1
    assert (material / "film2-images.csv").read_text() == "mine\n"
    assert ((material / "my.yaml").read_bytes(), (material / "film-images.csv").read_bytes()) == before


def test_unreadable_and_small_files_are_named_and_nothing_is_written(material, capsys):
    for number in range(7):
        (material / "film" / f"bad {number}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (material / "film" / "cmyk.jpg").touch()
    Image.new("CMYK", (90, 90)).save(material / "film" / "cmyk.jpg")
    save(material / "film", {"tiny.png": photo_like(0, 71, 90)})
    assert add("film", "--images", "film") == 1
    err = capsys.readouterr().err
    assert "--images: 8 files cannot be used" in err
    assert "bad 0.png" in err
    assert "and 3 more" in err
    assert "--images: 1 file smaller than 72 x 72 pixels" in err
    assert "tiny.png (90 x 71)" in err
    assert "nothing was written" in err
    assert sorted(file.name for file in material.iterdir()) == ["film", "my.yaml"]
    assert (material / "my.yaml").read_text() == "# my changes\nseed: 3\n"


def test_images_are_read_to_their_end(material, capsys):
    whole = material / "film" / "cut.jpg"
    Image.fromarray(photo_like(9, 90, 120)).save(whole)
    whole.write_bytes(whole.read_bytes()[:-300])
    assert add("film", "--images", "film") == 1
    err = capsys.readouterr().err
    assert "--images: 1 file cannot be used" in err
    assert "cut.jpg" in err


@pytest.mark.parametrize(("load", "told"), [(7.5, True), (0.1, False)])
def test_a_busy_machine_is_told(material, capsys, monkeypatch, load, told):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    assert add("film", "--images", "film") == 0
    assert ("note: other programs use 7.5 of the " in capsys.readouterr().out) == told


def test_few_images_are_gone_on_with_only_when_asked(material, capsys):
    save(material / "few", {f"{number}.png": photo_like(number, 150, 220) for number in range(3)})
    assert add("few", "--images", "few") == 1
    assert "3 images hold at most 18 reference crops of 72 x 72 pixels, 20 are needed" in capsys.readouterr().err
    assert add("few", "--images", "few", "--min", "18") == 0
    assert entry(material, "few")["references"] == {"count": 100, "min": 18, "crops": []}
    assert (
        "note: There are at most 18 references, fewer where images are flat or saturated, 100 are better"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "numbers", [["--min", 1], ["--min", 101], ["--references", 1], ["--reduce", 0], ["--references", 5, "--min", 6]]
)
def test_numbers_out_of_range_are_refused(material, capsys, numbers):
    assert add("film", "--images", "film", *numbers) == 1
    assert f"error: {'--min' if '--min' in numbers else numbers[0]}: expected" in capsys.readouterr().err


def test_originals_are_checked(material, capsys):
    lr, hr = ({f"{n:02d}.png": photo_like(n, 80 * k, 90 * k) for n in range(20)} for k in (1, 4))
    save(material / "lr", lr)
    save(material / "hr", hr)
    assert add("paired", "--images", "lr", "--truth", "hr") == 0
    assert entry(material, "paired")["truth"] == [str(material / "hr")]
    assert add("doubled", "--images", "hr", "--truth", "hr") == 1
    assert "--truth: 20 files are not 4 times as large" in capsys.readouterr().err
    assert add("halved", "--images", "hr", "--truth", "hr", "--reduce", 4) == 0
    assert entry(material, "halved")["reduce"] == 4
    (material / "hr" / "07.png").unlink()
    assert add("unpaired", "--images", "lr", "--truth", "hr") == 1
    assert "19 images of the truth for 20" in capsys.readouterr().err


def test_videos_and_pages(material, capsys):
    write_clip(material / "clip.mp4")
    pages = [Image.fromarray(photo_like(number, 80, 100)) for number in range(5)]
    pages[0].save(material / "pages.tif", save_all=True, append_images=pages[1:])
    found = inspection.inspected([str(material / "pages.tif")], 72, 1)
    assert (found.kinds, found.crops) == ({".tif of 5 pages": 1}, 5)
    assert add("clip", "--images", "clip.mp4", "--min", 2) == 0
    assert "clip: 1 .mp4; " in capsys.readouterr().out


def test_large_clean_images_are_told(material):
    sharp = np.tile(decode(packaged("coffee")), (3, 2, 1))
    file = str(material / "large" / "a.png")
    save(material / "large", {"a.png": sharp})
    found = inspection.inspected([file], 72, 1)
    assert any("large and clean" in note for note in inspection.notes(found, [file]))
    save(
        material / "large",
        {"a.png": np.clip(sharp + np.random.default_rng(0).normal(0, 12, sharp.shape), 0, 255).astype(np.uint8)},
    )
    assert not any("large and clean" in note for note in inspection.notes(found, [file]))


@pytest.mark.parametrize("options", [["--reduce", 2], ["--truth", "film/00.png"]])
def test_videos_are_taken_as_they_are(material, capsys, options):
    write_clip(material / "clip.mp4")
    assert add("clip", "--images", "clip.mp4", *options) == 1
    assert f"{options[0]}: goes with" in capsys.readouterr().err


def test_a_broken_config_stays_as_it_is(material, capsys):
    for text in ("seed: [\n", "applications: &a\n  one: {}\nsettings: *a\n", "seed: -1\n"):
        (material / "my.yaml").write_text(text)
        assert add("film", "--images", "film") == 1
        assert capsys.readouterr().err.startswith("error: ")
        assert (material / "my.yaml").read_text() == text


def test_mode_and_links_of_the_config_stay(material):
    (material / "my.yaml").rename(material / "real.yaml")
    (material / "real.yaml").chmod(0o640)
    (material / "my.yaml").symlink_to("real.yaml")
    assert add("film", "--images", "film") == 0
    assert (material / "my.yaml").is_symlink()
    assert (material / "real.yaml").stat().st_mode & 0o777 == 0o640
    assert "film:" in (material / "real.yaml").read_text()


def test_models_that_are_there_cost_nothing():
    config = merged(
        [DEFAULT.read_text(encoding="utf-8"), "report: {backbone: srresnet, draw: traces.refined, beside: [uniform]}"]
    )
    there = {"results/models/srresnet/any/uniform/seed0/model.safetensors", "results/features/traces/bins.npz"}
    assert estimates.needed(config, "film", 2e6, set().__contains__) == estimates.Work([500, 500], 7500, 2.0)
    assert estimates.needed(config, "film", 2e6, there.__contains__) == estimates.Work([500], 0, 2.0)
    config["train"]["init"] = "uniform"
    assert estimates.needed(config, "film", 2e6, there.__contains__).steps == [50]
