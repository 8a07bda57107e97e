"""KernelGAN and ZSSR: learnt anew from each test image, its kernel first, then its super-resolution."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from degcraft.errors import DegcraftError
from degcraft.methods.kernelgan import zssr
from degcraft.methods.kernelgan.estimation import PATCH, applied_twice, estimated, reduced_side
from degcraft.methods.learning import Learnt
from degcraft.streams import stream

SCALES = 2, 4


def smallest(options: dict[str, Any]) -> int:
    """Smallest side of a test image, LR pixels: it holds one crop of either network, KernelGAN's inside the border.

    Parameters
    ----------
    options : dict
        Entry of the config section ``methods``.
    """
    sizes = options["sizes"]
    return int(max(sizes["crop"] + 2 * sizes["border"], sizes["restorer_crop"]))


def restored(
    image: NDArray[np.uint8],
    options: dict[str, Any],
    seeds: tuple[int, int],
    name: str,
    log_every: int,
    device: torch.device,
) -> Learnt:
    """Learn from one test image and restore it; torch's own random streams are left as they were.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        LR image, RGB.
    options : dict
        Entry of the config section ``methods``.
    seeds : (int, int)
        Seed of the run and of this training.
    name : str
        Of the image: its random numbers depend on it and on the seeds alone.
    log_every : int
        Steps between measurements.
    device : torch.device
        Where to compute.

    Returns
    -------
    Learnt
        SR image, x4 kernel (28, 28), measurements of the phases kernel and restoration.

    Raises
    ------
    DegcraftError
        The image is too small for the crops, or these do not suit the networks; a training diverged.
    """
    _check(image, options, name)

    def drawing(purpose: str) -> np.random.Generator:
        return stream(seeds[0], "methods", seeds[1], name, purpose)

    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(drawing("torch").integers(2**63)))
        kernel, learning = estimated(image, options, drawing("kernel"), log_every, device)
        kernels = {2: kernel, 4: applied_twice(kernel)}
        sr, restoring = zssr.restored(image, kernels, options, drawing("restoration"), log_every, device)
    measurements = [("kernel", *row) for row in learning] + [("restoration", *row) for row in restoring]
    return Learnt(sr, torch.from_numpy(kernels[4]).float(), measurements)


def _check(image: NDArray[np.uint8], options: dict[str, Any], name: str) -> None:
    """Refuse crops that do not suit the networks, or the image."""
    sizes, (height, width, _) = options["sizes"], image.shape
    if reduced_side(sizes["crop"]) <= PATCH:
        raise DegcraftError(
            f"methods, kind kernelgan: crop: {sizes['crop']}; at least 27 is needed, of which more than one patch "
            f"of {PATCH} is left; write crop: 27 or more in its sizes"
        )
    if sizes["restorer_crop"] % SCALES[-1]:
        nearest = sizes["restorer_crop"] // SCALES[-1] * SCALES[-1]
        raise DegcraftError(
            f"methods, kind kernelgan: restorer_crop: {sizes['restorer_crop']}; a multiple of {SCALES[-1]} is needed; "
            f"write restorer_crop: {nearest} in its sizes"
        )
    if min(height, width) < smallest(options):
        least = min(height, width)
        crop = least - 2 * sizes["border"]
        smaller = f"write crop: {crop} and restorer_crop: {least // 4 * 4} or less in its sizes"
        raise DegcraftError(
            f"{name}: {width} x {height} LR pixels; kind kernelgan with crop: {sizes['crop']}, border: "
            f"{sizes['border']} and restorer_crop: {sizes['restorer_crop']} needs sides of {smallest(options)}; "
            f"{smaller if reduced_side(crop) > PATCH else 'give larger images'}"
        )
