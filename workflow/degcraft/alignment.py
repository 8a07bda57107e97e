"""Alignment of photographs with their truth: one shift, and a gain and an offset for each channel."""

import math
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from degcraft.errors import DegcraftError

FILE = "alignment.csv"  # beside the truth: name, and the fields of Alignment
REACH = 16  # greatest shift that is looked for, HR pixels
SAME_SCENE = 0.8  # least correlation of two smoothed photographs of one scene
# Standard deviations of the smoothing, HR pixels: to register images, coarse to fine, and to compare exposures.
_COARSE, _FINE, _EXPOSURE = (8.0, 4.0), 2.0, 16.0
_BLUR = 8.0  # greatest blur of one side, HR pixels
_FLAT = 1e-6  # variance of a channel that is the same everywhere, squared grey levels

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Alignment:
    """What brings an image to its truth.

    Attributes
    ----------
    down, right : float
        Shift of the content, HR pixels.
    gain_red, gain_green, gain_blue : float
        Factor of each channel, applied after the shift.
    offset_red, offset_green, offset_blue : float
        Added to each channel after that, grey levels of 255.
    """

    down: float
    right: float
    gain_red: float
    gain_green: float
    gain_blue: float
    offset_red: float
    offset_green: float
    offset_blue: float

    @property
    def shift(self) -> NDArray[np.float64]:
        """(down, right), HR pixels."""
        return np.array(astuple(self)[:2])

    @property
    def gains(self) -> NDArray[np.float64]:
        """Gains of red, green and blue."""
        return np.array(astuple(self)[2:5])

    @property
    def offsets(self) -> NDArray[np.float64]:
        """Offsets of red, green and blue, grey levels."""
        return np.array(astuple(self)[5:])


def estimate(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> Alignment:
    """Alignment that brings an enlarged LR image to its truth.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8, RGB
        The LR image, enlarged to the size of its truth.
    truth : ndarray of shape (height, width, 3), uint8, RGB
        The HR photograph of the same scene.

    Returns
    -------
    Alignment
        Of what `aligned` does to an image.

    Raises
    ------
    DegcraftError
        The images do not show one scene, or their shift is greater than 16 pixels.

    Notes
    -----
    The shift is the least-squares one between the grey images, with the best gain and offset for every
    candidate (equally: the shift of greatest correlation), by Levenberg and Marquardt's method, from coarse to fine
    smoothing. Symmetric blur of one side moves no edge, but what it takes away from that side is not quite
    uncorrelated with slopes in a finite picture: without more, a blur of 4 pixels cost 0.05 pixels of accuracy, and a
    fitted gain was 10 % too high, for blur lowers contrast. So before the last step the truth is blurred as much as
    correlates it best with the image. Correlation by Fourier transform was ten times less accurate on cut photographs,
    since it takes them as periodic, and whitened (phase correlation) it failed where one side is blurred.

    References
    ----------
    Evangelidis and Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization", IEEE
    TPAMI 2008.
    """
    grey, wanted = image.mean(axis=2), truth.mean(axis=2)
    widest = min(grey.shape) / 16
    shift, correlation = np.zeros(2), 0.0
    for level in (min(level, widest) for level in _COARSE):
        shift, correlation = _register(_smoothed(grey, level), _smoothed(wanted, level), shift)
    if correlation < SAME_SCENE or np.abs(shift).max() > REACH:
        raise DegcraftError(
            f"image pair: correlation {correlation:.2f} at a shift of {shift[0]:.1f} down and {shift[1]:.1f} right; "
            f"two photographs of one scene, at most {REACH} pixels apart, are needed; give each image its own truth"
        )
    fine, exposure = min(_FINE, widest), min(_EXPOSURE, widest)
    blur = _missing_blur(_moved(_smoothed(grey, fine), shift), wanted, fine)
    shift, _ = _register(_smoothed(grey, fine), _smoothed(wanted, math.hypot(fine, blur)), shift)
    channels = zip(np.moveaxis(image, 2, 0), np.moveaxis(truth, 2, 0), strict=True)
    fits = [
        _fit(_moved(_smoothed(found, exposure), shift), _smoothed(original, math.hypot(exposure, blur)))
        for found, original in channels
    ]
    return Alignment(*map(float, (*shift, *(gain for gain, _ in fits), *(offset for _, offset in fits))))


def aligned(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], alignment: Alignment
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image brought to its truth, and the truth, both without the border that the shift leaves empty.

    Parameters
    ----------
    image, truth : ndarray of shape (height, width, 3), uint8, RGB
    alignment : Alignment
        Moves, then scales and offsets the image; the truth stays.

    Returns
    -------
    tuple of two ndarray of shape (height - 2 b, width - 2 b, 3), uint8, RGB
        b: the greater component of the shift, rounded up.
    """
    border = math.ceil(np.abs(alignment.shift).max())
    inside = slice(border, -border or None)
    channels = [_moved(channel, alignment.shift) for channel in np.moveaxis(image, 2, 0)]
    moved = np.stack(channels, axis=2) * alignment.gains + alignment.offsets
    return np.rint(np.clip(moved, 0, 255)).astype(np.uint8)[inside, inside], truth[inside, inside]


def _register(image: Plane, truth: Plane, start: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Shift (down, right) of `image` that correlates it best with `truth`, near `start`, and that correlation."""
    spline = ndimage.spline_filter(image)
    wanted = _centred(truth[_inside(truth)])

    def moved(shift: NDArray[np.float64]) -> Plane:
        plane: Plane = ndimage.shift(spline, shift, mode="mirror", prefilter=False)
        return plane

    def gain(found: Plane) -> float:
        return float(np.vdot(found, wanted) / max(np.vdot(found, found), np.finfo(float).tiny))

    def residuals(shift: NDArray[np.float64]) -> NDArray[np.float64]:
        found = _centred(moved(shift)[_inside(truth)])
        return (wanted - gain(found) * found).ravel()

    def slopes(shift: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = moved(shift)
        # Content that moves down by d has at each place the value from d above, hence the sign.
        columns = [_centred(np.gradient(whole, axis=axis)[_inside(truth)]).ravel() for axis in (0, 1)]
        return gain(_centred(whole[_inside(truth)])) * np.stack(columns, axis=1)

    shift = optimize.least_squares(residuals, start, slopes, method="lm", xtol=1e-4).x
    return shift, _correlation(moved(shift), truth)


def _missing_blur(image: Plane, truth: Plane, level: float) -> float:
    """Standard deviation of the blur that brings `truth` nearest to `image`, which is smoothed by `level`."""
    return float(
        optimize.minimize_scalar(
            lambda blur: -_correlation(image, _smoothed(truth, math.hypot(level, blur))),
            bounds=(0, _BLUR),
            method="bounded",
            options={"xatol": 0.05},
        ).x
    )


def _fit(image: Plane, truth: Plane) -> tuple[float, float]:
    """Gain and offset that bring `image` nearest to `truth`."""
    found, wanted = image[_inside(truth)], truth[_inside(truth)]
    variance = found.var()
    # A channel that is the same everywhere says nothing about its gain.
    gain = float(np.vdot(_centred(found), wanted) / found.size / variance) if variance > _FLAT else 1.0
    return gain, float(wanted.mean() - gain * found.mean())


def _correlation(first: Plane, second: Plane) -> float:
    pair = [_centred(plane[_inside(plane)]) for plane in (first, second)]
    norm = np.linalg.norm(pair[0]) * np.linalg.norm(pair[1])
    return float(np.vdot(*pair) / norm) if norm else 0.0


def _inside(plane: NDArray[Any]) -> tuple[slice, slice]:
    """All but the border, into which a shift brings what is not there."""
    border = min(REACH, min(plane.shape[:2]) // 8)
    return slice(border, -border), slice(border, -border)


def _smoothed(plane: NDArray[Any], deviation: float) -> Plane:
    smoothed: Plane = ndimage.gaussian_filter(plane.astype(np.float64), deviation, mode="mirror")
    return smoothed


def _moved(plane: NDArray[Any], shift: NDArray[np.float64]) -> Plane:
    moved: Plane = ndimage.shift(plane.astype(np.float64), shift, mode="mirror")
    return moved


def _centred(plane: Plane) -> Plane:
    return plane - plane.mean()
