"""The models by name: a new one takes a folder beside this file, a line here and a configuration section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module


@dataclass(frozen=True)
class ModelEntry:
    """What tables print of a model, and where its parts are; nothing of it is imported before it is used.

    Attributes
    ----------
    title : str
        The name that tables and figures print.
    model : str
        The class as "module:Class", see `edsym.models.model.Model`.
    sections : mapping of str to str
        Sections of the configuration that are the model's, each with the class of its settings as
        "module:Class". They are the keyword arguments of the model.
    """

    title: str
    model: str
    sections: Mapping[str, str] = field(default_factory=dict)


MODELS = {
    "gmoe": ModelEntry(
        "PE-AG-GMoE",
        "edsym.models.gmoe.model:GMoE",
        {
            "network": "edsym.models.gmoe.settings:NetworkSettings",
            "training": "edsym.training.settings:TrainingSettings",
        },
    ),
    "mlp": ModelEntry(
        "Multilayer perceptron",
        "edsym.models.mlp.model:Perceptron",
        {"mlp": "edsym.models.mlp.settings:MLPSettings"},
    ),
    "forest": ModelEntry(
        "Random forest",
        "edsym.models.forest.model:Forest",
        {"forest": "edsym.models.forest.settings:ForestSettings"},
    ),
}
"""Models by the names of their files, in the order of tables and figures."""

SECTIONS = {section: where for entry in MODELS.values() for section, where in entry.sections.items()}
"""All sections of the configuration that are models', with the classes of their settings."""


def imported(where: str) -> type:
    """Return what "module:name" names."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)
