"""The training loop: one recipe for every row of the table."""

import copy
import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from degcraft.errors import DegcraftError

Checkpoint = dict[str, Any]

_SILENCE = 10  # seconds after which a training tells where it is, whatever `log_every`


@dataclass(frozen=True)
class Recipe:
    """The config section ``train`` as one training sees it (units and ranges there)."""

    iterations: int
    batch: int
    patch: int
    lr: float
    betas: tuple[float, float]
    periods: int
    lr_floor: float
    ema: float
    log_every: int

    @classmethod
    def from_config(cls, train: dict[str, Any]) -> "Recipe":
        """Recipe of a config section ``train``; options of other stages are left aside."""
        chosen = {name: train[name] for name in cls.__dataclass_fields__}
        return cls(**{**chosen, "betas": tuple(train["betas"])})

    def lr_at(self, step: int) -> float:
        """Learning rate of step `step`, from 0: cosine, restarted in each period."""
        period = self.iterations / self.periods
        phase = (step % period) / period
        return self.lr_floor + (self.lr - self.lr_floor) * (1 + math.cos(math.pi * phase)) / 2

    def ema_at(self, step: int) -> float:
        """Decay of the averaged weights after step `step`."""
        # paper: 4.1 averaging is not stated; the decay starts low, so that short trainings forget their start.
        return min(self.ema, (1 + step) / (10 + step))


class Trainer:
    """A network in training: everything that a checkpoint must hold. Another task overrides `loss`.

    Several processes, each with a share of every batch, train one network together once torch.distributed is set up.

    Parameters
    ----------
    network : torch.nn.Module
        SR network, freshly initialised.
    recipe : Recipe
        Optimiser, schedule and averaging.
    device : torch.device
        Where to compute.
    autocast : callable
        Returns the context of the forward pass (bf16 or nothing).
    compiled : bool
        Have PyTorch compile the network.

    Attributes
    ----------
    average : torch.nn.Module
        Averaged weights, the ones to be used.
    step : int
        Steps done.
    losses : list of (step, loss, lr)
        Loss curve: mean loss over the last ``log_every`` steps.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[Any]],
        compiled: bool = False,
    ) -> None:
        self.recipe, self.device, self.autocast = recipe, device, autocast
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.processes = distributed.get_world_size() if distributed.is_initialized() else 1
        self.forward: nn.Module = DistributedDataParallel(self.network) if self.processes > 1 else self.network
        if compiled:
            self.forward = torch.compile(self.forward)  # type: ignore[assignment]
        fused = device.type == "cuda"  # one kernel for all weights
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=recipe.lr, betas=recipe.betas, fused=fused)
        self.step = 0
        self.losses: list[tuple[int, float, float]] = []
        self.window = torch.zeros((), device=device)  # sum of losses since the last line of the curve

    def loss(self, lr: Tensor, hr: Tensor) -> Tensor:
        """Mean absolute error of the SR images of a batch of uint8 LR and HR patches, range 0 to 1."""
        lr, hr = (self.on_device(images) / 255 for images in (lr, hr))
        with self.autocast():
            sr = self.forward(lr)
        return (sr.float() - hr).abs().mean()

    def on_device(self, images: Tensor) -> Tensor:
        """Images (n, c, height, width) as float32, channels last, where the network is."""
        return images.to(self.device, non_blocking=True).to(torch.float32, memory_format=torch.channels_last)

    def advance(self, *batch: Tensor) -> None:
        """One optimiser step on a batch, as `loss` takes it."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.lr_at(self.step)
        loss = self.loss(*batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.descend()
        with torch.no_grad():
            self.window += loss.detach()
            decay = self.recipe.ema_at(self.step)
            averaged = list(self.average.parameters())
            torch._foreach_lerp_(averaged, list(self.network.parameters()), 1 - decay)
        self.step += 1

    def descend(self) -> None:
        """Move the network along its gradients."""
        self.optimiser.step()

    def log(self) -> float:
        """Close a line of the loss curve; returns its mean loss.

        Raises
        ------
        DegcraftError
            The loss is not finite, or ten times its best so far.
        """
        if self.processes > 1:
            distributed.all_reduce(self.window)
        loss = float(self.window) / self.recipe.log_every / self.processes
        best = min((row[1] for row in self.losses), default=math.inf)
        if not math.isfinite(loss) or loss > 10 * best:
            raise DegcraftError(
                f"training diverged before step {self.step}: mean loss {loss:.4g}, best so far {best:.4g}; the last "
                f"good checkpoint is kept; lower train.lr (now {self.recipe.lr:g}), then run again"
            )
        self.losses.append((self.step, loss, self.recipe.lr_at(self.step - 1)))
        self.window.zero_()
        return loss

    def state(self) -> Checkpoint:
        """Everything that continues this training to the bit."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "losses": self.losses,
            "window": self.window,
            "random": torch.get_rng_state(),
            **({"random_gpu": torch.cuda.get_rng_state(self.device)} if self.device.type == "cuda" else {}),
        }

    def load(self, state: Checkpoint) -> None:
        """Continue from `state`."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.losses = state["step"], [tuple(row) for row in state["losses"]]
        self.window.copy_(state["window"])
        torch.set_rng_state(state["random"].cpu())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random_gpu"].cpu(), self.device)


@contextmanager
def signals() -> Iterator[list[int]]:
    """Collect SIGTERM (pre-emption, a time limit) and SIGINT (Ctrl-C) instead of ending at once."""
    received: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, frame: received.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Pace:
    """How fast something in steps goes on, as lines of a log that `degcraft.runs.training` reads.

    Parameters
    ----------
    total : int
        Steps in all.
    images : int
        Images per step.
    start : int
        Steps that were done before.
    """

    def __init__(self, total: int, images: int, start: int) -> None:
        self.total, self.images, self.start = total, images, start
        self._begun = self._told = time.monotonic()

    def silent(self) -> bool:
        """Whether the last line is `_SILENCE` seconds ago."""
        return time.monotonic() - self._told >= _SILENCE

    def line(self, step: int, reached: str) -> str:
        """Where it is after `step` steps; `reached` says what came of them."""
        self._told = time.monotonic()
        pace = (step - self.start) / max(self._told - self._begun, 1e-9)
        left = (self.total - step) / pace
        return f"step {step}/{self.total}  {reached}  {pace * self.images:.3g} images/s  {left:.0f} s left"


def fit(
    trainer: Trainer,
    batches: Iterable[tuple[Tensor, ...]],
    checkpoint_every: int,
    save: Callable[[Checkpoint], None],
    report: Callable[[str], None],
) -> None:
    """Train to the end.

    Parameters
    ----------
    trainer : Trainer
        Fresh, or loaded from a checkpoint.
    batches : iterable of tuple of Tensor
        What `Trainer.advance` takes: the batches from ``trainer.step`` on.
    checkpoint_every : int
        Steps between calls of `save`; they change nothing.
    save : callable
        Takes the state after a number of steps whose loss is finite.
    report : callable
        Takes one line of progress, see `Pace.line`: at every line of the loss curve, and every `_SILENCE` seconds.

    Raises
    ------
    DegcraftError
        The training diverged.
    SystemExit
        SIGTERM or SIGINT came: the state is saved after the step in hand, and the exit code is 128 and its number.
    """
    recipe = trainer.recipe
    pace = Pace(recipe.iterations, recipe.batch, trainer.step)
    # Of several processes the first one saves; the others keep step until it leaves.
    leads = trainer.processes == 1 or distributed.get_rank() == 0
    with signals() as received:
        for batch in batches:
            trainer.advance(*batch)
            since = trainer.step % recipe.log_every  # the last line of the loss curve
            if since == 0 or pace.silent():
                loss = trainer.log() if since == 0 else float(trainer.window) / since
                report(pace.line(trainer.step, f"loss {loss:.5f}  lr {recipe.lr_at(trainer.step - 1):.2e}"))
            ending = leads and bool(received)
            if (ending or trainer.step % checkpoint_every == 0) and trainer.step < recipe.iterations:
                if not bool(torch.isfinite(trainer.window)):
                    trainer.log()  # not finite: ends with the message, before the good checkpoint is replaced
                save(trainer.state())
                if ending:
                    report(f"{signal.Signals(received[0]).name}: step {trainer.step} is kept; run again to go on")
                    raise SystemExit(128 + received[0])
    if not all(bool(torch.isfinite(weight).all()) for weight in trainer.average.parameters()):
        raise DegcraftError(f"training ended in weights that are not finite; lower its lr (now {recipe.lr:g})")
