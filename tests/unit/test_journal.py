import json
import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from degcraft import journal

JOB = {
    "jobid": 3, "rule_name": "train_model", "log": ["results/logs/a.log"], "benchmark": "results/benchmarks/a.tsv",
    "wildcards": {"backbone": "rrdb", "seed": "0"}, "input": ["x"], "shellcmd": "python",
}  # fmt: skip


@pytest.fixture
def logger():
    made = logging.Logger("test")
    made.setLevel(logging.INFO)
    return made


def kept(path):
    return [{key: value for key, value in event.items() if key != "time"} for event in journal.read(path)]


def test_events_of_the_engine_become_lines(tmp_path, logger):
    made = journal.Journal(tmp_path / "logs" / "run.jsonl", {"train_model rrdb": 2})
    logger.addHandler(made)
    logger.info(" Rule", extra={"event": LogEvent.JOB_INFO, **JOB})
    logger.info("Finished", extra={"event": LogEvent.JOB_FINISHED, "job_id": 3})
    logger.error("Error", extra={"event": LogEvent.JOB_ERROR, "jobid": 4, "log": ["b.log"], "rule_name": "table2"})
    logger.error("MissingOutputException in line 3", extra={"event": LogEvent.ERROR})
    logger.error("CalledProcessError in file", extra={"event": LogEvent.ERROR})
    logger.info("1 of 2", extra={"event": LogEvent.PROGRESS, "done": 1, "total": 2})
    logger.info("no event")
    made.end(True)
    logger.info("Finished", extra={"event": LogEvent.JOB_FINISHED, "job_id": 4})
    assert kept(tmp_path / "logs" / "run.jsonl") == [
        {"event": "begin", "planned": {"train_model rrdb": 2}},
        {
            "event": "start", "job": 3, "rule": "train_model", "log": JOB["log"], "benchmark": JOB["benchmark"],
            "wildcards": JOB["wildcards"],
        },
        {"event": "finish", "job": 3},
        {"event": "fail", "job": 4, "log": ["b.log"]},
        {"event": "error", "text": "MissingOutputException in line 3"},
        {"event": "end", "success": True},
    ]  # fmt: skip


def test_lines_that_are_cut_are_left_out(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text('{"event": "begin"}\n{"event": "st{"event": "finish"}\n7\n{"event": "finish"}\n{"event": "fini')
    assert journal.read(path) == [{"event": "begin"}, {"event": "finish"}]
    assert journal.read(tmp_path / "none") == []


def test_a_full_disk_does_not_end_the_run(logger, capsys):
    made = journal.Journal.__new__(journal.Journal)
    logging.Handler.__init__(made)
    with Path("/dev/full").open("wb", buffering=0) as made._file:
        logger.addHandler(made)
        logger.info("Finished", extra={"event": LogEvent.JOB_FINISHED, "job_id": 4})
        made.end(False)
    assert capsys.readouterr().err == ""


def test_a_killed_engine_is_known_by_its_lock(tmp_path):
    path = tmp_path / "run.jsonl"
    code = f"""import sys, pathlib
from degcraft.journal import Journal
kept = Journal(pathlib.Path({str(path)!r}), {{}})
print("locked", flush=True)
sys.stdin.read()"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
        assert engine.stdout.readline() == b"locked\n"
        assert journal.alive(path)
        engine.kill()
    assert not journal.alive(path)
    assert [event["event"] for event in journal.read(path)] == ["begin"]
    assert not journal.alive(tmp_path / "none")


def test_a_folder_that_cannot_be_written_leaves_the_run_alone(tmp_path, monkeypatch, logger, capsys):
    (tmp_path / "results").write_text("in the way")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal, "_kept", [])
    journal.begin(Path("results"), logger, [], [])
    journal.end(success=True)
    assert "warning: no results/status.html" in capsys.readouterr().err
    assert logger.handlers == []


def test_the_plan_is_counted_by_kind_in_the_order_of_the_rules_and_followed(tmp_path, monkeypatch, logger):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(journal, "_kept", [])
    rules = [SimpleNamespace(name=name) for name in ("train_model", "table2")]
    backbones = [{"backbone": "rrdb"}, {"backbone": "srresnet"}, {"backbone": "rrdb"}]
    jobs = [SimpleNamespace(rule=rules[1], wildcards_dict={})]
    jobs += [SimpleNamespace(rule=rules[0], wildcards_dict=wildcards) for wildcards in backbones]
    journal.begin(Path("results"), logger, rules, jobs)
    journal.end(success=True)
    begin, _ = journal.read(Path("results") / journal.JOURNAL)
    planned = {"train_model rrdb": 2, "train_model srresnet": 1, "table2": 1}
    assert json.dumps(begin["planned"]) == json.dumps(planned)
    ((_, follower),) = journal._kept
    assert follower.wait(60) == 0
    assert "<h1>Finished</h1>" in (tmp_path / "results/status.html").read_text()
