import os
import time

import pytest

from degcraft import clocks


@pytest.fixture
def results(tmp_path):
    for name in ("early/a.csv", "late/b.csv", "late/c.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.utime(tmp_path / "late" / "b.csv", (time.time() + 86_400,) * 2)
    return tmp_path


def test_files_of_the_future_are_of_today(results):
    before = (results / "early" / "a.csv").stat().st_mtime
    assert clocks.mend(results) == [str(results / "late" / "b.csv")]
    assert (results / "late" / "b.csv").stat().st_mtime == pytest.approx(time.time(), abs=30)
    assert (results / "early" / "a.csv").stat().st_mtime == before
    assert clocks.mend(results) == []
    assert clocks.mend(results / "absent") == []


def test_files_that_are_listed_and_not_there_yet_are_passed_over(results, monkeypatch):
    listed = list(clocks._files(results))
    (results / "late" / "c.csv").unlink()
    monkeypatch.setattr(clocks, "_files", lambda folder: iter(listed))
    assert clocks.mend(results) == [str(results / "late" / "b.csv")]
