"""What a benchmark says, and how it measures: several functions in turn, round by round, in one run."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

_PER_SECOND = {"s": 1.0, "ms": 1e3}


@dataclass(frozen=True)
class Line:
    """One line of the table of benchmarks.

    Attributes
    ----------
    name : str
        What is measured, the benchmark's name first: ``synthesis: one image``.
    ours : float
        Median of ours, in `unit`; NaN where it was not measured.
    peer : float
        Median of the peer, or the limit that ours is held against; NaN where there is none.
    unit : str
        Of both.
    ratio : float
        How many times ours is faster than the peer, or what `bar` says: of a bar ``<= N x`` how many times it takes
        of the peer's time.
    bar : str
        ``>= 10 x`` and ``<= 1.3 x`` are on `ratio`, ``<= 8 s`` and ``>= 90 %`` are on `ours`; "" is no bar.
    note : str
        How it was measured and the spread; or why it was not.
    """

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    bar: str
    note: str

    @property
    def margin(self) -> float:
        """How far the bar is passed, as a factor: 1 just holds; NaN where nothing was measured or there is no bar."""
        if not self.bar:
            return float("nan")
        sign, number, unit = self.bar.split()
        value = self.ratio if unit == "x" else self.ours
        return value / float(number) if sign == ">=" else float(number) / value

    @property
    def holds(self) -> bool | None:
        """Whether the bar is passed; None where nothing was measured or there is no bar."""
        return None if np.isnan(self.margin) else bool(self.margin >= 1)

    def row(self) -> dict[str, Any]:
        """Columns of ``summary.csv``, in its order."""
        given = asdict(self)
        return {**{name: given[name] for name in given if name != "note"}, "holds": self.holds, "note": self.note}


@dataclass(frozen=True)
class Curve:
    """Points of one panel of the plot that are not ratios, such as seconds against images.

    Attributes
    ----------
    panel : str
        Title; curves of one panel share it and the two labels.
    name : str
        Of this curve.
    x, y : list of float
        Points.
    x_label, y_label : str
        Names and units of the axes.
    of : str
        Name of the curve that this one is the limit or the fit of, whose colour it shares; "" is none.
    """

    panel: str
    name: str
    x: list[float]
    y: list[float]
    x_label: str
    y_label: str
    of: str = ""


@dataclass(frozen=True)
class Times:
    """Seconds of several functions, round by round.

    Attributes
    ----------
    seconds : dict of ndarray of shape (rounds,), float64
        By the function's name, per item.
    """

    seconds: dict[str, NDArray[np.float64]]

    def median(self, name: str) -> float:
        """Median over the rounds, seconds per item."""
        return float(np.median(self.seconds[name]))

    def ratios(self, over: str, under: str) -> NDArray[np.float64]:
        """Of each round the time of `over` divided by that of `under`; both were slowed down by the same neighbours."""
        return self.seconds[over] / self.seconds[under]

    def speedup(self, name: str, peer: str, bar: str, unit: str, note: str, ours: str = "ours") -> Line:
        """Line of how many times faster `ours` is than `peer`."""
        return self._line(name, self.ratios(peer, ours), (ours, peer), bar, unit, note)

    def excess(self, name: str, limit: str, bar: str, unit: str, note: str, ours: str = "ours") -> Line:
        """Line of how many times the time of `limit`, the least that is possible, `ours` takes."""
        return self._line(name, self.ratios(ours, limit), (ours, limit), bar, unit, note)

    def _line(
        self, name: str, ratios: NDArray[np.float64], pair: tuple[str, str], bar: str, unit: str, note: str
    ) -> Line:
        ours, peer = (self.median(key) * _PER_SECOND[unit] for key in pair)
        return Line(name, ours, peer, unit, float(np.median(ratios)), bar, f"{note}; {spread(ratios)}")


def spread(values: NDArray[np.float64], unit: str = "x") -> str:
    """Median and quartiles in words.

    Examples
    --------
    >>> spread(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    'median 3 x, quartiles 2 to 4 x of 5 rounds'
    """
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"median {middle:.3g} {unit}, quartiles {low:.3g} to {high:.3g} {unit} of {len(values)} rounds"


def rounds(functions: Mapping[str, Callable[[], object]], count: int, items: int = 1) -> Times:
    """Time functions in turn: once to warm up, then `count` rounds, each begun by another function.

    Parameters
    ----------
    functions : mapping
        By name; each call does `items` items.
    count : int
        Rounds, >= 1.
    items : int
        What the times are divided by.
    """
    names = list(functions)
    for name in names:
        functions[name]()
    seconds = {name: np.empty(count) for name in names}
    for number in range(count):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            begin = time.perf_counter()
            functions[name]()
            seconds[name][number] = (time.perf_counter() - begin) / items
    return Times(seconds)


def held(name: str, values: ArrayLike, bar: str, note: str) -> Line:
    """Line of a quantity that is held against a number, such as ``<= 8 s``: one value, or one for each round."""
    measured = np.atleast_1d(np.asarray(values, dtype=np.float64))
    _, number, unit = bar.split()
    median = float(np.median(measured))
    told = f"{note}; {spread(measured, unit)}" if len(measured) > 1 else note
    return Line(name, median, float(number), unit, median / float(number), bar, told)


def unmeasured(name: str, unit: str, bar: str, reason: str) -> Line:
    """Line of what was not measured."""
    return Line(name, np.nan, np.nan, unit, np.nan, bar, f"not measured ({reason})")


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Limit linear algebra, PyTorch and OpenCV to `count` threads; call it when all of them have been imported."""
    torch, cv2 = (sys.modules.get(name) for name in ("torch", "cv2"))
    before = (torch.get_num_threads() if torch else 0, cv2.getNumThreads() if cv2 else 0)
    with threadpool_limits(count):
        _set(torch, cv2, count, count)
        try:
            yield
        finally:
            _set(torch, cv2, *before)


def _set(torch: Any, cv2: Any, torch_threads: int, cv2_threads: int) -> None:
    if torch:
        torch.set_num_threads(torch_threads)
    if cv2:
        cv2.setNumThreads(cv2_threads)
