"""The configuration: its files are made from the settings; what cannot run is refused in words."""

import copy
import math
import runpy
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from edsym.configuration import (
    check_configuration,
    check_surroundings,
    default_configuration,
    scientific,
    sections,
)
from edsym.errors import InputError
from edsym.models.mlp.settings import MLPSettings
from edsym.settings import allowed, entries
from edsym.simulation.engines.choice import ENGINES
from edsym.simulation.settings import SimulationSettings
from edsym.structures.source import SOURCES
from edsym.training.settings import TrainingSettings

ROOT = Path(__file__).parents[2]
GENERATED = runpy.run_path(str(ROOT / "config/generate.py"))
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
KEYS = [(name, key, entry) for name, made in sections().items() for key, entry in entries(made).items()]
NUMBERS = [found for found in KEYS if {"minimum", "exclusiveMinimum"} & found[2].keys()]


def refused(section, **values):
    """Return the message with which a configuration with these values is refused."""
    with pytest.raises(InputError) as caught:
        check_configuration({section: values})
    return str(caught.value)


def test_files_are_made_from_the_settings():
    assert (ROOT / "config/config.yaml").read_text() == GENERATED["configuration_file"]()
    assert (ROOT / "config/README.md").read_text() == GENERATED["reference"]()
    assert yaml.safe_load(SCHEMA.read_text()) == GENERATED["schema"]()


def test_config_yaml_is_the_default_and_what_no_configuration_means():
    written = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    assert written == default_configuration() == check_configuration({}) == check_configuration(written)
    jsonschema.validate(written, GENERATED["schema"]())


@pytest.mark.parametrize("name", ["demo", "literal", "own", "powder", "spectra"])
def test_overlays_are_valid(name):
    check_configuration(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))


@pytest.mark.parametrize("settings", sections().values())
def test_settings_need_no_argument_and_every_key_is_described(settings):
    made = settings()
    assert settings(**made.model_dump()) == made
    for key, entry in entries(settings).items():
        assert entry["description"].endswith(".") and entry["unit"], key
        numeric = {"integer", "number"} & set(
            entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
        )
        assert (
            not numeric
            or len({"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"} & set(entry)) == 2
        ), key


def beside(entry, side):
    """Return the value nearest to a bound that is inside of it, and the nearest outside."""
    sign = {"minimum": 1, "maximum": -1}[side]

    def next_to(bound, sign):
        return bound + sign if "integer" in entry["type"] else math.nextafter(bound, sign * math.inf)

    if side in entry:
        return entry[side], next_to(entry[side], -sign)
    bound = entry[f"exclusive{side.title()}"]
    return next_to(bound, sign), bound


@pytest.mark.parametrize("side", ["minimum", "maximum"])
@pytest.mark.parametrize(("section", "key", "entry"), NUMBERS, ids=[f"{s}.{k}" for s, k, _ in NUMBERS])
def test_bounds_hold_for_every_key(section, key, entry, side):
    inside, outside = beside(entry, side)
    # a neighbour may contradict the value, as heads that do not divide the width, but never its own bounds
    try:
        check_configuration({section: {key: inside}})
    except InputError as error:
        assert allowed(entry) not in str(error)
    for value in (outside, float("nan"), float("inf"), "many", [], True):
        text = refused(section, **{key: value})
        assert f"{section}.{key}: {value!r} is not allowed; it must be {allowed(entry)}" in text


WHOLE = [(section, key) for section, key, entry in KEYS if "integer" in entry["type"]]


@pytest.mark.parametrize(("section", "key"), WHOLE)
@pytest.mark.parametrize("value", [3.0, 2.5, "3.0", "2e1"])
def test_a_whole_number_is_not_written_as_a_fraction(section, key, value):
    assert f"{section}.{key}: " in refused(section, **{key: value})


@pytest.mark.parametrize(("section", "key", "entry"), [k for k in KEYS if "enum" in k[2]])
def test_choices_hold_for_every_key(section, key, entry):
    text = refused(section, **{key: "magic"})
    assert f"{section}.{key}: 'magic' is not allowed; it must be one of {', '.join(entry['enum'])}" in text


@pytest.mark.parametrize(
    ("section", "values", "expected"),
    [
        (
            "filter",
            {"min_volume": 2000},
            "filter.min_volume: 2000 is not allowed; it must be below filter.max_volume",
        ),
        ("simulation", {"zone_axis": 3}, "unknown key simulation.zone_axis: did you mean zone_axes?"),
        (
            "simulation",
            {"thickness_angstrom": 1e-300},
            "simulation.thickness_angstrom: 1e-300 is not allowed",
        ),
        ("simulation", {"seed": 2**32}, "simulation.seed: 4294967296 is not allowed"),
        (
            "simulation",
            {"device": "cuda"},
            "simulation.device: cuda is not allowed with simulation.engine krylov",
        ),
        ("simulation", {"engine": "abtem"}, "simulation.scattering_factors: py4dstem is not allowed"),
        ("simulation", {"engine": "abtem"}, "simulation.absorption: weickenmeier_kohl is not allowed"),
        ("simulation", {"min_beam_amplitude": 0.01}, "simulation.min_beam_amplitude: 0.01 is not allowed"),
        (
            "simulation",
            {"g_max": 1.5},
            "peaks.q_max: 2 is not allowed; it must be at most simulation.g_max, 1.5",
        ),
        ("peaks", {"q_max": 2.1}, "peaks.q_max: 2.1 is not allowed; it must be at most simulation.g_max, 2"),
        (
            "evaluation",
            {"views": 101},
            "evaluation.views: 101 is not allowed; it must be at most simulation.zone_axes, 100",
        ),
        ("peaks", {"min_spots": 100000}, "peaks.min_spots: 100000 is not allowed"),
        ("split", {"test_fraction": 1e-9}, "split.test_fraction: 1e-09 is not allowed"),
        (
            "structures",
            {"source": "snapshot"},
            "structures.path: None is not allowed with structures.source snapshot",
        ),
        ("structures", {"source": "cif", "path": ""}, "structures.path: None is not allowed"),
        ("network", {"top_k": 7}, "network.top_k: 7 is not allowed; it must be 1 to network.experts, 6"),
        ("network", {"top_k": 0}, "network.top_k: 0 is not allowed"),
        ("network", {"experts": 0}, "network.top_k: 2 is not allowed"),
        ("network", {"width": 100}, "network.heads: 8 is not allowed; it must divide network.width, 100"),
        ("network", {"aggregator_heads": 3}, "network.aggregator_heads: 3 is not allowed; it must divide"),
        (
            "network",
            {"point_channels": []},
            "network.point_channels: [] is not allowed; it must be a list of at least 1",
        ),
        ("network", {"point_channels": [64, 0.5]}, "network.point_channels.1: 0.5 is not allowed"),
        (
            "experiment",
            {"phases": ["a/Au.cif", "b/Au.cif"]},
            "experiment.phases: 'b/Au.cif' is not allowed; each must have a name of its own",
        ),
        ("network", {"point_channels": "64"}, "network.point_channels: 64 is not allowed; it must be a list"),
    ],
)
def test_what_cannot_run_is_refused(section, values, expected):
    assert expected in refused(section, **values)


@pytest.mark.parametrize(
    "name", ["", " ", ".", "./", "/", "//", "~", "~/x", "res{x}", "re*", "a\0b", "a\nb", " a", 'a"b']
)
def test_results_name_a_folder(name):
    with pytest.raises(InputError, match=r"results: .* is not allowed; it must be the path of a folder"):
        check_configuration({"results": name})


@pytest.mark.parametrize("name", ["results", "/data/run 1", "../out/", "2024"])
def test_any_folder_takes_results(name):
    assert check_configuration({"results": name})["results"] == name


def test_models_of_a_run_are_known():
    assert check_configuration({"models": ["forest"]})["models"] == ["forest"]
    with pytest.raises(InputError, match=r"models.* 'tree' is not allowed; it must be one of gmoe, mlp"):
        check_configuration({"models": ["forest", "tree"]})


def test_all_errors_are_told_at_once():
    with pytest.raises(InputError) as caught:
        check_configuration(
            {"nonsense": 1, "split": 5, "peaks": {"min_spots": 0}, "filter": {"min_volume": 2000}}
        )
    told = ("unknown key nonsense: allowed are", "split: 5 is not allowed; it must be a section")
    assert all(text in str(caught.value) for text in (*told, "peaks.min_spots: 0", "filter.min_volume: 2000"))


def test_text_of_the_command_line_becomes_what_the_key_wants():
    given = {
        "results": 2024,
        "filter": {"max_volume": "500"},
        "peaks": {"min_intensity": "1e-3"},
        "structures": {"limit": "null", "path": "None"},
        "network": {"point_channels": ["16", "32"]},
        "training": {"precision": 32},
        "evaluation": {"conditional": "false"},
    }
    before = copy.deepcopy(given)
    checked = check_configuration(given)
    assert given == before, "the caller's configuration is left alone"
    assert checked["results"] == "2024"
    assert checked["filter"]["max_volume"] == 500 and type(checked["filter"]["max_volume"]) is int
    assert checked["peaks"]["min_intensity"] == 0.001
    assert checked["structures"]["limit"] is checked["structures"]["path"] is None
    assert checked["network"]["point_channels"] == [16, 32]
    assert checked["training"]["precision"] == "32"
    assert checked["evaluation"]["conditional"] is False


def test_the_library_reads_nothing_out_of_text_but_takes_whole_numbers_and_lists():
    assert MLPSettings(hidden=[16], dropout=0).hidden == (16,)
    assert MLPSettings(epochs=np.int64(3), dropout=np.float32(0.5)) == MLPSettings(epochs=3, dropout=0.5)
    assert TrainingSettings(precision=32).precision == "32"
    with pytest.raises(InputError, match=r"mlp\.epochs: '3' is not allowed"):
        MLPSettings(epochs="3")


def test_a_basis_brings_its_own_cuts_unless_they_are_given():
    assert (
        SimulationSettings(basis="adaptive", g_max=2.5).model_dump().items()
        >= {
            "g_max": 2.5,
            "max_excitation_error": 0.07,
            "min_beam_amplitude": 0.001,
        }.items()
    )


def test_settings_are_changed_in_copies_only_and_checked_again():
    with pytest.raises(ValueError, match="frozen"):
        SimulationSettings().zone_axes = 3
    assert SimulationSettings(zone_axes=3).replace(seed=1) == SimulationSettings(zone_axes=3, seed=1)
    with pytest.raises(InputError, match="zone_axes: 0 is not allowed"):
        SimulationSettings().replace(zone_axes=0)


def test_stored_settings_are_complete_and_name_their_file():
    stored = MLPSettings().model_dump()
    assert MLPSettings.stored(stored, "model.json") == MLPSettings()
    for values, message in (
        ({}, "model.json lacks mlp.batch_size"),
        (None, "model.json: None are no settings"),
    ):
        with pytest.raises(InputError, match=message):
            MLPSettings.stored(values, "model.json")
    with pytest.raises(InputError, match=r"model\.json: mlp\.epochs: 0 is not allowed"):
        MLPSettings.stored(stored | {"epochs": 0}, "model.json")


def test_operational_keys_are_not_scientific():
    config = default_configuration()
    left_out = {
        f"{name}.{key}"
        for name in sections()
        for key in config[name].keys() - scientific(config, name).keys()
    }
    assert left_out == {
        "structures.chunk_size",
        "structures.retries",
        "simulation.device",
        "training.checkpoint_minutes",
    }


@pytest.mark.parametrize(
    ("changes", "rule", "expected"),
    [
        ({}, "collect_structures", "structures.source: materials_project needs your key"),
        ({"training": {"nodes": 2}}, "train", "training.nodes: 2 is not allowed on one machine"),
    ],
)
def test_what_is_missing_is_told_before_the_first_job(changes, rule, expected, monkeypatch):
    monkeypatch.delenv("MP_API_KEY", raising=False)
    config = check_configuration(changes)
    check_surroundings(config, {"select_materials", "predict"}, local=True)
    with pytest.raises(InputError, match=expected):
        check_surroundings(config, {rule}, local=True)


def test_a_missing_gpu_is_told_where_jobs_run_here():
    torch = pytest.importorskip("torch")
    if torch.cuda.device_count():
        pytest.skip("this machine has a GPU")
    config = check_configuration(
        {"simulation": {"engine": "torch", "device": "cuda"}, "training": {"precision": "16"}}
    )
    with pytest.raises(InputError, match=r"simulation\.device: cuda .*\n.*training\.precision: 16"):
        check_surroundings(config, {"simulate", "train"}, local=True)
    check_surroundings(config, {"simulate", "train"}, local=False)


def test_more_devices_than_gpus_are_refused_but_processes_on_a_cpu_are_not(monkeypatch):
    config = check_configuration({"training": {"devices": 2}})
    for count in (0, 2, 1):
        monkeypatch.setattr("torch.cuda.device_count", lambda count=count: count)
        if count != 1:
            check_surroundings(config, {"train"}, local=True)
    with pytest.raises(InputError, match=r"training\.devices: 2 is not allowed; the GPUs here are 1"):
        check_surroundings(config, {"train"}, local=True)


def test_choices_are_those_of_the_code():
    structures, simulation = (entries(sections()[name]) for name in ("structures", "simulation"))
    assert structures["source"]["enum"] == list(SOURCES)
    assert simulation["engine"]["enum"] == list(ENGINES)
