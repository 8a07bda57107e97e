import os
import subprocess
import sys

import pytest

from tests.browser import DESKTOP, PHONE, page
from tests.workflow.engine import ENVIRONMENT, ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The documentation as `make docs` makes it; a dead link, or a page without a place, ends the build."""
    folder = tmp_path_factory.mktemp("site")
    paths = os.pathsep.join([str(ROOT / "workflow"), ENVIRONMENT.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, env={**ENVIRONMENT, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", ["index", "reproduce", "method", "options", "results", "api", "architecture"])
def test_pages_ask_nobody_and_fit_the_screen(site, name, size):
    with page(site / f"{name}.html", size) as (opened, complaints):
        opened.wait_for_timeout(300)
        assert opened.evaluate("document.documentElement.scrollWidth") <= size["width"]
        pictures = opened.evaluate("[...document.images].map(image => [image.src, image.naturalWidth])")
        assert [source for source, width in pictures if not width] == []
        assert complaints == []


def test_the_search_works_from_a_folder(site):
    with page(site / "index.html") as (opened, complaints):
        opened.locator("[data-md-component=search-query]").first.click()
        opened.keyboard.type("concentration")
        opened.locator(".md-search-result__item").first.wait_for(timeout=20_000)
        assert "method.html" in "".join(
            opened.locator(".md-search-result__link").evaluate_all("all => all.map(a => a.href)")
        )
        assert complaints == []
