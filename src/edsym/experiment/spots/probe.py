"""The probe: what the direct beam and every diffracted one look like on the detector."""

from dataclasses import dataclass

import numpy as np
from scipy.special import erfc

from edsym.errors import InputError

STEP = 0.125
"""Distance of two values of a profile, in pixels."""

SHARPEST = 0.4
"""No edge is sharper than this, in pixels: a pixel itself blurs by its width over √12."""

_TAIL = 3.0  # widths of the edge that are still of the probe


@dataclass(frozen=True)
class Probe:
    """A round probe by its radial profile.

    Attributes
    ----------
    profile : (K,) array
        Height at the distances 0, STEP, 2 STEP, ... from the middle, in pixels; 1 in the middle, 0 at last.
    radius : float
        Where it is half as high, in pixels.
    edge : float
        Standard deviation of the blur of the edge, in pixels.
    """

    profile: np.ndarray
    radius: float
    edge: float

    @classmethod
    def disk(cls, radius: float, edge: float = SHARPEST) -> "Probe":
        """Return a disk with a blurred edge; the wider the edge, the more it is a round peak."""
        edge = max(edge, SHARPEST)
        distance = np.arange(0, radius + _TAIL * edge + STEP, STEP)
        profile = erfc((distance - radius) / (np.sqrt(2) * edge))
        profile[-1] = 0
        return cls(profile / profile[0], float(radius), float(edge))

    @property
    def reach(self) -> float:
        """Distance from which on it is nothing, in pixels."""
        return STEP * (len(self.profile) - 1)

    def image(self, aspect: np.ndarray) -> np.ndarray:
        """Return it on pixels (2 n + 1, 2 m + 1), the middle one at its centre.

        Parameters
        ----------
        aspect : (2,) array
            Height and width of a pixel over their geometric mean.
        """
        n, m = (int(np.ceil(self.reach / a)) for a in aspect)
        y, x = np.mgrid[-n : n + 1, -m : m + 1]
        return np.interp(
            np.hypot(y * aspect[0], x * aspect[1]), STEP * np.arange(len(self.profile)), self.profile
        )


def radial_profile(
    image: np.ndarray, centre, aspect: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return means of an image by the distance from a centre, and how many pixels each is of.

    Parameters
    ----------
    image : (H, W) array
        NaN where a pixel does not count.
    centre : (float, float)
        y and x.
    aspect : (2,) array
        Height and width of a pixel over their geometric mean.
    reach : float
        Largest distance in pixels; a value is taken at every half of a pixel.
    """
    y, x = np.indices(image.shape)
    ring = np.rint(2 * np.hypot((y - centre[0]) * aspect[0], (x - centre[1]) * aspect[1])).astype(int)
    good = np.isfinite(image) & (ring <= 2 * reach)
    n = int(2 * reach) + 1
    count = np.bincount(ring[good], minlength=n)[:n]
    total = np.bincount(ring[good], image[good], minlength=n)[:n]
    return total / np.maximum(count, 1), count


def fitted_disk(profile: np.ndarray, count: np.ndarray, guess: float) -> Probe | None:
    """Return the disk whose profile, with any height on any floor, is nearest to a measured one.

    Parameters
    ----------
    profile, count : (K,) array
        As `radial_profile` returns them.
    guess : float
        Its radius, roughly, in pixels: radii from half of it to twice are tried.

    Returns
    -------
    Probe or None
        None if the profile does not fall.
    """
    distance, weight = 0.5 * np.arange(len(profile)), np.sqrt(count)
    best, least = None, np.inf
    for radius in guess * np.geomspace(0.5, 2.0, 57):
        for edge in np.unique(np.maximum(radius * np.geomspace(0.04, 0.7, 14), SHARPEST)):
            shape = erfc((distance - radius) / (np.sqrt(2) * edge))
            design = np.stack([shape, np.ones_like(shape)], 1) * weight[:, None]
            solution = np.linalg.lstsq(design, profile * weight, rcond=None)[0]
            rest = float(((design @ solution - profile * weight) ** 2).sum())
            if solution[0] > 0 and rest < least:
                best, least = (radius, edge), rest
    return best and Probe.disk(*best)


def measured_probe(image: np.ndarray, centre, aspect: np.ndarray, disk: Probe) -> Probe:
    """Return a probe by the profile of an image of it alone, as without a crystal.

    Raises
    ------
    InputError
        If nothing stands out of the image.
    """
    reach = disk.reach + 2
    profile, count = radial_profile(image, centre, aspect, reach)
    distance = 0.5 * np.arange(len(profile))
    floor = float(np.median(profile[distance > disk.radius + 2 * disk.edge]))
    inner = distance <= 0.7 * disk.radius
    height = float(np.average(profile[inner], weights=count[inner] + 1e-9)) - floor
    if not height > 0:
        raise InputError("the image of the probe has no peak")
    fine = np.arange(0, disk.reach + STEP, STEP)
    shape = np.clip(np.interp(fine, distance, (profile - floor) / height), 0, None)
    shape[-1] = 0
    return Probe(shape, disk.radius, disk.edge)
