"""The choice of an engine."""

from edsym.simulation.engine import Engine
from edsym.simulation.settings import SimulationSettings


def make_engine(settings: SimulationSettings) -> Engine:
    """Return the engine that the settings name; what it needs is imported then."""
    if settings.engine == "abtem":
        from edsym.simulation.abtem_engine import AbtemEngine

        return AbtemEngine(settings)
    if settings.engine == "torch":
        from edsym.simulation.torch_engine import TorchEngine

        return TorchEngine(settings)
    from edsym.simulation.krylov_engine import KrylovEngine

    return KrylovEngine(settings)
