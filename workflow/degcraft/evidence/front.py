"""Accuracy gained inside the target against accuracy gained or lost outside it, of every training distribution."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from degcraft.evidence.means import image_means, model_metrics
from degcraft.spec import floored_weighting, weighting_name
from degcraft.targets import tested

COLUMNS = ("line", "draw", "alpha", "floor", "test", "inside", "seed", "images", "psnr_y", "gain", "note")


@dataclass(frozen=True)
class Point:
    """One training distribution.

    Attributes
    ----------
    line : str
        What it shares with others: the extractor of the Fréchet weighting at every alpha, a draw without its floor, or
        uniform and oracle.
    draw : str
        Its draw, as files name it.
    alpha, floor : float or None
        Its place on the line.
    """

    line: str
    draw: str
    alpha: float | None = None
    floor: float | None = None

    @property
    def extractor(self) -> str:
        """Extractor of its draw, or the draw itself."""
        return self.draw.partition(".")[0]


def front_table(measured: Mapping[str, pd.DataFrame], absent: Mapping[str, str], spec: dict[str, Any]) -> pd.DataFrame:
    """PSNR of every training distribution on the target and outside it, and its gain over uniform.

    Parameters
    ----------
    measured : mapping from ``<test>/<draw>/seed<k>`` to DataFrame
        One line per test image, column psnr_y; all of ``evidence.backbone``, trained for ``evidence.setting``.
    absent : mapping from str to str
        Extractors that could not be computed, and why.
    spec : dict
        ``evidence`` (backbone, extractor, setting, alphas, outside, front), ``train`` (seeds), ``weights`` (floor).

    Returns
    -------
    DataFrame
        Columns `COLUMNS`: one line per distribution, test and seed. psnr_y is the mean over images and gain that less
        the mean of uniform with the same seed on the same test, both in dB. What could not be computed is one line
        with a note; and one line with a note is all where no setting lies outside the target.

    Raises
    ------
    DegcraftError
        A model was not measured.
    """
    evidence = spec["evidence"]
    tests = list(dict.fromkeys([evidence["setting"], *evidence["outside"]]))
    if len(tests) == 1:
        note = f"evidence.outside names no setting but {evidence['setting']}"
        return pd.DataFrame([{"line": "front", "note": note}], columns=list(COLUMNS))
    lines: list[dict[str, Any]] = []
    for point in points(spec):
        if point.extractor in absent:
            lines.append({**asdict(point), "note": absent[point.extractor]})
            continue
        for test in tests:
            for seed in spec["train"]["seeds"]:
                means = [
                    image_means(model_metrics(measured, f"{test}/{tested(draw, evidence['setting'], test)}/seed{seed}"))
                    for draw in (_trained(point), "uniform")
                ]
                psnr, uniform = (one["psnr_y"] for one in means)
                place = {**asdict(point), "test": test, "inside": test == evidence["setting"], "seed": seed}
                lines.append({**place, "images": means[0]["images"], "psnr_y": psnr, "gain": psnr - uniform})
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    return table.astype({"alpha": "float64", "floor": "float64", "seed": "Int64", "images": "Int64"})


def points(spec: dict[str, Any]) -> Iterator[Point]:
    """Uniform, the Fréchet weighting by alpha, the further draws by floor, and oracle."""
    evidence = spec["evidence"]
    yield Point("uniform", "uniform")
    known = set()
    for alpha in sorted(set(evidence["alphas"])):
        point = Point(
            evidence["extractor"],
            f"{evidence['extractor']}.{weighting_name({'weights': {'alpha': alpha}})}",
            alpha=float(alpha),
        )
        known.add(point.draw)
        yield point
    further = [_further(draw, spec) for draw in evidence["front"] if draw not in known]
    order = {line: place for place, line in enumerate(dict.fromkeys(point.line for point in further))}
    yield from sorted(further, key=lambda point: (order[point.line], point.floor or 0))
    yield Point("oracle", "oracle")


def _further(draw: str, spec: dict[str, Any]) -> Point:
    extractor, _, weighting = draw.partition(".")
    if not weighting:
        return Point(draw, draw)
    floor = float(floored_weighting(spec, weighting)["floor"])
    return Point(f"{extractor}.{weighting.rpartition('-f')[0] or weighting}", draw, floor=floor)


def _trained(point: Point) -> str:
    """Draw of the network behind a point: alpha 0 is uniform by definition (paper, eq. 4)."""
    return "uniform" if point.alpha == 0 else point.draw
