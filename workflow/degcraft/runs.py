"""The state of a run, from its journal and the logs of its trainings; and about how long it will take."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from degcraft.journal import kind

RUNNING, FINISHED, FAILED = "running", "finished", "failed"
STOPPED = "stopped"  # the engine is gone without a word

# As `degcraft.training.Pace` writes it.
_LINE = re.compile(
    r"^(?:(?P<phase>[\w.-]+ \d+/\d+): )?step (?P<step>\d+)/(?P<total>\d+)  "
    r"(?:loss (?P<loss>\S+)  lr \S+|.*)  (?P<pace>\S+) images/s  (?P<left>\d+) s left$"
)


@dataclass(frozen=True)
class Training:
    """Where a training is.

    Attributes
    ----------
    step, total : int
        Steps done, and of how many; test images for a method that learns from each.
    loss : float or None
        Mean over the last steps.
    pace : float
        Images per second.
    left : float
        Seconds, of this phase.
    phase : str
        Name and number of the phase of a method, "" where there is one only.
    """

    step: int
    total: int
    loss: float | None
    pace: float
    left: float
    phase: str


@dataclass
class Job:
    """One job that was started.

    Attributes
    ----------
    rule : str
    wildcards : dict of str to str
    logs : list of str
        Its log files, and the scheduler's once it has failed.
    benchmark : str or None
        Where the engine writes how long it took.
    began : float
        When it was started or sent to a cluster, in seconds since 1970.
    state : str
        `RUNNING`, `FINISHED`, `FAILED`, or `STOPPED` with the engine.
    attempt : int
        From 1.
    ended : float or None
        When it finished or failed.
    """

    rule: str
    wildcards: dict[str, str]
    logs: list[str]
    benchmark: str | None
    began: float
    state: str = RUNNING
    attempt: int = 1
    ended: float | None = None

    @property
    def kind(self) -> str:
        """Jobs of its kind take about as long."""
        return kind(self.rule, self.wildcards)


@dataclass
class Run:
    """One run of the engine.

    Attributes
    ----------
    began : float
        In seconds since 1970, as all times.
    state : str
        As of a job.
    planned : dict of str to int
        Jobs by kind.
    jobs : dict of int to Job
        Those that were started.
    errors : list of str
        What the engine itself complained about.
    seen : float
        When the engine last wrote anything.
    """

    began: float
    state: str = RUNNING
    planned: dict[str, int] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    seen: float = 0.0

    @property
    def total(self) -> int:
        """Number of jobs."""
        return max(sum(self.planned.values()), len(self.jobs))

    def of(self, state: str) -> list[Job]:
        """Its jobs in a state, in the order of their start."""
        return [job for job in self.jobs.values() if job.state == state]


def state(events: Sequence[Mapping[str, Any]], alive: bool) -> Run | None:
    """The run that a journal is about; None for an empty one.

    Parameters
    ----------
    events : sequence of mapping
        Lines of the journal, see `degcraft.journal.Journal`.
    alive : bool
        Whether the engine still lives.
    """
    if not events or events[0].get("event") != "begin":
        return None
    run = Run(events[0]["time"], planned=dict(events[0]["planned"]), seen=events[-1]["time"])
    for event in events[1:]:
        _take(run, event)
    if run.state == RUNNING and not alive:
        run.state = STOPPED
    if run.state != RUNNING:
        for job in run.of(RUNNING):
            job.state = STOPPED
    return run


def _take(run: Run, event: Mapping[str, Any]) -> None:
    """Bring a run up to date with one event."""
    job = run.jobs.get(event.get("job", -1))
    match event["event"]:
        case "start":
            attempt = job.attempt + 1 if job else 1
            named = (event["rule"], event["wildcards"], list(event["log"] or []), event["benchmark"])
            run.jobs[event["job"]] = Job(*named, began=event["time"], attempt=attempt)
        case "finish" if job:
            job.state, job.ended = FINISHED, event["time"]
        case "fail" if job:
            job.state, job.ended, job.logs = FAILED, event["time"], list(event["log"] or job.logs)
        case "error":
            run.errors.append(event["text"])
        case "end":
            run.state = FINISHED if event["success"] else FAILED


def training(text: str) -> Training | None:
    """Where a training is, from the end of its log; None if it does not say.

    Examples
    --------
    >>> training("step 50/200  loss 0.0312  lr 1.00e-04  12.5 images/s  96 s left")
    Training(step=50, total=200, loss=0.0312, pace=12.5, left=96.0, phase='')
    """
    for line in reversed(text.splitlines()):
        if found := _LINE.match(line):
            loss = float(found["loss"]) if found["loss"] else None
            numbers = int(found["step"]), int(found["total"]), loss, float(found["pace"]), float(found["left"])
            return Training(*numbers, found["phase"] or "")
    return None


@dataclass(frozen=True)
class Left:
    """How long a run will still take, about.

    Attributes
    ----------
    seconds : float or None
        None if nothing is known of any job.
    unknown : dict of str to int
        Jobs that are not counted, by kind: none like them has finished.
    """

    seconds: float | None
    unknown: dict[str, int]


def left(
    run: Run,
    now: float,
    measured: Mapping[str, Sequence[float]],
    usual: Mapping[str, float],
    trainings: Mapping[int, Training],
    begun: Iterable[int],
) -> Left:
    """About how long a run will still take, if as many jobs as now run side by side.

    Parameters
    ----------
    run : Run
    now : float
        Seconds since 1970.
    measured : mapping from str to sequence of float
        Seconds of this run's finished jobs, by kind.
    usual : mapping from str to float
        Seconds of earlier runs' jobs, by kind; they may have had other options.
    trainings : mapping from int to Training
        Where running trainings are, by job.
    begun : iterable of int
        Jobs that do not wait for a place on a cluster.
    """
    running = {number: job for number, job in run.jobs.items() if job.state == RUNNING}
    expected = dict(usual) | {name: median(seconds) for name, seconds in measured.items() if seconds}
    itself: dict[str, list[float]] = defaultdict(list)
    for number, where in trainings.items():
        itself[running[number].kind].append(now - running[number].began + where.left)
    # What trainings say of themselves comes first: they have this run's options.
    expected |= {name: median(seconds) for name, seconds in itself.items() if name not in measured}
    work, longest, unknown = 0.0, 0.0, Counter(run.planned)
    unknown.subtract(job.kind for job in run.jobs.values())
    for number, job in running.items():
        own = trainings[number].left if number in trainings else expected.get(job.kind)
        if own is None:
            unknown[job.kind] += 1
            continue
        rest = own if number in trainings else max(own - (now - job.began), 0.0)
        work, longest = work + rest, max(longest, rest)
    known = {name: count for name, count in unknown.items() if count > 0 and name in expected}
    work += sum(expected[name] * count for name, count in known.items())
    unknown = Counter({name: count for name, count in unknown.items() if count > 0 and name not in expected})
    if not work and unknown:
        return Left(None, dict(unknown))
    side_by_side = max(len(set(begun) & set(running)), 1)
    return Left(max(longest, work / side_by_side), dict(unknown))
