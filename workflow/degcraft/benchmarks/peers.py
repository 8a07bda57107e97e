"""How other programs do the same, as their users call them."""

import warnings
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_fid.fid_score import calculate_frechet_distance
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from degcraft.degradations import SCALE
from degcraft.metrics import PEAK, luma

KERNEL = 21


def opencv_chain(
    hr: NDArray[np.uint8], parameters: tuple[float, float, float], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Degrade one image as SR training code does with OpenCV.

    Blur by one 21 x 21 kernel in floating point, resize by area (of OpenCV's
    filters the only one without aliasing at x1/4, and the usual one), noise, JPEG.

    Parameters
    ----------
    hr : ndarray of shape (height, width, 3), uint8, RGB
        Sides are multiples of 4.
    parameters : (blur, noise, quality)
        Standard deviations in HR pixels, > 0, and in grey levels; JPEG quality.
    rng : numpy.random.Generator
        Draws the noise.

    Returns
    -------
    ndarray of shape (height // 4, width // 4, 3), uint8, RGB
    """
    blur, noise, quality = parameters
    offsets = np.arange(KERNEL) - KERNEL // 2
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * blur**2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    image = cv2.cvtColor(hr, cv2.COLOR_RGB2BGR).astype(np.float32) / 255
    blurred = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    small = cv2.resize(blurred, (hr.shape[1] // SCALE, hr.shape[0] // SCALE), interpolation=cv2.INTER_AREA)
    noisy = small + rng.normal(0, noise / 255, small.shape)
    pixels = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
    decoded: Any = cv2.imdecode(coded, cv2.IMREAD_COLOR)  # None of a damaged file, which this is not
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def pytorch_fid(bins: NDArray[np.floating], references: NDArray[np.floating]) -> NDArray[np.float64]:
    """Squared Fréchet distances of bins (bins, n, c) to references (m, c) by pytorch-fid's function."""
    bins, references = bins.astype(np.float64), references.astype(np.float64)
    target = references.mean(axis=0), np.cov(references, rowvar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it calls scipy.linalg.sqrtm in a deprecated way
        distances = [
            calculate_frechet_distance(features.mean(axis=0), np.cov(features, rowvar=False), *target)
            for features in bins
        ]
    return np.array(distances)


def torch_fidelity(bins: NDArray[np.floating], references: NDArray[np.floating]) -> NDArray[np.float64]:
    """The same by torch-fidelity's functions, which take eigenvalues."""
    target = fid_features_to_statistics(torch.from_numpy(references).double())
    distances = [
        fid_statistics_to_metric(fid_features_to_statistics(torch.from_numpy(features).double()), target, False)
        for features in bins
    ]
    return np.array([distance["frechet_inception_distance"] for distance in distances])


def scikit_image(restored: NDArray[np.uint8], truth: NDArray[np.uint8], border: int) -> dict[str, float]:
    """PSNR and SSIM of one pair of images, as `degcraft.metrics.fidelity`, by scikit-image."""
    inside = slice(border, -border or None)
    rgb = restored[inside, inside], truth[inside, inside]
    y = luma(rgb[0]), luma(rgb[1])
    psnr: Any = peak_signal_noise_ratio
    ssim: Any = structural_similarity
    options = {"data_range": PEAK, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return {
        "psnr_y": float(psnr(*y, data_range=PEAK)),
        "psnr_rgb": float(psnr(*rgb, data_range=PEAK)),
        "ssim_y": float(ssim(*y, **options)),
        "ssim_rgb": float(ssim(*rgb, channel_axis=2, **options)),
    }
