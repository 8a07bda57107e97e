import argparse
import base64
import json
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from degcraft import voting
from degcraft.commands import vote
from degcraft.errors import DegcraftError
from degcraft.streams import stream
from degcraft.voting import Shown, page


def picture(*item, side=16):
    return stream(0, "test", "voting", *item).integers(0, 256, (side, side, 3), dtype=np.uint8)


def shown(name="china", rows=("crafted-row", "uniform-row", "oracle-row"), **kept):
    return Shown(name, {row: picture(name, row) for row in rows}, **{"lr": picture(name, "lr", side=4), **kept})


def data(html):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def pixels(uri):
    return np.array(Image.open(BytesIO(base64.b64decode(uri.partition(",")[2]))))


def unsealed(text):
    content = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
    half = content.size // 2
    return json.loads((content[:half] ^ content[half:]).tobytes())


def test_images_come_back_exactly_and_the_seal_says_whose_they_are():
    images = [shown("china"), shown("coffee <b>&amp;</script>", lr=None)]
    content = data(page(images))
    key = unsealed(content["sealed"])
    assert key["methods"] == ["crafted-row", "uniform-row", "oracle-row"]
    for image, entry, order in zip(images, content["images"], key["rows"], strict=True):
        assert (entry["name"], entry["width"], entry["height"]) == (image.name, 16, 16)
        assert sorted(order) == [0, 1, 2]
        for uri, row in zip(entry["rows"], order, strict=True):
            assert np.array_equal(pixels(uri), image.rows[key["methods"][row]])
    assert np.array_equal(pixels(content["images"][0]["lr"]), images[0].lr)
    assert content["images"][1]["lr"] == ""


def test_names_of_rows_stand_nowhere_and_nothing_is_fetched():
    html = page([shown()])
    for row in shown().rows:
        assert row not in html
        assert base64.b64encode(row.encode()).decode().rstrip("=")[:-1] not in html
    assert not re.search(r"https?:|[\"(]//|<link(?! rel=\"icon\" href=\"data:,\")|@import|src=\"(?!data:)", html)
    assert "default-src 'none'" in html


def test_the_page_depends_on_images_and_seed_alone():
    images = [shown(str(number)) for number in range(8)]
    assert page(images, 1) == page(images, 1)
    orders = [unsealed(data(page(images, seed))["sealed"])["rows"] for seed in (1, 2)]
    assert orders[0] != orders[1]
    assert len({tuple(order) for order in orders[0]}) > 1
    identities = {data(page(chosen, seed))["id"] for chosen, seed in ((images, 1), (images, 2), (images[:7], 1))}
    assert len(identities) == 3  # votes on another page are never taken for votes on this one


def test_the_question_is_text_and_no_markup():
    html = page([shown()], question='Which is <b>best</b> & "true"?')
    assert "Which is &lt;b&gt;best&lt;/b&gt; &amp; &#34;true&#34;?" in html
    assert "<b>best" not in html


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "no images; at least one that all rows have is needed"),
        ([shown(rows=["a"])], "1 rows; 2 to 9 can be ranked"),
        ([shown(rows=list("abcdefghij"))], "10 rows; 2 to 9 can be ranked"),
        ([shown(), shown(rows=["a", "b"])], "rows a, b; all images need crafted-row, uniform-row, oracle-row"),
        ([shown(rows=["=cmd()", "b"])], "row '=cmd()': begins with =, so a spreadsheet program would run it"),
        ([shown("-a")], "image '-a': begins with -"),
        ([shown("\uff1da")], "begins with \uff1d"),
        ([shown(" a")], "spaces around it"),
        ([shown("a\nb")], "characters that cannot be printed"),
        ([shown("a\udcff")], "characters that cannot be printed"),
        (
            [Shown("a", {"p": picture(1), "q": picture(1, side=8)})],
            "image a: p is 16 x 16, q is 8 x 8 pixels; one size",
        ),
    ],
)
def test_what_cannot_be_ranked_is_refused(images, message):
    with pytest.raises(DegcraftError, match=re.escape(message)):
        page(images)


def test_a_page_that_grows_too_large_is_refused_with_what_fits(monkeypatch):
    monkeypatch.setattr(voting, "LIMIT", 16 / 1024)
    with pytest.raises(DegcraftError, match=r"image [4-9] makes it larger than .*--images [3-8], or .*--crop"):
        page(shown(str(number)) for number in range(20))


def fill(folder, names, side=16):
    folder.mkdir(parents=True)
    for name in names:
        Image.fromarray(picture(folder.name, name, side=side)).save(folder / name)
    return folder


def run(*words):
    parser = argparse.ArgumentParser()
    vote.options(parser)
    vote.run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def folders(tmp_path):
    names = [f"{letter}.png" for letter in "abcdef"]
    fill(tmp_path / "ours", [*names, "extra.png"])
    fill(tmp_path / "theirs", [*names[:-1], "f.tif"])
    fill(tmp_path / "lr", names[:5], side=4)
    (tmp_path / "ours" / "._a.png").write_bytes(b"not an image")
    return tmp_path


def test_the_command_shows_what_all_folders_have(folders, capsys):
    run(f"ours={folders}/ours", f"theirs={folders}/theirs", "--lr", folders / "lr", "-o", folders / "new" / "vote.html")
    content = data((folders / "new" / "vote.html").read_text(encoding="utf-8"))
    assert [image["name"] for image in content["images"]] == ["a", "b", "c", "d", "e"]
    assert np.array_equal(pixels(content["images"][1]["lr"]), picture("lr", "b.png", side=4))
    told = capsys.readouterr().out
    assert "ours: not in every folder, so left out: extra, f\n" in told
    assert "5 images in 2 rows" in told


def test_some_images_are_taken_by_the_seed(folders):
    def taken(seed):
        run(f"ours={folders}/ours", f"theirs={folders}/theirs", "--images", 3, "--seed", seed, "-o", folders / "v.html")
        return [image["name"] for image in data((folders / "v.html").read_text(encoding="utf-8"))["images"]]

    found = [taken(seed) for seed in (0, 1, 2, 0)]
    assert found[0] == found[3] == sorted(found[0])
    assert len({tuple(names) for names in found}) > 1


def test_crops_are_of_one_place(folders):
    run(f"o={folders}/ours", f"t={folders}/theirs", "--lr", folders / "lr", "--crop", 2, "-o", folders / "v.html")
    content = data((folders / "v.html").read_text(encoding="utf-8"))
    key = unsealed(content["sealed"])
    for image, order in zip(content["images"], key["rows"], strict=True):
        lr = picture("lr", f"{image['name']}.png", side=4)
        places = [(top, left) for top in range(3) for left in range(3)]
        (place,) = [p for p in places if np.array_equal(lr[p[0] : p[0] + 2, p[1] : p[1] + 2], pixels(image["lr"]))]
        for uri, row in zip(image["rows"], order, strict=True):
            whole = picture(["ours", "theirs"][row], f"{image['name']}.png")
            top, left = 4 * place[0], 4 * place[1]
            assert np.array_equal(pixels(uri), whole[top : top + 8, left : left + 8])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ours={0}/ours"], "only ours; at least two can be ranked"),
        (["{0}/ours", "t={0}/theirs"], "no row; write NAME=FOLDER, such as crafted="),
        (["o={0}/ours", "o={0}/theirs"], "a second row o"),
        (["o={0}/ours", "t={0}/theirs/../ours"], "the folder of row o"),
        (["o={0}/ours", "t={0}/their"], "/their: no such folder"),
        (["o={0}/ours", "t={0}"], "no image in this folder"),
        (["o={0}/ours", "t={0}/theirs", "--images", "0"], "--images: 0; at least 1"),
        (["o={0}/ours", "t={0}/theirs", "--seed", "-1"], "--seed: -1; at least 0"),
        (["o={0}/ours", "t={0}/theirs", "--crop", "9"], "add --lr FOLDER"),
        (["o={0}/ours", "t={0}/theirs", "-o", "{0}/vote"], "vote.html"),
        (["o={0}/ours", "t={0}/lr", "-o", "{0}/vote.html"], "o is 16 x 16, t is 4 x 4 pixels"),
    ],
)
def test_wrong_input_is_refused_and_nothing_is_written(folders, words, message):
    with pytest.raises(DegcraftError, match=re.escape(message)):
        run("-o", folders / "v.html", *[word.format(folders) for word in words])
    assert not list(folders.glob("*.html"))


def test_two_files_of_one_name_are_refused(folders):
    Image.fromarray(picture(0)).save(folders / "ours" / "a.jpg")
    with pytest.raises(DegcraftError, match=r"a\.jpg and a\.png have one name"):
        run(f"o={folders}/ours", f"t={folders}/theirs", "-o", folders / "v.html")
