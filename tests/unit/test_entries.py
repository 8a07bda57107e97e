import difflib

import pytest
import yaml

from degcraft.config import validate
from degcraft.entries import DEFAULT, inserted, merged, parsed
from degcraft.errors import DegcraftError

ENTRY = {"images": ["/scans/film/*.png"], "packaged": [], "window": 128, "count": 8}
REMARKS = {"": "Added today.", "window": "Pixels."}


def added_lines(before, after):
    """Lines that are new; every other line must be as it was, in its order."""
    changes = [line for line in difflib.ndiff(before.splitlines(True), after.splitlines(True)) if line[0] != "?"]
    assert not [line for line in changes if line.startswith("- ")]
    return [line[2:] for line in changes if line.startswith("+ ")]


def test_entry_follows_the_last_one_of_the_default_and_nothing_else_changes():
    text = DEFAULT.read_text(encoding="utf-8")
    result = inserted(text, "film", ENTRY, REMARKS)
    assert added_lines(text, result) == [
        "  # Added today.\n",
        "  film:\n",
        "    images:\n",
        "      - /scans/film/*.png\n",
        "    packaged: []\n",
        "    # Pixels.\n",
        "    window: 128\n",
        "    count: 8\n",
    ]
    assert list(yaml.safe_load(result)["applications"])[-1] == "film"
    assert result.index("  film:") < result.index("# Feature extractors")
    validate(merged([result]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing but this",
        "seed: 1",
        "applications: {}\nseed: 0\n",
        "applications:  # mine\nseed: 0\n",
        "applications: null  # none yet",
        "applications: ~\n# end",
        "applications: {one: {count: 1},}\nseed: 0\n",
        "applications: {one: {count: 1}, # first\n  two: {}  # second\n}\n",
        "applications:\n  one: {count: 1}  # flow\n  # of one\n\nseed: 0\n",
        "applications:\n      deep:\n            count: 1\nseed: 0",
        "applications:\n  one:\n    text: |\n      several\n      lines\n\n    # of one\nseed: 0\n",
        "applications:\n  one:\n    images:\n    - a\n    - b\n# next\nseed: 0\n",
        "\ufeffseed: 0\napplications:\n  one: {}\n",
        "seed: 0\r\napplications:\r\n  one:\r\n    count: 1\r\n\r\n# next\r\ndata: .\r\n",
        "---\napplications:\n  one: {}\n",
    ],
)
def test_any_way_of_writing_the_section_is_added_to(text):
    before = yaml.safe_load(text) or {}
    result = inserted(text, "film", ENTRY, REMARKS)
    after = yaml.safe_load(result)
    assert after.pop("applications") == {**(before.pop("applications", None) or {}), "film": ENTRY}
    assert after == before
    for comment in [line.split("#", 1)[1] for line in text.splitlines() if "#" in line]:
        assert f"#{comment}" in result


def test_line_ends_of_the_file_are_kept():
    text = "applications:\r\n  one: {}\r\nseed: 0\r\n"
    result = inserted(text, "film", ENTRY, REMARKS)
    assert result.count("\n") == result.count("\r\n") == 3 + 8
    assert len(added_lines(text, result)) == 8


def test_comments_below_an_entry_stay_with_it():
    text = "applications:\n  one:\n    count: 1\n    # of one\n# of seed\nseed: 0\n"
    result = inserted(text, "film", ENTRY, {})
    assert result.startswith("applications:\n  one:\n    count: 1\n    # of one\n  film:\n")
    assert result.endswith("    count: 8\n# of seed\nseed: 0\n")


@pytest.mark.parametrize("name", ["2024", "on", "null", "1e3", "0x1f"])
def test_names_that_yaml_reads_as_something_else_stay_text(name):
    result = inserted("applications:\n  one: {}\n", name, ENTRY, {})
    assert list(yaml.safe_load(result)["applications"]) == ["one", name]


@pytest.mark.parametrize(
    "path",
    ["/a b/c d.png", "/ä/写真/*.png", "/a: b/#1.png", "/'it''s'.png", '/"x"/[1], {2}.png', "/x - y/&z.png", "*.png"],
)
def test_any_path_survives(path):
    for text in ("applications:\n  one: {}\n", "applications: {one: {}}\n"):
        result = inserted(text, "film", {**ENTRY, "images": [path, {"list": path}]}, {})
        assert yaml.safe_load(result)["applications"]["film"]["images"] == [path, {"list": path}]


def test_a_taken_name_is_refused():
    with pytest.raises(DegcraftError, match=r"^applications\.one: the name is taken; choose another name, or edit"):
        inserted("applications:\n  one: {}\n", "one", ENTRY, {})


@pytest.mark.parametrize(
    "text",
    [
        "applications: &shared\n  one: {}\nothers: *shared\n",  # others would get the entry too
        "seed: 0\n...\n",
    ],
)
def test_what_cannot_be_added_to_is_refused_with_the_text_to_paste(text):
    with pytest.raises(DegcraftError, match="add this yourself") as refused:
        inserted(text, "film", ENTRY, REMARKS)
    pasted = str(refused.value).split(":\n", 1)[1]
    assert yaml.safe_load(pasted) == {"applications": {"film": ENTRY}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "not a YAML file"),
        ("- a\n", "list instead of options"),
        ("applications: [a]\n", "applications: .*needed are entries by name"),
        ("a: b: c\n", "not a YAML file"),
    ],
)
def test_what_is_no_config_is_refused(text, message):
    with pytest.raises(DegcraftError, match=message):
        parsed(text)


def test_files_are_merged_as_snakemake_does():
    config = merged(["a: {b: 1, c: [1, 2]}\nmethods: {x: {row: X}}\n", "a: {c: [3]}\nd: 4\n"])
    assert config == {"a": {"b": 1, "c": [3]}, "d": 4, "methods": {"x": {"row": "X"}}}
