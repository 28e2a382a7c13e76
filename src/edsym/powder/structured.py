"""The published structured targets: crystal system, lattice and symmetry elements of each powder group.

An extinction symbol such as P 21/b 1 1 is taken apart into a crystal system, a lattice letter and elements by
position (arXiv 2604.23811). Three heads learn these, and a decoder joins them to probabilities of the groups.
"""

import csv
from functools import cache
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid

from edsym.symmetry import CRYSTAL_SYSTEMS, crystal_system
from edsym.symmetry.classes import powder_groups

SYMBOLS = Path(__file__).with_name("extinction_symbols.csv")
"""The 99 published classes in their order: first space group and extinction symbol."""

LATTICES = ("P", "I", "F", "C", "R")
"""Letters of lattices; all one-face centrings are C."""

ELEMENTS = (
    *(f"1 {element}" for element in ("21", "31", "41", "42", "61", "62", "63", *"abcdn")),
    *(f"2 {element}" for element in ("21", *"abcdn")),
    *(f"3 {element}" for element in ("21", *"abcdn", "(ab)")),
)
"""Symmetry elements by their position in the symbol."""

FEATURES = (*CRYSTAL_SYSTEMS, *LATTICES, *ELEMENTS)
"""The 37 features of a group."""

ROWS = ("true", "released")
"""Whose features a group is taught: its own, or those that the first released code gave it."""

_SYSTEM = slice(0, len(CRYSTAL_SYSTEMS))
_LATTICE = slice(_SYSTEM.stop, _SYSTEM.stop + len(LATTICES))
_ELEMENT = slice(_LATTICE.stop, None)


@cache
def group_features(rows: str = "true") -> np.ndarray:
    """Return the features (97, 37) of the powder groups, 0 or 1.

    Parameters
    ----------
    rows : {"true", "released"}
        The first released code looked for the row of a class under the place of its symbol among the 84
        different ones: every class got another one's features. Its authors have mended that since.
    """
    with open(SYMBOLS, newline="", encoding="utf-8") as file:
        published = [(int(row["space_group"]), row["symbol"]) for row in csv.DictReader(file)]
    places = range(len(published))
    if rows == "released":
        places = np.unique([symbol for _, symbol in published], return_inverse=True)[1]
    found = np.zeros((len(powder_groups().names), len(FEATURES)), np.float32)
    # of the two pairs of classes that have the same lines, the first stands for both
    for (number, _), place in reversed(list(zip(published, places, strict=True))):
        found[powder_groups().index[number - 1]] = _features(*published[place])
    return found


def _features(number: int, symbol: str) -> np.ndarray:
    """Return the features (37,) of an extinction symbol; `number` tells its crystal system."""
    letter, *elements = symbol.split("(equiv")[0].replace("(obv)", " ").split()
    names = [crystal_system(number), letter]
    for position, sites in enumerate(elements, 1):
        names += [f"{position} {element}" for element in sites.split("/") if element not in ("-", "1")]
    return np.isin(FEATURES, names).astype(np.float32)


def structured_loss(logits: Tensor, features: Tensor) -> Tensor:
    """Return the loss of logits (n, 37) for features (n, 37), summed over the heads."""
    system, lattice = (features[:, part].argmax(1) for part in (_SYSTEM, _LATTICE))
    return (
        cross_entropy(logits[:, _SYSTEM], system)
        + cross_entropy(logits[:, _LATTICE], lattice)
        + binary_cross_entropy_with_logits(logits[:, _ELEMENT], features[:, _ELEMENT])
    )


def decode(logits: Tensor, features: Tensor) -> Tensor:
    """Return the log-probabilities (n, C) of groups with these features (C, 37) by logits (n, 37).

    The decoder multiplies the probabilities of system, lattice, and presence or absence of each element, and
    scales the products to a sum of 1.
    """
    system, lattice = (logits[:, part].log_softmax(1) for part in (_SYSTEM, _LATTICE))
    present = features[:, _ELEMENT]
    elements = (
        logsigmoid(logits[:, _ELEMENT]) @ present.T + logsigmoid(-logits[:, _ELEMENT]) @ (1 - present).T
    )
    joint = system @ features[:, _SYSTEM].T + lattice @ features[:, _LATTICE].T + elements
    return joint.log_softmax(1)
