from pathlib import Path

import pytest

from degcraft.errors import DegcraftError
from degcraft.restoring import expanded, named


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_folders_patterns_and_files_are_expanded(tmp_path):
    kept = [touch(tmp_path / "a" / name) for name in ("10.png", "ä b.jpg", "b.TIFF")]
    for other in ("note.txt", "._b.png", "inner/c.png"):
        touch(tmp_path / "a" / other)
    touch(tmp_path / "a" / "clip.MP4")
    assert expanded([str(tmp_path / "a")]) == sorted([*kept, tmp_path / "a" / "clip.MP4"])
    assert expanded([str(tmp_path / "a" / "*.png"), str(tmp_path / "a" / "1*")]) == [kept[0]]
    assert expanded([str(kept[1])]) == [kept[1]]


def test_all_places_without_a_file_are_told_at_once(tmp_path):
    (tmp_path / "note.txt").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DegcraftError) as caught:
        expanded([str(tmp_path / name) for name in ("none.png", "note.txt", "empty", "*.png")])
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path}/none.png: not found; check the path"
    assert lines[1].startswith(f'{tmp_path}/note.txt: unknown kind ".txt"; .bmp, ')
    assert lines[2].startswith(f"{tmp_path}/empty: no image or video there; ")
    assert lines[3].startswith(f"{tmp_path}/*.png: no image or video there; ")


def test_files_keep_their_names_unless_two_have_one():
    files = [Path(f"/x/{name}") for name in ("a/1.png", "b/1.PNG", "b/1.jpg", "c/ü z.tif", "b/../c/ü z.tif")]
    assert list(named(files)) == ["a_1.png", "b_1.PNG", "1.jpg", "ü z.tif"]
    assert list(named([Path("/x/a/1.png"), Path("/y/a/1.png"), Path("/z/a_1.png")])) == [
        "x_a_1.png", "y_a_1.png", "z_a_1.png",
    ]  # fmt: skip
    assert list(named([Path("/x/caf\u00e9.png"), Path("/y/cafe\u0301.png")])) == ["x_caf\u00e9.png", "y_cafe\u0301.png"]
    assert list(named([Path("/x/f.avi"), Path("/x/f.mkv"), Path("/x/f.mp4")])) == ["f.avi.mkv", "f.mkv", "f.mp4"]
    with pytest.raises(
        DegcraftError, match=r"^/x/a_b/c.png and /x/a/b_c.png would have one name in the output folder; rename one"
    ):
        named([Path("/x/a_b/c.png"), Path("/x/a/b_c.png"), Path("/x/d/c.png"), Path("/x/d/b_c.png")])
