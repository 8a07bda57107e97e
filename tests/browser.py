"""A real browser for tests of pages; they skip, with the reason, where there is none."""

import os
import shutil
from contextlib import contextmanager

import pytest

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_QUIET += ["--disable-component-update", "--disable-sync"]


@contextmanager
def page(file, size=DESKTOP, **options):
    """The page of a local HTML file, as (page, complaints): requests to elsewhere and console errors end up in the list."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("needs a browser: install Chromium (Debian: apt-get install chromium)")
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=[*_QUIET, *sandbox])
        context = browser.new_context(viewport=size, accept_downloads=True, **options)
        opened = context.new_page()
        complaints = []
        opened.on(
            "request", lambda asked: asked.url.startswith(("file:", "data:", "blob:")) or complaints.append(asked.url)
        )
        opened.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto(file.resolve().as_uri())
        yield opened, complaints
        browser.close()
