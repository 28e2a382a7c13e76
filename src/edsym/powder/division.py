"""Division of the materials into training, validation and test: by material, or by prototype."""

import numpy as np

from edsym.errors import InputError
from edsym.powder.settings import PowderEvaluationSettings
from edsym.powder.store import PowderStore
from edsym.seeds import generator, stable_hash

_RANGE = 2.0**64


def divide(
    store: PowderStore, kind: str, settings: PowderEvaluationSettings, validation_fraction: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the places in the store of the materials that train, validate and test.

    A hash of the id, or of the prototype, tells the side: it depends on nothing but the seed.

    Parameters
    ----------
    store : PowderStore
        The materials.
    kind : {"material", "prototype"}
        What is kept together.
    settings : PowderEvaluationSettings
        Share of the test, most training materials, and seed.
    validation_fraction : float
        Share of the training materials that validate.

    Raises
    ------
    InputError
        If a part has no material.
    """
    keys = store.material_id if kind == "material" else store.prototype
    unique, of_key = np.unique(keys, return_inverse=True)
    place = np.array([stable_hash("powder split", settings.seed, key) / _RANGE for key in unique])[of_key]
    test = np.flatnonzero(place < settings.test_fraction)
    rest = np.flatnonzero(place >= settings.test_fraction)
    if settings.materials and len(rest) > settings.materials:
        rng = generator(settings.seed, "powder materials", kind)
        rest = np.sort(rng.choice(rest, settings.materials, replace=False))
    # of the rest, those of the largest hashes
    validates = place[rest] >= 1 - (1 - settings.test_fraction) * validation_fraction
    parts = rest[~validates], rest[validates], test
    if any(not len(part) for part in parts):
        sizes = ", ".join(str(len(part)) for part in parts)
        raise InputError(
            f"the {len(store)} materials are too few to divide by {kind}: {sizes} to train, validate and test"
        )
    return parts
