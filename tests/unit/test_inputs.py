import csv
import re
from pathlib import Path

import pytest
import yaml

from degcraft.config import merge
from degcraft.errors import DegcraftError
from degcraft.inputs import application_files, check_files, data_path, image_files, listed_files

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(default_config, tmp_path):
    return merge(default_config, {"data": str(tmp_path)})


def with_images(config, **sets):
    return merge(config, {"prepare": {name: {"images": images} for name, images in sets.items()}})


def fill(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def write_list(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def problems(config):
    try:
        check_files(config)
    except DegcraftError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("data", "path", "expected"),
    [
        (".", "train/photos", "train/photos"),
        ("../shared/data", "train/photos", "../shared/data/train/photos"),
        ("/mnt/images/", "train//photos", "/mnt/images/train/photos"),
        ("/mnt/images", "/other/photos", "/other/photos"),
        ("/mnt/images", "resources/weights/a.safetensors", "resources/weights/a.safetensors"),
        ("/mnt/images", "results/frames", "results/frames"),
        ("/mnt/images", "resultsets/frames", "/mnt/images/resultsets/frames"),
    ],
)
def test_data_path(data, path, expected):
    assert data_path({"data": data}, path) == expected


def test_data_may_lie_in_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert data_path({"data": "~/images"}, "a") == "/home/someone/images/a"


def test_a_folder_gives_its_images_sorted_and_nothing_else(config, tmp_path):
    fill(
        tmp_path / "photos",
        "b.png",
        "a.JPG",
        "c.jpeg",
        "d.tif",
        "e.TIFF",
        "f.bmp",
        "g.webp",
        "readme.txt",
        "h.gif",
        "png",
    )
    fill(tmp_path / "photos", "._a.JPG", ".hidden.png")
    fill(tmp_path / "photos" / "deeper.png", "x.png")
    found = image_files(with_images(config, train=["photos"]), "train")
    names = ["a.JPG", "b.png", "c.jpeg", "d.tif", "e.TIFF", "f.bmp", "g.webp"]
    assert found == [f"{tmp_path}/photos/{name}" for name in names]


def test_entries_add_up_and_each_file_counts_once(config, tmp_path):
    fill(tmp_path / "z", "1.png")
    fill(tmp_path / "a", "2.png", "3.png")
    write_list(tmp_path / "some.csv", ["file"], ["a/3.png"], ["z/1.png"])
    found = image_files(with_images(config, train=["z", "a", {"list": "some.csv"}]), "train")
    assert found == [f"{tmp_path}/{name}" for name in ("a/2.png", "a/3.png", "z/1.png")]


def test_spaces_and_other_signs_are_no_problem(config, tmp_path):
    names = ["a b.png", "é.png", "; touch x.png", "q'uo\"te.png", "$(x).png", "*.png"]
    fill(tmp_path / "my film", *names)
    config = with_images(config, train=["my film"], test=["my film/a b.png"], bins=["my film/*.png"])
    assert image_files(config, "train") == sorted(f"{tmp_path}/my film/{name}" for name in names)
    assert image_files(config, "test") == [f"{tmp_path}/my film/a b.png"]
    assert not [line for line in problems(config) if "must differ" not in line]


def test_single_files_are_entries_too(config, tmp_path):
    fill(tmp_path / "photos", "a.png", "b.png")
    assert image_files(with_images(config, train=["photos/b.png"]), "train") == [f"{tmp_path}/photos/b.png"]


def test_applications_take_videos(config, tmp_path):
    fill(tmp_path / "film", "a.mp4", "b.MOV", "c.png", "d.txt")

    def entry(**options):
        return merge(config, {"applications": {"archive": {"packaged": [], **options}}})

    names = ["a.mp4", "b.MOV", "c.png"]
    for images in (["film"], ["film/*"], [f"film/{name}" for name in names]):
        assert application_files(entry(images=images), "archive") == [f"{tmp_path}/film/{name}" for name in names]
        assert problems(entry(images=images)) == []
    (found,) = problems(entry(images=["film"], references={"crops": ["film/a.mp4"]}))
    assert found.startswith("config.yaml: applications.archive.references.crops: ")
    assert "a.mp4: a video, which only" in found


def test_no_images_is_no_files(config):
    assert [image_files(config, name) for name in ("train", "references", "bins", "test")] == [[], [], [], []]


def test_a_list_gives_the_rows_that_pass_its_filter(config, tmp_path):
    fill(tmp_path / "reference" / "one", "a.png", "b.png", "c.png")
    rows = [["one/b.png", "A", "1"], ["one/a.png", "A", "1"], ["one/c.png", "B", "1"], ["one/c.png", "A", "2"]]
    write_list(tmp_path / "reference" / "split.csv", ["file", "group", "part"], *rows)
    entry = {"list": "reference/split.csv", "where": {"group": "A", "part": 1}}
    found = image_files(with_images(config, references=[entry]), "references")
    assert found == [f"{tmp_path}/reference/one/a.png", f"{tmp_path}/reference/one/b.png"]


def test_patterns_name_files_of_one_folder(config, tmp_path):
    fill(tmp_path / "pairs", "1_LR.png", "1_HR.png", "2_LR.PNG", "2_LR.txt", ".3_LR.png")
    fill(tmp_path / "pairs" / "4_LR.png", "5_LR.png")
    found = image_files(with_images(config, test=["pairs/*_LR.*"]), "test")
    assert found == [f"{tmp_path}/pairs/1_LR.png", f"{tmp_path}/pairs/2_LR.PNG"]
    assert image_files(with_images(config, test=["pairs/*", "pairs"]), "test") == [f"{tmp_path}/pairs/1_HR.png", *found]


def test_truth_has_one_image_for_each_of_an_applications(config, tmp_path):
    fill(tmp_path / "pairs", "1_LR.png", "1_HR.png", "2_LR.png", "2_HR.png")

    def told(**entry):
        return problems(merge(config, {"applications": {"archive": {"packaged": [], **entry}}}))

    assert told(images=["pairs/*_LR.png"], truth=["pairs/*_HR.png"]) == []
    assert told(images=["pairs/*_LR.png"], packaged=["moon"], truth=["pairs/*_HR.png"]) == [
        "config.yaml: applications.archive.truth: 2 images of the truth for 3 LR images; each needs its own; take out "
        "those without a partner"
    ]
    (found,) = told(images=["pairs/*_LR.png"], truth=["hr"])
    assert found == (
        f"config.yaml: applications.archive.truth: {tmp_path}/hr: not found; check the path, or set its folder with "
        "--config data=FOLDER"
    )


def test_a_list_may_start_with_a_byte_order_mark(config, tmp_path):
    fill(tmp_path, "a.png")
    (tmp_path / "list.csv").write_bytes(b"\xef\xbb\xbffile\r\na.png\r\n")
    assert image_files(with_images(config, test=[{"list": "list.csv"}]), "test") == [f"{tmp_path}/a.png"]


def test_the_default_needs_no_files(default_config):
    check_files(default_config)


BAD = [
    (["gone"], 'gone: not found; check the path, or set its folder with --config data=FOLDER'),
    (["empty"], "empty: no image in this folder; .bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp are read"),
    (["file.txt"], "file.txt: not an image, video or folder; read are .bmp .jpeg"),
    (["gone/*.png"], "gone/*.png: not found; check the path"),
    (["empty/*_LR.png"], "empty: no image in this folder that *_LR.png names; .bmp, "),
    (["../up"], '"../up" holds ".."; give the whole path, or set data to the folder above'),
    (["film.mp4"], "film.mp4: a video, which only applications.<name>.images takes; name images"),
    (["films"], "films: no image in this folder; .bmp, "),
    (["braces"], "{b}.png: the name holds a brace or a line break; give it another"),
    ([{"list": "gone.csv"}], "gone.csv: not found; "),
    ([{"list": "folder.csv"}], "folder.csv: cannot be read ("),
    ([{"list": "binary.csv"}], "binary.csv: cannot be read ("),
    ([{"list": "blank.csv"}], 'blank.csv: no column "file"; it has no header'),
    ([{"list": "list.csv", "where": {"grup": "A"}}], 'list.csv: no column "grup"; it has file, group'),
    ([{"list": "list.csv", "where": {"group": "C"}}], "list.csv: no row passes the filter; group is one of A, B, U"),
    ([{"list": "list.csv", "where": {"group": "A"}}], "list.csv: 1 of 2 files are missing, the first is "),
    ([{"list": "list.csv", "where": {"group": "U"}}], 'list.csv: "../x.png" holds ".."; '),
    ([{"list": "header.csv"}], "header.csv: no row; add rows"),
]  # fmt: skip


@pytest.fixture
def places(tmp_path):
    fill(tmp_path / "empty", "notes.txt")
    fill(tmp_path, "file.txt", "there.png", "blank.csv")
    fill(tmp_path, "film.mp4")
    fill(tmp_path / "films", "a.mp4")
    fill(tmp_path / "braces", "{b}.png")
    fill(tmp_path / "folder.csv", "a.png")
    (tmp_path / "binary.csv").write_bytes(bytes(range(128, 256)))
    write_list(
        tmp_path / "list.csv",
        ["file", "group"],
        ["there.png", "A"],
        ["gone.png", "A"],
        ["there.png", "B"],
        ["../x.png", "U"],
    )
    write_list(tmp_path / "header.csv", ["file"])


@pytest.mark.parametrize(("images", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_bad_input_gets_one_plain_line(config, places, images, message):
    config = with_images(config, test=images)
    (found,) = problems(config)
    assert found.startswith("config.yaml: prepare.test.images: ")
    assert message in found
    existing = [Path(file).name for file in image_files(config, "test")]
    assert existing == (["there.png"] if "1 of 2" in message else [])


def test_all_problems_come_at_once(config, places):
    weights = {"extractors": {"vgg22": {"weights": "vgg.safetensors"}}, "tables": {"extractors": {"rrdb": ["vgg22"]}}}
    found = problems(merge(with_images(config, train=["gone", "empty"], bins=["braces"]), weights))
    places = [line.split(": ")[1] for line in found]
    assert places == ["prepare.train.images"] * 2 + ["prepare.bins.images", "extractors.vgg22.weights"]


def test_a_dry_run_is_only_warned(config, places, capsys):
    config = with_images(config, test=["gone"])
    with pytest.raises(DegcraftError):
        check_files(config)
    assert capsys.readouterr().err == ""
    check_files(config, warn=True)
    assert re.fullmatch(r"warning: config.yaml: prepare.test.images: .*gone: not found; .*\n", capsys.readouterr().err)


def test_a_data_folder_with_a_space_is_refused(config):
    (found,) = problems(merge(config, {"data": "/mnt/my images"}))
    assert found.endswith(
        "data: \"/mnt/my images\" holds a space; type: ln -s '/mnt/my images' my_images, and name my_images here"
    )


def test_sets_share_no_file(config, tmp_path):
    fill(tmp_path / "a", "1.png", "2.png")
    fill(tmp_path / "b", "3.png")
    (tmp_path / "b" / "link.png").symlink_to(tmp_path / "a" / "2.png")
    assert problems(with_images(config, train=["a"], test=["b"])) == [
        f"config.yaml: prepare.test.images: 1 files are in prepare.train.images too, the first is {tmp_path}/a/2.png; "
        "the sets must differ"
    ]
    (tmp_path / "b" / "link.png").unlink()
    assert problems(with_images(config, train=["a"], test=["b"])) == []


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"extractors": {"vgg22": {"weights": "w.safetensors"}}, "tables": {"extractors": {"rrdb": ["vgg22"]}}}, "extractors.vgg22.weights"),
        ({"evaluate": {"lpips": {"weights": "w.safetensors"}}}, "evaluate.lpips.weights"),
    ],
)  # fmt: skip
def test_weights_must_be_there_when_they_are_used(config, tmp_path, changes, option):
    config = merge(config, changes)
    (found,) = problems(config)
    assert found.startswith(f"config.yaml: {option}: {tmp_path}/w.safetensors: no such file; ")
    (tmp_path / "w.safetensors").write_bytes(b"")
    assert problems(config) == []


def test_weights_that_no_table_uses_may_be_missing(config):
    config = merge(config, {"extractors": {"vgg22": {"weights": "w.safetensors"}}, "evaluate": {"metrics": ["psnr_y"]}})
    assert problems(merge(config, {"evaluate": {"lpips": {"weights": "x.safetensors"}}})) == []


def test_paper_without_its_images_warns_about_each_set(default_config, tmp_path, capsys):
    paper = merge(default_config, yaml.safe_load((ROOT / "workflow/presets/paper.yaml").read_text()))
    paper = merge(paper, {"data": str(tmp_path)})
    check_files(paper, warn=True)
    warned = capsys.readouterr().err.splitlines()
    sets = {f"prepare.{name}.images" for name in ("train", "references", "bins", "stability", "test")}
    assert {line.split(": ")[2] for line in warned} == sets | {"extractors.alexnet-minc.textures"}
    assert [image_files(paper, name) for name in ("train", "test")] == [[], []]


def test_study_finds_the_real_images(default_config, shared_data):
    study = merge(default_config, yaml.safe_load((ROOT / "workflow/presets/study.yaml").read_text()))
    study = merge(study, {"data": str(shared_data)})
    check_files(study)
    cameras = {
        name: len(listed_files(study, study["applications"][name]["truth"]))
        for name in ("camera1", "camera2", "city100")
    }
    assert cameras == {"camera1": 7, "camera2": 5, "city100": 10}
    counts = {name: len(image_files(study, name)) for name in ("train", "references", "bins", "stability", "test")}
    assert counts == {"train": 399 + 72, "references": 114, "bins": 113, "stability": 399 + 72, "test": 100 + 14}
