"""PDM-SR (Luo et al., CVPR 2022): blur and noise learnt against a critic of LR references, SR learnt from both."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from degcraft.methods.adversaries import Adversarial, accuracy, least_squares
from degcraft.methods.crops import CLEAN, Beside, KnownPairs, ReferenceCrops
from degcraft.methods.discriminators import PatchDiscriminator
from degcraft.methods.learning import Learning, Material, Phase
from degcraft.methods.pdmsr import networks
from degcraft.methods.schedules import Stepped, common
from degcraft.streams import stream
from degcraft.training import Recipe

CLIP = 50.0  # greatest norm of the gradients of each network
SHOWN = 8  # kernels for a picture
SIZES = ("inputs", "width", "blocks")  # of either module of the degradation


def build(options: dict[str, Any], material: Material) -> "Adaptation":
    """PDM-SR in training; arguments as of `Learning`."""
    return Adaptation(options, material)


class Adaptation(Learning):
    """The one phase of PDM-SR, ``adaptation``: degradation and SR network learn side by side.

    Raises
    ------
    DegcraftError
        There are no references, fewer than a batch, or smaller ones than a crop.
    """

    def __init__(self, options: dict[str, Any], material: Material) -> None:
        super().__init__(options, material)
        phase, seeds = options["phases"]["adaptation"], material.seeds
        self.recipe = Stepped(**common(phase, material.log_every), milestones=(0.25, 0.5, 0.75))
        self.batches = Beside(
            KnownPairs(material.images, self.recipe, CLEAN, seeds),
            ReferenceCrops(material.references, self.recipe.batch, self.recipe.patch // 4, seeds),
        )
        self.trainer = Unpaired(options, self.recipe, material)

    def phases(self) -> Iterator[Phase]:
        """The phase ``adaptation``."""
        yield Phase("adaptation", self.trainer, self.batches)

    def restorer(self) -> nn.Module:
        """The SR network."""
        return self.trainer.network.get_submodule("sr")

    @torch.no_grad()
    def kernels(self) -> Tensor:
        """Kernels (8 or fewer, size, size) of fixed random numbers, float32.

        They are normalised over a batch, as those are that the SR network learns from.
        """
        seeds, size = self.material.seeds, (self.recipe.batch, self.options["sizes"]["kernel_inputs"])
        z = stream(seeds[0], "methods", seeds[1], "kernels").standard_normal(size, dtype="float32")
        blur = self.trainer.network.get_submodule("blur")
        kernels: Tensor = blur.kernels(torch.from_numpy(z).to(self.material.device))
        return kernels[:SHOWN]


class Unpaired(Adversarial):
    """Degradation and SR network; what the degradation makes of HR patches is to pass for LR references.

    The degradation learns from the critic and from the strength of its noise, the SR network from what the
    degradation makes, which it takes as given: their gradients do not meet, so one optimiser moves both.

    Parameters
    ----------
    options : dict
        Entry of the config section ``methods``: ``sizes`` of all networks and ``noise_penalty``.
    recipe : Recipe
        Of all networks.
    material : Material
        Device and precision.
    """

    def __init__(self, options: dict[str, Any], recipe: Recipe, material: Material) -> None:
        sizes = options["sizes"]
        self.inputs, self.penalty = (sizes["kernel_inputs"], sizes["noise_inputs"]), options["noise_penalty"]
        blur, noise = ({name: sizes[f"{part}_{name}"] for name in SIZES} for part in ("kernel", "noise"))
        parts = {
            "blur": networks.KernelModule(**blur, size=sizes["kernel"]),
            "noise": networks.NoiseModule(**noise),
            # assumption: the published one begins with weights of bicubic x4, which we lack; ours begins afresh.
            "sr": networks.build(options),
        }
        critic = PatchDiscriminator(width=sizes["critic_width"])
        super().__init__(nn.ModuleDict(parts), critic, recipe, material.device, material.autocast)
        self.critic_optimiser.register_step_pre_hook(lambda *_: _clip(self.critic))

    def loss(  # type: ignore[override]
        self, lr: Tensor, hr: Tensor, described: Tensor, references: Tensor
    ) -> Tensor:
        """Loss of degradation and SR network together.

        Parameters
        ----------
        lr, described : Tensor
            As of `KnownPairs`, not used.
        hr : Tensor of shape (n, 3, 4 side, 4 side), uint8
            HR patches.
        references : Tensor of shape (n, 3, side, side), uint8
            Crops of LR references, of other contents.
        """
        hr, references = self.on_device(hr) / 255, self.on_device(references) / 255
        fake, kernels, noise = self._degraded(hr)
        self.judged = torch.cat([references, fake.detach()])
        deceit = least_squares(self.critic(fake), 1)
        with self.autocast():
            restored = self.network.get_submodule("sr")(_rounded(fake.detach()))
        l1 = (restored.float() - hr).abs().mean()
        self._measure(kernels.detach().mean(dim=0), noise, l1)
        # The penalty is of noise in images from 0 to 1: at 100, noise of deviation 10 / 255 costs 0.15.
        return deceit + self.penalty * noise.square().mean() + l1

    def critic_loss(self) -> Tensor:
        """Half the squared distances of the critic's scores from 1 on references and from 0 on degraded patches."""
        real, fake = self.critic(self.judged).chunk(2)
        self.measure("critic_accuracy", accuracy(real, fake, 0.5))
        return (least_squares(real, 1) + least_squares(fake, 0)) / 2

    def descend(self) -> None:
        """Move all networks along their gradients; each network's norm is limited by itself."""
        for part in self.network.children():
            _clip(part)
        super().descend()

    def _degraded(self, hr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """LR images neither clamped nor rounded, their kernels and their noise, of HR (n, 3, h, w) in [0, 1].

        In full precision: bf16 is coarser than the 8 bits of the references.
        """
        blur, noise = (self.network.get_submodule(name) for name in ("blur", "noise"))
        blurred, kernels = blur(hr, torch.randn(len(hr), self.inputs[0], device=self.device))
        size = (len(hr), self.inputs[1], *blurred.shape[2:])
        made = noise(blurred, torch.randn(size, device=self.device))
        return blurred + made, kernels, made

    def _measure(self, kernel: Tensor, noise: Tensor, l1: Tensor) -> None:
        """Take note of the mean kernel (size, size), the noise, and the SR network's error, 0 to 1."""
        (row, column), width = moments(kernel)
        self.measure("kernel_width_px", width)
        # Bicubic downsampling keeps the middle of each 4 x 4 pixels, not the first: 1.5 and 1.5. Patches of other
        # contents hardly tell where that is; the SR network learns what is missing here as a shift of its images.
        self.measure("kernel_row_px", row)
        self.measure("kernel_column_px", column)
        self.measure("noise_sd_255", 255 * noise.std())
        self.measure("l1", l1)


def moments(kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Where a kernel (size, size) of sum 1 is, and how wide.

    Returns
    -------
    centre : Tensor of shape (2,)
        Rows and columns of its centre of mass from the middle, pixels.
    width : Tensor of shape ()
        Its standard deviation along an axis, the root mean square of both, pixels.
    """
    offsets = torch.arange(len(kernel), dtype=kernel.dtype, device=kernel.device) - len(kernel) // 2
    sums = torch.stack([kernel.sum(dim=1), kernel.sum(dim=0)])
    centre = sums @ offsets
    return centre, (sums @ offsets.square() - centre.square()).mean().sqrt()


def _rounded(images: Tensor) -> Tensor:
    """Images as 8-bit files hold them, still in [0, 1]."""
    return (255 * images.clamp(0, 1)).round() / 255


def _clip(network: nn.Module) -> None:
    """Shorten a network's gradients."""
    torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
