"""What one target's references say: bin proportions or a density, and whether the model explains them."""

from collections.abc import Callable
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
    informative : ndarray of int64
        Parameters that leave traces in images, in rising order; densities are uniform along the others.
    """

    posterior: Posterior
    residuals: Residuals
    smoothing: float
    informative: NDArray[np.int64]

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
        wide = self._embedded(components[outside], lambda told: density.average(told, verdict.powers[outside]))
        if outside.all():
            return wide, verdict
        return self._density(components[verdict.explained]).mixed(wide, 1 - verdict.share), verdict

    def _judged(self, features: NDArray[np.float32], rng: np.random.Generator) -> tuple[Components, Verdict, Density]:
        """Posteriors of the references, the verdict, and the density of them all."""
        components = self.posterior(features)
        every = self._density(components)
        distances = self.residuals.measure(features, components)
        return components, residuals.judge(self.residuals, distances, every, rng), every

    def _density(self, components: Components) -> Density:
        return self._embedded(components, lambda told: density.estimate(told, self.smoothing))

    def _embedded(self, components: Components, estimate: Callable[[Components], Density]) -> Density:
        """What `estimate` makes of the informative parameters, uniform along the others."""
        d = components.means.shape[2]
        if not len(self.informative):
            return Density.uniform(d)
        return estimate(components.along(self.informative)).embedded(self.informative, d)
