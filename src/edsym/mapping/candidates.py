"""Lattices that may be of a phase, by how well they explain grains of a scan."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edsym.lattice.find import Found

ROTATION, LATTICE = 20.0, 30.0
"""Gain that a free choice is worth: one of 8 pi² / 0.005³ rotations that can be told apart, and of six
strains that can be told to a per cent."""
# A lattice that gains so much of what another does on the other's own grains is the same. One of four times
# as many points gains a fifth less.
_ALIKE = 0.9


@dataclass(frozen=True)
class Candidate:
    """A lattice, the gain in log likelihood of each grain that it explains, and those it was found in."""

    found: Found | None = None
    gains: dict[int, float] = field(default_factory=dict)
    own: Sequence[int] = ()

    @property
    def evidence(self) -> float:
        """Gain above what free choices are worth; one grain is no phase of several."""
        if len(self.gains) < 2:
            return 0.0
        return sum(self.gains.values()) - ROTATION * len(self.gains) - LATTICE

    def without(self, rivals: list["Candidate"]) -> "Candidate":
        """Return it without the grains that another lattice explains better."""
        other = [one for one in rivals if not self._is_that_of(one)]
        kept = {
            g: gain for g, gain in self.gains.items() if all(gain >= one.gains.get(g, 0.0) for one in other)
        }
        return replace(self, gains=kept)

    def _is_that_of(self, other: "Candidate") -> bool:
        """Return whether it explains the other's own grains nearly as well: then both are of one crystal."""
        gain = sum(self.gains.get(g, 0.0) for g in other.own)
        return gain >= _ALIKE * sum(other.gains[g] for g in other.own)


def ranked(candidates: list[Candidate]) -> list[Candidate]:
    """Return candidates without the grains that others explain better, those of most evidence first.

    A dense lattice with a long axis explains a little of everything, and is what all grains may have in
    common. The lattice of a crystal, where one of its grains shows it, explains the others better.
    """
    good = [one for one in candidates if one.evidence > 0]
    left = [one.without(good) for one in good]
    return sorted((one for one in left if one.evidence > 0), key=lambda one: -one.evidence)
