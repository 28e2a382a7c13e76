"""Settings of the evaluation: the section ``evaluation`` of the configuration."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from edsym.settings import MAX_SEED, Settings, setting

Protocol = Literal["random", "hemisphere", "grid", "plan"]


class EvaluationSettings(Settings):
    """Evaluation on the test part."""

    section: ClassVar = "evaluation"

    views: int = setting(10, "patterns", ge=1, le=10_000)
    """Patterns of a material drawn at random and aggregated into one answer."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of these draws."""
    bootstrap: int = setting(1000, "draws", ge=100, le=100_000)
    """Draws of materials that intervals of tables 16 to 18 are made of."""
    calibration: Literal["temperature", "none"] = setting("temperature")
    """Calibration of confidences (table 8, figure 5), fitted on the validation part of the training
    materials. `temperature` divides all logits by one number, which changes no decision; `none` leaves
    them."""
    pooling: Literal["learned", "none"] = setting("learned")
    """Pool of the views beyond the paper's vote (table 9). `learned` multiplies the views' probabilities,
    each to the power of a weight that depends on how certain the view is, fitted on the validation part of
    the training materials; with `none` there are only the vote and the sum of log-probabilities. With both
    this and `calibration` at `none`, the second forest that validation needs is not grown."""
    protocols: tuple[Protocol, ...] = setting(("random", "hemisphere", "grid", "plan"), strict=False)
    """Orientations at which all models are tested (table 7), as `simulation.orientations` names them: random
    ones with random in-plane rotation, the others with a fixed one. The simulation's own always count."""
    protocols_trained: tuple[Protocol, ...] = setting((), strict=False)
    """Of these, orientations at which all models are trained as well, beside the simulation's own."""
    leak_materials: int = setting(20, "materials", ge=0, le=10_000)
    """Test materials of each crystal system that are put on the grids of all twelve Laue classes with their
    settings, for models that were trained on the grid (table 11, which there is with such models only); 0
    leaves it out."""
    conditional: bool = setting(True)
    """Whether table 9 also has rows of the space group given the crystal system, p(system) · p(group given
    system), which are never a group of another system."""

    def _contradictions(self) -> Iterator[str]:
        for protocol in self.protocols_trained:
            if protocol not in self.protocols:
                yield (
                    f"evaluation.protocols_trained: {protocol} is not allowed; it must be one of "
                    "evaluation.protocols"
                )
