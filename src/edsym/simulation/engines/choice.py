"""The choice of an engine; what it needs is imported only then."""

from pkgutil import resolve_name

from edsym.simulation.engines.interface import Engine
from edsym.simulation.settings import SimulationSettings

ENGINES = {
    "krylov": "edsym.simulation.engines.krylov.engine:KrylovEngine",
    "torch": "edsym.simulation.engines.batched.engine:TorchEngine",
    "abtem": "edsym.simulation.engines.abtem_engine:AbtemEngine",
}


def engine_class(name: str) -> type[Engine]:
    """Return the class of the engine of a name."""
    return resolve_name(ENGINES[name])


def make_engine(settings: SimulationSettings) -> Engine:
    """Return the engine that the settings name."""
    return engine_class(settings.engine)(settings)
