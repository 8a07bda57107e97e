"""What one target's references say: bin proportions or a density, and whether the model explains them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from degcraft.weighting import density, proportions, residuals
from degcraft.weighting.density import Density
from degcraft.weighting.posterior import Components, Posterior
from degcraft.weighting.proportions import Proportions
from degcraft.weighting.residuals import Residuals, Verdict


@dataclass(frozen=True)
class Estimator:
    """Everything that is taken from the bank, for one extractor.

    Attributes
    ----------
    posterior : Posterior
        Of the degradation given features.
    residuals : Residuals
        Judges the fit.
    smoothing : float
        Of densities.
    """

    posterior: Posterior
    residuals: Residuals
    smoothing: float

    def mixture(
        self, features: NDArray[np.float32], edges: list[NDArray[np.float64]], rng: np.random.Generator
    ) -> tuple[Proportions, Verdict]:
        """Proportions of the bins among references.

        Parameters
        ----------
        features : ndarray of shape (n, c), float32
            Of the references.
        edges : list of ndarray
            Edges of the bins along each axis of the cube.
        rng : numpy.random.Generator
            Of the bootstraps.
        """
        components, verdict, _ = self._judged(features, rng)
        likelihoods = proportions.bin_likelihoods(components, edges)
        inside, outside = verdict.explained, ~verdict.explained
        if not outside.any():
            return proportions.estimate(likelihoods, rng), verdict
        wide = proportions.average(likelihoods[outside], verdict.powers[outside])
        if not inside.any():
            return wide, verdict
        sharp = proportions.estimate(likelihoods[inside], rng)
        return sharp.mixed(wide, 1 - verdict.share), verdict

    def refined(self, features: NDArray[np.float32], rng: np.random.Generator) -> tuple[Density, Verdict]:
        """Density of the references' degradations on the cube; parameters as for `mixture`."""
        components, verdict, sharp = self._judged(features, rng)
        outside = ~verdict.explained
        if not outside.any():
            return sharp, verdict
        wide = density.average(components[outside], verdict.powers[outside])
        if outside.all():
            return wide, verdict
        sharp = density.estimate(components[verdict.explained], self.smoothing)
        return sharp.mixed(wide, 1 - verdict.share), verdict

    def _judged(self, features: NDArray[np.float32], rng: np.random.Generator) -> tuple[Components, Verdict, Density]:
        """Posteriors of the references, the verdict, and the density of them all."""
        components = self.posterior(features)
        every = density.estimate(components, self.smoothing)
        distances = self.residuals.measure(features, components)
        return components, residuals.judge(self.residuals, distances, every, rng), every
