"""Opinions of subjective logic: beliefs in classes and an uncertainty, and their fusion by Dempster's rule.

Evidence e_k ≥ 0 of K classes makes the Dirichlet distribution of α = e + 1 and, with S = Σ α_k, the opinion
b_k = e_k / S, u = K / S, so that u + Σ b_k = 1 (A. Jøsang, Subjective Logic, 2016; M. Sensoy, L. Kaplan &
M. Kandemir, NeurIPS 2018, equation 1).
"""

import numpy as np


def opinion(evidence: np.ndarray) -> np.ndarray:
    """Return beliefs and uncertainty (..., K + 1), the uncertainty last, of evidence (..., K)."""
    k = evidence.shape[-1]
    total = (evidence + 1).sum(axis=-1, keepdims=True)
    return np.concatenate([evidence / total, k / total], axis=-1)


def probabilities(opinions: np.ndarray) -> np.ndarray:
    """Return the mean of the Dirichlet distribution, b_k + u / K, (..., K), of opinions (..., K + 1)."""
    return opinions[..., :-1] + opinions[..., -1:] / (opinions.shape[-1] - 1)


def fuse(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return two opinions (..., K + 1) as one, by Dempster's rule reduced to single classes.

    With the conflict C = Σ_{i≠j} b_i b'_j,

        b_k ← (b_k b'_k + b_k u' + b'_k u) / (1 − C),   u ← u u' / (1 − C).

    Notes
    -----
    Z. Han, C. Zhang, H. Fu & J. T. Zhou, Trusted multi-view classification, ICLR 2021, definition 3.1.
    """
    b, u, c, v = first[..., :-1], first[..., -1:], second[..., :-1], second[..., -1:]
    fused = np.concatenate([b * c + b * v + c * u, u * v], axis=-1)
    # what is left is 1 − C, and no less than u u', which is above 0
    return fused / fused.sum(axis=-1, keepdims=True)


def fuse_views(opinions: np.ndarray, start: np.ndarray, enough: float) -> tuple[np.ndarray, np.ndarray]:
    """Fuse the views of each crystal in their order, until the uncertainty is below what is enough.

    Parameters
    ----------
    opinions : (P, K + 1) array
        Of all views, those of a crystal one after another.
    start : (M,) array of int
        The first view of each crystal; the last crystal has all that follow.
    enough : float
        Uncertainty below which no more views are looked at.

    Returns
    -------
    fused : (M, K + 1) array
        The opinions on the crystals.
    used : (M,) array of int
        How many views were looked at.
    """
    opinions = np.asarray(opinions, dtype=np.float64)
    count = np.diff(np.append(start, len(opinions)))
    fused, used = opinions[start], np.ones(len(start), dtype=int)
    for i in range(1, count.max(initial=0)):
        going = np.flatnonzero((count > i) & (used == i) & (fused[:, -1] >= enough))
        fused[going] = fuse(fused[going], opinions[start[going] + i])
        used[going] += 1
    return fused, used
