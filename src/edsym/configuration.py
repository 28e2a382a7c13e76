"""The configuration of a run: the settings of all stages and models, checked before the first job."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar, Literal

from edsym.cells.settings import FinderSettings, RegressorSettings
from edsym.detector.settings import DetectorSettings
from edsym.errors import InputError
from edsym.models.registry import MODELS, SECTIONS, imported
from edsym.powder.rival_settings import (
    PowderConvNextSettings,
    PowderPeaksSettings,
    PowderTransformerSettings,
)
from edsym.powder.settings import PowderEvaluationSettings, PowderNetworkSettings, PowderSettings
from edsym.predictions.settings import EvaluationSettings
from edsym.settings import Settings, entries, setting, unknown_key
from edsym.simulation.settings import SimulationSettings
from edsym.specimen.settings import ExperimentSettings
from edsym.spots.settings import PeaksSettings, SplitSettings
from edsym.structures.settings import FilterSettings, StructuresSettings

_WORDS = {"true": True, "false": False, "null": None, "none": None, "": None}


class RunSettings(Settings):
    """What belongs to no section."""

    section: ClassVar = ""

    results: str = setting("results", "path")
    """Folder that the run writes to."""
    models: tuple[Literal[*MODELS], ...] = setting(tuple(MODELS), strict=False, min_length=1)
    """Models that are trained and tested, and that tables and figures have. Regressors of lattice parameters
    (table 19) need the forest in any case."""

    def _contradictions(self) -> Iterator[str]:
        name = self.results
        if (
            name.strip() != name
            or os.path.normpath(name) in (".", "/", "//")
            or name.startswith("~")
            or not name.isprintable()
            or set(name) & set("{}*?\"'\\")
        ):
            yield (
                f"results: {name!r} is not allowed; it must be the path of a folder, not / or . itself, "
                "without ~, braces, quotes, *, ? and \\"
            )


@cache
def sections() -> dict[str, type[Settings]]:
    """Return the sections of the configuration, in their order, and their settings."""
    stages = (
        StructuresSettings,
        FilterSettings,
        SimulationSettings,
        PeaksSettings,
        SplitSettings,
        DetectorSettings,
    )
    models = map(imported, SECTIONS.values())
    later = (
        EvaluationSettings,
        FinderSettings,
        RegressorSettings,
        ExperimentSettings,
        PowderSettings,
        PowderNetworkSettings,
        PowderTransformerSettings,
        PowderConvNextSettings,
        PowderPeaksSettings,
        PowderEvaluationSettings,
    )
    return {settings.section: settings for settings in (*stages, *models, *later)}


def default_configuration() -> dict:
    """Return all sections and keys with their defaults."""
    return {
        **_defaults(RunSettings),
        **{name: _defaults(settings) for name, settings in sections().items()},
    }


def _defaults(settings: type[Settings]) -> dict:
    return {name: entry["default"] for name, entry in entries(settings).items()}


def check_configuration(config: Mapping) -> dict:
    """Return a checked copy of a configuration, in which missing keys have their defaults.

    What the command line hands over as text (``--config filter='{max_volume: 500}'``) becomes numbers,
    true, false or null, where the key wants one.

    Raises
    ------
    InputError
        Names every wrong key, its value and what is allowed.
    """
    known = [*RunSettings.model_fields, *sections()]
    problems = [unknown_key(str(name), str(name), known) for name in config if name not in known]
    checked = default_configuration()
    top = entries(RunSettings)
    checked |= {name: _parsed(config[name], entry) for name, entry in top.items() if name in config}
    made = {"": _made(RunSettings, {name: checked[name] for name in top}, problems)}
    for name, settings in sections().items():
        values = config.get(name, {})
        if not isinstance(values, Mapping):
            problems.append(f"{name}: {values!r} is not allowed; it must be a section")
            continue
        checked[name] |= {
            str(key): _parsed(value, entries(settings).get(key)) for key, value in values.items()
        }
        made[name] = _made(settings, checked[name], problems)
    problems = problems or list(_between_sections(made))
    if problems:
        raise InputError("the configuration is wrong:\n  " + "\n  ".join(problems))
    return checked


def _made(settings: type[Settings], values: Mapping, problems: list[str]) -> Settings | None:
    """Return the settings, or None and one more of the problems for each wrong key."""
    try:
        return settings(**values)
    except InputError as error:
        problems.extend(str(error).splitlines())
        return None


def _parsed(value: Any, entry: Mapping | None) -> Any:
    """Return what text stands for where a key wants something else, and text where it wants text."""
    if entry is None:
        return value
    if isinstance(value, list | tuple):
        return [_parsed(item, entry.get("items")) for item in value]
    if "string" not in entry["type"]:
        return _from_text(value) if isinstance(value, str) else value
    if "null" in entry["type"] and isinstance(value, str) and _WORDS.get(value.lower(), value) is None:
        return None
    return str(value) if type(value) in (int, float) else value  # precision: 32 is as good as "32"


def _from_text(text: str) -> Any:
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return _WORDS.get(text.lower(), text)


def _between_sections(made: Mapping[str, Settings]) -> Iterator[str]:
    """Yield what is wrong between sections that are right each by itself."""
    g_max, q_max = made["simulation"].g_max, made["peaks"].q_max
    if q_max > g_max:
        yield (
            f"peaks.q_max: {q_max:g} is not allowed; it must be at most simulation.g_max, {g_max:g}, "
            "the length of the longest beam"
        )
    views, zone_axes = made["evaluation"].views, made["simulation"].zone_axes
    if views > zone_axes:
        yield (
            f"evaluation.views: {views} is not allowed; it must be at most simulation.zone_axes, "
            f"{zone_axes}, the patterns of a material"
        )
    read, simulated = made["cell"].energy_kev, made["simulation"].energy_kev
    if read != simulated:
        yield f"cell.energy_kev: {read:g} is not allowed; it must be simulation.energy_kev, {simulated:g}"


def scientific(config: Mapping, section: str) -> dict:
    """Return a section without the keys that change no result: for the others, jobs run again."""
    known = entries(sections()[section])
    return {key: value for key, value in config[section].items() if not known[key].get("operational")}


def check_surroundings(config: Mapping, rules: Collection[str], *, local: bool) -> None:
    """Raise unless what jobs need of their surroundings is there: the database's key, a GPU, a cluster.

    Parameters
    ----------
    config : Mapping
        A checked configuration.
    rules : collection of str
        The rules whose jobs have to run.
    local : bool
        Whether the jobs run on this machine. What a cluster's nodes have cannot be seen from here.

    Raises
    ------
    InputError
        Names every key, its value and what is missing.
    """
    if problems := list(_missing(config, set(rules), local)):
        raise InputError("the run cannot start:\n  " + "\n  ".join(problems))


def _missing(config: Mapping, rules: set[str], local: bool) -> Iterator[str]:
    structures, simulation, training = (config[name] for name in ("structures", "simulation", "training"))
    if (
        "collect_structures" in rules
        and structures["source"] == "materials_project"
        and not os.environ.get("MP_API_KEY", "").strip()
    ):
        yield (
            "structures.source: materials_project needs your key to the database in the environment variable "
            "MP_API_KEY (https://next-gen.materialsproject.org/api); the other sources need none"
        )
    simulations = {"simulate", "simulate_protocol", "simulate_leak"}
    if local and simulations & rules and simulation["device"] == "cuda" and not _gpus():
        yield "simulation.device: cuda is not allowed; this machine has no GPU that torch can use"
    if not (local and "train" in rules):
        return
    if training["nodes"] > 1:
        yield f"training.nodes: {training['nodes']} is not allowed on one machine; several take a cluster"
    if training["devices"] > 1 and 0 < (found := _gpus()) < training["devices"]:
        yield f"training.devices: {training['devices']} is not allowed; the GPUs here are {found}"
    if training["precision"] == "16" and not _gpus():
        yield "training.precision: 16 is not allowed without a GPU; it must be auto, 32 or bf16"


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
