"""What the extractors with a network share: input conventions, seeded initialisation, the pass itself."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from degcraft.checkpoints import Weights
from degcraft.errors import DegcraftError

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Convention:
    """What a network was trained to see.

    Attributes
    ----------
    order : str
        RGB or BGR.
    top : int
        Value of white: 1 or 255.
    mean, spread : tuple of three floats
        Subtracted, then divided by; per channel, in the network's order and range.
    """

    order: str
    top: int
    mean: Triple
    spread: Triple = (1.0, 1.0, 1.0)

    @classmethod
    def of(cls, weights: Weights, default: "Convention") -> "Convention":
        """Convention that a file's metadata states as ``input``, else `default`.

        Raises
        ------
        DegcraftError
            The statement cannot be read.
        """
        stated = weights.metadata.get("input")
        if stated is None:
            return default
        number = r"\s*(\d+\.?\d*|\.\d+)\s*"
        triple = ",".join([number] * 3)
        found = re.fullmatch(rf"\s*(RGB|BGR) 0-(1|255)(?:,? minus{triple})?(?:,? over{triple})?\s*", stated)
        if found is None:
            raise weights.refused(
                f"its metadata says input: {stated!r}, which cannot be read; needed is such as 'BGR 0-255 minus "
                "104,117,123' or 'RGB 0-1, minus 0.485,0.456,0.406, over 0.229,0.224,0.225'"
            )
        order, top, *numbers = found.groups()
        mean = [float(value or 0) for value in numbers[:3]]
        spread = [float(value or 1) for value in numbers[3:]]
        return cls(order, int(top), (mean[0], mean[1], mean[2]), (spread[0], spread[1], spread[2]))

    def apply(self, images: Tensor) -> Tensor:
        """Network input (n, 3, height, width), float32, of RGB images (n, height, width, 3), uint8."""
        return self.normalised(images.permute(0, 3, 1, 2).float())

    def normalised(self, values: Tensor) -> Tensor:
        """Network input of the same shape, of RGB images (n, 3, height, width), float32, 0 to 255."""
        if self.order == "BGR":
            values = values.flip(1)
        if self.top == 1:
            values = values / 255
        mean, spread = (values.new_tensor(triple).view(1, 3, 1, 1) for triple in (self.mean, self.spread))
        return (values - mean) / spread


# paper: 4.1 normalisation is not stated; the one that the networks were trained with.
IMAGENET = Convention("RGB", 1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Maps:
    """Feature maps of images under a network.

    Parameters
    ----------
    network : nn.Module
        From (n, 3, height, width) to (n, c, height', width').
    convention : Convention
        Its input.
    smallest : int
        Side of the smallest image that it can take, pixels.
    device : torch.device
        Where it runs.
    """

    def __init__(self, network: nn.Module, convention: Convention, smallest: int, device: torch.device) -> None:
        self.network = network.eval().to(device)
        self.convention = convention
        self.smallest = smallest
        self.device = device

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Maps (n, c, height', width'), float32, of images (n, height, width, 3), uint8, RGB.

        Raises
        ------
        DegcraftError
            The images are too small for the network.
        """
        height, width = images.shape[1:3]
        if min(height, width) < self.smallest:
            raise DegcraftError(
                f"prepare.crop: LR images of {height} x {width} pixels; this extractor needs at least {self.smallest} "
                f"x {self.smallest}; set prepare.crop to {4 * self.smallest} or more, or use another extractor"
            )
        # Features are always float32: TF32 or bf16 would move distances by more than bins differ.
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            maps = self.network(self.convention.apply(torch.tensor(images, device=self.device)))
        features: NDArray[np.float32] = maps.cpu().numpy()
        return features


def random_seed(options: dict[str, Any]) -> int:
    """Seed of an extractor that has no weight file.

    Raises
    ------
    DegcraftError
        The entry does not ask for random weights.
    """
    if options["weights"] != "random":
        raise DegcraftError(
            f"extractors: no weight file was given to kind {options['kind']}; weights: {options['weights']} asks for "
            "one; give it with --weights, or write weights: random and a seed"
        )
    return int(options["seed"])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initialise networks from `seed`, as after ``torch.manual_seed``; the global stream is left untouched."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
