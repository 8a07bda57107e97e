"""Restoring: LR images to SR images with a trained network, of any size.

A user's own picture, in five lines::

    from degcraft.pictures import read_picture, write_picture
    from degcraft.restore import Restorer
    restorer = Restorer.read("results/models/srresnet/any/uniform/seed0/model.safetensors")
    picture = read_picture("scan.tif")
    write_picture("restored.tif", restorer(picture))

Arrays need no file:

>>> from degcraft.backbones import build
>>> network = build({"kind": "srresnet", "width": 8, "blocks": 1})
>>> Restorer(network.eval(), torch.device("cpu")).pixels(np.zeros((30, 50, 3), np.uint16)).shape
(120, 200, 3)
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from degcraft import compute
from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.interpolation import bicubic
from degcraft.models import read_model
from degcraft.pictures import Picture
from degcraft.published import sha256
from degcraft.streams import stream

Pixels = NDArray[Any]  # (height, width, 3), uint8 or uint16, RGB
Told = Callable[[int, int], None]  # what is done, of what there is to do

TILE = 256
_STEP = 16  # tiles begin at multiples of it, for networks that divide images into windows
_REACH = 128  # LR pixels beyond which the influence of an edge is not looked for
_PROBE = 64  # rows of the images that it is measured on
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601, as Pillow makes grey


@torch.inference_mode()
def restore(network: nn.Module, image: Pixels, device: torch.device, *, half: bool = False) -> Pixels:
    """Super-resolve one image as a whole.

    Parameters
    ----------
    network : torch.nn.Module
        SR network in evaluation mode, on `device`.
    image : ndarray of shape (height, width, 3), uint8 or uint16
        LR image, RGB.
    device : torch.device
        Where to compute.
    half : bool
        Convolve in 16-bit floats: faster, and about a tenth of a grey level of 255 less exact.

    Returns
    -------
    ndarray of shape (4 height, 4 width, 3), same dtype
        Clamped and rounded.
    """
    white = int(np.iinfo(image.dtype).max)
    values = image if image.dtype == np.uint8 else image.astype(np.int32)  # PyTorch knows few operations on uint16
    lr = torch.from_numpy(np.array(values)).to(device).permute(2, 0, 1)[None]
    lr = lr.to(torch.float32, memory_format=torch.channels_last) / white
    with torch.autocast(device.type, dtype=torch.float16, enabled=half):
        found = network(lr)[0]
    sr = (found.float() * white).round_().clamp_(0, white).permute(1, 2, 0)
    kind = torch.uint8 if image.dtype == np.uint8 else torch.int32
    pixels: Pixels = sr.to(kind, memory_format=torch.contiguous_format).cpu().numpy()
    return pixels.astype(image.dtype, copy=False)


class Restorer:
    """A network that restores pictures of any size, tile by tile.

    Tiles overlap by as much as the network needs, which is measured once: how far from
    an edge that cuts an image its SR image still differs. Tiles and whole image then
    differ by at most one grey level, for networks of convolutions (SRResNet, RRDB, EDSR).
    RCAN weights channels by their means over all that it sees, so its tiles follow their own
    means: measured on photographs with a small trained one, at most 1 or 2 grey levels of 255
    apart in tiles of 256 and 4 in tiles of 64. `tile` 0 computes the whole image.

    Memory for 8K (7680 x 4320, 8 bits): 0.1 GB for the image, 1.6 GB for its SR image of
    30720 x 17280, and 2.1 GB more while Pillow writes it; whatever the size, a tile's maps.

    Parameters
    ----------
    network : torch.nn.Module
        SR network in evaluation mode, on `device`.
    device : torch.device
        Where to compute.
    tile : int
        Side of tiles, LR pixels: a multiple of 16; 0 computes images as a whole.
    half : bool
        Convolve in 16-bit floats, on a GPU alone.
    name : str
        What tells this model from others, in records of what was restored.

    Raises
    ------
    DegcraftError
        A wrong tile, or half precision on a CPU.

    Examples
    --------
    >>> from degcraft.backbones import build
    >>> network = build({"kind": "srresnet", "width": 8, "blocks": 1}).eval()
    >>> restorer = Restorer(network, torch.device("cpu"))
    >>> restorer(Picture(np.zeros((6, 10, 3), np.uint8))).colours.shape
    (24, 40, 3)
    """

    scale = SCALE

    def __init__(
        self, network: nn.Module, device: torch.device, tile: int = TILE, half: bool = False, name: str = ""
    ) -> None:
        if tile < 0 or tile % _STEP:
            raise DegcraftError(f"tile: {tile}; needed is a multiple of {_STEP}, or 0 for whole images; try {TILE}")
        if half and device.type == "cpu":
            raise DegcraftError("half: half precision is slower on a CPU, and needs a GPU; leave --half out")
        self.network, self.device, self.tile, self.half = network, device, tile, half
        self.name = f"{name} in half precision" if half else name

    @classmethod
    def read(cls, path: str | Path, device: str = "auto", tile: int = TILE, half: bool = False) -> "Restorer":
        """Restorer with the model of a file.

        Parameters
        ----------
        path : path
            ``model.safetensors`` of this workflow, published networks among them.
        device : str
            auto, cuda, mps or cpu.
        tile, half
            As of the class.

        Raises
        ------
        DegcraftError
            No such device, or a file that is no x4 model.
        """
        place = compute.device({"device": device})
        network, _ = read_model(Path(path), place)
        restorer = cls(network, place, tile, half, sha256(Path(path)))
        found = restorer._whole(np.zeros((_STEP, _STEP, 3), np.uint8)).shape
        if found != (SCALE * _STEP, SCALE * _STEP, 3):
            raise DegcraftError(f"{path}: enlarges x{found[0] / _STEP:g}; a model of scale {SCALE} is needed")
        return restorer

    def pixels(self, image: Pixels, told: Told | None = None) -> Pixels:
        """Super-resolve one image.

        Parameters
        ----------
        image : ndarray of shape (height, width, 3), uint8 or uint16
            LR image, RGB; at least one pixel.
        told : callable, optional
            Is told how many tiles are done, and how many there are.

        Returns
        -------
        ndarray of shape (4 height, 4 width, 3), same dtype

        Raises
        ------
        DegcraftError
            The GPU's memory does not suffice.
        """
        height, width = image.shape[:2]
        if not self.tile or max(height, width) <= self.tile:
            return self._whole(image)
        margin = self.margin(int(np.iinfo(image.dtype).max))
        sr = np.empty((SCALE * height, SCALE * width, 3), image.dtype)
        places = list(product(_spans(height, self.tile), _spans(width, self.tile)))
        for number, ((top, bottom), (left, right)) in enumerate(places, 1):
            above, before = max(0, top - margin), max(0, left - margin)
            part = self._whole(image[above : bottom + margin, before : right + margin])
            part = part[SCALE * (top - above) :, SCALE * (left - before) :]
            inner = part[: SCALE * (bottom - top), : SCALE * (right - left)]
            sr[SCALE * top : SCALE * bottom, SCALE * left : SCALE * right] = inner
            if told:
                told(number, len(places))
        return sr

    def __call__(self, picture: Picture, told: Told | None = None) -> Picture:
        """Super-resolve a picture.

        Grey stays grey: the luma of what the network makes of it. Alpha is enlarged by bicubic
        interpolation: networks learn to undo the blur, noise and compression of photographs,
        which a mask has not been through, and would sharpen its soft edges.
        """
        colours = self.pixels(picture.colours, told)
        if picture.grey:
            luma = np.rint(colours @ _LUMA).astype(colours.dtype)
            colours = np.broadcast_to(luma[..., None], colours.shape)
        alpha = None if picture.alpha is None else bicubic(picture.alpha)
        return replace(picture, colours=colours, alpha=alpha)

    def margin(self, white: int) -> int:
        """Overlap of tiles, LR pixels, that leaves at most a quarter of one of `white` levels of difference."""
        limit = max(0.25 / white, 2 * self._influence[-_STEP:].max())
        beyond = np.flatnonzero(self._influence > limit)
        return _STEP * ceil((int(beyond[-1]) + 1 if len(beyond) else 0) / _STEP)

    @cached_property
    @torch.inference_mode()
    def _influence(self) -> NDArray[np.float32]:
        """Most that an edge changes SR samples in [0, 1], by the distance from it in LR pixels, shape (128,)."""
        probe = torch.from_numpy(_probes(_REACH + _STEP)).to(self.device, memory_format=torch.channels_last)
        whole, cut = self.network(probe)[..., SCALE * _STEP :], self.network(probe[..., _STEP:])
        changed = (whole - cut).abs().amax(dim=(0, 1, 2))
        return changed.view(_REACH, SCALE).amax(dim=1).float().cpu().numpy()

    def _whole(self, image: Pixels) -> Pixels:
        try:
            return restore(self.network, image, self.device, half=self.half)
        except torch.OutOfMemoryError:
            raise DegcraftError(
                f"tile: {image.shape[1]} x {image.shape[0]} pixels at a time do not fit into the memory of the GPU; "
                f"type --tile {max(_STEP, max(image.shape) // 2 // _STEP * _STEP)}"
            ) from None


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    """Starts and ends of tiles of nearly one size, at most `tile`, along a side."""
    step = _STEP * ceil(length / ceil(length / tile) / _STEP)
    return [(start, min(start + step, length)) for start in range(0, length, step)]


def _probes(width: int) -> NDArray[np.float32]:
    """Images to which an edge matters: white, noise and blocks, shape (3, 3, 64, width), in [0, 1]."""
    rng = stream(0, "restore", "probes")
    noise = rng.random((3, _PROBE, width), np.float32)
    blocks = rng.random((3, _PROBE // 8, ceil(width / 8)), np.float32).repeat(8, axis=1).repeat(8, axis=2)[..., :width]
    return np.stack([np.ones_like(noise), noise, blocks])
