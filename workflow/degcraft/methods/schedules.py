"""Learning rates of compared methods, for any number of steps: their turning points are shares of a training."""

from dataclasses import dataclass
from typing import Any

from degcraft.training import Recipe


@dataclass(frozen=True)
class Stepped(Recipe):
    """A recipe whose learning rate falls at once.

    Attributes
    ----------
    milestones : tuple of float
        When, as shares of the iterations; none: the learning rate stays.
    factor : float
        By how much each time.
    """

    milestones: tuple[float, ...] = ()
    factor: float = 0.5

    def lr_at(self, step: int) -> float:
        """Learning rate of step `step`, from 0."""
        passed = sum(step >= share * self.iterations for share in self.milestones)
        return self.lr * self.factor**passed


@dataclass(frozen=True)
class Falling(Recipe):
    """A recipe whose learning rate is constant, then falls along a line to 0.

    Attributes
    ----------
    start : float
        When it begins to fall, a share of the iterations.
    """

    start: float = 0.5

    def lr_at(self, step: int) -> float:
        """Learning rate of step `step`, from 0."""
        left = (self.iterations - step) / (self.iterations * (1 - self.start))
        return self.lr * min(1.0, left)


def common(phase: dict[str, Any], log_every: int, betas: tuple[float, float] = (0.9, 0.999)) -> dict[str, Any]:
    """What every recipe takes: the options of a phase, Adam's decay rates, one period; no averaged weights.

    Parameters
    ----------
    phase : dict
        One entry of ``methods.<name>.phases``: iterations, batch, patch (HR pixels) and lr.
    log_every : int
        Steps between lines of the loss curve.
    betas : (float, float)
        Of Adam.
    """
    own = {name: phase[name] for name in ("iterations", "batch", "patch", "lr")}
    every = min(log_every, phase["iterations"])
    return {**own, "betas": betas, "periods": 1, "lr_floor": 0.0, "ema": 0.0, "log_every": every}
