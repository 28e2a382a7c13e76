"""Ways to decide, by one pattern or by several views of a material, and which of them a model has."""

from collections.abc import Mapping

from edsym.models.registry import MODELS

METHODS = {
    "single": "One pattern",
    "vote": "Vote",
    "weighted": "Vote, by probability",
    "difference": "Vote, by lead",
    "histogram": "Probability sum",
    "logsum": "Log-probability sum",
    "pooled": "Learned pool",
    "together": "Views together",
}
"""Ways to decide by the prefixes of their columns (`edsym.predictions.views`): what they are called."""


COUNTED = ("vote", "weighted", "difference", "histogram")
"""Of these, ways that count what single patterns say and make no probabilities."""


def decides(model: str, method: str) -> bool:
    """Tell whether a model decides in a way: not all of them read views together."""
    return method != "together" or MODELS[model].together


def methods_of(model: str, configuration: Mapping, *, counted: bool) -> tuple[str, ...]:
    """Return the ways in which a model decides in a run; what is counted has no probabilities."""
    absent = set(COUNTED) if not counted else set()
    absent |= {"pooled"} if configuration["evaluation"]["pooling"] == "none" else set()
    return tuple(method for method in METHODS if method not in absent and decides(model, method))
