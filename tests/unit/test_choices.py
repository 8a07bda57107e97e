import re
from pathlib import Path

from degcraft.choices import choices
from degcraft.schema import reruns_table

ROOT = Path(__file__).parents[2]


def test_comments_are_found_with_their_continuation(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n    # paper: 3.2 one thing,\n    # and why\ny = 2  # no\n# paper: 4 other\n")
    assert choices(tmp_path).splitlines()[2:] == ["| `a.py` | 3.2 one thing, and why |", "| `a.py` | 4 other |"]


def test_the_page_lists_the_choices_of_the_code():
    assert choices() in (ROOT / "docs" / "paper.md").read_text(), "type: python -m degcraft.choices, into docs/paper.md"


def test_the_readme_shows_what_reruns():
    shown = re.search(r"<!-- reruns -->\n(.*)<!-- /reruns -->", (ROOT / "README.md").read_text(), re.S)[1].splitlines()
    assert len(shown) > 10
    assert set(shown) <= set(reruns_table().splitlines()), "lines of: python -m degcraft.config"
