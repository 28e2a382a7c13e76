"""The choice of an engine; what it needs is imported only then."""

from edsym.simulation.engines.interface import Engine
from edsym.simulation.settings import SimulationSettings


def engine_class(name: str) -> type[Engine]:
    """Return the class of the engine of a name."""
    if name == "abtem":
        from edsym.simulation.engines.abtem_engine import AbtemEngine

        return AbtemEngine
    if name == "torch":
        from edsym.simulation.engines.batched.engine import TorchEngine

        return TorchEngine
    from edsym.simulation.engines.krylov.engine import KrylovEngine

    return KrylovEngine


def make_engine(settings: SimulationSettings) -> Engine:
    """Return the engine that the settings name."""
    return engine_class(settings.engine)(settings)
