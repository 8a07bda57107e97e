"""Shuffled degradation: two blurs, two resizes, noise and JPEG in random order, then JPEG (BSRGAN).

The model is a map from the unit cube to degradations, as is `degcraft.degradations.second_order`: a point drawn
uniformly from the cube is a draw from the distribution of Zhang et al. ("Designing a practical degradation model for
deep blind image super-resolution", ICCV 2021), as their code has it. The order of the operations is that of seven
coordinates.

JPEG is libjpeg's as Pillow calls it, with colour at half the resolution, and the image is 8-bit at the end.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from degcraft.degradations.coordinates import between, choice, member, named
from degcraft.degradations.first_order import SCALE, downsampling_matrix
from degcraft.degradations.kernels import Kernel, gaussian
from degcraft.degradations.resizing import matrix, strided_gaussian
from degcraft.degradations.steps import SMALLEST, Blur, Compress, Noise, Resample, Step, lr_size

# "camera", the noise of a camera's sensor and processing, does nothing: its model was never published. It keeps its
# place in the order, as in the authors' code.
OPERATIONS = ("blur1", "blur2", "reduction", "resize", "noise", "jpeg", "camera")

_KERNEL = ("kernel", "size", "sigma_x", "sigma_y", "rotation")
_VARIANCES = ("variance1", "variance2", "variance3")
_MIXING = tuple(f"mixing{row}{column}" for row in "123" for column in "123")

PARAMETERS: tuple[str, ...] = (
    "halving",
    *(f"place_{operation}" for operation in OPERATIONS),
    *(name + number for number in "12" for name in _KERNEL),
    *("reduction", "factor", "sigma", "filter"),
    *("channels", "level", *_VARIANCES, *_MIXING),
    *("quality1", "quality2"),
)


def describe(point: NDArray[np.float64], options: dict[str, Any]) -> dict[str, float | str]:
    """What a point of the cube means, in units.

    Parameters
    ----------
    point : ndarray of shape (38,), float64
        In [0, 1], in the order of PARAMETERS.
    options : dict
        The config section ``shuffled``.

    Returns
    -------
    dict
        For each of PARAMETERS a number or a name; NaN: the coordinate has no meaning beside the others.

        - halving: how the image is halved before all else, "none", one of the filters, or "antialiased".
        - place_*: 1 to 7, when each of OPERATIONS comes; "resize" always after "reduction".
        - kernel, size, sigma_x, sigma_y, rotation: "isotropic" or "anisotropic", side (pixels, odd), standard
          deviations (pixels) along the kernel's axes, angle of the first one (radians); isotropic kernels have
          sigma_x alone.
        - reduction: filter of the first downsampling, or "strided": Gaussian of `sigma` pixels, then one of 4 (2)
          pixels; factor: what sides are divided by.
        - filter: of the resize to the LR size.
        - channels, level: noise that is "grey", "colour" or "correlated", standard deviation, grey levels.
        - variance*, mixing**: of correlated noise, in [0, 1]; the rows of the mixing follow each other.
        - quality1, quality2: of the JPEG among the operations, infinite where there is none, and of the last one.
    """
    shares = named(point, PARAMETERS)
    ways = dict.fromkeys(options["filters"], (1 - options["antialiased"]) / len(options["filters"]))
    ways |= {"antialiased": options["antialiased"]}
    halved = options["halved"]
    halving = choice(shares["halving"], {"none": 1 - halved} | {way: ways[way] * halved for way in ways})
    row = int(halving == "none")  # of the ranges
    ordered = [f"place_{operation}" for operation in _ordered(shares)]
    found = {"halving": halving} | {name: float(ordered.index(name) + 1) for name in ordered}
    for number in "12":
        blur = _blur({name: shares[name + number] for name in _KERNEL}, options, row)
        found |= {name + number: value for name, value in blur.items()}
    found |= _downsampling(shares, options, row) | _noise(shares, options) | _qualities(shares, options)
    return {name: found[name] for name in PARAMETERS}


def steps(point: NDArray[np.float64], size: tuple[int, int], options: dict[str, Any]) -> list[Step]:
    """What the degradation at a point of the cube is made of.

    Parameters
    ----------
    point : ndarray of shape (38,), float64
        In [0, 1], in the order of PARAMETERS.
    size : (int, int)
        Height and width of the HR image, multiples of 4.
    options : dict
        The config section ``shuffled``.

    Returns
    -------
    list of Step
        In order, JPEG last; they lead to a height and width of a quarter.

    Raises
    ------
    ValueError
        A side that is not a multiple of 4, or a point that is not in the cube.
    """
    scale, small = SCALE, lr_size(size)
    drawn: dict[str, Any] = describe(point, options)
    found: list[Step] = []
    if drawn["halving"] != "none":
        found.append(_halving(size, drawn["halving"]))
        scale, size = 2, (size[0] // 2, size[1] // 2)
    for operation in sorted(OPERATIONS, key=lambda name: drawn[f"place_{name}"]):
        if operation.startswith("blur"):
            found.append(Blur(_kernel(drawn, operation[-1])))
        elif operation == "reduction":
            reduction = _reduction(size, scale, drawn)
            size = (reduction.rows.shape[0], reduction.columns.shape[0])
            found.append(reduction)
        elif operation == "resize":
            found.append(_resize(size, small, drawn["filter"]))
        elif operation == "noise":
            found.append(Noise(_mixing(drawn)))
        elif operation == "jpeg" and not math.isinf(drawn["quality1"]):
            found.append(Compress(drawn["quality1"]))
    return [*found, Compress(drawn["quality2"])]


def _ordered(shares: dict[str, float]) -> list[str]:
    """The operations by their coordinates; a resize that would come before the reduction changes places with it."""
    ordered = sorted(OPERATIONS, key=lambda name: shares[f"place_{name}"])
    first, second = sorted((ordered.index("reduction"), ordered.index("resize")))
    ordered[first], ordered[second] = "reduction", "resize"
    return ordered


def _blur(shares: dict[str, float], options: dict[str, Any], row: int) -> dict[str, Any]:
    kernel = choice(shares["kernel"], {"anisotropic": options["anisotropic"], "isotropic": 1 - options["anisotropic"]})
    size = member(shares["size"], range(options["kernel_size"][0], options["kernel_size"][1] + 1, 2))
    found: dict[str, Any] = {"kernel": kernel, "size": size, "sigma_y": math.nan, "rotation": math.nan}
    if kernel == "isotropic":
        return found | {"sigma_x": between(options["sigma"][row], shares["sigma_x"])}
    variances = options["variance"][row]
    found |= {axis: math.sqrt(between(variances, shares[axis])) for axis in ("sigma_x", "sigma_y")}
    return found | {"rotation": math.pi * shares["rotation"]}


def _downsampling(shares: dict[str, float], options: dict[str, Any], row: int) -> dict[str, Any]:
    filters = dict.fromkeys(options["filters"], 1.0)
    ways = {way: (1 - options["strided"]) / len(filters) for way in filters} | {"strided": options["strided"]}
    reduction = choice(shares["reduction"], ways)
    strided = reduction == "strided"
    return {
        "reduction": reduction,
        "factor": math.nan if strided else between(options["factor"][row], shares["factor"]),
        "sigma": between(options["strided_sigma"][row], shares["sigma"]) if strided else math.nan,
        "filter": choice(shares["filter"], filters),
    }


def _noise(shares: dict[str, float], options: dict[str, Any]) -> dict[str, Any]:
    ways = {"grey": options["grey"], "colour": options["colour"]}
    channels = choice(shares["channels"], ways | {"correlated": 1 - sum(ways.values())})
    least, greatest = options["level"]
    if channels == "correlated":  # the greatest level, whichever was drawn, as in the authors' code
        return {"channels": channels, "level": greatest} | {name: shares[name] for name in _VARIANCES + _MIXING}
    level = member(shares["level"], range(least, greatest + 1))
    return {"channels": channels, "level": level} | dict.fromkeys(_VARIANCES + _MIXING, math.nan)


def _qualities(shares: dict[str, float], options: dict[str, Any]) -> dict[str, Any]:
    """Both qualities; the first rises along its coordinate, up to no JPEG at all."""
    qualities, share = range(options["quality"][0], options["quality"][1] + 1), options["jpeg"]
    coded = choice(shares["quality1"], {"jpeg": share, "none": 1 - share}) == "jpeg"
    first = member(shares["quality1"] / share, qualities) if coded else math.inf
    return {"quality1": first, "quality2": member(shares["quality2"], qualities)}


def _kernel(drawn: dict[str, Any], number: str) -> Kernel:
    kind, size, sigma_x, sigma_y, rotation = (drawn[name + number] for name in _KERNEL)
    axes = (sigma_x, sigma_x, 0.0) if kind == "isotropic" else (sigma_x, sigma_y, rotation)
    return gaussian(size, max(axes[0], 1e-3), max(axes[1], 1e-3), axes[2])  # 1e-3: a unit pulse, where 0 is no kernel


def _halving(size: tuple[int, int], kind: str) -> Resample:
    if kind != "antialiased":
        return _resize(size, (size[0] // 2, size[1] // 2), kind)
    rows, columns = (_sparse(downsampling_matrix(length, "bicubic", 2)) for length in size)
    return Resample(rows, columns, clipped=True)


def _resize(size: tuple[int, int], target: tuple[int, int], kind: str) -> Resample:
    rows, columns = (matrix(source, length, kind) for source, length in zip(size, target, strict=True))
    return Resample(rows, columns, clipped=True)


def _reduction(size: tuple[int, int], scale: int, drawn: dict[str, Any]) -> Resample:
    """The first of the two downsamplings, which need not lead to the LR size."""
    if drawn["reduction"] == "strided":
        rows, columns = (_sparse(strided_gaussian(length, scale, drawn["sigma"])) for length in size)
        return Resample(rows, columns, clipped=True)
    tall, wide = (min(length, max(SMALLEST, math.floor(length / drawn["factor"]))) for length in size)
    return _resize(size, (tall, wide), drawn["reduction"])


def _sparse(dense: NDArray[np.float64]) -> sparse.csr_array:
    return sparse.csr_array(dense.astype(np.float32))


def _mixing(drawn: dict[str, Any]) -> NDArray[np.float64]:
    """Channels from independent fields; see `degcraft.degradations.steps.Noise`."""
    if drawn["channels"] != "correlated":
        fields = np.ones((3, 1)) if drawn["channels"] == "grey" else np.eye(3)
        return drawn["level"] * fields
    basis = np.linalg.svd(np.reshape([drawn[name] for name in _MIXING], (3, 3)))[0]
    # Absolute values, as in the authors' code; of 3 x 3 matrices they leave no eigenvalue negative.
    covariance = np.abs(basis.T @ np.diag([drawn[name] for name in _VARIANCES]) @ basis)
    values, vectors = np.linalg.eigh(covariance)
    return drawn["level"] * vectors * np.sqrt(np.maximum(values, 0))
