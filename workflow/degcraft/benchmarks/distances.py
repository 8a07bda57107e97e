"""Fréchet distances of one target to 75 bins, against the functions of pytorch-fid and torch-fidelity."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from degcraft.benchmarks.measurement import Line, rounds, threads
from degcraft.benchmarks.peers import pytorch_fid, torch_fidelity
from degcraft.streams import stream
from degcraft.weighting.frechet import squared_distances

BINS, SAMPLES, FEATURES = 75, 100, 512
TIMED = 2  # bins given to the peers
REGULAR = 2 * FEATURES  # samples that make covariances regular, where all three are accurate
ROUNDS = 5

Floats = NDArray[np.float32]


def lines() -> Iterator[Line]:
    """One line against each peer."""
    bins, references = sets(BINS, SAMPLES, FEATURES)
    ours = partial(squared_distances, ddof=1)
    functions = {
        "ours": lambda: ours(bins, references),
        "pytorch-fid": lambda: pytorch_fid(bins[:TIMED], references),
        "torch-fidelity": lambda: torch_fidelity(bins[:TIMED], references),
    }
    regular = sets(1, REGULAR, FEATURES)
    with threads(1):
        times = rounds(functions, ROUNDS, BINS)
        accurate = {"pytorch-fid": pytorch_fid(*regular), "torch-fidelity": torch_fidelity(*regular)}
        singular = {
            "pytorch-fid": pytorch_fid(bins[:1], references),
            "torch-fidelity": torch_fidelity(bins[:1], references),
        }
        expected = ours(*regular), ours(bins[:1], references)
    for peer, bar in (("pytorch-fid", ">= 50 x"), ("torch-fidelity", ">= 15 x")):
        times.seconds[peer] *= BINS / TIMED
        apart = [
            abs(float(found[0] / right[0]) - 1)
            for found, right in zip((accurate[peer], singular[peer]), expected, strict=True)
        ]
        note = (
            f"per bin, c = {FEATURES}, n = {SAMPLES}, one core, covariances included; the peer timed on {TIMED} bins; "
            f"relative difference {apart[0]:.1g} where covariances are regular (n = {REGULAR}), else {apart[1]:.1g}"
        )
        yield times.speedup(f"distances: against {peer}", peer, bar, "ms", note)


def sets(bins: int, samples: int, features: int) -> tuple[Floats, Floats]:
    """Correlated features of some bins (bins, samples, features), and of references (samples, features)."""
    rng = stream(0, "benchmarks", "distances", bins, samples)
    mixing = rng.standard_normal((features, features)) / np.sqrt(features)
    means = rng.standard_normal((bins + 1, 1, features))
    values = (rng.standard_normal((bins + 1, samples, features)) @ mixing + means).astype(np.float32)
    return values[:-1], values[-1]
