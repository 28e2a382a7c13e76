"""The space group given the crystal system, so that the two never contradict each other.

The paper's network decides on both independently and may answer "cubic" and "P6/mmm". The chain rule,
p(system, group) = p(system) · p(group | system), decides on the system first and then on a group of that
system, as the random forest does by construction. The answer for the system stays what it was.
"""

import numpy as np

from edsym.symmetry import SYSTEM_OF_GROUP


def given_system(p_spacegroup: np.ndarray, system: np.ndarray) -> np.ndarray:
    """Return the probabilities of space groups given a crystal system, p(group | system).

    Parameters
    ----------
    p_spacegroup : (N, 230) array
        Probabilities of the space groups.
    system : (N,) array of int
        Index of the crystal system in each row.

    Returns
    -------
    (N, 230) array
        Distributions over the groups of the system; uniform if all of them had probability 0.
    """
    possible = np.asarray(system)[:, None] == SYSTEM_OF_GROUP
    p = np.where(possible, p_spacegroup, 0.0)
    p = np.where(p.sum(axis=1, keepdims=True) > 0, p, possible)
    return p / p.sum(axis=1, keepdims=True)


def decide_given_system(p_spacegroup: np.ndarray, system: np.ndarray) -> np.ndarray:
    """Return the number of the most probable space group of each row's crystal system, (N,)."""
    return given_system(p_spacegroup, system).argmax(axis=1) + 1
