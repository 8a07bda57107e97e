"""How IKC is trained (Gu et al., CVPR 2019, section 4.1): SFTMD under true codes, then predictor and corrector."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from degcraft.methods.adversaries import Measured
from degcraft.methods.crops import KnownPairs
from degcraft.methods.ikc.codes import BLUR
from degcraft.methods.ikc.networks import Restorer
from degcraft.methods.ikc.networks import build as build_networks
from degcraft.methods.learning import Learning, Material, Phase
from degcraft.methods.schedules import common
from degcraft.training import Recipe

SETTING = {"blur": [*BLUR], "noise": [0, 0], "quality": "none"}
BETAS = (0.9, 0.99)  # of Adam


def build(options: dict[str, Any], material: Material) -> "IKC":
    """Training of an entry of the config section ``methods``."""
    return IKC(options, material)


class IKC(Learning):
    """Both phases: ``restoration`` and ``correction``."""

    def __init__(self, options: dict[str, Any], material: Material) -> None:
        super().__init__(options, material)
        self.network = build_networks(options).to(material.device)

    def phases(self) -> Iterator[Phase]:
        """Restoration under true codes, then estimation of the codes."""
        restoration = Recipe(**{**self._options("restoration"), "periods": 4, "lr_floor": 1e-7})
        yield self._phase("restoration", Restoration(self.network, restoration, self.material))
        # assumption: SFTMD's betas, as the options of the public implementation; its learning rate is constant, ours
        # falls, so that the last step of a short training is as good as any.
        correction = Recipe(**self._options("correction"))
        yield self._phase("correction", Correction(self.network, correction, self.material))

    def restorer(self) -> Restorer:
        """All networks, trained."""
        return self.network

    def _options(self, phase: str) -> dict[str, Any]:
        return common(self.options["phases"][phase], self.material.log_every, BETAS)

    def _phase(self, name: str, trainer: Measured) -> Phase:
        batches = KnownPairs(self.material.images, trainer.recipe, SETTING, self.material.seeds)
        return Phase(name, trainer, batches)


class Restoration(Measured):
    """SFTMD in training, told the true codes.

    Parameters
    ----------
    restorer : Restorer
        Its SFTMD learns.
    recipe : Recipe
        Optimiser and schedule.
    material : Material
        Where to compute.
    """

    def __init__(self, restorer: Restorer, recipe: Recipe, material: Material) -> None:
        super().__init__(restorer.sftmd, recipe, material.device, material.autocast)
        self.restorer = restorer

    def loss(self, lr: Tensor, hr: Tensor, degradations: Tensor) -> Tensor:  # type: ignore[override]
        """Mean absolute error of the SR images, range 0 to 1."""
        lr, hr = (self.on_device(images) / 255 for images in (lr, hr))
        codes = self.restorer.codes(degradations[:, 0].to(self.device))
        with self.autocast():
            sr = self.network(lr, codes)
        difference = sr.float() - hr
        self.measure("sr_rmse_255", 255 * difference.square().mean().sqrt())
        return difference.abs().mean()


class Correction(Measured):
    """Predictor and corrector in training, on what a trained SFTMD makes of their codes.

    In every step the predictor moves, then the corrector after each of its corrections.

    Parameters
    ----------
    restorer : Restorer
        Its SFTMD stays as it is.
    recipe : Recipe
        Of both.
    material : Material
        Where to compute.
    """

    def __init__(self, restorer: Restorer, recipe: Recipe, material: Material) -> None:
        restorer.sftmd.requires_grad_(False)
        super().__init__(restorer, recipe, material.device, material.autocast)
        self.restorer = restorer
        self.lr = self.codes = self.truth = torch.empty(0)  # LR images of a step, their codes so far, the true ones

    def loss(self, lr: Tensor, _: Tensor, degradations: Tensor) -> Tensor:  # type: ignore[override]
        """Mean squared error of the first guess of the codes."""
        self.lr = self.on_device(lr) / 255
        self.truth = self.restorer.codes(degradations[:, 0].to(self.device))
        with self.autocast():
            self.codes = self.restorer.predictor(self.lr).float()
        self.measure("code_error_first", self._distance())
        return (self.codes - self.truth).square().mean()

    def descend(self) -> None:
        """Move the predictor along its gradients, then correct its codes and move the corrector each time."""
        super().descend()
        for _ in range(self.restorer.corrections):
            with self.autocast():
                self.codes = self.restorer.corrected(self.lr, self.codes)
            loss = (self.codes - self.truth).square().mean()
            self.optimiser.zero_grad(set_to_none=True)  # without gradients the predictor stays
            loss.backward()  # type: ignore[no-untyped-call]
            super().descend()
            self.window += loss.detach()
        self.measure("code_error_last", self._distance())

    def _distance(self) -> Tensor:
        """Mean Euclidean distance of the codes from the true ones; a unit pulse's code is about 1 long."""
        return (self.codes.detach() - self.truth).norm(dim=1).mean()
