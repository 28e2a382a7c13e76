"""The views of each material that are taken together."""

from collections.abc import Iterable

import numpy as np

from edsym.predictions.settings import EvaluationSettings
from edsym.seeds import generator, stable_hash


def draw_views(
    material_id: np.ndarray, view: np.ndarray, settings: EvaluationSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Draw views of every material at random, without replacement.

    A material with no more than `settings.views` patterns gives all of them. What is drawn depends on
    the seed, the material's id and which of its views there are, and on nothing else: models that are
    tested on the same patterns are judged by the same views.

    Parameters
    ----------
    material_id, view : (P,) arrays of str, int
        Material of each pattern, and which of its views it is.
    settings : EvaluationSettings
        How many views, and the seed.

    Returns
    -------
    rows : (K,) array of int
        The drawn patterns, as indices: by material_id, then view.
    start : (M,) array of int
        Where the rows of each material start; materials are sorted by id.
    """
    order = np.lexsort((view, material_id))
    ids, first = np.unique(material_id[order], return_index=True)
    drawn = [
        np.sort(_draw(rows, str(material), settings))
        for material, rows in zip(ids, np.split(np.arange(len(order)), first[1:]), strict=True)
    ]
    start = np.cumsum([0] + [len(rows) for rows in drawn[:-1]])
    return order[np.concatenate(drawn)], start


def draw_materials(material_id: Iterable[str], count: int, settings: EvaluationSettings) -> list[str]:
    """Draw materials for what costs too much to be done with all of them.

    Fewer are a part of more, and one is drawn or not whatever the others' order is.

    Parameters
    ----------
    material_id : iterable of str
        The materials.
    count : int
        How many at most.
    settings : EvaluationSettings
        The seed.

    Returns
    -------
    list of str
        The drawn ones, sorted.
    """
    by_chance = sorted(material_id, key=lambda name: (stable_hash(settings.seed, "cells", name), name))
    return sorted(by_chance[:count])


def _draw(rows: np.ndarray, material_id: str, settings: EvaluationSettings) -> np.ndarray:
    if len(rows) <= settings.views:
        return rows
    return generator(settings.seed, "views", material_id).choice(rows, settings.views, replace=False)
