"""Dead-leaves images: occluding textured shapes whose sizes follow a power law, like those of natural images.

Model: A. B. Lee, D. Mumford and J. Huang, "Occlusion models for natural images", IJCV 41 (2001): shapes at random
places, in random order of depth, with radii of density r^-3, look alike at every scale. To it we add texture,
shading, irregular outlines and a lens, so that such images teach what photographs teach: edges, gradients, detail.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_FINE = 2  # rendered pixels per image pixel and axis
_SMALLEST = (4.0, 16.0)  # range of the radius of the smallest shape, rendered pixels
_LAYERS = 3.0  # shapes drawn, as multiples of the image's area; what they leave free shows a few large shapes behind
_TILE = 512  # side of the periodic noise fields, rendered pixels
_REACH = 1.26  # farthest point of a shape from its centre, in radii
_BEHIND = 9  # shapes behind all others


@dataclass(frozen=True)
class _Shapes:
    """Shapes in order of depth, nearest first; lengths in rendered pixels, one row per shape."""

    centre: Floats  # (n, 2) row, column
    radius: Floats  # (n,)
    axes: Floats  # (n, 2, 2) rendered offset from the centre -> own coordinates, where the shape's size is 1
    slab: Floats  # (n,) largest |u| and |v| in own coordinates
    disc: Floats  # (n,) largest u^2 + v^2
    cut: NDArray[np.bool_]  # (n,) whether the half planes take anything away
    cuts: Floats  # (n, 3, 3) half planes a u + b v <= c


def dead_leaves(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """One dead-leaves image.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all randomness: the same state gives the same image.
    height, width : int
        Size in pixels, >= 1.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        RGB, 0 to 255; edges are antialiased as by a lens and a pixel's area.

    References
    ----------
    Lee, Mumford and Huang, "Occlusion models for natural images", IJCV 41, 2001.
    """
    # Two rendered pixels more on each side: the lens is wider than a pixel.
    rows, columns = _FINE * height + 2, _FINE * width + 2
    shapes = _draw_shapes(rng, rows, columns)
    nearest = _roughen(rng, _nearest(shapes, rows, columns))
    light = _paint(rng, shapes, nearest)
    # Light adds up linearly; a gamma of 2 stands for the sRGB curve.
    light = np.square(np.clip(light, 0.0, 1.0))
    for axis in (0, 1):
        light = _lens(light, axis)
    return np.rint(255.0 * np.sqrt(light)).astype(np.uint8)


def _draw_shapes(rng: np.random.Generator, rows: int, columns: int) -> _Shapes:
    """Ellipses, rectangles, triangles and cut discs, round to thin, that touch the image."""
    smallest = np.exp(rng.uniform(*np.log(_SMALLEST)))  # crowded to calm
    radii = np.geomspace(smallest, max(rows, columns, 4 * smallest) / 2, 512)
    # Density r^-3, times the room for centres of shapes that touch the image; d r = r d log r.
    density = radii**-2 * (rows + 2 * radii) * (columns + 2 * radii)
    area = 1.6 * np.average(radii**2, weights=radii**-2)  # of a mean shape: 1.6 r^2, measured
    count = int(_LAYERS * np.average((rows + 2 * radii) * (columns + 2 * radii), weights=radii**-2) / area)
    radius = np.interp(rng.random(count), np.cumsum(density) / density.sum(), radii)
    centre = rng.random((count, 2)) * (np.array([rows, columns]) + 2 * radius[:, None]) - radius[:, None]
    aspect = np.where(rng.random(count) < 0.7, rng.uniform(0.5, 1, count), np.exp(rng.uniform(-2, -0.7, count)))
    angle = rng.uniform(0, np.pi, count)
    # Many things stand or lie: a third of the shapes is upright.
    angle[rng.random(count) < 0.33] = 0.0
    cosine, sine = np.cos(angle) / radius, np.sin(angle) / radius
    axes = np.stack([cosine, sine, -sine / aspect, cosine / aspect], axis=1).reshape(count, 2, 2)
    kind = rng.choice(4, size=count, p=[0.4, 0.25, 0.1, 0.25])  # ellipse, rectangle, triangle, cut disc
    direction = np.where(kind == 2, 0.0, rng.uniform(0, 2 * np.pi, count))[:, None] + 2.0944 * np.arange(3)
    far = np.where(kind == 2, 0.5, np.inf)[:, None]
    far = np.where(kind[:, None] == 3, rng.uniform(0.1, 1.0, (count, 3)), far)
    return _Shapes(
        centre=centre.astype(np.float32),
        radius=radius.astype(np.float32),
        axes=axes.astype(np.float32),
        slab=np.where(kind == 1, 0.886, np.inf).astype(np.float32),
        disc=np.where(kind == 1, np.inf, 1.0).astype(np.float32),
        cut=kind >= 2,
        cuts=np.stack([np.cos(direction), np.sin(direction), far], axis=-1).astype(np.float32),
    )


def _inside(shapes: _Shapes, k: NDArray[np.intp], y: Floats, x: Floats) -> NDArray[np.bool_]:
    """Whether the offsets (y, x) from the centres of shapes `k` lie in them; `k` broadcasts against the offsets."""
    (uy, ux), (vy, vx) = np.moveaxis(shapes.axes[k], (-2, -1), (0, 1))
    u, v = uy * y + ux * x, vy * y + vx * x
    inside: NDArray[np.bool_] = (u * u + v * v <= shapes.disc[k]) & (np.maximum(np.abs(u), np.abs(v)) <= shapes.slab[k])
    if shapes.cut[k].any():
        for a, b, c in np.moveaxis(shapes.cuts[k], (-2, -1), (0, 1)):
            inside &= a * u + b * v <= c
    return inside


def _nearest(shapes: _Shapes, rows: int, columns: int) -> NDArray[np.int32]:
    """Number of the nearest shape at each pixel, (rows, columns); n to n + _BEHIND - 1 are the shapes behind all."""
    count = len(shapes.radius)
    front = np.full((rows, columns), count, np.int32)
    reach = np.ceil(_REACH * shapes.radius).astype(np.intp)
    smaller = 0
    for limit in (6, 8, 11, 15, 21, 29):  # small shapes together, in boxes of equal size
        # Farthest first: where several cover a pixel, the last one written, the nearest, stays.
        k = np.flatnonzero((reach > smaller) & (reach <= limit))[::-1]
        for group in (k[shapes.cut[k]], k[~shapes.cut[k]]):
            _cover(shapes, group[:, None, None], np.arange(-limit, limit + 1), front)
        smaller = limit
    for large in np.flatnonzero(reach > smaller):
        limit = int(reach[large])
        _cover(shapes, np.full((1, 1, 1), large), np.arange(-limit, limit + 1), front)
    return front


def _cover(shapes: _Shapes, k: NDArray[np.intp], offsets: NDArray[np.intp], front: NDArray[np.int32]) -> None:
    """Write shapes `k`, (m, 1, 1), into `front` where they are nearer than what it holds."""
    rows, columns = front.shape
    corner = np.floor(shapes.centre[k]).astype(np.intp)
    row, column = corner[..., 0] + offsets[:, None], corner[..., 1] + offsets
    y = (row - shapes.centre[k][..., 0]).astype(np.float32)
    x = (column - shapes.centre[k][..., 1]).astype(np.float32)
    inside = _inside(shapes, k, y, x) & (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    place = (row * columns + column)[inside]
    number = np.broadcast_to(k, inside.shape)[inside].astype(np.int32)
    nearer = number < front.ravel()[place]
    front.ravel()[place[nearer]] = number[nearer]


def _noise(rng: np.random.Generator, exponent: float, stretch: float = 1.0, angle: float = 0.0) -> Floats:
    """Periodic field (_TILE, _TILE), deviation 1, amplitude falling as frequency^-exponent, stretched along `angle`."""
    fy = scipy.fft.fftfreq(_TILE).astype(np.float32)[:, None]
    fx = scipy.fft.rfftfreq(_TILE).astype(np.float32)
    along, across = np.cos(angle) * fx + np.sin(angle) * fy, np.cos(angle) * fy - np.sin(angle) * fx
    frequency = np.sqrt((stretch * along) ** 2 + across**2)
    frequency[0, 0] = np.inf
    white = rng.standard_normal((_TILE, _TILE // 2 + 1, 2), dtype=np.float32).view(np.complex64)[..., 0]
    field: Floats = scipy.fft.irfft2(white * frequency**-exponent)
    field /= field.std()
    return field


def _roughen(rng: np.random.Generator, front: NDArray[np.int32]) -> NDArray[np.int32]:
    """Bend all outlines by a smooth random displacement: some images are man-made and straight, most are not."""
    rows, columns = front.shape
    strength = rng.choice([0.0, 2.0, 5.0, 10.0])
    y, x = np.arange(rows)[:, None], np.arange(columns)
    tile = (y % _TILE, x % _TILE)
    bent = [(strength * _noise(rng, 1.7)[tile]).astype(np.intp) for _ in range(2)]
    outlines: NDArray[np.int32] = front[np.clip(y + bent[0], 0, rows - 1), np.clip(x + bent[1], 0, columns - 1)]
    return outlines


def _paint(rng: np.random.Generator, shapes: _Shapes, nearest: NDArray[np.int32]) -> Floats:
    """Colour of each rendered pixel, (rows, columns, 3), about 0 to 1, perceptual scale."""
    rows, columns = nearest.shape
    count = len(shapes.radius) + _BEHIND
    y, x = np.indices(nearest.shape, dtype=np.float32)
    # What no shape covers belongs to the nearest of a few points: large straight-edged shapes behind all.
    seeds = rng.random((_BEHIND, 2)) * [rows, columns]
    free = np.nonzero(nearest == len(shapes.radius))
    nearest[free] += np.argmin([(free[0] - a) ** 2 + (free[1] - b) ** 2 for a, b in seeds], axis=0).astype(np.int32)
    centre = np.concatenate([shapes.centre, seeds]).astype(np.float32)
    radius = np.concatenate([shapes.radius, np.full(_BEHIND, rows / 3)]).astype(np.float32)
    colour, second = _colours(rng, centre / max(rows, columns))
    texture = _texture(rng, nearest, count)
    slope = (rng.normal(0, 0.15, (count, 2)) * (rng.random(count) < 0.6)[:, None]).astype(np.float32)
    slope /= radius[:, None]
    shade = 1.0 - np.sum(slope * centre, axis=1)
    gain = shade[nearest] + slope[:, 0][nearest] * y + slope[:, 1][nearest] * x
    light: Floats = (colour[nearest] + texture[..., None] * second[nearest]) * np.clip(gain, 0.3, 1.7)[..., None]
    return light


def _colours(rng: np.random.Generator, centre: Floats) -> tuple[Floats, Floats]:
    """Colour of each shape, and what its texture adds to it, both (n, 3); shapes near each other are alike.

    RGB of photographs is strongly correlated: most variance is lightness, then
    yellow against blue, then green against magenta.
    """
    bases = np.array([[1.0, 1.0, 1.0], [1.0, 0.1, -1.1], [-0.5, 1.0, -0.5]])
    strength = np.array([0.2, 0.04, 0.018]) * np.exp(rng.normal(0, [0.2, 0.5, 0.5]))
    # Regions of the picture (sky, wall, foliage) have a colour each; shapes vary about it.
    regions = rng.random((8, 2))
    region = np.argmin(((centre[:, None] - regions) ** 2).sum(axis=-1), axis=1)
    lightness = np.array([rng.uniform(0.3, 0.6), rng.normal(0, 0.03), rng.normal(0, 0.015)])
    parts = (
        lightness
        + strength * rng.standard_normal((8, 3))[region]
        + 0.7 * strength * rng.standard_t(5, (len(centre), 3))
    )
    parts[:, 0] = 0.03 + 0.94 / (1 + np.exp(-4.5 * (parts[:, 0] - 0.5)))
    colour = parts @ bases
    depth = np.exp(rng.normal(-2.8, 0.9, len(centre)))[:, None]
    second = depth * (np.array([1.0, 0.0, 0.0]) + [0.3, 0.3, 0.15] * rng.standard_normal((len(centre), 3))) @ bases
    return colour.astype(np.float32), second.astype(np.float32)


def _texture(rng: np.random.Generator, nearest: NDArray[np.int32], count: int) -> Floats:
    """Texture of each rendered pixel, about -2 to 2: per shape plain, one of three noises, stripes or checks."""
    fields = np.stack(
        [
            _noise(rng, rng.uniform(0.4, 0.9)),
            _noise(rng, rng.uniform(1.0, 1.5)),
            _noise(rng, rng.uniform(0.7, 1.2), rng.uniform(4, 10), rng.uniform(0, np.pi)),
        ]
    )
    kind = rng.choice(6, size=count, p=[0.2, 0.25, 0.2, 0.15, 0.12, 0.08])[nearest]
    texture = np.zeros(nearest.shape, np.float32)
    shift = rng.integers(_TILE, size=(count, 2))
    noisy = np.nonzero((kind > 0) & (kind < 4))
    which = nearest[noisy]
    texture[noisy] = fields[kind[noisy] - 1, (noisy[0] + shift[which, 0]) % _TILE, (noisy[1] + shift[which, 1]) % _TILE]
    # Periods of 2 to 25 image pixels: from just resolved to broad.
    pulse = 2 * np.pi / (_FINE * np.exp(rng.uniform(np.log(2.0), np.log(25.0), count)))
    angle, phase = rng.uniform(0, np.pi, count), rng.uniform(0, 2 * np.pi, (count, 2))
    hard = np.exp(rng.uniform(0, 1.5, count))
    fy, fx = (pulse * np.sin(angle)).astype(np.float32), (pulse * np.cos(angle)).astype(np.float32)
    striped = np.nonzero(kind >= 4)
    which = nearest[striped]
    y, x = striped[0].astype(np.float32), striped[1].astype(np.float32)
    wave = np.sin(fy[which] * y + fx[which] * x + phase[which, 0].astype(np.float32))
    cross = np.sin(fx[which] * y - fy[which] * x + phase[which, 1].astype(np.float32))
    wave = np.where(kind[striped] == 5, wave * cross, wave)
    texture[striped] = np.clip(hard.astype(np.float32)[which] * wave, -1, 1)
    return texture


def _lens(light: Floats, axis: int) -> Floats:
    """Blur by a lens and mean over a pixel: weights 1, 5, 5, 1 at every second rendered pixel of `axis`."""
    length = light.shape[axis] - 2
    part = [np.take(light, np.arange(start, start + length, _FINE), axis=axis) for start in range(4)]
    mean: Floats = ((part[0] + part[3] + 5.0 * (part[1] + part[2])) / 12.0).astype(np.float32)
    return mean
