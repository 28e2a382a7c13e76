"""Powder patterns in a notebook: simulated ones, and what the network says of measured ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from edsym.errors import InputError
from edsym.interface.powder_answer import PowderAnswer
from edsym.powder.indexing import SYSTEMS, PowderCell, find_lines, index_lines
from edsym.powder.pattern import PowderPattern
from edsym.powder.reflections import reflections
from edsym.powder.settings import PowderSettings
from edsym.structures.structure import Structure
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS

STORED = "powder"
"""Name of the model that comes with edsym."""

# Probability of a crystal system whose cells are looked for.
_LIKELY = 0.05


def simulate_powder(structure: Structure, seed: int | None = None, **changes) -> PowderPattern:
    """Return a simulated X-ray powder pattern of a crystal.

    Parameters
    ----------
    structure : Structure
        The crystal.
    seed : int, optional
        Draws a measured pattern: strains, texture, impurity-free, with background and noise. Without it there
        are Kα1 lines of one width and nothing else.
    **changes
        Keys of the section ``powder`` of the configuration, such as ``wavelength`` in Å or ``two_theta_max``.

    Returns
    -------
    PowderPattern
        The largest intensity is about 1.

    Examples
    --------
    >>> pattern = edsym.simulate_powder(edsym.Structure.from_cif("NaCl.cif"))
    >>> round(float(pattern.two_theta[pattern.intensity.argmax()]), 1)
    31.7
    """
    from edsym.powder.render import render
    from edsym.powder.store import joined

    settings = PowderSettings(**{"impurity_fraction": 0.0} | changes)
    lines = joined([reflections(structure, settings)], np.array([structure.spacegroup_number]))
    intensity = render(lines, np.array([0]), settings, seed)[0]
    two_theta = settings.two_theta_min + settings.step * (np.arange(settings.bins) + 0.5)
    return PowderPattern(two_theta, np.maximum(intensity, 0), settings.wavelength, "the simulated pattern")


def classify_powder(
    pattern: PowderPattern | str | Path, model: str | Path = STORED, prior: str = "training"
) -> PowderAnswer:
    """Return what a trained network says of a powder pattern.

    Parameters
    ----------
    pattern : PowderPattern, str or Path
        The pattern, or a file that `read_powder` takes.
    model : str or Path
        ``powder``, which comes with edsym, or the folder that a run wrote a model to.
    prior : {"training", "uniform"}
        How often groups are met: as among the training materials, or all 97 alike.

    Returns
    -------
    PowderAnswer
        Its ``top(5)`` is a table of groups and probabilities; its ``cell`` is looked for in the crystal
        systems that have a probability of 0.05 or more.

    Raises
    ------
    InputError
        If the pattern is none, or there is no such model.

    Examples
    --------
    >>> pattern = edsym.simulate_powder(edsym.Structure.from_cif("NaCl.cif"), seed=1)
    >>> edsym.classify_powder(pattern).top(1).crystal_system[0]
    'cubic'
    """
    from edsym.interface.model import MODELS_DIR
    from edsym.powder.model import PowderModel
    from edsym.powder.pattern_files import read_powder

    folder = MODELS_DIR / STORED if str(model) == STORED else Path(model)
    if not folder.is_dir():
        raise InputError(f"there is no powder model {str(model)!r}: expected {STORED} or a folder")
    trained = PowderModel.load(folder)
    if not isinstance(pattern, PowderPattern):
        pattern = read_powder(pattern)
    profile = pattern.on_axis(trained.powder)
    scores = trained.scores(profile[None])
    evidence = trained.probabilities(scores, np.ones(N_SPACE_GROUPS))
    answer = PowderAnswer(trained.probabilities(scores, prior)[0], evidence[0])
    return replace(answer, cell=_cell(profile, answer.p_system, trained.powder))


def _cell(profile: np.ndarray, p_system: np.ndarray, settings: PowderSettings) -> PowderCell | None:
    """Return the cell that explains a pattern (bins,), of the crystal systems that are likely."""
    likely = [name for name, p in zip(CRYSTAL_SYSTEMS, p_system, strict=True) if p >= _LIKELY]
    # trigonal crystals have hexagonal axes
    systems = [s for s in SYSTEMS if s in likely or (s == "hexagonal" and "trigonal" in likely)]
    return index_lines(find_lines(profile, settings), settings.wavelength, systems)
