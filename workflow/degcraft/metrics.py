"""PSNR and SSIM of 8-bit images; the name of a metric says its channel, the argument its crop."""

import functools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from degcraft.errors import DegcraftError

FIDELITY = ("psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb")
METRICS = (*FIDELITY, "lpips")

PEAK = 255.0
WINDOW = 11
_C1 = (0.01 * PEAK) ** 2
_C2 = (0.03 * PEAK) ** 2
_STRIP, _BLOCK = 16, 32  # rows and columns computed at a time: a strip and its moments stay in the cache


def luma(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Luma of an image (BT.601, studio range), not rounded.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8, RGB

    Returns
    -------
    ndarray of shape (height, width), float64
        Between 16 (black) and 235 (white).

    Examples
    --------
    >>> luma(np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)).tolist()
    [[16.0, 235.0]]
    """
    weighted: NDArray[np.float64] = 65.481 * image[..., 0] + 128.553 * image[..., 1] + 24.966 * image[..., 2]
    return 16.0 + weighted / PEAK


def gradient_magnitude(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Length of the gradient in each pixel, by central differences (one-sided at the border), grey levels per pixel."""
    vertical, horizontal = np.gradient(plane)
    return np.asarray(np.hypot(vertical, horizontal))


def psnr(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Peak signal-to-noise ratio over all values of two arrays of one shape, dB; infinite if they are equal."""
    error = float(np.mean(np.square(first - second)))
    return float(10 * np.log10(PEAK**2 / error)) if error else float("inf")


def ssim(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Structural similarity of two planes (Wang et al., 2004).

    Parameters
    ----------
    first, second : ndarray of shape (height, width), float64
        Values of 0 to 255, both sides at least 11.

    Returns
    -------
    float
        Mean over all places where the whole window fits; 1 for equal planes.

    Notes
    -----
    Gaussian window of 11 x 11 pixels and standard deviation 1.5; variances
    divide by n; C1 = 6.5025, C2 = 58.5225.
    """
    places = first.shape[0] - WINDOW + 1, first.shape[1] - WINDOW + 1
    total = 0.0
    for top in range(0, places[0], _STRIP):
        rows = slice(top, top + _STRIP + WINDOW - 1)
        total += _similarities(first[rows], second[rows]).sum()
    return float(total / (places[0] * places[1]))


def _similarities(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Structural similarity at every place of two strips where the whole window fits."""
    moments = np.stack([first, second, first**2 + second**2, first * second])
    mean_first, mean_second, mean_squares, mean_product = _windowed(moments)
    product = mean_first * mean_second
    squares = mean_first**2 + mean_second**2
    numerator = (2 * product + _C1) * (2 * (mean_product - product) + _C2)
    result: NDArray[np.float64] = numerator / ((squares + _C1) * (mean_squares - squares + _C2))
    return result


def fidelity(
    restored: NDArray[np.uint8], truth: NDArray[np.uint8], border: int, names: Iterable[str] = FIDELITY
) -> dict[str, float]:
    """Several metrics of one pair of images, sharing what they have in common.

    Parameters
    ----------
    restored, truth : ndarray of shape (height, width, 3), uint8, RGB
    border : int
        Pixels cut from each side first, >= 0 (the scale, by custom).
    names : iterable of {"psnr_y", "psnr_rgb", "ssim_y", "ssim_rgb"}
        ``_y`` is on luma; ``_rgb`` is over all three channels (SSIM: mean of theirs).

    Returns
    -------
    dict
        Metric by name, in the order of `names`. PSNR in dB, infinite for equal images.

    Raises
    ------
    DegcraftError
        Unequal shapes, not 8-bit RGB, or too small for the border and the window.

    Examples
    --------
    >>> truth = np.full((32, 32, 3), 100, np.uint8)
    >>> found = fidelity(truth + np.uint8(10), truth, border=4)
    >>> {name: round(value, 2) for name, value in found.items()}
    {'psnr_y': 29.45, 'psnr_rgb': 28.13, 'ssim_y': 1.0, 'ssim_rgb': 1.0}
    """
    # paper: 4.1 the channel of PSNR and SSIM is not stated; both are computed.
    names = tuple(names)
    check_pair(restored, truth, 2 * border + (WINDOW if any(name.startswith("ssim") for name in names) else 1))
    inside = slice(border, -border or None)
    pair = restored[inside, inside], truth[inside, inside]
    planes: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    if any(name.endswith("_y") for name in names):
        planes["y"] = luma(pair[0])[None], luma(pair[1])[None]
    if any(name.endswith("_rgb") for name in names):
        planes["rgb"] = _planes(pair[0]), _planes(pair[1])
    measured = {}
    for name in names:
        formula, _, channel = name.partition("_")
        if formula == "psnr":
            measured[name] = psnr(*planes[channel])
        else:
            measured[name] = float(np.mean([ssim(*plane) for plane in zip(*planes[channel], strict=True)]))
    return measured


def _planes(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Channels one after the other, shape (3, height, width)."""
    return np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float64)


def psnr_y(restored: NDArray[np.uint8], truth: NDArray[np.uint8], border: int) -> float:
    """PSNR on luma, dB; see `fidelity`."""
    return fidelity(restored, truth, border, ["psnr_y"])["psnr_y"]


def psnr_rgb(restored: NDArray[np.uint8], truth: NDArray[np.uint8], border: int) -> float:
    """PSNR over the three channels, dB; see `fidelity`."""
    return fidelity(restored, truth, border, ["psnr_rgb"])["psnr_rgb"]


def ssim_y(restored: NDArray[np.uint8], truth: NDArray[np.uint8], border: int) -> float:
    """SSIM on luma; see `fidelity`."""
    return fidelity(restored, truth, border, ["ssim_y"])["ssim_y"]


def ssim_rgb(restored: NDArray[np.uint8], truth: NDArray[np.uint8], border: int) -> float:
    """SSIM, mean of the three channels; see `fidelity`."""
    return fidelity(restored, truth, border, ["ssim_rgb"])["ssim_rgb"]


def check_pair(restored: NDArray[np.uint8], truth: NDArray[np.uint8], smallest: int) -> None:
    """Refuse a pair that is not two 8-bit RGB images of one size with sides of at least `smallest` pixels."""
    for image in (restored, truth):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise DegcraftError(
                f"image pair: {image.dtype} of shape {image.shape}; 8-bit RGB of shape (height, width, 3) is needed; "
                "convert it to uint8 RGB"
            )
    if restored.shape != truth.shape:
        raise DegcraftError(
            f"image pair: restored image of {restored.shape[0]} x {restored.shape[1]} pixels, original of "
            f"{truth.shape[0]} x {truth.shape[1]}; one size is needed; restore the image again"
        )
    if min(restored.shape[:2]) < smallest:
        raise DegcraftError(
            f"image pair: {restored.shape[0]} x {restored.shape[1]} pixels; sides of at least {smallest} are needed "
            "for the chosen crop and metrics; use larger test images or lower evaluate.crop"
        )


def _windowed(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means of planes (n, height, width) under the window, wherever it fits whole.

    The window is separable, so each axis is a banded matrix; blocks of it are dense enough for a matrix product.
    """
    count, height, width = planes.shape
    rows = (_window(height - WINDOW + 1) @ planes).reshape(-1, width)
    means = np.empty((len(rows), width - WINDOW + 1))
    for left in range(0, means.shape[1], _BLOCK):
        part = means[:, left : left + _BLOCK]
        np.matmul(rows[:, left : left + part.shape[1] + WINDOW - 1], _window(part.shape[1]).T, out=part)
    return means.reshape(count, -1, means.shape[1])


@functools.cache
def _window(places: int) -> NDArray[np.float64]:
    """Window at `places` neighbouring places as a matrix (places, places + 10), rows summing to 1."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    taps = np.exp(-0.5 * (offsets / 1.5) ** 2)
    matrix = np.zeros((places, places + WINDOW - 1))
    for place in range(places):
        matrix[place, place : place + WINDOW] = taps / taps.sum()
    return matrix
