"""Views of a powder pattern, over whose scores the network's answer is the mean.

A view is the pattern smoothed a little, of a cell a little smaller or larger: the noise of single bins and
the exact size of the cell tell less. Kernel and strains were chosen by the likelihood of simulated patterns
of validation materials.
"""

from collections.abc import Iterator

import numpy as np

from edsym.powder.features import clean
from edsym.powder.settings import PowderSettings

KERNEL = (0.25, 0.5, 0.25)
"""Weights of a bin and its neighbours."""

STRAINS = (-0.015, -0.008, 0.0, 0.008, 0.015)
"""By how much lattices are larger, as a share of their lengths."""


class OneView:
    """Of a network that answers to patterns as they are."""

    def views(self, patterns: np.ndarray) -> Iterator[np.ndarray]:
        """Yield what the network reads of patterns (n, bins)."""
        yield self.prepare(patterns)


def views(patterns: np.ndarray, settings: PowderSettings) -> Iterator[np.ndarray]:
    """Yield the views of patterns (n, bins): profiles (n, bins) as `edsym.powder.features.clean` has them."""
    profiles = clean(smoothed(patterns), settings)
    for strain in STRAINS:
        yield strained(profiles, strain, settings)


def smoothed(patterns: np.ndarray) -> np.ndarray:
    """Return patterns (n, bins) smoothed by `KERNEL`; what was not measured, 0, stays 0."""
    padded = np.pad(patterns, ((0, 0), (1, 1)))
    mean = sum(weight * padded[:, i : i + patterns.shape[1]] for i, weight in enumerate(KERNEL))
    return np.where(patterns == 0, 0, mean).astype(np.float32)


def strained(profiles: np.ndarray, strain: float, settings: PowderSettings) -> np.ndarray:
    """Return profiles (n, bins) of lattices that are larger by this share, 0 where they tell nothing."""
    two_theta = settings.two_theta_min + settings.step * (np.arange(settings.bins) + 0.5)
    sine = np.sin(np.radians(two_theta / 2)) * (1 + strain)
    place = (2 * np.degrees(np.arcsin(np.minimum(sine, 1))) - settings.two_theta_min) / settings.step - 0.5
    low = np.clip(place.astype(int), 0, settings.bins - 2)
    weight = place - low
    found = profiles[:, low] * (1 - weight) + profiles[:, low + 1] * weight
    return np.where((weight >= 0) & (weight <= 1), found, 0).astype(np.float32)
