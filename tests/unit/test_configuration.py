"""The configuration: schema, config.yaml, documentation and settings agree; wrong values are named."""

import copy
import dataclasses
from pathlib import Path

import pytest
import yaml

from edsym.configuration import check_configuration, defaults, load_schema, reference
from edsym.errors import InputError
from edsym.models.forest.settings import ForestSettings
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.mlp.settings import MLPSettings
from edsym.predictions.settings import EvaluationSettings
from edsym.simulation.settings import SimulationSettings
from edsym.spots.settings import PeaksSettings, SplitSettings
from edsym.structures.settings import FilterSettings, StructuresSettings
from edsym.training.settings import TrainingSettings

ROOT = Path(__file__).parents[2]
SCHEMA = load_schema(ROOT / "workflow/schemas/config.schema.yaml")
SETTINGS = {
    "structures": StructuresSettings,
    "filter": FilterSettings,
    "simulation": SimulationSettings,
    "peaks": PeaksSettings,
    "split": SplitSettings,
    "network": NetworkSettings,
    "training": TrainingSettings,
    "mlp": MLPSettings,
    "forest": ForestSettings,
    "evaluation": EvaluationSettings,
}


def sections():
    return {name: entry for name, entry in SCHEMA["properties"].items() if entry["type"] == "object"}


def test_config_yaml_writes_out_all_defaults_of_the_schema():
    assert yaml.safe_load((ROOT / "config/config.yaml").read_text()) == defaults(SCHEMA)


def test_documentation_is_made_from_the_schema():
    assert (ROOT / "config/README.md").read_text() == reference(SCHEMA)


def test_every_key_has_description_unit_and_default():
    keys = [(name, key, entry) for name, s in sections().items() for key, entry in s["properties"].items()]
    assert len(keys) > 50
    for name, key, entry in keys:
        assert {"description", "unit", "default", "type"} <= set(entry), f"{name}.{key}"
        numeric = {"integer", "number"} & set(
            entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
        )
        assert not numeric or {"minimum", "exclusiveMinimum"} & set(entry), f"{name}.{key} has no bound"


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_classes_have_the_keys_of_their_section(name):
    assert set(sections()) == set(SETTINGS)
    fields = {field.name for field in dataclasses.fields(SETTINGS[name])}
    assert (
        fields == set(SCHEMA["properties"][name]["properties"]) == set(SCHEMA["properties"][name]["required"])
    )


def test_demo_overlay_is_valid():
    config = defaults(SCHEMA)
    for key, value in yaml.safe_load((ROOT / "config/demo.yaml").read_text()).items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    assert check_configuration(config, SCHEMA) == config


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("filter.max_volume", -5, "filter.max_volume: -5 is not allowed; it must be a number > 0"),
        ("filter.max_volume", float("nan"), "filter.max_volume: nan is not allowed"),
        (
            "filter.min_volume",
            2000,
            "filter.min_volume: 2000 is not allowed; it must be below filter.max_volume",
        ),
        (
            "simulation.engine",
            "magic",
            "simulation.engine: 'magic' is not allowed; it must be one of krylov, torch, abtem",
        ),
        ("simulation.zone_axis", 3, "unknown key simulation.zone_axis: did you mean zone_axes?"),
        ("training.epochs", "many", "training.epochs: 'many' is not allowed; it must be a whole number ≥ 1"),
        ("training.epochs", 1.5, "training.epochs: 1.5 is not allowed"),
        ("structures.source", "snapshot", "structures.path: null is not allowed"),
        ("network.top_k", 7, "network.top_k: 7 is not allowed; network.experts is 6"),
        ("network.width", 100, "network.heads: 8 is not allowed; it must divide network.width, 100"),
        ("nonsense", 1, "unknown key nonsense: allowed are"),
    ],
)
def test_wrong_values_are_named(key, value, expected):
    config = defaults(SCHEMA)
    *section, name = key.split(".")
    (config[section[0]] if section else config)[name] = value
    with pytest.raises(InputError) as caught:
        check_configuration(config, SCHEMA)
    assert expected in str(caught.value)


def test_all_errors_are_told_at_once():
    config = defaults(SCHEMA)
    config["split"] = {"test_fraction": 2}
    config["peaks"]["min_spots"] = 0
    with pytest.raises(InputError) as caught:
        check_configuration(config, SCHEMA)
    assert all(
        key in str(caught.value)
        for key in ("split.seed is missing", "split.test_fraction", "peaks.min_spots")
    )


def test_missing_keys_are_told_once():
    config = defaults(SCHEMA) | {"training": {}}
    with pytest.raises(InputError) as error:
        check_configuration(config, SCHEMA)
    assert str(error.value).count("training.epochs is missing") == 1


def test_text_of_the_command_line_becomes_numbers():
    config = copy.deepcopy(defaults(SCHEMA))
    config["filter"]["max_volume"] = "500"
    config["peaks"]["min_intensity"] = "1e-3"
    config["structures"]["limit"] = "null"
    config["network"]["point_channels"] = ["16", "32"]
    checked = check_configuration(config, SCHEMA)
    assert checked["filter"]["max_volume"] == 500
    assert checked["peaks"]["min_intensity"] == 0.001
    assert checked["structures"]["limit"] is None
    assert checked["network"]["point_channels"] == [16, 32]
    assert config["filter"]["max_volume"] == "500", "the caller's configuration is left alone"
