import os
import subprocess
import sys
from pathlib import Path

import pytest

from degcraft.errors import DegcraftError
from tests.fuzz.campaigns import ACCEPTED, REFUSED, UNCLEAN, Limits, campaign

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("kind", "count"), [("images", 120), ("votes", 300), ("weights", 80), ("configs", 60), ("videos", 200)]
)
def test_what_is_no_input_is_refused_plainly(kind, count):
    done = subprocess.run(
        [sys.executable, "-m", f"tests.fuzz.{kind}", "--count", str(count)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert f"{count} cases" in done.stdout


def test_crashes_hangs_and_strange_errors_are_unclean():
    def case(number, folder):
        if number == 1:
            raise DegcraftError("x: found; needed")
        if number == 2:
            raise ValueError("not for users")
        if number == 3:
            os._exit(7)
        if number == 4:
            bytearray(10**12)
        if number == 5:
            raise DegcraftError("nothing said")

    outcome = campaign(case, range(7), Limits(seconds=5, memory=10**9))
    assert dict(outcome.counts) == {ACCEPTED: 2, REFUSED: 1, UNCLEAN: 4}
    assert sorted(outcome.unclean) == [2, 3, 4, 5]
