"""A network in training against a critic, and what is measured of both; losses that several methods share."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.errors import DegcraftError
from degcraft.methods.discriminators import CropDiscriminator
from degcraft.training import Checkpoint, Recipe, Trainer


class Measured(Trainer):
    """A training that measures more than its loss. It ends when its loss is not finite.

    Attributes
    ----------
    measurements : list of (step, name, value)
        Means over the steps of each line of the loss curve.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        super().__init__(network, recipe, device, autocast)
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}
        self.measurements: list[tuple[int, str, float]] = []

    def measure(self, name: str, value: Tensor) -> None:
        """Take note of a number of this step; `name` says what it is and its unit, as ``noise_sd_255``."""
        self.sums[name] = self.sums.get(name, torch.zeros((), device=self.device)) + value.detach().float()
        self.counts[name] = self.counts.get(name, 0) + 1

    def log(self) -> float:
        """Close a line of the loss curve and of the measurements; returns the mean loss.

        Losses of an adversary grow and fall without harm, so only a loss that is no number ends the training.

        Raises
        ------
        DegcraftError
            The loss is not finite.
        """
        loss = float(self.window) / self.recipe.log_every
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        for name, value in {"mean loss": loss, **means}.items():
            if not math.isfinite(value):
                raise DegcraftError(
                    f"training diverged before step {self.step}: {name} is {value}; the last good checkpoint is kept; "
                    f"lower the lr of this phase (now {self.recipe.lr:g}) in the section methods, then run again"
                )
        self.losses.append((self.step, loss, self.recipe.lr_at(self.step - 1)))
        self.measurements += [(self.step, name, value) for name, value in means.items()]
        self.window.zero_()
        self.sums, self.counts = {}, {}
        return loss

    def state(self) -> Checkpoint:
        """Everything that continues this training to the bit."""
        return {
            **super().state(),
            "sums": self.sums,
            "counts": self.counts,
            "measurements": self.measurements,
        }

    def load(self, state: Checkpoint) -> None:
        """Continue from `state`."""
        self.sums = {name: total.to(self.device) for name, total in state["sums"].items()}
        self.counts = dict(state["counts"])
        self.measurements = [tuple(row) for row in state["measurements"]]
        super().load(state)


class Adversarial(Measured, ABC):
    """A network that learns to deceive a critic, which learns to tell its images from real ones.

    In every step `loss` is computed and the network moves, then `critic_loss` and the critic moves.

    Parameters
    ----------
    network : torch.nn.Module
        All that learns against the critic.
    critic : torch.nn.Module
        All that judges it: one discriminator or several.
    recipe : Recipe
        Of both.
    device, autocast
        As in `Trainer`.
    critic_every : int
        Steps of the network for one of the critic.
    critic_start : int
        Steps of the network before the first of the critic.
    """

    def __init__(
        self,
        network: nn.Module,
        critic: nn.Module,
        recipe: Recipe,
        device: torch.device,
        autocast: Callable[[], AbstractContextManager[Any]],
        critic_every: int = 1,
        critic_start: int = 0,
    ) -> None:
        super().__init__(network, recipe, device, autocast)
        self.critic = critic.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=recipe.lr, betas=recipe.betas)
        self.critic_every, self.critic_start = critic_every, critic_start

    @abstractmethod
    def loss(self, *batch: Tensor) -> Tensor:
        """Loss of the network; what the critic is to judge is kept, detached, for `critic_loss`."""

    @abstractmethod
    def critic_loss(self) -> Tensor:
        """Loss of the critic on what the last `loss` kept."""

    def advance(self, *batch: Tensor) -> None:
        """One step of the network on a batch and, every `critic_every` steps, one of the critic."""
        self.critic.requires_grad_(False)  # the network's gradients pass through it, and leave none
        super().advance(*batch)
        self.critic.requires_grad_(True)
        if self.step % self.critic_every or self.step <= self.critic_start:
            return
        for group in self.critic_optimiser.param_groups:
            group["lr"] = self.recipe.lr_at(self.step - 1)
        loss = self.critic_loss()
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic_optimiser.step()
        self.measure("critic_loss", loss)
        self.window += 0 * loss.detach()  # a critic whose loss is not finite ends the training as the network's does

    def state(self) -> Checkpoint:
        """Everything that continues this training to the bit, the critic included."""
        critic = {"critic": self.critic.state_dict(), "critic_optimiser": self.critic_optimiser.state_dict()}
        return {**super().state(), **critic}

    def load(self, state: Checkpoint) -> None:
        """Continue from `state`."""
        self.critic.load_state_dict(state["critic"])
        self.critic_optimiser.load_state_dict(state["critic_optimiser"])
        super().load(state)


def crop_critic(side: int, inputs: int = 3, width: int = 64, kernel: int = 4) -> CropDiscriminator:
    """A discriminator of whole crops that halves them as often as they allow, at most five times.

    Parameters
    ----------
    side : int
        Of the crops, pixels; the last maps are at least 4 wide: 128 and 64 pixels end in 4 x 4, 72 in 9 x 9.
    inputs, width, kernel
        As in `CropDiscriminator`.

    Raises
    ------
    DegcraftError
        Crops that cannot be halved at all.
    """
    stages = max((n for n in range(1, 6) if side % 2**n == 0 and side >> n >= 4), default=0)
    if not stages:
        raise DegcraftError(
            f"methods: a discriminator sees crops of {side} pixels; an even number from 8 on is needed; "
            "write such as patch: 64 in the phases of the method"
        )
    return CropDiscriminator(side, inputs, width, stages, kernel)


def l1(one: Tensor, other: Tensor) -> Tensor:
    """Mean absolute difference, float32."""
    return (one.float() - other.float()).abs().mean()


def least_squares(scores: Tensor, label: float) -> Tensor:
    """Mean squared distance of scores of any shape from a label (least-squares GAN)."""
    return (scores - label).square().mean()


def logistic(logits: Tensor, label: float) -> Tensor:
    """Mean cross-entropy of logits of any shape under a label in [0, 1] (the first GAN's loss)."""
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def relativistic(these: Tensor, others: Tensor, label: float) -> Tensor:
    """Cross-entropy of how much more real `these` logits are than `others` on average (relativistic average GAN)."""
    return logistic(these - others.mean(), label)


def accuracy(real: Tensor, fake: Tensor, threshold: float) -> Tensor:
    """Share of scores on their right side of a threshold, real ones above; half of it of either kind, 0 to 1."""
    return ((real > threshold).float().mean() + (fake <= threshold).float().mean()) / 2
