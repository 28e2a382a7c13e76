"""Speed of reflections and of rendering; how patterns compare with pymatgen's and with gemmi's factors."""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from inputs import use_one_core
from tqdm import tqdm

import edsym.powder.reflections as kernel
from edsym.files import atomic_path
from edsym.powder.render import render
from edsym.powder.settings import PowderSettings
from edsym.powder.store import joined
from edsym.structures.standard import standardize
from edsym.structures.table import read_materials

SETTINGS = PowderSettings()
EDGES = np.arange(SETTINGS.two_theta_min, SETTINGS.two_theta_max, 0.2)
RENDERED, HEAVIEST = 10, 98
# What the other Python runs: sin² θ / λ² from a file, factors of the elements from 1 on to the same one.
GEMMI = """
import sys, gemmi, numpy
squared = numpy.load(sys.argv[1])
elements = [gemmi.Element(z).it92 for z in range(1, 99)]
numpy.save(sys.argv[1], [[element.calculate_sf(x) for x in squared] for element in elements])
"""


def main() -> None:
    """Measure materials drawn by lot, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--materials", type=Path, required=True, help="results/structures/selected.parquet")
    parser.add_argument("--count", type=int, default=300, help="number of materials")
    parser.add_argument("--volume", type=float, default=1000, help="largest cell in Å³")
    parser.add_argument("--gemmi-python", help="Python of an environment with gemmi and numpy")
    parser.add_argument("--output", type=Path, help="write the table to this CSV file")
    options = parser.parse_args()
    use_one_core()
    frame = read_materials(options.materials).query("volume <= @options.volume")
    rows = frame.sample(min(options.count, len(frame)), random_state=0).itertuples()
    cells = [standardize(r.lattice.reshape(3, 3), r.numbers, r.frac_coords.reshape(-1, 3)) for r in rows]
    cells = [cell for cell in cells if cell.numbers.max() <= HEAVIEST]
    own = [binned(cell) for cell in cells]
    found = (
        {"structures": len(cells)} | speeds(cells) | compared("pymatgen", own, map(by_pymatgen, tqdm(cells)))
    )
    if options.gemmi_python:
        factors = factors_of_gemmi(options.gemmi_python)
        kernel.factor_table = lambda number, *_: factors[number - 1]
        found |= compared("factors of gemmi", own, map(binned, cells))
    table = pd.Series(found, name="value").rename_axis("of").reset_index()
    print(table.to_string(index=False))
    if options.output:
        with atomic_path(options.output) as temporary:
            table.to_csv(temporary, index=False)


def speeds(cells) -> dict[str, float]:
    """Return milliseconds of a structure, and patterns a second with all nuisances."""
    start = time.process_time()
    found = [kernel.reflections(cell, SETTINGS) for cell in cells]
    each = 1000 * (time.process_time() - start) / len(cells)
    lines = joined(found, np.array([cell.spacegroup_number for cell in cells]))
    places = np.arange(len(cells))
    render(lines, places, SETTINGS, 0, "compiled")
    start = time.process_time()
    for i in range(RENDERED):
        render(lines, places, SETTINGS, 0, "speed", i)
    rate = RENDERED * len(cells) / (time.process_time() - start)
    return {"ms a structure": each, "patterns a second": rate}


def binned(cell) -> np.ndarray:
    """Return the intensities of the lines of a crystal in bins of 0.2°."""
    two_theta, intensity = kernel.reflections(cell, SETTINGS).lines(SETTINGS.wavelength)
    return np.histogram(two_theta, EDGES, weights=intensity)[0]


def by_pymatgen(cell) -> np.ndarray:
    """Return the same by pymatgen's calculator, with the same displacements."""
    from pymatgen.analysis.diffraction.xrd import XRDCalculator
    from pymatgen.core import Structure

    crystal = Structure(cell.lattice, cell.numbers, cell.frac_coords)
    displacements = {str(element): SETTINGS.thermal_b for element in crystal.elements}
    calculator = XRDCalculator(SETTINGS.wavelength, debye_waller_factors=displacements)
    found = calculator.get_pattern(crystal, two_theta_range=(SETTINGS.two_theta_min, SETTINGS.two_theta_max))
    return np.histogram(found.x, EDGES, weights=found.y)[0]


def factors_of_gemmi(python: str) -> np.ndarray:
    """Return the tables of the kernel by the coefficients of International Tables C, a row an element."""
    g_max = 2 * np.sin(np.radians(SETTINGS.two_theta_max / 2)) / SETTINGS.wavelength
    nodes = len(kernel.factor_table(1, g_max**2, SETTINGS.thermal_b))
    squared = np.arange(nodes) * g_max**2 / (nodes - 2)
    with tempfile.TemporaryDirectory() as folder:
        shared = Path(folder) / "factors.npy"
        np.save(shared, squared / 4)
        subprocess.run([python, "-c", GEMMI, str(shared)], check=True)
        return np.load(shared) * np.exp(-SETTINGS.thermal_b * squared / 4)


def compared(name: str, own, other) -> dict[str, float]:
    """Return the smallest and the median correlation of patterns."""
    r = np.array([np.corrcoef(*pair)[0, 1] for pair in zip(own, other, strict=True)])
    return {f"r against {name}, smallest": r.min(), f"r against {name}, median": np.median(r)}


if __name__ == "__main__":
    main()
