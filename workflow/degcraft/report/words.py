"""What the page says in sentences."""

from collections.abc import Sequence

import pandas as pd

from degcraft.figures.names import printed
from degcraft.phrases import counted
from degcraft.report.contents import BICUBIC, TRUTH, Contents

_ROWS = {
    "uniform": ("uniform", "trained on all degradations alike, the usual way when nothing is known"),
    "realesrgan": ("Real-ESRGAN type", "trained on the wide second-order degradations of Real-ESRGAN"),
    "realesrgan-usm": ("Real-ESRGAN type, sharp", "the same, trained towards sharpened photographs"),
    "bsrgan": ("BSRGAN type", "trained on the shuffled degradations of BSRGAN"),
    BICUBIC: ("bicubic", "plain interpolation, no network"),
    TRUTH: ("truth", "another photograph of the same scene; it may be shifted or exposed a little differently"),
}
METRICS = {
    "psnr_y": ("PSNR-Y, dB", 2, max),
    "psnr_rgb": ("PSNR-RGB, dB", 2, max),
    "ssim_y": ("SSIM-Y", 4, max),
    "ssim_rgb": ("SSIM-RGB", 4, max),
    "lpips": ("LPIPS", 4, min),
}
CHECKS = {
    "consistency_rmse": "Consistency error, grey levels",
    "expected_rmse": "Expected error, grey levels",
    "sharpness": "Sharpness, 1 is bicubic",
    "unconfirmed": "Unconfirmed detail, grey levels",
}


def rows(draw: str, beside: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Name and explanation of every row that a page may show, by its key; the same in all of its parts."""
    found = {draw: ("crafted", f"trained for this material ({printed(draw)})")}
    for other in beside:
        found[other] = _ROWS.get(other, (printed(other), f"trained under another estimate ({printed(other)})"))
    return found | {key: _ROWS[key] for key in (BICUBIC, TRUTH)}


def summary(contents: Contents) -> str:
    """The page in one paragraph."""
    material, side = contents.material, contents.references.shape[1]
    from_ = counted(int(material["images"]), "image") if "images" in material else "the material"
    sentences = [
        f"The degradation of {contents.application} was estimated from {counted(len(contents.references), 'crop')} of "
        f"{side} \N{MULTIPLICATION SIGN} {side} pixels out of {from_}, without any sharp originals, and a network that "
        "enlarges four times was trained to undo it."
    ]
    told = list(contents.estimate.words)
    sentences += told[:3] if len(told) > 3 else told[:1]  # blur, noise and JPEG; or one on all parameters
    if contents.estimate.fit:
        sentences.append(f"The references are {contents.estimate.fit['verdict']} by the degradation model.")
    if contents.quality is not None:
        sentences.append(outcome(contents.quality, contents.draw, contents.beside, contents.pairs))
    checks = contents.checks
    if checks.loc[checks["row"] == contents.draw, "sharpness"].mean() <= 1:
        sentences.append(
            "What it restores is no sharper than bicubic interpolation: what it lacks first is a longer training "
            "(train.iterations)."
        )
    return " ".join(sentences)


def outcome(quality: pd.DataFrame, draw: str, beside: Sequence[str], pairs: int) -> str:
    """PSNR of the rows in one sentence, whoever is best."""
    if "psnr_y" not in quality.columns:
        return ""
    found = quality.set_index("row")["psnr_y"]
    names = rows(draw, beside)
    others = ", ".join(f"{found[row]:.2f} for {names[row][0]}" for row in found.index if row != draw)
    best = str(found.idxmax())
    verdict = "the best of these" if best == draw else f"less than {names[best][0]}"
    return f"On {counted(pairs, 'image')} with truth it reaches {found[draw]:.2f} dB PSNR-Y, {verdict} ({others})."


def uncertainty(weights: pd.DataFrame, resampled: bool) -> str:
    """What the error bars of the marginals are, or why there are none."""
    if "error" in weights.columns:
        return "Bars: one standard error to each side, from the errors of the bins."
    if resampled:
        return (
            "Shaded: nine tenths of what other crops of the same material would give (40 sets drawn with replacement). "
            "It does not contain what the degradation model itself leaves out."
        )
    return "Without error bars: this weighting is one of distances, which have none."
