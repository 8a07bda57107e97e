"""Cards are handed out to real processes; none of them needs a graphics card."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from degcraft import cards

HOLD = "import sys; from degcraft import cards; print(cards.take(), cards.take(), flush=True); sys.stdin.read()"


@pytest.fixture
def start(tmp_path):
    """Start a process that takes a card and keeps it; gives the process and the card."""
    with ExitStack() as stack:

        def started(allowed, **more):
            environment = {**os.environ, "TMPDIR": str(tmp_path), **more}
            environment |= {"CUDA_VISIBLE_DEVICES": allowed}
            process = subprocess.Popen(
                [sys.executable, "-c", HOLD], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            first, second = process.stdout.readline().split()
            assert first == second  # a process takes one card, however often it asks
            return process, first

        yield started


def test_processes_spread_over_the_cards_and_then_share_them(start):
    assert [start("0,1,2")[1] for _ in range(7)] == ["0", "1", "2", "0", "1", "2", "0"]


def test_a_killed_process_gives_its_card_back(start):
    held = {card: process for process, card in (start("4,GPU-5f/0,7") for _ in range(3))}
    assert set(held) == {"4", "GPU-5f/0", "7"}
    held["GPU-5f/0"].kill()
    held["GPU-5f/0"].wait()
    assert start("4,GPU-5f/0,7")[1] == "GPU-5f/0"


def test_only_allowed_cards_are_taken(start):
    assert [start("3")[1] for _ in range(2)] == ["3", "3"]
    assert start("2,3")[1] == "2"
    assert start("-1,0")[1] == "-1,0"  # no card, as CUDA reads it


def test_processes_of_one_training_mark_their_cards_and_see_all(start):
    assert [start("0,1,2", LOCAL_RANK=str(rank))[1] for rank in range(2)] == ["0,1,2"] * 2
    assert start("0,1,2")[1] == "2"


@pytest.mark.parametrize(
    ("allowed", "found"), [("0,1", ["0", "1"]), (" 1 , 0", ["1", "0"]), ("", []), ("1,-1,0", ["1"]), ("1,,0", ["1"])]
)
def test_cards_are_named_as_cuda_reads_them(monkeypatch, allowed, found):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert cards.visible() == found


def test_without_the_variable_cards_are_counted(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(cards, "_DEVICES", tmp_path)
    assert cards.visible() == []
    for name in ("nvidia2", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert cards.visible() == ["0", "1"]
