from contextlib import contextmanager

import pytest

from degcraft.report.page import page as report
from tests.browser import DESKTOP, PHONE, page
from tests.reports import contents

SIZES = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
# Contrast of every text with what is behind it, WCAG 2.2; nearest opaque background of the ancestors.
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *:not(script)")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest(".frame, title, desc") || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const [one, other] = [light(parse(colour)), light(behind(element))].sort((a, b) => b - a);
    found.push([(one + 0.05) / (other + 0.05), element.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(report(contents()), encoding="utf-8")
    return path


@contextmanager
def opened(file, size=DESKTOP, **options):
    """The page, its first slider and the frame around it; complaints are none at the end."""
    with page(file, size, **options) as (there, complaints):
        yield there, there.get_by_role("slider").first, there.locator(".frame").first
        assert complaints == []


def at(slider):
    return int(slider.get_attribute("aria-valuenow"))


@SIZES
def test_the_page_has_no_sideways_scrolling_and_nothing_to_complain_about(file, size):
    with opened(file, size) as (there, _, _):
        assert there.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert there.title() == "film: restored with degcraft"
        assert there.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


def test_keys_move_the_slider(file):
    with opened(file) as (there, slider, frame):
        slider.focus()
        moves = {
            "ArrowRight": 52,
            "ArrowUp": 54,
            "ArrowLeft": 52,
            "PageDown": 42,
            "Home": 0,
            "ArrowDown": 0,
            "End": 100,
        }
        for key, value in moves.items():
            there.keyboard.press(key)
            assert at(slider) == value
        assert slider.get_attribute("aria-valuetext") == "100 % as it is"
        clip = frame.locator(".before").evaluate("(layer) => getComputedStyle(layer).clipPath")
        assert "100% - 100%" in clip or "inset(0px)" in clip or "0%" in clip


def test_the_mouse_moves_the_slider_and_the_line_with_it(file):
    with opened(file) as (there, slider, frame):
        box = frame.bounding_box()
        middle = box["y"] + box["height"] / 2
        there.mouse.move(box["x"] + box["width"] / 2, middle)
        there.mouse.down()
        there.mouse.move(box["x"] + box["width"] / 4, middle, steps=4)
        there.mouse.up()
        assert at(slider) == 25
        line = slider.bounding_box()
        assert line["x"] + line["width"] / 2 == pytest.approx(box["x"] + box["width"] / 4, abs=1)
        there.mouse.move(box["x"] + box["width"] * 0.9, middle)  # the button is up
        assert at(slider) == 25


def test_a_finger_moves_the_slider(file):
    with opened(file, PHONE, has_touch=True, is_mobile=True) as (there, slider, frame):
        frame.scroll_into_view_if_needed()
        box = frame.bounding_box()
        client = there.context.new_cdp_session(there)
        for kind, share in [("touchStart", 0.5), ("touchMove", 0.6), ("touchMove", 0.75)]:
            place = {"x": box["x"] + share * box["width"], "y": box["y"] + box["height"] / 2}
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert at(slider) == pytest.approx(75, abs=1)


def test_buttons_and_number_keys_switch_the_row(file):
    with opened(file) as (there, slider, frame):
        shown = frame.locator(".after img:visible")
        assert shown.get_attribute("alt") == "frame 0, crafted"
        for name in ("uniform", "Real-ESRGAN type", "bicubic", "truth"):
            there.locator("[data-window]").first.get_by_role("radio", name=name, exact=True).click()
            assert shown.count() == 1
            assert shown.get_attribute("alt") == f"frame 0, {name}"
            assert frame.locator("[data-shown]").text_content() == name
        slider.focus()
        there.keyboard.press("2")
        assert shown.get_attribute("alt") == "frame 0, uniform"
        assert there.locator(".frame").nth(1).locator(".after img:visible").get_attribute("alt") == "frame 1, crafted"


def test_zoom_moves_both_sides_alike_and_stays_inside(file):
    with opened(file) as (there, slider, frame):
        transforms = "(frame) => [...frame.querySelectorAll('img')].map((image) => image.style.transform)"
        there.get_by_role("button", name="Zoom in").first.click()
        assert len(set(frame.evaluate(transforms))) == 1
        assert frame.get_attribute("data-scale") == "1.50"
        slider.focus()
        there.keyboard.press("+")
        assert frame.get_attribute("data-scale") == "2.25"
        box = frame.bounding_box()
        where = box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.8
        there.mouse.move(*where)
        there.mouse.down()
        there.mouse.move(where[0] - 40, where[1] - 40, steps=3)
        there.mouse.up()
        assert at(slider) == 50
        panned = frame.evaluate(transforms)
        assert len(set(panned)) == 1
        there.keyboard.press("0")
        assert set(frame.evaluate(transforms)) == {""}
        there.mouse.wheel(0, -200)
        there.wait_for_function("(frame) => Number(frame.dataset.scale) > 1.3", arg=frame.element_handle())
        picture, around = frame.locator(".before img").bounding_box(), frame.bounding_box()
        assert picture["x"] <= around["x"]
        assert picture["x"] + picture["width"] >= around["x"] + around["width"]


def test_the_wheel_scrolls_the_page_where_no_window_is_selected(file):
    with opened(file) as (there, _, frame):
        frame.hover()
        there.mouse.wheel(0, 300)
        there.wait_for_function("scrollY > 100")
        assert frame.get_attribute("data-scale") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_and_the_button(file, scheme):
    with opened(file, color_scheme=scheme) as (there, _, _):
        paper = "getComputedStyle(document.body).backgroundColor"
        colours = {"light": "rgb(251, 250, 247)", "dark": "rgb(21, 23, 26)"}
        other = next(name for name in colours if name != scheme)
        assert there.evaluate(paper) == colours[scheme]
        there.get_by_role("button", name=f"{other.capitalize()} theme").click()
        assert there.evaluate(paper) == colours[other]
        there.get_by_role("button", name=f"{scheme.capitalize()} theme").click()
        assert there.evaluate(paper) == colours[scheme]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(file, scheme):
    with opened(file, color_scheme=scheme) as (there, _, _):
        there.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        found = there.evaluate(CONTRAST)
        assert len(found) > 100
        assert [text for ratio, text in found if ratio < 4.5] == []


def test_the_keyboard_starts_at_the_skip_link_and_shows_where_it_is(file):
    with opened(file) as (there, slider, _):
        there.keyboard.press("Tab")
        assert there.evaluate("document.activeElement.textContent") == "To the images"
        there.keyboard.press("Enter")
        there.keyboard.press("Tab")
        assert slider.evaluate("(slider) => slider === document.activeElement")
        assert slider.evaluate("(slider) => getComputedStyle(slider, '::after').outlineStyle") == "solid"


def test_without_script_both_sides_are_there_and_no_dead_buttons(file):
    with opened(file, java_script_enabled=False) as (there, _, frame):
        assert frame.locator("img:visible").count() == 2
        assert there.locator("button:visible, input:visible").count() == 0
