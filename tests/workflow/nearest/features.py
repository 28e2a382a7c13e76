import numpy as np


def radial(spots, bins):
    """Return the share of the intensity's root in rings (P, bins)."""
    pattern = np.repeat(np.arange(len(spots)), np.diff(spots.offset))
    ring = (np.hypot(spots.qx, spots.qy) * bins / 2).astype(int).clip(max=bins - 1)
    rings = np.zeros((len(spots), bins), np.float32)
    np.add.at(rings, (pattern, ring), np.sqrt(spots.intensity))
    return rings / rings.sum(axis=1, keepdims=True)
