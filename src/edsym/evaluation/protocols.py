"""Protocols: the orientations that models are trained and tested at, by the simulation's names of them."""

import re
from collections.abc import Mapping
from itertools import product


def settings_of(protocol: str) -> dict:
    """Return the settings of the simulation that make a protocol."""
    in_plane = "random" if protocol == "random" else "fixed"
    return {"orientations": protocol, "in_plane": in_plane, "grid_of": "own"}


def tested(configuration: Mapping) -> tuple[str, ...]:
    """Return the protocols that models are tested at: the run's own one, then the others."""
    return _own_first(configuration, "protocols")


def trained(configuration: Mapping) -> tuple[str, ...]:
    """Return the protocols that models are trained at: the run's own one, then the others."""
    return _own_first(configuration, "protocols_trained")


def pairs(configuration: Mapping) -> list[tuple[str, str]]:
    """Return what table 7 compares: trained at, tested at; the run's own protocol comes first in both."""
    return list(product(trained(configuration), tested(configuration)))


def part(configuration: Mapping, trained_at: str, tested_at: str) -> str:
    """Return the folder of the results in which models of a protocol are tested at one."""
    models = "" if trained_at == configuration["simulation"]["orientations"] else f"trained/{trained_at}/"
    return models if tested_at == trained_at else f"{models}protocols/{tested_at}/"


def place_of_model(part: str) -> str:
    """Return the folder of the results in which the models of a part are."""
    return match[0] if (match := re.match(r"trained/\w+/", part)) else ""


def place_of_spots(configuration: Mapping, part: str) -> str:
    """Return the folder of the results in which the spots are that a part trains on or predicts."""
    if part.endswith("leak/"):
        return "leak/"
    *_, protocol, _ = ("", "", *part.removeprefix("validation/").split("/"))
    own = configuration["simulation"]["orientations"]
    return f"protocols/{protocol}/" if protocol not in ("", own) else ""


LEAK = settings_of("grid") | {"grid_of": "every", "shards": 1}
"""The settings of the simulation that put crystals on the grids of all Laue classes."""


def has_leak_table(configuration: Mapping) -> bool:
    """Tell whether there is a table 11: it needs crystals to put on other grids, and models of the grid."""
    return configuration["evaluation"]["leak_materials"] > 0 and "grid" in trained(configuration)


def _own_first(configuration: Mapping, key: str) -> tuple[str, ...]:
    own = configuration["simulation"]["orientations"]
    return (own, *(name for name in dict.fromkeys(configuration["evaluation"][key]) if name != own))
