"""The settings of `config/config.yaml`, for tests that need complete ones and care about few."""

from pathlib import Path

import yaml

from edsym.simulation.settings import SimulationSettings

CONFIG = Path(__file__).parents[1] / "config/config.yaml"


def simulation_settings(**changes) -> SimulationSettings:
    """Return the default settings of the simulation, some of them changed."""
    defaults = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["simulation"]
    return SimulationSettings(**defaults | changes)
