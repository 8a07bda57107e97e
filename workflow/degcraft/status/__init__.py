"""How a run stands, as text for a terminal and as a page that reads itself again."""

import functools
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from degcraft.phrases import counted, duration, spoken
from degcraft.runs import FAILED, FINISHED, RUNNING, STOPPED, Job, Left, Run, Training

SHOWN = 40  # jobs of a list, at most
_AGAIN = {RUNNING: 5, FINISHED: 30, FAILED: 30, STOPPED: 30}  # seconds until the page reads itself again
_TITLES = {RUNNING: "Running", FINISHED: "Finished", FAILED: "Failed", STOPPED: "Stopped without a word"}
_ENDS = {
    RUNNING: "",
    FINISHED: "Every job is done.",
    FAILED: "Run the same command again once the cause is mended: what is done stays done.",
    STOPPED: "The engine was killed, or its machine was lost; jobs that it had started may still be at work. Run the "
    "same command again to go on; if it complains about a lock, type snakemake --unlock first.",
}


@dataclass(frozen=True)
class Status:
    """A run as it is shown.

    Attributes
    ----------
    run : Run
    now : float
        When this was put together, in seconds since 1970.
    left : Left
        About how long it will still take.
    trainings : mapping from int to Training
        Where running and failed trainings are, by job.
    waiting : collection of int
        Running jobs of which nothing is seen yet: on a cluster they wait for a place.
    tails : mapping from int to str
        Last lines of the logs of failed jobs.
    """

    run: Run
    now: float
    left: Left
    trainings: Mapping[int, Training]
    waiting: Sequence[int]
    tails: Mapping[int, str]

    def numbered(self, state: str) -> list[tuple[int, Job]]:
        """Jobs in a state, with their numbers."""
        return [(number, job) for number, job in self.run.jobs.items() if job.state == state]

    @property
    def elapsed(self) -> float:
        """Seconds from the begin until now, or until the engine last wrote anything."""
        return (self.now if self.run.state == RUNNING else self.run.seen) - self.run.began


def name(job: Job) -> str:
    """What a job is for, by its wildcards.

    Examples
    --------
    >>> name(Job("train_model", {"backbone": "rrdb", "draw": "uniform", "seed": "0"}, [], None, 0.0))
    'rrdb, uniform, seed 0'
    """
    return ", ".join(f"seed {value}" if key == "seed" else value for key, value in job.wildcards.items())


def summary(status: Status) -> str:
    """The run in one sentence."""
    run, done = status.run, len(status.run.of(FINISHED))
    parts = [f"{done} of {run.total} jobs done ({100 * done // max(run.total, 1)} %)"]
    parts += [f"{len(run.of(state))} {state}" for state in (RUNNING, STOPPED, FAILED) if run.of(state)]
    sentence = f"{_TITLES[run.state]} after {spoken(status.elapsed)}: {', '.join(parts)}."
    return f"{sentence} {remaining(status)}".strip()


def remaining(status: Status) -> str:
    """What is known of the time left; "" once a run has ended."""
    if status.run.state != RUNNING:
        return ""
    untimed = sum(status.left.unknown.values())
    if status.left.seconds is None:
        return f"Time left: not known; none of the {counted(untimed, 'job')} left was timed before."
    told = f"About {duration(status.left.seconds)} left"
    if not untimed:
        return f"{told}."
    return f"{told}, not counting {counted(untimed, 'job')} of kinds that were not timed yet."


def reached(where: Training) -> str:
    """Where a training is, as a line."""
    loss = "" if where.loss is None else f", loss {where.loss:.5f}"
    phase = f"{where.phase}: " if where.phase else ""
    return f"{phase}step {where.step}/{where.total}{loss}, {where.pace:g} images/s, {spoken(where.left)} left"


def text(status: Status) -> str:
    """The run for a terminal."""
    return "\n".join(_lines(status)) + "\n"


def _lines(status: Status) -> Iterator[str]:
    yield summary(status)
    if _ENDS[status.run.state]:
        yield _ENDS[status.run.state]
    running = status.numbered(RUNNING)
    for number, job in sorted(running, key=lambda one: one[0] not in status.trainings)[:SHOWN]:
        yield f"  {_named(job)}: {_now(status, number, job)}"
    if len(running) > SHOWN:
        yield f"  and {len(running) - SHOWN} more"
    for number, job in status.numbered(FAILED)[:SHOWN]:
        yield f"failed: {_named(job)}, attempt {job.attempt}; log: {', '.join(job.logs) or 'none'}"
        yield from (f"    {line}" for line in status.tails.get(number, "").splitlines())
    yield from (f"engine: {error}" for error in status.run.errors)


def _named(job: Job) -> str:
    return f"{job.rule} {name(job)}".strip()


def _now(status: Status, number: int, job: Job) -> str:
    """What a running job is at."""
    again = f"attempt {job.attempt}, " if job.attempt > 1 else ""
    if number in status.trainings:
        return again + reached(status.trainings[number])
    return f"{again}{'waits' if number in status.waiting else 'runs'} for {spoken(max(status.now - job.began, 0))}"


def page(status: Status) -> str:
    """The run as HTML, which needs nothing from elsewhere."""
    running = status.numbered(RUNNING) + status.numbered(STOPPED)
    return _template().render(
        status=status,
        run=status.run,
        title=_TITLES[status.run.state],
        end=_ENDS[status.run.state],
        again=_AGAIN[status.run.state],
        remaining=remaining(status),
        trainings=[(job, name(job), status.trainings[number]) for number, job in running if number in status.trainings],
        others=[
            (job, name(job), _now(status, number, job)) for number, job in running if number not in status.trainings
        ],
        failed=[(job, name(job), status.tails.get(number, "")) for number, job in status.numbered(FAILED)],
        rules=_rules(status.run),
        shown=SHOWN,
    )


@functools.cache
def _template() -> jinja2.Template:
    """The page's template, read once: an edit or an update while a run goes on must not mix with the code at work."""
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader("degcraft.status", ""), jinja2.PackageLoader("degcraft.report")])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    styles = {name: Markup(loader.get_source(environment, name)[0]) for name in ("page.css", "dark.css")}
    environment.globals["part"] = styles.__getitem__
    environment.filters |= {"spoken": spoken, "clock": _clock, "breaks": _breaks}
    return environment.get_template("status.html")


def _rules(run: Run) -> list[tuple[str, int, int, int, int]]:
    """Of each rule its name, and how many jobs are done, running, failed and planned, as the plan has them."""
    planned: Counter[str] = Counter()
    for kind, count in run.planned.items():
        planned[kind.split()[0]] += count
    done, running, failed = (Counter(job.rule for job in run.of(state)) for state in (FINISHED, RUNNING, FAILED))
    return [(rule, done[rule], running[rule], failed[rule], total) for rule, total in planned.items()]


def _breaks(rule: str) -> Markup:
    """A rule's name, which may go on in the next line after each word."""
    return Markup("_<wbr>").join(rule.split("_"))


def _clock(seconds: float) -> str:
    """A time in this machine's zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))
