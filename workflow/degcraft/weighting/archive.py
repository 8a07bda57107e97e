"""Estimators as named arrays, for files."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.weighting.posterior import Network, Posterior
from degcraft.weighting.references import Estimator
from degcraft.weighting.residuals import Residuals

_LAYERS = 3


def names(networks: int) -> list[str]:
    """Names of all arrays of a posterior with so many networks, and its residuals."""
    parts = ["shift", "scale", "direct.weight", "direct.bias"]
    parts += [f"layer{number}.{part}" for number in range(_LAYERS) for part in ("weight", "bias")]
    return [f"network{one}.{part}" for one in range(networks) for part in parts] + [
        f"residuals.{field.name}" for field in fields(Residuals)
    ]


def arrays(estimator: Estimator) -> dict[str, NDArray[Any]]:
    """Everything that `estimator` takes back."""
    networks, residuals = estimator.posterior.networks, estimator.residuals
    found = {"networks": np.array(len(networks)), "smoothing": np.array(estimator.smoothing)}
    found["informative"] = estimator.informative
    for one, network in enumerate(networks):
        found |= {f"network{one}.shift": network.shift, f"network{one}.scale": network.scale}
        for name, layer in (("direct", network.direct), *((f"layer{i}", x) for i, x in enumerate(network.layers))):
            found |= {f"network{one}.{name}.weight": layer[0], f"network{one}.{name}.bias": layer[1]}
    return found | {f"residuals.{field.name}": getattr(residuals, field.name) for field in fields(Residuals)}


def estimator(read: Callable[..., Sequence[NDArray[Any]]]) -> Estimator:
    """Estimator from the file of the stage posterior; `read` gives arrays by their names."""
    networks, smoothing, informative = read("networks", "smoothing", "informative")
    keys = names(int(networks))
    found = dict(zip(keys, read(*keys), strict=True))

    def layer(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
        return found[f"{name}.weight"], found[f"{name}.bias"]

    members = [
        Network(
            found[f"network{one}.shift"],
            found[f"network{one}.scale"],
            [layer(f"network{one}.layer{number}") for number in range(_LAYERS)],
            layer(f"network{one}.direct"),
        )
        for one in range(int(networks))
    ]
    residuals = Residuals(*(found[f"residuals.{field.name}"] for field in fields(Residuals)))
    return Estimator(Posterior(members), residuals, float(smoothing), informative)
