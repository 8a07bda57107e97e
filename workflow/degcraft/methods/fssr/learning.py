"""FSSR in training: DSGAN learns to degrade, ESRGAN-FS to restore what it degraded (Fritsche et al., ICCVW 2019)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from degcraft.degradations import SCALE
from degcraft.degradations.first_order import add_noise
from degcraft.methods.adversaries import Adversarial, accuracy, crop_critic, l1, logistic, relativistic
from degcraft.methods.crops import CLEAN, Beside, KnownPairs, ReferenceCrops
from degcraft.methods.fssr import networks
from degcraft.methods.fssr.networks import high_pass, low_pass
from degcraft.methods.learning import Learning, Material, Phase
from degcraft.methods.perception import perceptual
from degcraft.methods.schedules import Falling, Stepped, common
from degcraft.streams import stream
from degcraft.training import Checkpoint, Recipe

WINDOW = 9  # of the filters in the training of the SR network, HR pixels
# assumption: the published training begins with RRDB's weights for bicubic downsampling, which are not at hand for all
# sizes: the first half of the steps learns by the images' L1 alone, and the published schedule is that of the rest.
START = 0.5
MILESTONES = tuple(START + (1 - START) * share for share in (5 / 51, 10 / 51, 20 / 51, 30 / 51))


def build(options: dict[str, Any], material: Material) -> "FrequencySeparated":
    """FSSR of an entry of the config section ``methods`` of kind fssr."""
    return FrequencySeparated(options, material)


class FrequencySeparated(Learning):
    """DSGAN makes LR images of a domain from clean ones; then the SR network learns from these."""

    def __init__(self, options: dict[str, Any], material: Material) -> None:
        super().__init__(options, material)
        self.network = networks.build(options)

    def phases(self) -> Iterator[Phase]:
        """First ``translation``, then ``restoration``."""
        material, sizes, phases = self.material, self.options["sizes"], self.options["phases"]
        recipe = Falling(**common(phases["translation"], material.log_every, (0.5, 0.999)))
        translator = networks.Generator(sizes["translator_width"], sizes["translator_blocks"])
        critic: nn.Module = networks.Discriminator(sizes["critic_width"])
        clean = KnownPairs(material.images, recipe, CLEAN, material.seeds)
        translation = Translation(translator, critic, recipe, material)
        yield Phase("translation", translation, Beside(clean, self._domain(clean, recipe)))

        steps = Stepped(**common(phases["restoration"], material.log_every), milestones=MILESTONES)
        critic = crop_critic(steps.patch, width=sizes["critic_width"])
        restoration = Restoration(self.network, critic, translator, steps, material)
        yield Phase("restoration", restoration, KnownPairs(material.images, steps, CLEAN, material.seeds))

    def restorer(self) -> nn.Module:
        """The SR network."""
        return self.network

    def _domain(self, clean: KnownPairs, recipe: Recipe) -> Dataset[Tensor]:
        """Crops of the domain that DSGAN learns: references, or corrupted training images."""
        side, seeds = recipe.patch // SCALE, self.material.seeds
        if self.options["domain"] == "references":
            return ReferenceCrops(self.material.references, recipe.batch, side, seeds)
        return CorruptedCrops(clean, side, self.options["noise"])


class CorruptedCrops(Dataset[Tensor]):
    """Crops of the HR patches of `clean`, of LR size, with Gaussian noise; item `step` is the same on any worker.

    The domain of the published models: corrupted images at full resolution, cut where the clean ones are cut.

    Parameters
    ----------
    clean : KnownPairs
        Gives the HR patches.
    side : int
        Of the crops, pixels.
    noise : float
        Standard deviation, grey levels of 255.
    """

    def __init__(self, clean: KnownPairs, side: int, noise: float) -> None:
        self.clean, self.side, self.noise = clean, side, noise

    def __getitem__(self, step: int) -> Tensor:
        """Crops (batch, 3, side, side), uint8."""
        crops = np.stack([self._crop(step, item) for item in self.clean.items])
        return torch.from_numpy(crops).permute(0, 3, 1, 2)

    def _crop(self, step: int, item: int) -> NDArray[np.uint8]:
        patches = self.clean.patches
        rng = stream(patches.seeds[0], "methods", patches.seeds[1], "corrupted", step, item)
        hr = patches.pixels(patches.patch(step, item)[0])
        top, left = (int(rng.integers(length - self.side + 1)) for length in hr.shape[:2])
        crop = hr[top : top + self.side, left : left + self.side]
        # assumption: noise of its own in each colour, rounded to 8 bit as in stored images.
        return add_noise(crop.astype(np.float32), self.noise, "colour", rng)


class Translation(Adversarial):
    """DSGAN: an LR image keeps its low frequencies, and the critic sees nothing but the others.

    Parameters
    ----------
    translator : networks.Generator
        From clean LR images to those of the domain.
    critic : networks.Discriminator
        Tells high frequencies of the domain.
    recipe : Falling
        Of both.
    material : Material
        Gives the perceptual loss, the device and the precision.
    """

    def __init__(self, translator: nn.Module, critic: nn.Module, recipe: Recipe, material: Material) -> None:
        super().__init__(translator, critic, recipe, material.device, material.autocast)
        # assumption: the distance of VGG-19 features of this project, not LPIPS of AlexNet, with the same weight.
        self.perception = perceptual(material.perceptual, material.device)
        self.kept: tuple[Tensor, ...] = ()  # of the domain, and made

    def loss(self, *batch: Tensor) -> Tensor:
        """Colours kept, critic deceived; of uint8 clean LR, HR and degradations (not used), crops of the domain."""
        clean, real = (self.on_device(images) / 255 for images in (batch[0], batch[3]))
        with self.autocast():
            made = self.forward(clean).float()
            logits = self.critic(made).float()
        self.kept = real, made.detach()
        terms = {
            "colour_l1": l1(low_pass(made, padded=False), low_pass(clean, padded=False)),
            "deceit": 0.005 * logistic(logits, 1),
        }
        if self.perception is not None:
            terms["perceptual"] = 0.01 * self.perception(made, clean)
        for name, term in terms.items():
            self.measure(name, term)
        self.measure("noise_sd_255", 255 * (made - clean).std())
        return torch.stack(list(terms.values())).sum()

    def critic_loss(self) -> Tensor:
        """Cross-entropy, summed over both kinds of images."""
        with self.autocast():
            real, made = (self.critic(images).float() for images in self.kept)
        self.measure("critic_accuracy", accuracy(real, made, 0))
        return logistic(real, 1) + logistic(made, 0)


class Restoration(Adversarial):
    """ESRGAN whose critic sees high frequencies alone.

    Parameters
    ----------
    network : torch.nn.Module
        SR network.
    critic : torch.nn.Module
        Of whole crops.
    translator : networks.Generator
        Trained; it does not change.
    recipe : Stepped
        Of network and critic.
    material : Material
        Gives the perceptual loss, the device and the precision.
    """

    def __init__(
        self, network: nn.Module, critic: nn.Module, translator: nn.Module, recipe: Recipe, material: Material
    ) -> None:
        start = round(START * recipe.iterations)
        super().__init__(network, critic, recipe, material.device, material.autocast, critic_start=start)
        self.translator = translator.to(self.device)
        self.perception = perceptual(material.perceptual, material.device)
        self.kept: tuple[Tensor, ...] = ()  # HR, and restored

    @torch.no_grad()
    def translated(self, clean: Tensor) -> Tensor:
        """LR images of the domain from clean ones, (n, 3, h, w) in [0, 1].

        assumption: they are rounded to 8 bit, as if they had been stored, and made from the crop alone.
        """
        with self.autocast():
            made = self.translator(clean)
        return (made.float() * 255).round() / 255

    def loss(self, *batch: Tensor) -> Tensor:
        """Content kept, critic deceived; of uint8 clean LR and its HR, and their degradations (not used)."""
        clean, hr = (self.on_device(images) / 255 for images in batch[:2])
        with self.autocast():
            sr = self.forward(self.translated(clean)).float()
        self.measure("sr_l1", l1(sr, hr))
        if self.step < self.critic_start:
            return l1(sr, hr)
        logits, real = self._logits(sr), self._logits(hr).detach()
        self.kept = hr, sr.detach()
        deceit = (relativistic(real, logits, 0) + relativistic(logits, real, 1)) / 2
        terms = {**self._content(sr, hr), "deceit": 0.005 * deceit}
        for name, term in terms.items():
            self.measure(name, term)
        return torch.stack(list(terms.values())).sum()

    def critic_loss(self) -> Tensor:
        """Relativistic average loss, the mean over both kinds of images."""
        real, made = (self._logits(images) for images in self.kept)
        self.measure("critic_accuracy", accuracy(real - made.mean(), made - real.mean(), 0))
        return (relativistic(real, made, 1) + relativistic(made, real, 0)) / 2

    def state(self) -> Checkpoint:
        """Everything that continues this training to the bit, the translator included."""
        return {**super().state(), "translator": self.translator.state_dict()}

    def load(self, state: Checkpoint) -> None:
        """Continue from `state`."""
        self.translator.load_state_dict(state["translator"])
        super().load(state)

    def _content(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        # assumption: as in DSGAN, windows that the border would cut are left out.
        low = 0.01 * l1(*(low_pass(images, WINDOW, padded=False) for images in (sr, hr)))
        if self.perception is None:
            # assumption: without a perceptual loss, L1 of the images in its place, about as strong as distances of VGG,
            # tens to hundreds of times L1; with a weight of 1 a critic that tells all images drives L1 up.
            return {"low_l1": low, "image_l1": 40 * l1(sr, hr)}
        return {"low_l1": low, "perceptual": self.perception(sr, hr)}

    def _logits(self, images: Tensor) -> Tensor:
        with self.autocast():
            logits: Tensor = self.critic(high_pass(images, WINDOW))
        return logits.float()
