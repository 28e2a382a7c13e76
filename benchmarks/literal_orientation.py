"""Template matching as one reads it in Ophus et al. (2022): the peer of `edsym.acom.correlation`.

Plain NumPy. The polar image of a pattern is dense, and its correlation with every template, dense as well, is
one product of Fourier transforms along the angle, summed over the shells. Those of the templates are kept.
"""

import numpy as np

from edsym.acom.templates import BINS, SHELL, Templates


class LiteralCorrelation:
    """The correlations of patterns with templates.

    Parameters
    ----------
    templates : Templates
        Their points become dense polar images.
    shells : int
        Number of shells.
    delta : float
        Distance in 1/Å at which a spot has faded.
    """

    def __init__(self, templates: Templates, shells: int, delta: float):
        self.delta, self.radius = delta, np.arange(shells)[:, None] * SHELL
        self.azimuth = np.arange(BINS) * 2 * np.pi / BINS
        dense = np.zeros((len(templates.orientations), shells, BINS), np.float32)
        template = np.repeat(np.arange(len(dense)), np.diff(templates.offset))
        kept = templates.shell < shells
        np.add.at(
            dense, (template[kept], templates.shell[kept], templates.angle[kept]), templates.weight[kept]
        )
        self.conjugate = np.fft.rfft(dense).conj().astype(np.complex64)

    def image(self, q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the polar image (shells, BINS) of spots at (n, 2) with weights (n,): equation 6."""
        total = np.zeros((len(self.radius), BINS))
        for (x, y), w in zip(q, weight, strict=True):
            apart = (np.arctan2(y, x) - self.azimuth + np.pi) % (2 * np.pi) - np.pi
            distance = np.hypot(np.hypot(x, y) - self.radius, self.radius * apart)
            total += w * np.maximum(0, 1 - distance / self.delta)
        total[0] = 0  # the direct beam
        return total

    def __call__(self, q: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the correlations (T, 2, BINS) with the templates and their mirror images, by angle."""
        straight = np.fft.rfft(self.image(q, weight)).astype(np.complex64)
        # A mirrored pattern and a template as it is are a pattern and a mirrored template, turned back.
        mirrored = np.fft.rfft(self.image(q * [1, -1], weight)).astype(np.complex64)
        products = [np.einsum("tsk,sk->tk", self.conjugate, one) for one in (straight, mirrored)]
        found = np.fft.irfft(np.stack(products, axis=1), BINS)
        found[:, 1] = np.roll(found[:, 1, ::-1], 1, axis=-1)
        return found
