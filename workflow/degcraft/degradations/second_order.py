"""Degradation of second order: blur, resize, noise and JPEG twice, then resize, low pass and JPEG (Real-ESRGAN).

The model is a map from the unit cube to degradations: a point drawn uniformly from the
cube is a draw from the distribution that Wang et al. published ("Real-ESRGAN: training
real-world blind super-resolution with pure synthetic data", ICCVW 2021), and every
coordinate means one thing, so that neighbours in the cube degrade alike. Kinds are
intervals as long as their probabilities, numbers are affine or piecewise affine.

Unlike there, everything is drawn for each image, nothing for a batch; axes are
resized edge to edge, where theirs go by the unrounded factor; JPEG is libjpeg's, on 8 bits.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.degradations.coordinates import between, choice, member, named
from degcraft.degradations.first_order import gaussian_taps
from degcraft.degradations.kernels import KINDS, of_kind, sinc
from degcraft.degradations.resizing import matrix
from degcraft.degradations.steps import SMALLEST, Blur, Compress, Noise, Photons, Resample, Step, lr_size


@dataclasses.dataclass(frozen=True)
class Stage:
    """One round of blur, resize, noise and JPEG; numbers that its kernel has no use for are NaN.

    Attributes
    ----------
    kernel : str
        "none", one of degcraft.degradations.kernels.KINDS, or "sinc".
    size : int
        Side of the kernel, pixels, odd; 1 where there is none.
    sigma_x, sigma_y : float
        Widths, pixels; isotropic kernels have sigma_x alone.
    rotation : float
        Angle of the x axis of an anisotropic kernel, radians, -pi / 2 to pi / 2.
    shape : float
        Exponent of a generalised Gaussian or a plateau.
    cutoff : float
        Of a sinc kernel, radians per pixel.
    resize : float
        Factor of the sides: of the image in the first stage, of the LR image in the second.
    filter : str
        Of the resize: "area", "bilinear" or "bicubic"; without effect where the size stays.
    noise : str
        "gaussian" or "poisson".
    level : float
        Standard deviation, grey levels of 255; or scale of the Poisson noise, 1 being natural.
    channels : str
        Noise that is "grey" (one field) or "colour" (three).
    quality : float
        Of the JPEG, 1 to 100, real; the codec rounds it.
    """

    kernel: str
    size: int
    sigma_x: float
    sigma_y: float
    rotation: float
    shape: float
    cutoff: float
    resize: float
    filter: str
    noise: str
    level: float
    channels: str
    quality: float


@dataclasses.dataclass(frozen=True)
class Ending:
    """The last steps: to the LR size, low pass, and the JPEG of the second stage.

    Attributes
    ----------
    order : str
        "resize-jpeg" or "jpeg-resize".
    filter : str
        Of the resize.
    size : int
        Side of the low pass directly after the resize, pixels, odd; 1 where there is none.
    cutoff : float
        Of the low pass, radians per pixel; NaN where there is none.
    """

    order: str
    filter: str
    size: int
    cutoff: float


_STAGE, _ENDING = ([field.name for field in dataclasses.fields(part)] for part in (Stage, Ending))

PARAMETERS: tuple[str, ...] = tuple(
    [name + "1" for name in _STAGE] + [name + "2" for name in _STAGE] + [name + "3" for name in _ENDING]
)


def describe(point: NDArray[np.float64], options: dict[str, Any]) -> dict[str, float | str]:
    """What a point of the cube means, in units.

    Parameters
    ----------
    point : ndarray of shape (30,), float64
        In [0, 1], in the order of PARAMETERS.
    options : dict
        The config section ``second_order``.

    Returns
    -------
    dict
        For each of PARAMETERS a number or a name, see `Stage` (1 and 2) and `Ending` (3).
        NaN: the coordinate has no meaning beside the kind of kernel that was drawn.
    """
    first, second, ending = (dataclasses.asdict(part) for part in _decoded(point, options))
    numbered = (("1", first), ("2", second), ("3", ending))
    return {name + number: value for number, part in numbered for name, value in part.items()}


def steps(point: NDArray[np.float64], size: tuple[int, int], options: dict[str, Any]) -> list[Step]:
    """What the degradation at a point of the cube is made of.

    Parameters
    ----------
    point : ndarray of shape (30,), float64
        In [0, 1], in the order of PARAMETERS.
    size : (int, int)
        Height and width of the HR image, multiples of 4. Between the first and the last step no side
        is below 8, so that images below 108 pixels may be reduced less than the point says.
    options : dict
        The config section ``second_order``.

    Returns
    -------
    list of Step
        In order; they lead to a height and width of a quarter.

    Raises
    ------
    ValueError
        A side that is not a multiple of 4, or a point that is not in the cube.
    """
    first, second, ending = _decoded(point, options)
    small = lr_size(size)
    once, twice = _sides(size, first), _sides(small, second)
    finish: list[Step] = [_resize(twice, small, ending.filter)]
    if not math.isnan(ending.cutoff):
        finish.append(Blur(sinc(ending.size, ending.cutoff)))
    code = Compress(round(second.quality))
    return [
        *(*_blur(first), _resize(size, once, first.filter), _noise(first), Compress(round(first.quality))),
        *(*_blur(second), _resize(once, twice, second.filter), _noise(second)),
        *([*finish, code] if ending.order == "resize-jpeg" else [code, *finish]),
    ]


def _decoded(point: NDArray[np.float64], options: dict[str, Any]) -> tuple[Stage, Stage, Ending]:
    """The degradation at a point of the cube."""
    shares = named(point, PARAMETERS)
    first, second = (
        _stage({name: shares[name + number] for name in _STAGE}, options[key], options["kernel_size"])
        for number, key in (("1", "first"), ("2", "second"))
    )
    last = options["last"]
    order = choice(shares["order3"], {"resize-jpeg": last["resize_first"], "jpeg-resize": 1 - last["resize_first"]})
    kind = choice(shares["filter3"], dict.fromkeys(last["filters"], 1.0))
    # The cutoff rises along its coordinate, up to no low pass at all.
    if choice(shares["cutoff3"], {"sinc": last["sinc"], "none": 1 - last["sinc"]}) == "none":
        return first, second, Ending(order, kind, 1, math.nan)
    cutoff = between((math.pi / 3, math.pi), shares["cutoff3"] / last["sinc"])
    return first, second, Ending(order, kind, _side(shares["size3"], options["kernel_size"]), cutoff)


def _stage(shares: dict[str, float], options: dict[str, Any], sizes: list[int]) -> Stage:
    noise = choice(shares["noise"], {"gaussian": options["gaussian"], "poisson": 1 - options["gaussian"]})
    return Stage(
        **_kernel(shares, options, sizes),
        resize=_factor(shares["resize"], options),
        filter=choice(shares["filter"], dict.fromkeys(options["filters"], 1.0)),
        noise=noise,
        level=between(options["sd" if noise == "gaussian" else "poisson"], shares["level"]),
        channels=choice(shares["channels"], {"grey": options["grey"], "colour": 1 - options["grey"]}),
        quality=between(options["quality"], shares["quality"]),
    )


def _kernel(shares: dict[str, float], options: dict[str, Any], sizes: list[int]) -> dict[str, Any]:
    """The fields of a stage that say its kernel."""
    family = (1 - options["sinc"]) * options["blur"] / sum(options["kernels"].values())
    kinds = {"none": 1 - options["blur"]} | {kind: options["kernels"][kind] * family for kind in KINDS}
    kernel = choice(shares["kernel"], kinds | {"sinc": options["sinc"] * options["blur"]})
    size = 1 if kernel == "none" else _side(shares["size"], sizes)
    blur = dict.fromkeys(("sigma_x", "sigma_y", "rotation", "shape", "cutoff"), math.nan)
    if kernel == "sinc":
        lowest = math.pi / 3 if size < 13 else math.pi / 5  # small kernels cannot hold a low cutoff
        blur["cutoff"] = between((lowest, math.pi), shares["cutoff"])
    elif kernel != "none":
        blur["sigma_x"] = between(options["sigma"], shares["sigma_x"])
    if kernel.endswith("anisotropic"):
        blur["sigma_y"] = between(options["sigma"], shares["sigma_y"])
        # Half a turn, where the published range is a whole one, covers every kernel once.
        blur["rotation"] = between((-math.pi / 2, math.pi / 2), shares["rotation"])
    kind = kernel.split("-")[0]
    if kind in ("generalised", "plateau"):
        low, high = options[kind]  # a fair coin decides between below and above 1
        blur["shape"] = float(np.interp(shares["shape"], [0, 0.5, 1], [low, 1, high]))
    return {"kernel": kernel, "size": size, **blur}


def _factor(share: float, options: dict[str, Any]) -> float:
    """Reductions, then no change, then enlargements, the factor never falling."""
    down, up = options["down"], options["up"]
    smallest, largest = options["factor"]
    if share < down:
        return between((smallest, 1), share / down)
    return between((1, largest), (share - (1 - up)) / up) if share > 1 - up else 1.0


def _side(share: float, sizes: list[int]) -> int:
    """An odd side, each equally likely."""
    return member(share, range(sizes[0], sizes[1] + 1, 2))


def _sides(size: tuple[int, int], stage: Stage) -> tuple[int, int]:
    """Height and width after the resize of a stage, of these times its factor."""
    height, width = (max(SMALLEST, math.floor(side * stage.resize)) for side in size)
    return height, width


def _blur(stage: Stage) -> list[Step]:
    if stage.kernel == "none":
        return []
    if stage.kernel == "sinc":
        return [Blur(sinc(stage.size, stage.cutoff))]
    kernel = of_kind(stage.kernel, stage.size, stage.sigma_x, stage.sigma_y, stage.rotation, stage.shape)
    # The only one that is a product of rows and columns.
    return [Blur(kernel, gaussian_taps(stage.sigma_x, stage.size) if stage.kernel == "isotropic" else None)]


def _resize(size: tuple[int, int], target: tuple[int, int], kind: str) -> Resample:
    rows, columns = (matrix(source, length, kind) for source, length in zip(size, target, strict=True))
    return Resample(rows, columns, clipped=False)


def _noise(stage: Stage) -> Step:
    grey = stage.channels == "grey"
    if stage.noise == "poisson":
        return Photons(stage.level, grey)
    return Noise(stage.level * (np.ones((3, 1)) if grey else np.eye(3)))
