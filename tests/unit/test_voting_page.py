import json
import re
from contextlib import contextmanager

import numpy as np
import pytest

from degcraft.evidence.votes import read_votes, vote_table
from degcraft.streams import stream
from degcraft.voting import Shown, page
from tests.browser import DESKTOP, PHONE
from tests.browser import page as browser

ROWS = ["crafted-row", "uniform-row", "oracle-row", "bicubic-row"]
IMAGES = ["china", 'a "quoted", name', "coffee"]
# Contrast of the text of every element that has some of its own, with what is painted behind it (WCAG 2.2).
CONTRASTS = """() => {
  const channel = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (c) => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = numbers(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility()
    && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())).map((node) => {
      const [a, b] = [light(numbers(getComputedStyle(node).color)), light(behind(node))].sort((p, q) => q - p);
      return [node.textContent.trim().slice(0, 40), (a + 0.05) / (b + 0.05)];
    });
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Flat pictures, each of one grey: a picture on the screen tells which row it is of."""
    rows = {row: np.full((60, 80, 3), 40 * number + 40, np.uint8) for number, row in enumerate(ROWS)}
    lr = stream(0, "test", "page").integers(0, 256, (15, 20, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("voting") / "vote.html"
    path.write_text(page([Shown(name, rows, lr) for name in IMAGES]), encoding="utf-8")
    return path


@contextmanager
def voting(file, voter="anna", size=DESKTOP, **options):
    with browser(file, size, **options) as (tab, complaints):
        tab.fill("#voter", voter)
        tab.click("text=Start")
        yield tab, complaints
        assert complaints == []


def rows_shown(tab):
    """Rows by place, found from the grey of each picture; the page itself does not know them."""
    greys = tab.evaluate("""async () => Promise.all([...document.querySelectorAll("#cards img")].map(async (image) => {
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
      canvas.drawImage(image, 0, 0, 1, 1);
      return canvas.getImageData(0, 0, 1, 1).data[0];
    }))""")
    return [ROWS[round(grey / 40) - 1] for grey in greys]


def letters(tab):
    return tab.locator("#cards .letter").all_inner_texts()


def saved(tab, kind, tmp_path):
    with tab.expect_download() as download:
        tab.click(f"#{kind}")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_clicks_become_the_table_of_figure_9(file, tmp_path):
    voter, clicked = 'Jörg "J", Müller', {}
    with voting(file, voter) as (tab, _):
        for name in IMAGES:
            seen = tab.evaluate("document.documentElement.outerHTML + JSON.stringify(localStorage)")
            assert not [row for row in ROWS if row in seen]  # a blind vote
            for place, row in enumerate(ROWS):  # the best is crafted-row, and so on
                tab.locator("#cards .grip").nth(rows_shown(tab).index(row)).focus()
                tab.keyboard.press(str(place + 1))
            if name == "coffee":
                tab.locator("#cards .better").nth(1).click()
            clicked[name] = rows_shown(tab)
            tab.click("#confirm")
        assert tab.inner_text("#thanks") == "Thank you: all is ranked"
        content = saved(tab, "csv", tmp_path).read_bytes()
        kept = json.loads(saved(tab, "json", tmp_path).read_bytes())
    assert clicked["china"] == ROWS
    assert clicked["coffee"] == ["uniform-row", "crafted-row", "oracle-row", "bicubic-row"]
    assert content.splitlines()[0] == b"voter,image,method,rank"
    votes = read_votes(content, "votes.csv")
    assert set(votes["voter"]) == {voter}
    assert {name: ballot["method"].tolist() for name, ballot in votes.groupby("image")} == clicked
    assert votes.to_dict("records") == kept["votes"]
    table = vote_table(votes).drop_duplicates("method").set_index("method")["mean_rank"]
    assert table.to_dict() == pytest.approx(
        {"crafted-row": 4 / 3, "uniform-row": 5 / 3, "oracle-row": 3, "bicubic-row": 4}
    )


def test_a_drag_moves_a_picture_and_escape_leaves_it(file):
    with voting(file) as (tab, _):
        tab.locator("#cards .grip").nth(3).scroll_into_view_if_needed()
        ends = [tab.locator("#cards .grip").nth(place).bounding_box() for place in (3, 1)]
        points = [(box["x"] + 10, box["y"] + 10) for box in ends]
        for last, expected in (("Escape", ["A", "B", "C", "D"]), (None, ["A", "D", "B", "C"])):
            tab.mouse.move(*points[0])
            tab.mouse.down()
            tab.mouse.move(*points[1], steps=6)
            if last:
                tab.keyboard.press(last)
            tab.mouse.up()
            assert letters(tab) == expected
        assert tab.inner_text("#told") == "Picture D is at place 2 of 4."


def test_a_finger_drags_a_picture(file):
    with voting(file, size=PHONE, has_touch=True, is_mobile=True) as (tab, _):
        boxes = [tab.locator("#cards .grip").nth(place).bounding_box() for place in (0, 1)]
        start, end = [(box["x"] + 12, box["y"] + 12) for box in boxes]
        finger = tab.context.new_cdp_session(tab)
        for kind, part in [("touchStart", 0), *(("touchMove", step / 8) for step in range(9))]:
            point = {"x": start[0] + part * (end[0] - start[0]), "y": start[1] + part * (end[1] - start[1])}
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert letters(tab) == ["B", "A", "C", "D"]


def test_keys_rank_move_and_are_told(file):
    with voting(file) as (tab, _):
        for which, key, expected, told in [
            (3, "1", "DABC", "Picture D is at place 1 of 4."),
            (0, "ArrowRight", "ADBC", "Picture D is at place 2 of 4."),
            (1, "End", "ABCD", "Picture D is at place 4 of 4."),
            (3, "9", "ABCD", "Places go from 1 to 4; picture D stays at 4."),
            (0, "ArrowLeft", "ABCD", "Places go from 1 to 4; picture A stays at 1."),
        ]:
            tab.locator("#cards .grip").nth(which).focus()
            tab.keyboard.press(key)
            assert "".join(letters(tab)) == expected
            assert tab.inner_text("#told") == told
        focused = tab.evaluate("document.activeElement.getAttribute('aria-label')")
        assert focused == "Picture A, place 1 of 4"


def test_a_reload_loses_nothing_and_voters_see_different_orders(file):
    with voting(file) as (tab, complaints):
        first = rows_shown(tab)
        tab.click("#confirm")
        tab.locator("#cards .worse").first.click()
        order = letters(tab), rows_shown(tab)
        tab.reload()
        assert tab.inner_text("#place") == "Image 2 of 3"
        assert (letters(tab), rows_shown(tab)) == order
        tab.click("#back")
        assert (tab.inner_text("#place"), rows_shown(tab)) == ("Image 1 of 3, ranked", first)
        tab.click("#skip")
        tab.click("#skip")
        tab.click("#skip")
        assert tab.inner_text("#undone").split("\n") == ["Image 2", "Image 3"]
        orders = set()
        for voter in ("ben", "carla", "dora", "anna"):
            tab.goto("about:blank")
            tab.goto(file.as_uri())
            tab.click("#other")
            tab.fill("#voter", voter)
            tab.click("text=Start")
            if voter == "anna":
                assert tab.inner_text("#thanks") == "1 of 3 images are ranked"
                break
            orders.add(tuple(rows_shown(tab)))
            for _ in IMAGES:
                tab.click("#skip")
        assert len(orders | {tuple(first)}) > 2
    assert complaints == []


def test_every_row_is_as_often_first(file):
    with voting(file) as (tab, _):
        source = re.search(r"function hashed.*?(?=/\*\* What is wrong)", file.read_text(encoding="utf-8"), re.DOTALL)[0]
        counts = tab.evaluate(
            f"""() => {{ const DATA = {{ seed: 0, images: [{{ name: "a", rows: [0, 1, 2, 3] }}] }};
            {source}
            const counts = {{}};
            for (let v = 0; v < 4800; v++) {{ const o = firstOrder(`voter ${{v}}`, 0).join(""); counts[o] = (counts[o] ?? 0) + 1; }}
            return counts; }}"""
        )
    assert len(counts) == 24
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 49.7  # chi-squared, 23 degrees, .001


def test_names_that_spreadsheets_would_run_are_refused(file):
    with browser(file) as (tab, complaints):
        for name, begin in [("=1+1", "="), ("  @me", "@"), ("-x", "-"), ("+1", "+"), ("\uff0b", "\uff0b"), ("   ", "")]:
            tab.fill("#voter", name)
            tab.click("text=Start")
            expected = f"A name cannot begin with {begin}: spreadsheet" if begin else "Write your name"
            assert tab.inner_text("#voter-problem").startswith(expected)
            assert tab.locator("#rank").is_hidden()
        assert complaints == []


def test_all_pictures_zoom_together_and_the_large_view_turns_in_place(file):
    with voting(file) as (tab, _):
        parts = """() => [...document.querySelectorAll("#board img")].map((image) => {
          const [whole, seen] = [image, image.parentElement].map((node) => node.getBoundingClientRect());
          return [whole.left - seen.left, whole.top - seen.top, whole.width, whole.height].map(Math.round).join(); })"""
        tab.locator("#cards .view").nth(2).dblclick(position={"x": 0, "y": 0})
        assert tab.inner_text("#zoom") == "4×"  # noqa: RUF001
        assert len(set(tab.evaluate(parts))) == 1
        before = tab.evaluate(parts)[0]
        tab.keyboard.press("Shift+ArrowRight")
        after = set(tab.evaluate(parts))
        assert len(after) == 1
        assert before not in after
        tab.keyboard.press("Enter")
        name = tab.inner_text("#large-name")
        place = tab.locator("#large .view").bounding_box()
        tab.keyboard.press("ArrowRight")
        assert tab.inner_text("#large-name") != name
        assert tab.locator("#large .view").bounding_box() == place
        tab.keyboard.press("1")
        assert tab.inner_text("#large-name") == "Picture D, place 1 of 4"
        tab.keyboard.press("Escape")
        assert letters(tab) == ["D", "A", "B", "C"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_names_and_phone_width(file, scheme):
    with voting(file, size=PHONE, color_scheme=scheme, has_touch=True) as (tab, _):
        tab.click("summary")
        for _ in range(2):
            low = [(text, ratio) for text, ratio in tab.evaluate(CONTRASTS) if ratio < 4.5]
            assert low == []
            assert tab.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
            unnamed = """() => [...document.querySelectorAll("button, img, input")].filter((node) => node.checkVisibility()
              && !(node.textContent.trim() || node.getAttribute("aria-label") || node.alt || node.labels?.length)).length"""
            assert tab.evaluate(unnamed) == 0
            while tab.locator("#skip").is_visible():
                tab.click("#skip")


def test_without_storage_the_page_warns_and_votes_all_the_same(file, tmp_path):
    blocked = tmp_path / "blocked.html"
    script = "<script>Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });</script>"
    blocked.write_text(
        file.read_text(encoding="utf-8").replace("<noscript>", f"{script}<noscript>", 1), encoding="utf-8"
    )
    with voting(blocked) as (tab, _):
        assert "does not keep your votes" in tab.inner_text("#warning")
        for _ in IMAGES:
            tab.click("#confirm")
        assert len(read_votes(saved(tab, "csv", tmp_path).read_bytes(), "votes.csv")) == 12
