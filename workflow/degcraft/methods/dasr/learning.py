"""Training of DASR (Wang et al., CVPR 2021, section 3): the encoder by contrast, then the encoder and the SR network.

In both phases every batch has pairs of patches that share a degradation, as in `degcraft.pretraining.contrast`.
"""

from collections.abc import Iterator
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn

from degcraft.methods.adversaries import Measured
from degcraft.methods.dasr.networks import DASR
from degcraft.methods.dasr.networks import build as build_network
from degcraft.methods.learning import Learning, Material, Phase
from degcraft.methods.schedules import Stepped, common
from degcraft.pretraining.contrast import Contrasted, MomentumRecipe, projected_encoder
from degcraft.pretraining.pairs import Pairs, TruePairs

SECTION = "methods (kind dasr)"  # for messages
MOMENTUM = 0.999  # of the key encoder
CONTRAST_WEIGHT = 1.0  # next to an absolute error in grey levels of 255


def build(options: dict[str, Any], material: Material) -> "Contrastive":
    """Training of an entry of the config section ``methods`` of kind dasr."""
    return Contrastive(options, material)


class Contrastive(Learning):
    """The encoder learns to tell degradations apart, then it and the SR network learn to restore."""

    # assumption: which variant the table compares is unconfirmed; the general one, anisotropic blur and noise.

    def phases(self) -> Iterator[Phase]:
        """The encoder alone, then all."""
        material, queue = self.material, self.options["sizes"]["queue"]
        pairs = self._pairs(Pairs, "encoder", (0.6,), 0.1)
        encoding = Encoding(pairs, projected_encoder(), pairs.recipe, queue, material.device, material.autocast)
        yield Phase("encoder", encoding, encoding.batches)
        self.restoration = Restoration(
            self._pairs(TruePairs, "restoration", (0.25, 0.5, 0.75), 0.5), build_network(self.options), encoding
        )
        yield Phase("restoration", self.restoration, self.restoration.batches)

    def restorer(self) -> DASR:
        """The encoder of the queries, with the batch statistics that it met, and the SR network."""
        return cast(Joint, self.restoration.network).restorer.eval()

    def _pairs(self, kind: type[Pairs], name: str, milestones: tuple[float, ...], factor: float) -> Pairs:
        """Batches of a phase, which know its recipe."""
        chosen = {**common(self.options["phases"][name], self.material.log_every), "ema": MOMENTUM}
        recipe = SteppedMomentumRecipe(**chosen, milestones=milestones, factor=factor)
        seed, training_seed = self.material.seeds
        return kind(self.material.images, recipe, seed, SECTION, "methods", (training_seed, "dasr", name))


class SteppedMomentumRecipe(MomentumRecipe, Stepped):
    """A learning rate that falls at once, and a key encoder that moves slowly from the first step on."""


class MeasuredContrast(Contrasted, Measured):
    """A training by contrast that measures it."""

    def compared(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Contrast of encoded queries and keys (n, 256); the keys enter the queue."""
        found = super().compared(queries, keys)
        self.measure("contrast_nats", found)  # of a guess: log(queue + 1)
        return found


class Encoding(MeasuredContrast):
    """Encoder and head in training by contrast alone."""

    def advance(self, *batch: Tensor) -> None:
        """One step; the very first one fills the queue before."""
        if self.step == 0:
            self.begin()
        super().advance(*batch)


class Joint(nn.Module):
    """What restores, and the head that only the contrast sees.

    Parameters
    ----------
    restorer : DASR
        Encoder and SR network.
    """

    def __init__(self, restorer: DASR) -> None:
        super().__init__()
        self.restorer = restorer
        self.head = nn.Sequential(*list(projected_encoder())[1:])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """SR images (n, 3, 4 h, 4 w) of LR (n, 3, h, w) in [0, 1], and vectors (n, 256) for the contrast."""
        codes = self.restorer.codes(x)
        return self.restorer.sr(x, codes), self.head(codes)

    def projected(self) -> nn.Sequential:
        """Encoder and head under the names of `projected_encoder`; sees 0 to 255."""
        return nn.Sequential(self.restorer.encoder, *self.head)


class Restoration(MeasuredContrast):
    """Encoder, head and SR network in training together; key encoder and queue go on from the encoder's training.

    Parameters
    ----------
    batches : Pairs
        As of `TruePairs`; they know the recipe.
    restorer : DASR
        Its SR network is fresh, its encoder will be the trained one.
    encoding : Encoding
        At its end; it is left as it is.
    """

    def __init__(self, batches: Pairs, restorer: DASR, encoding: Encoding) -> None:
        # assumption: Adam's moments start anew; the published optimiser keeps those of the encoder.
        size, device, autocast = len(encoding.queue), encoding.device, encoding.autocast
        super().__init__(batches, Joint(restorer), batches.recipe, size, device, autocast)
        for joint, trained in ((self.network, encoding.network), (self.average, encoding.average)):
            cast(Joint, joint).projected().load_state_dict(trained.state_dict())
        self.queue = encoding.queue.clone()

    def loss(self, queries: Tensor, keys: Tensor, truth: Tensor) -> Tensor:  # type: ignore[override]
        """Mean absolute error of the SR images of the queries, grey levels, plus contrast; all images are uint8."""
        x, hr = (self.on_device(images) / 255 for images in (queries, truth))
        with self.autocast():
            sr, vectors = self.forward(x)
        l1 = (sr.float() - hr).abs().mean()
        self.measure("l1", l1)  # range 0 to 1
        encoded = self.encoded(cast(Joint, self.average).projected(), keys)
        return 255 * l1 + CONTRAST_WEIGHT * self.compared(F.normalize(vectors.float()), encoded)
