"""The engine's report of the tiny run, in a real browser: what it lists, shows and says, and that it asks for nothing."""

import json
import re
import zipfile

import pytest

from degcraft.captions import EXHIBITS
from tests.browser import page
from tests.workflow.engine import snakemake


def made(tiny_run, path):
    """The report of the finished run; the run itself stays as it is."""
    result = snakemake(tiny_run, "--cores", "1", "--nolock", "--report", str(path), "--", "exhibits")
    assert result.returncode == 0, result.stdout[-3000:]
    assert "downloading" not in result.stdout  # the parts of the page come with the engine's package
    return path


@pytest.fixture(scope="module")
def report(tiny_run, tmp_path_factory):
    return made(tiny_run, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def results(report):
    (listed,) = re.findall(r"^    var results = (.*);$", report.read_text(), re.MULTILINE)
    return json.loads(listed)


def test_every_exhibit_is_there_to_look_at_and_to_keep(results):
    shown = {}
    for result in results.values():
        if "exhibit" in result["labels"]:
            shown.setdefault(result["labels"]["exhibit"], []).append(result["labels"]["on screen"])
    assert set(shown) == {exhibit.name for exhibit in EXHIBITS.values()}
    assert all(sorted(formats) in (["CSV", "yes"], ["PDF", "yes"]) for formats in shown.values())
    assert results["results/applications/archive/report.html"]["labels"]["application"] == "archive"
    assert all(len(result["caption"]) > 100 for result in results.values())


def test_numbers_of_captions_are_those_of_the_results(results, tiny_run):
    claims = (tiny_run / "results" / "claims.csv").read_text().splitlines()
    assert f"Of\n{len(claims) - 1} claims" in results["results/claims.csv"]["caption"]
    assert "<strong>Measured here:</strong>" in results["results/figure2.png"]["caption"]


def test_a_browser_shows_it_without_the_network(report):
    with page(report) as (opened, complaints):
        opened.get_by_text("Workflow", exact=False).first.wait_for()
        assert "claims of the paper" in opened.content()
        for category in ("Applications", "Claims", "Figures", "Run", "Tables"):
            assert opened.get_by_text(category, exact=True).count()
        opened.get_by_text("Tables", exact=True).click()
        row = opened.locator("tr", has_text="Table 2")
        row.locator("a").first.click()
        opened.frame_locator("iframe").get_by_role("columnheader", name="Method").wait_for()
        row.locator("a").last.click()
        opened.get_by_text("a network trained on the crafted distribution").wait_for()
        # The style sheet of the engine's page says of itself, on the console, where it is not meant to be used.
        assert [complaint for complaint in complaints if not complaint.startswith("cdn.tailwindcss.com")] == []


def test_the_zip_holds_the_page_and_every_file(tiny_run, results, tmp_path):
    with zipfile.ZipFile(made(tiny_run, tmp_path / "report.zip")) as packed:
        names = packed.namelist()
    assert "report/report.html" in names
    assert len(names) == len(results) + 1
