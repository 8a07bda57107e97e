import importlib.util
import re
import shlex
from pathlib import Path

import markdown
import pytest
import yaml
from snakemake.cli import get_argument_parser

import degcraft
from degcraft.schema import options, schema
from tests.workflow.engine import STAGES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
ROOT_PAGES = sorted(path.name for path in ROOT.glob("*.md"))


def hook(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaves(nav):
    """File names of a navigation, in order."""
    values = [value for item in nav for value in item.values()]
    return [name for value in values for name in (leaves(value) if isinstance(value, list) else [value])]


def commands(page):
    """Lines of the shell blocks of a page, those that go on joined."""
    text = (DOCS / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S) for line in block.splitlines()]


SHOWN = [(page, line) for page in PAGES for line in commands(page) if line.startswith("snakemake")]


def test_every_page_has_its_place_once():
    assert sorted(leaves(SITE["nav"])) == PAGES


def test_the_architecture_stays_readable():
    lines = (DOCS / "architecture.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert max(map(len, lines)) < 200


@pytest.mark.parametrize("page", ROOT_PAGES)
def test_links_of_the_pages_at_the_top_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        assert (ROOT / (file or page)).exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)", (ROOT / (file or page)).read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], target


@pytest.mark.parametrize("page", ["architecture.md", "method.md", *(page for page in PAGES if page.startswith("add-"))])
def test_files_that_pages_name_exist(page):
    text = (DOCS / page).read_text(encoding="utf-8")
    for name in set(re.findall(r"`((?:workflow|tests|profiles|docs)/[\w./-]+)`", text)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_shown_commands_mean_what_they_say(page, line):
    words = [word for word in shlex.split(line, comments=True) if word not in ("&&", ";")]
    given = get_argument_parser().parse_args(words[1:])
    targets = {word for word in words[1:] if re.fullmatch(r"results/.*|figures|all|exhibits", word)}
    assert set(map(str, given.targets)) >= targets  # none was swallowed by an option before it
    assert all((ROOT / path).is_file() for path in given.configfile if str(path).startswith("workflow/"))


def test_the_python_reference_has_every_name():
    documented = re.findall(r"^::: degcraft\.(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(degcraft.__all__)


def test_the_reference_has_every_section_and_option():
    reference = hook("reference")
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    sections = reference.sections(text)
    assert set(sections) == set(schema()["properties"])
    assert {name: yaml.safe_load(part)[name] for name, part in sections.items()} == yaml.safe_load(text)
    page = "\n".join(reference.options_page())
    rows = re.findall(r"^\| `(.*?)` \|", page, re.MULTILINE)
    assert len(rows) == len(options())
    assert "&lt;" in page
    assert "| `floor` | a number >= 0 and &lt;= 1 | Share of the uniform" in page


def test_the_reference_has_every_rule_with_its_files():
    reference = hook("reference")
    found = [row for path in reference.included() for row in reference.described(path.read_text(encoding="utf-8"))]
    assert {name for name, _, _ in found} == set(STAGES)
    files = {name: files for name, _, files in found}
    assert files["bin_weights"] == ["results/weights/{target}/{extractor}.{weighting}.csv"]
    assert len(files["train_model"]) == 3


def converted(text):
    return markdown.markdown(text, extensions=[hook("equations").Equations()])


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("a $x_1$ b", "x_1"),
        ("$$\\frac{a}{b}$$", "\\frac{a}{b}"),
        (".. math:: \\exp(a)", "\\exp(a)"),
        ("$$a\\!\nb$$", "a\\! b"),
    ],
)
def test_equations_become_pictures(text, tex):
    html = converted(text)
    assert f'aria-label="{tex}"' in html
    assert re.search(r'd="M[-\d. LQCZM]+Z"', html)
    assert "$" not in html


@pytest.mark.parametrize("text", ["`$x$`", "costs $5 and $6", "a$b$c", "`echo $HOME $PATH`"])
def test_other_dollars_stay(text):
    assert "<svg" not in converted(text)


def test_a_wrong_equation_ends_the_build():
    with pytest.raises(ValueError, match="frac"):
        converted("$$\\frac{a$$")
