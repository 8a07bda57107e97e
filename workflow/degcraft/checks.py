"""What can be said of SR images without their truth, and of an estimated distribution in plain sentences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.fft import dctn

from degcraft.bins import PARAMETERS, Mixture, Region
from degcraft.degradations import SCALE
from degcraft.degradations.first_order import blur_and_downsample, degrade
from degcraft.draws import tabled
from degcraft.fits import OUTSIDE, quantiles
from degcraft.interpolation import bicubic
from degcraft.metrics import gradient_magnitude, luma
from degcraft.spaces import Cells
from degcraft.streams import stream

COLUMNS = ("consistency_rmse", "expected_rmse", "sharpness", "unconfirmed")
BICUBIC = "bicubic"
DRAWS = 8  # degradations that an expectation is a mean over
BORDER = 4  # LR pixels that are left aside: their surroundings are not known

Pixels = NDArray[np.uint8]


def estimated(weights: pd.DataFrame) -> pd.DataFrame:
    """A table of the stage weights without the share of uniform that training adds to what was found.

    It is the last class of a density; of bins, it is what the lightest bin has, since estimates leave bins empty.
    """
    if "class" in weights.columns:
        found = weights[weights["class"] < max(weights["class"].max(), 1)]
        return found.assign(share=found["share"] / found.groupby("class")["share"].first().sum())
    rest = weights["weight"] - weights["weight"].min()
    return weights if rest.sum() == 0 else weights.assign(weight=rest / rest.sum())


def distribution(weights: pd.DataFrame) -> Mixture | Cells | None:
    """What `estimated` leaves, to draw blur, noise and quality from; None where they are not its parameters."""
    found = estimated(weights)
    if "class" not in found.columns:
        ends = [found[[f"{name}_low", f"{name}_high"]].itertuples(index=False, name=None) for name in PARAMETERS]
        return Mixture([Region(*ranges) for ranges in zip(*ends, strict=True)], found["weight"].to_numpy())
    return tabled(found) if tuple(found["parameter"].unique()) == PARAMETERS else None


def image_checks(
    lr: Pixels, rows: Mapping[str, Pixels], weights: pd.DataFrame, options: dict[str, Any], key: tuple[int, str, str]
) -> pd.DataFrame:
    """Checks of one LR image.

    Parameters
    ----------
    lr : ndarray of shape (height, width, 3), uint8, RGB
    rows : mapping from str to ndarray of shape (4 height, 4 width, 3), uint8, RGB
        SR images by the name of their row; bicubic is added as the first one.
    weights : DataFrame
        Table of the stage weights: the estimated distribution.
    options : dict
        The config section ``degradation``.
    key : (int, str, str)
        Seed, application and name of the image: where the streams of the expectation start.

    Returns
    -------
    DataFrame
        Columns row, image and `COLUMNS`, a line per row, see `consistency`, `expectation`, `sharpness` and
        `unconfirmed`; consistency and expectation are NaN for estimates in the space of the second-order model.
    """
    given, base = distribution(weights), bicubic(lr)
    blur = float("nan") if given is None else mean(estimated(weights), "blur")
    lines = []
    for row, sr in {BICUBIC: base, **rows}.items():
        line: dict[str, Any] = {"row": row, "image": key[2], **dict.fromkeys(COLUMNS[:2], np.nan)}
        if given is not None:
            line["consistency_rmse"] = consistency(sr, lr, blur, options)
            line["expected_rmse"] = expectation(sr, given, blur, options, key)
        lines.append({**line, "sharpness": sharpness(sr, base), "unconfirmed": unconfirmed(sr)})
    return pd.DataFrame(lines)


def consistency(sr: Pixels, lr: NDArray[np.uint8], blur: float, options: dict[str, Any]) -> float:
    """Distance of the SR image, blurred and downsampled again, from the LR image: RMSE, grey levels."""
    return _rmse(_again(sr, blur, options), lr)


def expectation(
    sr: Pixels, given: Mixture | Cells, blur: float, options: dict[str, Any], key: tuple[int, str, str]
) -> float:
    """What `consistency` would be, on average, if the SR image were the truth and the estimate right: grey levels.

    The SR image is degraded as the estimate says, several times, and each result is compared like the LR image. It
    stands for its own smooth part: what noise is cut off and what JPEG takes away depend on the content, and this is
    the content in question. That each image has another blur than the mean one is part of it, too.
    """
    again, found = _again(sr, blur, options), []
    for number in range(DRAWS):
        rng = stream(key[0], "checks", *key[1:], number)  # the same for every row: they differ by their images alone
        found.append(_rmse(again, degrade(sr, _three(given.draw(rng)), rng, options)))
    return float(np.mean(found))


def sharpness(sr: Pixels, base: Pixels) -> float:
    """Mean length of the gradient of luma, over that of the bicubic image; infinite where that is flat."""
    least = float(gradient_magnitude(luma(base)).mean())
    own = float(gradient_magnitude(luma(sr)).mean())
    return own / least if least > 0 else (1.0 if own == 0 else float("inf"))


def unconfirmed(sr: Pixels) -> float:
    """Standard deviation of luma above the Nyquist frequency of the LR image, grey levels.

    No LR pixel can confirm it: sharp edges have some of it, and so has texture that is invented. The cosine transform
    continues the image by reflection, so that its borders add nothing.
    """
    waves = dctn(luma(sr), norm="ortho")
    height, width = waves.shape
    waves[: height // SCALE, : width // SCALE] = 0
    return float(np.sqrt(np.mean(np.square(waves))))


def mean(weights: pd.DataFrame, name: str) -> float:
    """Mean of one parameter of a table of weights, in its unit."""
    if "class" in weights.columns:
        mine = weights[weights["parameter"] == name]
        return float((mine["share"] * mine["weight"] * (mine["low"] + mine["high"]) / 2).sum())
    return float((weights["weight"] * (weights[f"{name}_low"] + weights[f"{name}_high"]) / 2).sum())


def _again(sr: Pixels, blur: float, options: dict[str, Any]) -> NDArray[np.float32]:
    return blur_and_downsample(sr, blur, options["kernel_size"], options["downsampling"])


def _three(parameters: tuple[float, ...]) -> tuple[float, float, float]:
    blur, noise, quality = parameters
    return blur, noise, quality


def _rmse(first: NDArray[Any], second: NDArray[Any]) -> float:
    border = BORDER if min(first.shape[:2]) > 4 * BORDER else 0
    inside = slice(border, -border or None)
    difference = first[inside, inside].astype(np.float64) - second[inside, inside]
    return float(np.sqrt(np.mean(np.square(difference))))


_TENTHS = "nine tenths between"
_WHOLE = 0.75  # share of its range over which a parameter's nine tenths say nothing about it
_HALF = 0.3  # share of its range that its middle half takes, at most, where most images agree; uniform: .5
_NAMES = {"blur": "wide the blur", "noise": "strong the noise", "quality": "strong the JPEG compression"}
_FADED = 2.93  # HR pixels per pixel of blur: patterns of this period keep a tenth of their contrast


def in_words(weights: pd.DataFrame) -> list[str]:
    """Plain sentences about an estimated distribution.

    Parameters
    ----------
    weights : DataFrame
        Table of the stage weights, of any weighting.

    Returns
    -------
    list of str
        One each on blur, noise and JPEG, one on what is lost by them, one on the verdict if there is one.
    """
    if "class" in weights.columns and not set(PARAMETERS) & set(weights["parameter"]):
        told = ["The estimate is one of the many parameters of the second-order model; no few numbers describe it."]
    else:
        told = [_sentence(weights, name) for name in PARAMETERS]
        told += [_lost(quantiles(estimated(weights), "blur", [0.5])[0])]
    return [*told, *([_judged(weights.iloc[0])] if "verdict" in weights.columns else [])]


def _sentence(weights: pd.DataFrame, name: str) -> str:
    low, middle, high = quantiles(estimated(weights), name, [OUTSIDE, 0.5, 1 - OUTSIDE])
    least, greatest = quantiles(weights, name, [0.0, 1.0])
    between = f"{_TENTHS} {digits(low)} and {digits(high)}"
    if high - low > _WHOLE * (greatest - least):
        first, third = quantiles(estimated(weights), name, [0.25, 0.75])
        if third - first > _HALF * (greatest - least):
            return f"The images do not tell how {_NAMES[name]} is, or it differs much between them ({between})."
        half = f"half between {digits(first)} and {digits(third)}"
        return f"{_kind(name, middle)} in most images ({half}); others differ much, or do not tell ({between})."
    end = "" if greatest - middle > 0.05 * (greatest - least) else f"; the estimate ends at {digits(greatest)}"
    return f"{_kind(name, middle)} ({between}{end})."


def _kind(name: str, middle: float) -> str:
    about = digits(middle)
    if name == "blur":
        return f"{'Hardly any blur,' if middle < 0.5 else 'Blur of'} about {about} HR pixels"
    if name == "noise":
        return f"{'Hardly any noise,' if middle < 2 else 'Noise of'} about {about} of 255"
    strengths = {55: "Strong JPEG compression", 75: "JPEG compression", 88: "Light JPEG compression"}
    strength = next((said for limit, said in strengths.items() if middle < limit), "Hardly any JPEG compression")
    return f"{strength}, quality about {about}"


def _lost(blur: float) -> str:
    finest = max(2 * SCALE, round(_FADED * blur))
    return (
        f"Patterns that repeat within less than about {finest} pixels of the restored image are not in the input: "
        "what a network shows there is likely, not known."
    )


def _judged(first: "pd.Series[Any]") -> str:
    share, expected = f"{first['explained']:.0%} of the references", f"{first['expected']:.0%}"
    known = {
        "explained": f"The model explains the material: {share} look like what it produces ({expected} or more were to "
        "be expected), so that a network trained under it has seen such images.",
        "partly explained": f"The model explains a part of the material: {share} look like what it produces (at least "
        f"{expected} were to be expected). The rest holds something else than blur, noise and JPEG; look at its "
        "restored images with care.",
    }
    otherwise = (
        f"The model does not explain the material: only {share} look like what it produces (at least {expected} were "
        "to be expected). Compare with the row realesrgan, which is trained for more."
    )
    return known.get(first["verdict"], otherwise)


def digits(value: float) -> str:
    """A number with two digits, or all of those before the point.

    Examples
    --------
    >>> digits(1.84), digits(0.312), digits(12.4), digits(100)
    ('1.8', '0.31', '12', '100')
    """
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"
