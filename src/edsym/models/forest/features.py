"""Features of the baseline: a polar Fourier transform of the spot list.

A pattern is scaled to a total intensity of 0.3. With the bins r_k = 0, 0.05, ... 2.0 1/Å and the orders
n = 0 ... 12,

    c[k, n] = Σ_spots max(0, 1 - |q - r_k| / 0.05) · I · exp(i n φ),

and modulus and phase of c[k, n] alternate in the feature vector, orders running fastest. A rotation of the
pattern in its plane by α adds n·α to the phases and leaves the moduli. Bins that no spot reaches are 0.

Where symmetry makes a coefficient vanish, or real, rounding decides its digits, and its phase may be any.
Real and imaginary parts below 1e-5 of the bin's intensity are therefore 0, and so is the phase of 0.
"""

from dataclasses import replace

import numpy as np
from numba import njit

from edsym.spots.store import SpotLists

BIN_WIDTH = 0.05
N_BINS = 41
N_ORDERS = 13
N_FEATURES = 2 * N_BINS * N_ORDERS
TOTAL_INTENSITY = 0.3
NEGLIGIBLE = 1e-5
N_SHARES = 64
"""Brightest spots whose intensities are features where positions are not."""


def forest_features(spots: SpotLists, patterns: slice = slice(None)) -> np.ndarray:
    """Return the features of patterns.

    Parameters
    ----------
    spots : SpotLists
        The spot lists.
    patterns : slice
        Which of them, without a step.

    Returns
    -------
    (P, 1066) array of float32
        Modulus and phase (radians) of each bin and order.
    """
    start, stop, _ = patterns.indices(len(spots))
    offset = np.asarray(spots.offset[start : stop + 1], dtype=np.int64)
    return _features(spots.qx, spots.qy, spots.intensity, offset)


def features_of(spots: SpotLists, kind: str, patterns: slice = slice(None)) -> np.ndarray:
    """Return what the trees see of patterns.

    Parameters
    ----------
    spots : SpotLists
        The spot lists.
    kind : {"spots", "positions", "intensities"}
        `forest_features`; the same with all intensities alike; or the brightest shares of the total
        intensity, falling, and the number of spots.
    patterns : slice
        Which of them, without a step.

    Returns
    -------
    (P, F) array of float32
        Features.
    """
    if kind == "intensities":
        start, stop, _ = patterns.indices(len(spots))
        return _shares(spots.intensity, np.asarray(spots.offset[start : stop + 1], dtype=np.int64))
    if kind == "positions":
        spots = replace(spots, intensity=np.ones(len(spots.intensity), dtype=np.float32))
    return forest_features(spots, patterns)


@njit(cache=True, nogil=True)
def _shares(intensity, offset):
    shares = np.zeros((len(offset) - 1, N_SHARES + 1), dtype=np.float32)
    for p in range(len(shares)):
        own = np.sort(intensity[offset[p] : offset[p + 1]].astype(np.float64))[::-1]
        shares[p, : min(len(own), N_SHARES)] = own[:N_SHARES] / own.sum()
        shares[p, N_SHARES] = len(own)
    return shares


@njit(cache=True, nogil=True)
def _features(qx, qy, intensity, offset):
    features = np.zeros((len(offset) - 1, N_FEATURES), dtype=np.float32)
    for p in range(len(features)):
        coefficients = np.zeros((N_BINS, N_ORDERS), dtype=np.complex128)
        total = 0.0
        for i in range(offset[p], offset[p + 1]):
            total += intensity[i]
            _add_spot(coefficients, np.float64(qx[i]), np.float64(qy[i]), np.float64(intensity[i]))
        for k in range(N_BINS):
            negligible = NEGLIGIBLE * coefficients[k, 0].real
            for n in range(N_ORDERS):
                real, imaginary = coefficients[k, n].real, coefficients[k, n].imag
                real = real if abs(real) > negligible else 0.0
                imaginary = imaginary if abs(imaginary) > negligible else 0.0
                j = 2 * (k * N_ORDERS + n)
                features[p, j] = TOTAL_INTENSITY / total * np.hypot(real, imaginary)
                features[p, j + 1] = np.arctan2(imaginary, real)
    return features


@njit(cache=True, nogil=True)
def _add_spot(coefficients, qx, qy, intensity):
    """Share a spot between the two bins that its |q| lies between."""
    q = np.hypot(qx, qy)
    turn = complex(qx / q, qy / q) if q > 0 else complex(1.0, 0.0)
    position = q / BIN_WIDTH
    lower = int(position)
    for k in range(lower, min(lower + 2, N_BINS)):
        term = complex((1 - abs(position - k)) * intensity, 0.0)
        for n in range(N_ORDERS):
            coefficients[k, n] += term
            term *= turn
