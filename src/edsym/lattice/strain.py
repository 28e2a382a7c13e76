"""The six strains of a lattice, in the order that all of this package has them in: xx, yy, zz, yz, xz, xy."""

import numpy as np

PLACES = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Row and column of each in a symmetric matrix."""

STRAINS = np.zeros((6, 3, 3))
"""The symmetric matrix of each, with ones where it is."""
for _k, (_i, _j) in enumerate(PLACES):
    STRAINS[_k, _i, _j] = STRAINS[_k, _j, _i] = 1.0
