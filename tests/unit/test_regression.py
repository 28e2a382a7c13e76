"""The forest's regressors: free parameters of all systems, and answers on patterns that tell the edge."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

from edsym.cells.chosen import CellTest
from edsym.cells.parameters import conventional_cell, deviations, free_parameters
from edsym.cells.settings import RegressorSettings
from edsym.cells.table import REGRESSED
from edsym.detector.levels import LEVELS
from edsym.models.forest.model import Forest
from edsym.models.forest.regression import regress_cells
from edsym.models.forest.settings import ForestSettings
from edsym.models.train import train_model
from edsym.parquet import read_parquet, write_parquet
from edsym.predictions.settings import EvaluationSettings
from edsym.spots.store import SpotLists, offsets, write_spots
from edsym.structures.standard import standardize
from edsym.structures.table import write_materials

PLACES = [[0.11, 0.23, 0.37], [0.3, 0.15, 0.71]]
CRYSTALS = {
    "Fm-3m": Lattice.cubic(7.1),
    "R3": Lattice.hexagonal(5.3, 9.7),
    "P4/m": Lattice.tetragonal(6.2, 4.9),
    "P6": Lattice.hexagonal(6.1, 7.4),
    "Cmm2": Lattice.orthorhombic(9.1, 4.7, 6.3),
    "Amm2": Lattice.orthorhombic(9.1, 4.7, 6.3),
    "Fddd": Lattice.orthorhombic(12, 9.5, 15),
    "C2/c": Lattice.monoclinic(9.3, 7.2, 5.8, 104),
    "P-1": Lattice.from_parameters(5.2, 6.9, 7.8, 83, 97, 102),
}
FREE = dict(zip(CRYSTALS, (1, 2, 2, 2, 3, 3, 3, 4, 6), strict=True))


def crystal(group):
    atoms = (["Po"], [[0, 0, 0]]) if group == "Fm-3m" else (["Si", "O"], PLACES)
    made = Pymatgen.from_spacegroup(group, CRYSTALS[group], *atoms)
    numbers = [site.specie.Z for site in made]
    return standardize(made.lattice.matrix, np.array(numbers), made.frac_coords)


@pytest.mark.parametrize("group", CRYSTALS)
def test_the_free_parameters_of_a_lattice_make_it_again(group):
    structure = crystal(group)
    parameters = free_parameters(structure)
    assert len(parameters) == FREE[group]
    number = structure.spacegroup_number
    assert max(deviations(parameters, number, structure.lattice)) < 1e-6
    longer = parameters * np.where(parameters < 20, 1.02, 1)  # edges, and no angles
    off, to_scale = deviations(longer, number, structure.lattice)
    assert off == pytest.approx(0.02) and to_scale < 1e-6


def test_axes_of_orthorhombic_cells_are_sorted_and_angles_that_make_no_cell_make_one():
    assert all(a < b for a, b in pairwise(free_parameters(crystal("Cmm2"))))
    assert np.linalg.det(conventional_cell(np.array([5, 5, 5, 60, 60, 179.0]), "triclinic")) > 0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write 40 simple cubic crystals of 3 to 6 Å, whose patterns are their four innermost spots, turned."""
    folder, rng = tmp_path_factory.mktemp("regression"), np.random.default_rng(0)
    edges, views = rng.permutation(np.linspace(3, 6, 40)), 6
    ids = np.array([f"m{i:02}" for i in range(40)])
    turns = rng.uniform(0, 2 * np.pi, 40 * views)[:, None] + np.pi / 2 * np.arange(4)
    q = (np.exp(1j * turns) / edges.repeat(views)[:, None]).ravel()
    index = np.arange(40).repeat(views), np.tile(np.arange(views), 40), offsets(np.full(40 * views, 4))
    spots = SpotLists(ids, *index, *np.array([q.real, q.imag, np.ones(len(q))], "f4"))
    write_spots(folder / "0.h5", spots, np.tile([0, 0, 1.0], (len(spots), 1)), {})
    frame = pd.DataFrame({"material_id": ids, "crystal_system": "cubic", "spacegroup_number": 221})
    frame["split"] = ["test" if i % 4 == 0 else "train" for i in range(40)]
    write_parquet(pa.Table.from_pandas(frame, preserve_index=False), folder / "split.parquet")
    rows = frame.drop(columns="split").assign(formula="Po", nsites=1, volume=edges**3)
    rows["lattice"] = [(a * np.eye(3)).ravel() for a in edges]
    rows["numbers"], rows["frac_coords"] = [[84]] * 40, [[0.0, 0.0, 0.0]] * 40
    write_materials(rows, folder / "selected.parquet", {})
    forest = Forest(forest=ForestSettings(system_trees=2, spacegroup_trees=2))
    train_model(forest, [folder / "0.h5"], folder / "split.parquet", folder / "forest", validation=None)
    return [folder / "0.h5"], folder / "split.parquet", folder / "selected.parquet", folder / "forest"


def told(files, path, threads=1):
    options = {"detectors": [("ideal", LEVELS["ideal"]), ("good", LEVELS["good"])], "seed": 0, "materials": 8}
    test = CellTest(*files[:3], **options, views=[1, 4], evaluation=EvaluationSettings())
    regress_cells(test, files[3], path, settings=RegressorSettings(trees=20, patterns=3), threads=threads)
    table = read_parquet(path)
    assert table.schema.equals(REGRESSED)
    return table.to_pandas()


def test_regressors_tell_the_edge_of_test_materials_whatever_the_threads(files, tmp_path):
    frame = told(files, tmp_path / "one.parquet")
    assert len(frame) == 8 * 2 * 2 and frame.material_id.nunique() == 8
    assert set(frame.predicted_system) == {"cubic"}
    ideal = frame[frame.level == "ideal"]
    assert ideal.deviation.median() < 0.04, "a guess is 15 % off"
    assert (ideal.deviation_to_scale < 1e-9).all(), "a cube is right but for the scale"
    assert (frame[frame.level == "good"].scale_error == LEVELS["good"].scale_error).all()
    pd.testing.assert_frame_equal(told(files, tmp_path / "two.parquet", threads=2), frame)
