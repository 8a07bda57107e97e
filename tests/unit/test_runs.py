import pytest

from degcraft import runs
from degcraft.runs import FAILED, FINISHED, RUNNING, STOPPED, left, state, training
from degcraft.training import Pace


def begin(**planned):
    return {"time": 100.0, "event": "begin", "planned": planned}


def started(job, at, rule="train_model", **wildcards):
    named = {"rule": rule, "wildcards": wildcards, "log": [f"{job}.log"], "benchmark": None}
    return {"time": at, "event": "start", "job": job, **named}


def finished(job, at):
    return {"time": at, "event": "finish", "job": job}


def failed(job, at, *logs):
    return {"time": at, "event": "fail", "job": job, "log": list(logs)}


END = {"time": 400.0, "event": "end"}


def test_the_state_of_a_run_follows_its_events():
    events = [
        begin(train_model=3),
        started(1, 110),
        started(2, 120),
        finished(1, 200),
        failed(2, 210, "2.log", "slurm.log"),
    ]
    events.append({"time": 211.0, "event": "error", "text": "MissingOutputException"})
    run = state([*events, started(3, 220)], alive=True)
    assert (run.state, run.total, run.began, run.seen) == (RUNNING, 3, 100, 220)
    assert [run.jobs[number].state for number in (1, 2, 3)] == [FINISHED, FAILED, RUNNING]
    assert run.jobs[2].logs == ["2.log", "slurm.log"]
    assert run.jobs[1].ended - run.jobs[1].began == 90
    assert run.errors == ["MissingOutputException"]


def test_a_job_that_is_tried_again_runs():
    run = state([begin(a=1), started(1, 110), failed(1, 120), started(1, 130)], alive=True)
    assert (run.jobs[1].state, run.jobs[1].attempt, run.jobs[1].began) == (RUNNING, 2, 130)
    assert run.total == 1


@pytest.mark.parametrize(
    ("ends", "alive", "expected"),
    [
        ([{**END, "success": True}], True, (FINISHED, FINISHED)),
        ([{**END, "success": False}], False, (FAILED, STOPPED)),
        ([], False, (STOPPED, STOPPED)),
        ([], True, (RUNNING, RUNNING)),
    ],
)
def test_how_a_run_ended(ends, alive, expected):
    done = [finished(1, 300.0)] if ends and ends[0]["success"] else []
    run = state([begin(a=1), started(1, 110), *done, *ends], alive)
    assert (run.state, run.jobs[1].state) == expected


def test_no_journal_is_no_run():
    assert state([], alive=True) is None
    assert state([finished(1, 3.0)], alive=True) is None


def test_what_is_logged_can_be_read():
    pace = Pace(200, 8, 100)
    line = pace.line(150, "loss 0.03120  lr 1.00e-04")
    found = training(f"warning: something\n{line}\nSIGTERM: step 150 is kept; run again to go on\n")
    assert (found.step, found.total, found.loss, found.phase) == (150, 200, 0.0312, "")
    assert found.pace > 0
    assert found.left >= 0
    phased = training(f"kernel-net 1/2: {line}\ncontinuing")
    assert phased.phase == "kernel-net 1/2"
    image = training(Pace(10, 1, 0).line(3, "my image, 2  x: done"))
    assert (image.step, image.total, image.loss) == (3, 10, None)


@pytest.mark.parametrize("text", ["", "continuing from step 3", "step 5/20  loss 0.1", "error: step 1/2"])
def test_a_log_that_does_not_say_where_it_is(text):
    assert training(text) is None


def test_the_last_line_counts_and_damage_is_passed_over():
    lines = [f"step {step}/9  loss 0.5  lr 1e-3  2.5 images/s  {9 - step} s left" for step in (1, 2)]
    assert training("\n".join(["\x00ep 7/9", *lines, "step 3/9  loss 0."])).step == 2
    assert training("step 1/9  loss nan  lr 1e-3  2 images/s  9 s left").step == 1


def at(rest, total=100):
    return runs.Training(1, total, 0.1, 2.0, rest, "")


def test_time_left_comes_from_what_is_known_of_each_kind():
    plan = {"train_model rrdb": 4, "train_model srresnet": 1, "table2": 1, "restore": 2}
    events = [begin(**plan), started(1, 100, backbone="rrdb"), started(2, 100, backbone="rrdb")]
    run = state([*events, started(3, 150, rule="restore"), finished(3, 170)], alive=True)
    found = left(run, 200, {"restore": [20.0]}, {"table2": 7.0, "restore": 999.0}, {1: at(300.0), 2: at(500.0)}, [1, 2])
    # Two running: 300 and 500 left. Two waiting, as long as the median of 400 and 600. One restore, one table.
    assert found.seconds == pytest.approx((300 + 500 + 2 * 500 + 20 + 7) / 2)
    assert found.unknown == {"train_model srresnet": 1}


def test_time_left_is_never_less_than_the_longest_job():
    run = state([begin(a=2), started(1, 100, rule="a"), started(2, 100, rule="a")], alive=True)
    assert left(run, 100, {}, {}, {1: at(1000.0), 2: at(10.0)}, [1, 2]).seconds == 1000


def test_jobs_that_wait_on_a_cluster_do_not_run_side_by_side():
    run = state([begin(a=2), started(1, 100, rule="a"), started(2, 100, rule="a")], alive=True)
    assert left(run, 100, {}, {"a": 50.0}, {}, [1]).seconds == 100
    assert left(run, 500, {}, {"a": 50.0}, {}, [1]).seconds == 0


def test_time_left_of_what_was_never_timed_is_not_made_up():
    run = state([begin(a=2, b=3), started(1, 100, rule="a")], alive=True)
    found = left(run, 200, {}, {}, {}, [1])
    assert found.seconds is None
    assert found.unknown == {"a": 2, "b": 3}
