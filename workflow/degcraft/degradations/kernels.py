"""Blur kernels of camera and processing: the Gaussian family and the circular low pass, and filtering with them."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

Kernel = NDArray[np.float64]

# Of the Gaussian family, each beside its likes.
KINDS = (
    "isotropic",
    "anisotropic",
    "generalised-anisotropic",
    "generalised-isotropic",
    "plateau-isotropic",
    "plateau-anisotropic",
)


def of_kind(kind: str, size: int, sigma_x: float, sigma_y: float, rotation: float, shape: float) -> Kernel:
    """Kernel of the Gaussian family by name.

    Parameters
    ----------
    kind : str
        One of KINDS. Isotropic kinds do not read `sigma_y` and `rotation`, and the two
        without a prefix, Gaussians, do not read `shape`.
    size, sigma_x, sigma_y, rotation, shape : int or float
        See `gaussian`, `generalised_gaussian` and `plateau`.

    Returns
    -------
    ndarray of shape (size, size), float64
    """
    axes = (sigma_x, sigma_y, rotation) if kind.endswith("anisotropic") else (sigma_x, sigma_x, 0.0)
    if kind.startswith("generalised"):
        return generalised_gaussian(size, *axes, shape)
    return plateau(size, *axes, shape) if kind.startswith("plateau") else gaussian(size, *axes)


def gaussian(size: int, sigma_x: float, sigma_y: float, rotation: float) -> Kernel:
    """Gaussian, exp(-Q / 2), Q the squared distance from the centre in units of the covariance.

    Parameters
    ----------
    size : int
        Odd side, pixels; the kernel is cut off there, which narrows wide ones.
    sigma_x, sigma_y : float
        Standard deviations along the kernel's own axes, pixels, > 0.
    rotation : float
        Angle from the image's x axis (columns) to the kernel's, radians, towards the y axis (rows).

    Returns
    -------
    ndarray of shape (size, size), float64
        Rows are y; >= 0, sums to 1, the same after a half turn.
    """
    return _normalised(np.exp(-0.5 * _squared_distance(size, sigma_x, sigma_y, rotation)))


def generalised_gaussian(size: int, sigma_x: float, sigma_y: float, rotation: float, shape: float) -> Kernel:
    """Generalised Gaussian, exp(-Q**shape / 2), shape > 0: below 1 long-tailed, above 1 flat with short tails.

    The other parameters and the result are those of `gaussian`, which is shape 1.
    """
    return _normalised(np.exp(-0.5 * _squared_distance(size, sigma_x, sigma_y, rotation) ** shape))


def plateau(size: int, sigma_x: float, sigma_y: float, rotation: float, shape: float) -> Kernel:
    """Plateau, 1 / (1 + Q**shape), shape > 0: the larger, the steeper the edge of the plateau.

    The other parameters and the result are those of `gaussian`.
    """
    return _normalised(1 / (1 + _squared_distance(size, sigma_x, sigma_y, rotation) ** shape))


def sinc(size: int, cutoff: float) -> Kernel:
    """Ideal circular low pass, cut off at the kernel's side, so that it rings as sharpened images do.

    Parameters
    ----------
    size : int
        Odd side, pixels.
    cutoff : float
        Largest angular frequency that passes, radians per pixel, in (0, pi].

    Returns
    -------
    ndarray of shape (size, size), float64
        Partly negative, sums to 1.

    Notes
    -----
    The inverse Fourier transform of a disc: w J1(w r) / (2 pi r), w the cutoff and r the
    distance from the centre; w^2 / (4 pi) at the centre.
    """
    x, y = _offsets(size)
    distance = np.maximum(np.hypot(x, y), 1e-6)  # 1e-6: the limit at the centre, to the last digit
    return _normalised(cutoff * special.j1(cutoff * distance) / (2 * np.pi * distance))


def filtered(image: NDArray[np.float32], kernel: Kernel) -> NDArray[np.float32]:
    """Convolution by FFT; the image is continued by reflection, the edge pixel not repeated.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), float32
        Any size; one smaller than the kernel is reflected more than once.
    kernel : ndarray of shape (size, size), float64
        Odd side, the same after a half turn, so that convolution and correlation agree.

    Returns
    -------
    ndarray of shape (height, width, 3), float32
    """
    height, width, _ = image.shape
    reach = kernel.shape[0] // 2
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    # Periods of the padded size are enough: what wraps around falls on the padding.
    shape = [fft.next_fast_len(side, real=True) for side in padded.shape[:2]]
    spectrum = fft.rfft2(padded, shape, axes=(0, 1))
    spectrum *= fft.rfft2(kernel.astype(np.float32), shape)[..., np.newaxis]
    whole: NDArray[np.float32] = fft.irfft2(spectrum, shape, axes=(0, 1))
    return whole[2 * reach : 2 * reach + height, 2 * reach : 2 * reach + width]


def _offsets(size: int) -> tuple[Kernel, Kernel]:
    """Distances of columns and of rows from the middle pixel."""
    steps = np.arange(size, dtype=np.float64) - size // 2
    return steps[np.newaxis, :], steps[:, np.newaxis]


def _squared_distance(size: int, sigma_x: float, sigma_y: float, rotation: float) -> Kernel:
    """Q = u^T S^-1 u of all pixels, S = R diag(sigma_x^2, sigma_y^2) R^T, R the rotation."""
    x, y = _offsets(size)
    along = np.cos(rotation) * x + np.sin(rotation) * y
    across = np.cos(rotation) * y - np.sin(rotation) * x
    squared: Kernel = (along / sigma_x) ** 2 + (across / sigma_y) ** 2
    return squared


def _normalised(kernel: Kernel) -> Kernel:
    normalised: Kernel = kernel / kernel.sum()
    return normalised
