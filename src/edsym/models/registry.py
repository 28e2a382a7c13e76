"""The models by name: a new one takes a folder beside this file, a line here and a configuration section."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module


@dataclass(frozen=True)
class Job:
    """What a job of the workflow takes.

    Attributes
    ----------
    threads : int or str
        Number of threads, or the key of the configuration that has it, because the results depend on it.
    mem_mb, runtime : int
        Memory and minutes; each further attempt has twice as much.
    gpu : bool
        Whether it asks for a GPU; a training for as many as its settings `devices` and `nodes` say.
    """

    threads: int | str = 1
    mem_mb: int = 32000
    runtime: int = 720
    gpu: bool = False


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
    holds_out : bool
        Whether `fit` learns nothing of single materials that validate, so that the model itself can be
        calibrated on them. For other models one more is trained without these materials, which predicts them.
    together : bool
        Whether it reads several views of a crystal together, as its class says.
    train, predict : Job
        What the jobs of the workflow take.
    """

    title: str
    model: str
    sections: Mapping[str, str] = field(default_factory=dict)
    holds_out: bool = False
    together: bool = False
    train: Job = Job()
    predict: Job = Job(runtime=240)


MODELS = {
    "gmoe": ModelEntry(
        "PE-AG-GMoE",
        "edsym.models.gmoe.model:GMoE",
        {
            "network": "edsym.models.gmoe.settings:NetworkSettings",
            "training": "edsym.training.settings:TrainingSettings",
        },
        holds_out=True,
        train=Job("training.threads", runtime=2880, gpu=True),
        predict=Job("training.threads", runtime=480, gpu=True),
    ),
    "mlp": ModelEntry(
        "Multilayer perceptron",
        "edsym.models.mlp.model:Perceptron",
        {"mlp": "edsym.models.mlp.settings:MLPSettings"},
        holds_out=True,
        train=Job("mlp.threads"),
        predict=Job("mlp.threads", runtime=240),
    ),
    "cell": ModelEntry(
        "Lattice network",
        "edsym.models.cell.model:LatticeNetwork",
        {"cell": "edsym.models.cell.settings:CellSettings"},
        holds_out=True,
        together=True,
        train=Job("cell.threads"),
        predict=Job("cell.threads"),
    ),
    "mvof": ModelEntry(
        "MVOF-ML",
        "edsym.models.mvof.model:OpinionFusion",
        {"mvof": "edsym.models.mvof.settings:MVOFSettings"},
        holds_out=True,
        together=True,
        train=Job("mvof.threads"),
        predict=Job("mvof.threads", runtime=240),
    ),
    "forest": ModelEntry(
        "Random forest",
        "edsym.models.forest.model:Forest",
        {"forest": "edsym.models.forest.settings:ForestSettings"},
        train=Job(32, mem_mb=64000, runtime=1440),
        predict=Job(16, mem_mb=64000, runtime=240),
    ),
}
"""Models by the names of their files, in the order of tables and figures."""

SECTIONS = {section: where for entry in MODELS.values() for section, where in entry.sections.items()}
"""All sections of the configuration that are models', with the classes of their settings."""


def imported(where: str) -> type:
    """Return what "module:name" names."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def make_model(kind: str, configuration: Mapping):
    """Return an untrained `edsym.models.model.Model` by sections of a configuration."""
    entry = MODELS[kind]
    settings = {name: imported(where)(**configuration[name]) for name, where in entry.sections.items()}
    return imported(entry.model)(**settings)


def validation_of(kind: str, configuration: Mapping) -> tuple[float, int]:
    """Return share and seed of the materials that validate a model: its own, or else those of the network."""
    own = (configuration[name] for name in MODELS[kind].sections)
    section = next((s for s in own if "validation_fraction" in s), configuration["training"])
    return section["validation_fraction"], section["seed"]


def fixed_threads(job: Job, configuration: Mapping) -> int | None:
    """Return the threads that the results depend on; None if they depend on none."""
    if not isinstance(job.threads, str):
        return None
    section, key = job.threads.split(".")
    return configuration[section][key]
