import json
import os
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from degcraft import commands, journal
from tests.browser import DESKTOP, PHONE
from tests.browser import page as browser

TRAINING = {"backbone": "rrdb", "target": "setting3", "draw": "dct.frechet-a25", "seed": "0"}
LINE = "step 50/200  loss 0.03120  lr 1.00e-04  12.5 images/s  96 s left"
PLAN = {"train_model rrdb": 4, "table2": 1}


class Folder:
    """A folder in which a run leaves its traces, written as the engine and its jobs write them."""

    def __init__(self, path):
        self.path, self.now = path, time.time()
        self.lines = [{"time": self.now - 75, "event": "begin", "planned": PLAN}]

    def job(self, number, log=None, rule="train_model", **wildcards):
        file = f"results/logs/{number}.log"
        named = {"rule": rule, "log": [file], "benchmark": f"results/benchmarks/{rule}/rrdb/{number}.tsv"}
        named["wildcards"] = {**TRAINING, **wildcards} if rule == "train_model" else {}
        self.add("start", job=number, **named)
        if log is not None:
            self.write(file, log)

    def add(self, event, **fields):
        self.lines.append({"time": self.now - 60, "event": event, **fields})

    def write(self, file, text):
        (self.path / file).parent.mkdir(parents=True, exist_ok=True)
        (self.path / file).write_text(text)

    def told(self, capsys, *options, begun=True):
        """What the command prints."""
        if begun:
            self.write("results/logs/run.jsonl", "".join(json.dumps(line) + "\n" for line in self.lines))
        code = commands.main(["status", *options])
        return code, *capsys.readouterr()

    @property
    def page(self):
        return (self.path / "results/status.html").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


@pytest.fixture
def engine(folder):
    """A process that holds the journal as the engine does."""
    folder.write("results/logs/run.jsonl", "")
    code = (
        "import fcntl, sys; f = open('results/logs/run.jsonl', 'ab'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}; sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as held, closing(held.stdin):  # fmt: skip
        held.stdout.readline()
        yield held


def test_a_running_run_tells_of_its_trainings(folder, engine, capsys):
    folder.job(1, f"continuing from step 3\n{LINE}\n")
    folder.job(2, "", seed="1")
    folder.job(3, None, seed="2")
    folder.job(4, rule="table2")
    folder.add("finish", job=4)
    code, out, _ = folder.told(capsys)
    assert code == 0
    assert re.match(
        r"Running after 1 min 1\d s: 1 of 5 jobs done \(20 %\), 3 running\. About \d+ minutes left\.\n", out
    )
    assert "train_model rrdb, setting3, dct.frechet-a25, seed 0: step 50/200, loss 0.03120, 12.5 images/s, 1 min" in out
    assert "seed 1: runs for 1 min" in out
    assert "seed 2: waits for 1 min" in out
    assert '<meta http-equiv="refresh" content="5">' in folder.page
    assert "3, 1 of them waiting" in folder.page


def test_time_left_uses_what_earlier_runs_measured(folder, engine, capsys):
    folder.job(1, "", rule="table2")
    code, out, _ = folder.told(capsys)
    assert code == 0
    assert "Time left: not known; none of the 5 jobs left was timed before." in out
    for number, seconds in enumerate((500, 600, 9000)):
        folder.write(f"results/benchmarks/train_model/rrdb/{number}.tsv", f"s\th:m:s\n{seconds}\t-\n")
    folder.write("results/benchmarks/train_model/rrdb/bad.tsv", "s\n")
    _, out, _ = folder.told(capsys)
    assert "About 40 minutes left, not counting 1 job of kinds that were not timed yet." in out


def test_a_failed_job_is_shown_with_the_end_of_its_log(folder, capsys):
    lines = [f"line {number}" for number in range(30)]
    folder.job(1, "\n".join([*lines, 'error: <b>"bad" & worse</b>']) + "\n")
    folder.add("fail", job=1, log=["results/logs/1.log", "results/logs/slurm/missing.log"])
    folder.add("error", text="MissingOutputException: <i>")
    folder.add("end", success=False)
    code, out, _ = folder.told(capsys)
    assert code == 1
    assert out.startswith("Failed after 15.0 s: 0 of 5 jobs done (0 %), 1 failed.\nRun the same command again")
    assert '    error: <b>"bad" & worse</b>\n' in out
    assert "line 29" in out
    assert "line 9\n" not in out
    assert "engine: MissingOutputException" in out
    assert "error: &lt;b&gt;&#34;bad&#34; &amp; worse&lt;/b&gt;" in folder.page
    assert "&lt;i&gt;" in folder.page
    assert "slurm/missing.log" in folder.page


def test_a_killed_engine_is_told_from_a_running_one(folder, engine, capsys):
    folder.job(1, LINE + "\n")
    assert folder.told(capsys)[1].startswith("Running")
    engine.kill()
    engine.wait()
    _, out, _ = folder.told(capsys, begun=False)
    assert out.startswith("Stopped without a word after 15.0 s: 0 of 5 jobs done (0 %), 1 stopped.\nThe engine was")
    assert "step 50/200" not in out
    assert "<h1>Stopped without a word</h1>" in folder.page


def test_watching_ends_with_the_run(folder, engine):
    folder.job(1, LINE + "\n")
    folder.write("results/logs/run.jsonl", "".join(json.dumps(line) + "\n" for line in folder.lines))
    package = str(Path(commands.__path__[0]).parents[1])
    with subprocess.Popen(
        [sys.executable, "-m", "degcraft", "status", "--watch"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": package},
    ) as watch:  # fmt: skip
        assert watch.stdout.readline().startswith("Running")
        assert watch.poll() is None
        with Path("results", journal.JOURNAL).open("a") as file:
            file.write(json.dumps({"time": time.time(), "event": "end", "success": True}) + "\n")
        engine.stdin.close()
        rest, _ = watch.communicate(timeout=30)
    assert watch.returncode == 0
    assert "Finished after" in rest
    assert "<h1>Finished</h1>" in folder.page


def test_no_run_is_refused_plainly(folder, capsys):
    code, _, err = folder.told(capsys, begun=False)
    assert code == 1
    assert err.startswith("error: results/logs/run.jsonl: no run to tell of; ")
    assert not (folder.path / "results").exists()


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_the_page_in_a_browser(folder, engine, capsys, size, theme):
    folder.job(1, LINE + "\n")
    folder.job(2, "encoder 1/2: step 5/10  loss 2.66961  lr 1.00e-03  15.3 images/s  1 s left\n", seed="1")
    folder.job(3, "error: bad\n" + "x" * 500, rule="table2")
    folder.add("fail", job=3, log=["results/logs/3.log"])
    folder.told(capsys)
    assert "{{" not in folder.page
    with browser(folder.path / "results/status.html", size, color_scheme=theme) as (tab, complaints):
        rows = tab.locator("section[aria-labelledby=trainings] tbody tr").all_inner_texts()
        assert re.split(r"\s*\t\s*", rows[0])[-3:] == ["0.0312", "12.5", "1 min 36 s"]
        assert "encoder 1/2" in rows[1]
        assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"]
        last = tab.locator("section[aria-labelledby=trainings] tbody tr >> nth=0 >> td >> nth=-1").bounding_box()
        assert last["x"] + last["width"] <= size["width"]
        assert re.match(r", \d+ s ago", tab.inner_text("#age"))
        assert tab.is_hidden("#late")
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"
        assert dark == (theme == "dark")
        old = folder.page
        written = re.search(r"const written = (\d+)", old).group(1)
        (folder.path / "results/status.html").write_text(old.replace(written, str(int(written) - 600_000)))
        tab.wait_for_selector("#late:not([hidden])", timeout=20_000)  # the page has read itself again
        assert complaints == []
