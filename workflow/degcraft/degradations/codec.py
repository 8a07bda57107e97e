"""JPEG round trips of whole batches in PyTorch: the integers that libjpeg-turbo computes, without its entropy coding.

Entropy coding loses nothing and is left out; every other step is the codec's own integer arithmetic, so that the
result is that of `first_order.jpeg` to the last bit. Samples are kept about 0, from -128 to 127: that is the level
shift of the transform, and chroma without its offset. No sum leaves 32 bits. The arithmetic is elementwise on integers:
matrix products of floating-point numbers would depend on the precision that a device or autocast gives them.

References
----------
ITU-T Recommendation T.81 (JPEG): A.3 the transform and quantisation, K.1 and K.2 the tables. JFIF 1.02: colours.
libjpeg-turbo at its default options: accurate integer transform, triangular ("fancy") upsampling, baseline tables.
Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989.
"""

import functools
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from degcraft.quantisation import quantisation_tables

SIDE = 8  # of a block
FACTORS = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}  # luma samples per chroma sample: rows, columns
FRACTION = 16  # bits after the point in the conversions of colours
HALF, CENTRE = 1 << (FRACTION - 1), 128 << FRACTION

# sqrt(8) times the orthonormal cosine transform, 13 bits after the point. The codec adds rounded constants of the fast
# algorithm, wherefore entries of one cosine differ in the last bit. The inverse has the same constants, transposed.
TRANSFORM = np.array(
    [
        [8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192],
        [11363, 9633, 6437, 2260, -2260, -6437, -9633, -11363],
        [10703, 4433, -4433, -10703, -10703, -4433, 4433, 10703],
        [9633, -2259, -11362, -6436, 6436, 11362, 2259, -9633],
        [8192, -8192, -8192, 8192, 8192, -8192, -8192, 8192],
        [6437, -11362, 2261, 9633, -9633, -2261, 11362, -6437],
        [4433, -10704, 10704, -4433, -4433, 10704, -10704, 4433],
        [2260, -6436, 9633, -11363, 11363, -9633, 6436, -2260],
    ]
)

# Rows: Y, Cb, Cr from R, G, B. Luma loses its level shift here; chroma halves are rounded down.
ANALYSIS = np.array([[19595, 38470, 7471], [-11059, -21709, 32768], [32768, -27439, -5329]])
ANALYSIS_OFFSET = np.array([HALF - CENTRE, HALF - 1, HALF - 1]).reshape(3, 1, 1)
# Rows: R, G, B from Y, Cb, Cr.
SYNTHESIS = np.array([[65536, 0, 91881], [65536, -22554, -46802], [65536, 116130, 0]])
SYNTHESIS_OFFSET = np.full((3, 1, 1), HALF + CENTRE)


class Constants(NamedTuple):
    """The arrays above on one device, all int32."""

    steps: Tensor  # (8, 8, 2, 101) of luma and chroma at every quality; ones at 0
    transform: Tensor
    analysis: Tensor
    analysis_offset: Tensor
    synthesis: Tensor
    synthesis_offset: Tensor
    parity: Tensor  # (2,) of a column: 0, 1


def round_trip(images: Tensor, quality: Tensor, chroma: str = "4:2:0", sizes: Tensor | None = None) -> Tensor:
    """Each image after compression and decompression, equal to libjpeg-turbo's.

    Nothing waits for the device and no shape depends on data, so that the call can be captured in a CUDA graph or
    compiled. The first call on a device copies constants to it, and must come before a capture.

    Parameters
    ----------
    images : Tensor of shape (n, 3, height, width), uint8
        RGB, of any size.
    quality : Tensor of shape (n,), int64
        Of each image, from 1 to 100; 0: not compressed. On the device of the images.
    chroma : {"4:4:4", "4:2:2", "4:2:0"}
        Colour in full, with half its columns, or with half its columns and half its rows.
    sizes : Tensor of shape (n,), int64, optional
        Where images are smaller, the side of each, at least 5; it is in the upper left corner, and the rest counts
        for nothing.

    Returns
    -------
    Tensor of shape (n, 3, height, width), uint8
        RGB.

    Examples
    --------
    >>> edge = torch.tensor([60, 60, 200, 200], dtype=torch.uint8).expand(1, 3, 4, 4)
    >>> round_trip(edge, torch.tensor([30]))[0, 0, 0].tolist()
    [57, 64, 201, 194]
    """
    height, width = images.shape[2:]
    rows, columns = FACTORS[chroma]
    constants = _constants(images.device)
    full = [-(-size // (SIDE * factor)) * SIDE * factor for size, factor in ((height, rows), (width, columns))]
    source = images if sizes is None else _held(_held(images, 2, sizes), 3, sizes)
    # The encoder completes columns before it takes means of colour, rows after it but for a last odd one.
    padded = _extended(_extended(source, 3, 0, full[1] - width), 2, 0, -height % rows)
    planes = _recoloured(padded, constants.analysis, constants.analysis_offset)
    colour = _downsampled(planes[:, 1:], rows, columns, constants.parity)
    if sizes is not None:
        colour = _held(colour, 2, (sizes + rows - 1) // rows)
    luma = _extended(planes[:, :1], 2, 0, full[0] - planes.shape[2])
    colour = _extended(colour, 2, 0, full[0] // rows - colour.shape[2])
    luma, colour = _coded(luma, colour, constants.steps.index_select(3, quality), constants.transform)
    luma = luma[:, :, :height, :width]
    colour = colour[:, :, : -(-height // rows), : -(-width // columns)]  # the decoder forgets what completed blocks
    if sizes is not None:
        colour = _held(_held(colour, 2, (sizes + rows - 1) // rows), 3, (sizes + columns - 1) // columns)
    colour = _upsampled(colour, rows, columns, constants.parity)[:, :, :height, :width]
    decoded = _recoloured(torch.cat([luma, colour], 1), constants.synthesis, constants.synthesis_offset)
    return torch.where((quality == 0).view(-1, 1, 1, 1), images, decoded.clamp(0, 255).to(torch.uint8))


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _constants(device: torch.device) -> Constants:
    return _copied(device)  # compilers look through a cache, but not through this function


@functools.cache
def _copied(device: torch.device) -> Constants:
    steps = np.stack([np.ones((2, SIDE, SIDE)), *(quantisation_tables(quality) for quality in range(1, 101))])
    arrays = (steps.transpose(2, 3, 1, 0), TRANSFORM, ANALYSIS, ANALYSIS_OFFSET, SYNTHESIS, SYNTHESIS_OFFSET, [0, 1])
    return Constants(*(torch.tensor(np.ascontiguousarray(array, np.int32)).to(device) for array in arrays))


def _extended(planes: Tensor, dim: int, before: int, after: int) -> Tensor:
    """Planes with the first and the last sample along a dimension repeated so many times more."""
    if not before and not after:
        return planes
    ends = []
    for place, count in ((0, before), (planes.shape[dim] - 1, after)):
        sizes = [-1] * planes.ndim
        sizes[dim] = count
        ends.append(planes.narrow(dim, place, 1).expand(sizes))
    return torch.cat([ends[0], planes, ends[1]], dim)


def _held(planes: Tensor, dim: int, sizes: Tensor) -> Tensor:
    """Planes in which each image's last sample along a dimension is repeated to the end of the tensor."""
    places = torch.arange(planes.shape[dim], device=planes.device)
    index = torch.minimum(places, sizes.view(-1, 1) - 1)  # (n, places)
    return planes.gather(dim, (index[:, None, :, None] if dim == 2 else index[:, None, None]).expand(planes.shape))


def _recoloured(planes: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Linear map of three planes (n, 3, height, width), fixed-point."""
    products = matrix[:, :, None, None] * planes[:, None]  # (n, 3, 3, height, width)
    return (products.sum(2, dtype=torch.int32) + offset) >> FRACTION


def _downsampled(planes: Tensor, rows: int, columns: int, parity: Tensor) -> Tensor:
    """Means of rows x columns samples; what is between two integers goes down and up in turn, by column."""
    if columns == 1:
        return planes
    n, channels, height, width = planes.shape
    boxes = planes.reshape(n, channels, height // rows, rows, width // columns // 2, 2, columns)
    total = boxes.sum((3, 6), dtype=torch.int32)  # (n, 2, height / rows, width / columns / 2, 2)
    return ((total + (parity + rows - 1)) >> rows).flatten(3)


def _coded(luma: Tensor, colour: Tensor, steps: Tensor, transform: Tensor) -> tuple[Tensor, Tensor]:
    """Planes (n, 1 or 2, height, width), multiples of 8, after quantisation of their blocks by steps (8, 8, 2, n)."""
    parts = [_blocks(luma), _blocks(colour)]
    counts = [part.shape[3] for part in parts]
    spread = torch.cat([steps[:, :, part, :, None].expand(-1, -1, -1, count) for part, count in enumerate(counts)], 3)
    decoded = _decoded(_quantised(_frequencies(torch.cat(parts, 3), transform), spread), transform)
    return _assembled(decoded[..., : counts[0]], luma.shape), _assembled(decoded[..., counts[0] :], colour.shape)


def _blocks(planes: Tensor) -> Tensor:
    """Blocks (8, 8, n, blocks): row and column in the block lead, so that the transform runs over long rows."""
    n, channels, height, width = planes.shape
    tiles = planes.reshape(n, channels, height // SIDE, SIDE, width // SIDE, SIDE)
    return tiles.permute(3, 5, 0, 1, 2, 4).flatten(3)


def _assembled(blocks: Tensor, shape: torch.Size) -> Tensor:
    """Planes of a shape from their blocks."""
    n, channels, height, width = shape
    tiles = blocks.reshape(SIDE, SIDE, n, channels, height // SIDE, width // SIDE)
    return tiles.permute(2, 3, 4, 0, 5, 1).reshape(shape)


def _frequencies(blocks: Tensor, transform: Tensor) -> Tensor:
    """Cosine transform times 8, rows first; 2 bits after the point are kept in between."""
    across = _rounded((transform[:, :, None, None] * blocks[:, None]).sum(2, dtype=torch.int32), 11)
    return _rounded((transform[:, :, None, None, None] * across).sum(1, dtype=torch.int32), 15)


def _quantised(frequencies: Tensor, steps: Tensor) -> Tensor:
    """Multiples of the steps next to the frequencies, which are 8 times too large; halves away from 0."""
    rounded = frequencies + frequencies.sign() * (4 * steps)
    return torch.div(rounded, 8 * steps, rounding_mode="trunc") * steps


def _decoded(frequencies: Tensor, transform: Tensor) -> Tensor:
    """Samples from -128 to 127 of frequencies, columns first; 2 bits after the point are kept in between."""
    down = _rounded((transform[:, :, None, None, None] * frequencies[:, None]).sum(0, dtype=torch.int32), 11)
    across = (transform[:, :, None, None] * down[:, :, None]).sum(1, dtype=torch.int32)
    return _rounded(across, 18).clamp(-128, 127)


def _rounded(values: Tensor, bits: int) -> Tensor:
    """Values without their last bits, to the nearest, halves up."""
    return (values + (1 << (bits - 1))) >> bits


def _upsampled(planes: Tensor, rows: int, columns: int, parity: Tensor) -> Tensor:
    """Planes with rows and columns doubled where asked: 3/4 of the nearer sample and 1/4 of the farther."""
    if columns == 1:
        return planes
    if planes.shape[3] <= 2:  # the decoder leaves planes so narrow as they are
        return planes.repeat_interleave(rows, 2).repeat_interleave(columns, 3)
    if rows == 1:
        return ((_doubled(planes, 3) + (1 + parity)) >> 2).flatten(3)
    return ((_doubled(_doubled(planes, 2).flatten(2, 3), 3) + (8 - parity)) >> 4).flatten(3)


def _doubled(planes: Tensor, dim: int) -> Tensor:
    """Four times the two samples between each sample and its neighbours along a dimension, in a new one after it."""
    size = planes.shape[dim]
    extended = _extended(planes, dim, 1, 1)
    neighbours = [extended.narrow(dim, start, size) for start in (0, 2)]
    return torch.stack([torch.add(each, planes, alpha=3) for each in neighbours], dim + 1)
