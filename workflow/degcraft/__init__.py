"""Super-resolution trained on the degradations of the camera, film or archive in front of you.

What a researcher needs in a program of their own; ``docs/python.md`` shows it at work:

- bins of a degradation space, and boxes in it: `grid`, `unit_edges`, `true_weights`, `Region`, `Mixture`, `Space`;
- images: `packaged`, `decode`, `read_picture`, `write_picture`, `Picture`, and crops of them: `choose_crops` of
  originals, `measure_windows` of degraded ones;
- degraded images: `degrade`, and `stream` for its numbers;
- features: `build_extractor`, `load_weights`, `extract`;
- distances of bins to references: `squared_distances`;
- weights: `bin_weights` from distances, with an alpha of the best of `alpha_scores` at `ALPHAS`; `fit_estimator`
  and `PosteriorRecipe` without distances; a share of uniform for any: `floored`;
- restoring with a trained network: `Restorer`;
- how good it is: `fidelity` of images, `true_mass` and `total_variation` of weights.

Wrong input raises `DegcraftError`, or ValueError where there are no files or options to name.

Examples
--------
>>> import degcraft
>>> space = {"blur": {"range": [0, 5], "count": 5}, "noise": {"range": [0, 50], "count": 5},
...          "quality": {"range": [30, 90], "count": 3}}
>>> bins = degcraft.grid(space)
>>> len(bins), bins[0]
(75, Region(blur=(0.0, 1.0), noise=(0.0, 10.0), quality=(30.0, 50.0)))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from degcraft.bins import Mixture, Region, grid, true_weights, unit_edges
    from degcraft.checkpoints import load_weights
    from degcraft.crops import choose as choose_crops
    from degcraft.degradations import degrade
    from degcraft.errors import DegcraftError
    from degcraft.extractors import build as build_extractor
    from degcraft.extractors import extract
    from degcraft.images import decode, packaged
    from degcraft.metrics import fidelity
    from degcraft.pictures import Picture, read_picture, write_picture
    from degcraft.references import measured as measure_windows
    from degcraft.restore import Restorer
    from degcraft.spaces import Space
    from degcraft.streams import stream
    from degcraft.weighting import floored
    from degcraft.weighting.agreement import total_variation, true_mass
    from degcraft.weighting.alpha import ALPHAS
    from degcraft.weighting.alpha import scores as alpha_scores
    from degcraft.weighting.fitting import Recipe as PosteriorRecipe
    from degcraft.weighting.fitting import estimator as fit_estimator
    from degcraft.weighting.frechet import bin_weights, squared_distances

__all__ = [
    "ALPHAS",
    "DegcraftError",
    "Mixture",
    "Picture",
    "PosteriorRecipe",
    "Region",
    "Restorer",
    "Space",
    "alpha_scores",
    "bin_weights",
    "build_extractor",
    "choose_crops",
    "decode",
    "degrade",
    "extract",
    "fidelity",
    "fit_estimator",
    "floored",
    "grid",
    "load_weights",
    "measure_windows",
    "packaged",
    "read_picture",
    "squared_distances",
    "stream",
    "total_variation",
    "true_mass",
    "true_weights",
    "unit_edges",
    "write_picture",
]

# Where each lies. Loaded when first asked for: every stage imports this file, and few need pandas or PyTorch.
_PLACES = {
    "ALPHAS": "weighting.alpha.ALPHAS",
    "DegcraftError": "errors.DegcraftError",
    "Mixture": "bins.Mixture",
    "Picture": "pictures.Picture",
    "PosteriorRecipe": "weighting.fitting.Recipe",
    "Region": "bins.Region",
    "Restorer": "restore.Restorer",
    "Space": "spaces.Space",
    "alpha_scores": "weighting.alpha.scores",
    "bin_weights": "weighting.frechet.bin_weights",
    "build_extractor": "extractors.build",
    "choose_crops": "crops.choose",
    "decode": "images.decode",
    "degrade": "degradations.degrade",
    "extract": "extractors.extract",
    "fidelity": "metrics.fidelity",
    "fit_estimator": "weighting.fitting.estimator",
    "floored": "weighting.floored",
    "grid": "bins.grid",
    "load_weights": "checkpoints.load_weights",
    "measure_windows": "references.measured",
    "packaged": "images.packaged",
    "read_picture": "pictures.read_picture",
    "squared_distances": "weighting.frechet.squared_distances",
    "stream": "streams.stream",
    "total_variation": "weighting.agreement.total_variation",
    "true_mass": "weighting.agreement.true_mass",
    "true_weights": "bins.true_weights",
    "unit_edges": "bins.unit_edges",
    "write_picture": "pictures.write_picture",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, original = _PLACES[name].rpartition(".")
    found = getattr(import_module(f"{__name__}.{module}"), original)
    globals()[name] = found  # the next time without this function
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
