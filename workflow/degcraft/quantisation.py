"""Quantisation tables of JPEG (ITU-T T.81, annex K), scaled to a quality as libjpeg does."""

import numpy as np
from numpy.typing import NDArray

# Quantisation of luma and chroma at quality 50 (annex K), row by row.
TABLES = np.array(
    [
        [
            [16, 11, 10, 16, 24, 40, 51, 61],
            [12, 12, 14, 19, 26, 58, 60, 55],
            [14, 13, 16, 24, 40, 57, 69, 56],
            [14, 17, 22, 29, 51, 87, 80, 62],
            [18, 22, 37, 56, 68, 109, 103, 77],
            [24, 35, 55, 64, 81, 104, 113, 92],
            [49, 64, 78, 87, 103, 121, 120, 101],
            [72, 92, 95, 98, 112, 100, 103, 99],
        ],
        [
            [17, 18, 24, 47, 99, 99, 99, 99],
            [18, 21, 26, 66, 99, 99, 99, 99],
            [24, 26, 56, 99, 99, 99, 99, 99],
            [47, 66, 99, 99, 99, 99, 99, 99],
            *[[99] * 8] * 4,
        ],
    ]
)


def quantisation_tables(quality: int) -> NDArray[np.int64]:
    """Quantisation of libjpeg for baseline files.

    Parameters
    ----------
    quality : int
        From 1 to 100.

    Returns
    -------
    ndarray of shape (2, 8, 8), int64
        Steps of luma and of chroma, 1 to 255; rows are vertical frequencies.

    Examples
    --------
    >>> quantisation_tables(75)[:, 0, :3].tolist()
    [[8, 6, 5], [9, 9, 12]]
    """
    factor = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((TABLES * factor + 50) // 100, 1, 255)
