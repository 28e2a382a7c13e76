"""The choice of an engine; what it needs is imported only then."""

from edsym.simulation.engine import Engine
from edsym.simulation.settings import SimulationSettings


def engine_class(name: str) -> type[Engine]:
    """Return the class of the engine of a name."""
    if name == "abtem":
        from edsym.simulation.abtem_engine import AbtemEngine

        return AbtemEngine
    if name == "torch":
        from edsym.simulation.torch_engine import TorchEngine

        return TorchEngine
    from edsym.simulation.krylov_engine import KrylovEngine

    return KrylovEngine


def make_engine(settings: SimulationSettings) -> Engine:
    """Return the engine that the settings name."""
    return engine_class(settings.engine)(settings)
