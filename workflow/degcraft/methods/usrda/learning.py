"""USR-DA in training: features of clean and of real LR images become alike (Wang et al., ICCV 2021, section 3)."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from degcraft.degradations import SCALE
from degcraft.methods.adversaries import Adversarial, accuracy, crop_critic, l1, least_squares
from degcraft.methods.crops import CLEAN, Beside, KnownPairs, ReferenceCrops
from degcraft.methods.learning import Learning, Material, Phase
from degcraft.methods.perception import perceptual
from degcraft.methods.schedules import Stepped, common
from degcraft.methods.usrda import networks

SMALL = 0.01  # weight of every adversarial and perceptual term, and of the identity of features
MILESTONES = (250 / 600, 350 / 600, 450 / 600)


def build(options: dict[str, Any], material: Material) -> "Unsupervised":
    """USR-DA of an entry of the config section ``methods`` of kind usrda."""
    return Unsupervised(options, material)


class Unsupervised(Learning):
    """All networks at once, from clean HR images and LR references of the target."""

    def __init__(self, options: dict[str, Any], material: Material) -> None:
        super().__init__(options, material)
        self.network = networks.build(options)

    def phases(self) -> Iterator[Phase]:
        """One phase, ``adaptation``."""
        phase, material, sizes = self.options["phases"]["adaptation"], self.material, self.options["sizes"]
        recipe = Stepped(**common(phase, material.log_every, (0.9, 0.99)), milestones=MILESTONES)
        side = recipe.patch // SCALE
        real = ReferenceCrops(material.references, recipe.batch, side, material.seeds)
        target = networks.TargetDecoder(sizes["width"], sizes["target_blocks"], sizes["growth"])
        learners = nn.ModuleDict({"restorer": self.network, "target": target})
        # assumption: discriminators of the size of ESRGAN's, with kernels of 3, as in the one public implementation.
        seen = {"features": (side, sizes["width"]), "lr": (side, 3), "hr": (recipe.patch, 3)}
        critics = nn.ModuleDict({name: crop_critic(*of, sizes["critic_width"], 3) for name, of in seen.items()})
        clean = KnownPairs(material.images, recipe, CLEAN, material.seeds)
        yield Phase("adaptation", Adaptation(learners, critics, recipe, material), Beside(clean, real))

    def restorer(self) -> nn.Module:
        """Encoder and SR decoder."""
        return self.network


class Adaptation(Adversarial):
    """Encoder and both decoders against three discriminators: of features, of LR and of HR images.

    Parameters
    ----------
    learners : torch.nn.ModuleDict
        ``restorer`` (encoder and SR decoder) and ``target`` (decoder of the target's LR images).
    critics : torch.nn.ModuleDict
        ``features``, ``lr`` and ``hr``.
    recipe : Stepped
        Of all of them.
    material : Material
        Gives the perceptual loss, the device and the precision.
    """

    def __init__(self, learners: nn.ModuleDict, critics: nn.ModuleDict, recipe: Stepped, material: Material) -> None:
        # assumption: two steps for one of the critics, on batches of their own; the one public implementation does not
        # clear the gradients between the two, which we take for a mistake.
        super().__init__(learners, critics, recipe, material.device, material.autocast, critic_every=2)
        for optimiser in (self.optimiser, self.critic_optimiser):
            for group in optimiser.param_groups:
                group["amsgrad"] = True
        self.perception = perceptual(material.perceptual, material.device)
        self.kept: dict[str, tuple[Tensor, tuple[Tensor, ...]]] = {}  # per critic, what is real and what is not

    def loss(self, *batch: Tensor) -> Tensor:
        """Sum of all terms; of uint8 clean LR and its HR, their degradations (not used), and real LR."""
        lr, hr, real = (self.on_device(images) / 255 for images in (batch[0], batch[1], batch[3]))
        restorer, target = (self.network.get_submodule(name) for name in ("restorer", "target"))
        with self.autocast():
            features, features_real = restorer.encoder(lr), restorer.encoder(real)
            sr, restyled, styled = restorer.decoder(features), target(features_real), target(features)
            features_styled = restorer.encoder(styled)
            sr_styled = restorer.decoder(features_styled)
        # assumption: source features are the real ones; cycled images are judged as the others are.
        pairs = {"features": (features, (features_real,)), "lr": (real, (styled,)), "hr": (hr, (sr, sr_styled))}
        self.kept = {name: (one.detach(), tuple(x.detach() for x in others)) for name, (one, others) in pairs.items()}
        undecided = (least_squares(self._scores("features", x), 0.5) for x in (features, features_real))
        terms = {
            "alignment": SMALL * sum(undecided, torch.zeros((), device=self.device)),
            "reconstruction": self._reconstruction(sr, hr),
            "target_l1": l1(restyled, real),
            "style": SMALL * least_squares(self._scores("lr", styled), 1),
            "identity": SMALL * l1(features_styled, features),
            "cycle": self._reconstruction(sr_styled, hr),
        }
        for name, term in terms.items():
            self.measure(name, term)
        self.measure("sr_l1", l1(sr, hr))
        return torch.stack(list(terms.values())).sum()

    def critic_loss(self) -> Tensor:
        """Squared distances from 1 of what is real and from 0 of what is not, summed over the critics."""
        losses = []
        for name, (real, others) in self.kept.items():
            # Batch statistics are those of each kind of images alone.
            scores, other_scores = self._scores(name, real), torch.cat([self._scores(name, x) for x in others])
            losses += [least_squares(scores, 1), least_squares(other_scores, 0)]
            self.measure(f"critic_accuracy_{name}", accuracy(scores, other_scores, 0.5))
        return torch.stack(losses).sum()

    def _reconstruction(self, sr: Tensor, hr: Tensor) -> Tensor:
        """L1, and less of the features and of what the critic of HR images says."""
        loss = l1(sr, hr) + SMALL * least_squares(self._scores("hr", sr), 1)
        # assumption: VGG-19 sees images normalised as it was trained; the one public implementation does not do so.
        return loss if self.perception is None else loss + SMALL * self.perception(sr.float(), hr)

    def _scores(self, name: str, images: Tensor) -> Tensor:
        with self.autocast():
            scores: Tensor = self.critic.get_submodule(name)(images)
        return scores.float()
