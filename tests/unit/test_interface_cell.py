"""The cell of a simulated crystal, from its spots alone, by the function and by the command."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

import edsym
from edsym.cli import main
from edsym.errors import InputError
from edsym.interface.cell_report import with_uncertainty
from edsym.lattice.plane import find_plane

RUTILE = Pymatgen.from_spacegroup(
    "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
)


@pytest.fixture(scope="module")
def spots():
    return edsym.find_spots(edsym.simulate(edsym.Structure.from_pymatgen(RUTILE), n=5, seed=3))


@pytest.fixture(scope="module")
def cell(spots):
    return edsym.find_cell(spots)


def test_the_cell_is_found_with_its_bravais_lattice(cell):
    best = cell.bravais[0]
    assert best.bravais == "tP" and best.probability > 0.9
    np.testing.assert_allclose(best.parameters, [4.594, 4.594, 2.959, 90, 90, 90], rtol=2e-3)
    table = cell.table()
    assert table.bravais[0] == "tP" and table.probability.sum() == pytest.approx(1)
    assert table.volume[0] == pytest.approx(4.594**2 * 2.959, rel=5e-3)
    assert cell.probability > 0.8 and cell.indexed_share > 0.95
    assert cell.undetermined[0].startswith("the scale")
    assert abs(np.linalg.det(cell.primitive)) == pytest.approx(4.594**2 * 2.959, rel=5e-3)
    np.testing.assert_allclose(np.sort(cell.parameters[:3]), [2.959, 4.594, 4.594], rtol=2e-3)


def test_indices_and_orientations_predict_every_indexed_spot(spots, cell):
    for v, view in enumerate(cell.views):
        assert view.agrees
        mine = slice(*spots.offset[v : v + 2])
        assert cell.spots.hkl[mine].any(axis=1).tolist() == view.indexed.tolist()
        g = cell.spots.hkl[mine] @ np.linalg.inv(view.basis).T
        x, y = cell.ellipse
        predicted = g[:, :2] @ [[1 + x, y], [y, 1 - x]] + view.centre
        seen = np.stack([spots.qx[mine], spots.qy[mine]], axis=1)
        off = (seen - predicted)[view.indexed]
        assert np.abs(off).max() < 1e-3  # the conventional cell is bound, the positions are not
        np.testing.assert_allclose(off, view.residual[view.indexed], atol=1e-5)
        s = -g[:, 2] - edsym.simulation.electrons.wavelength(300) * (g**2).sum(axis=1) / 2
        np.testing.assert_allclose(s[view.indexed], view.excitation_error[view.indexed], atol=1e-6)
        assert np.isnan(view.residual[~view.indexed]).all()


@pytest.fixture(scope="module")
def two_grains():
    """The spots of two views of quartz in one pattern, and how many are the first one's."""
    lattice, coords = Lattice.hexagonal(4.913, 5.405), [[0.4697, 0, 2 / 3], [0.4135, 0.2669, 0.7858]]
    quartz = Pymatgen.from_spacegroup("P3_221", lattice, ["Si", "O"], coords)
    first, second = list(
        edsym.find_spots(edsym.simulate(edsym.Structure.from_pymatgen(quartz), n=5, seed=3))
    )[3:]
    return np.concatenate([first, second]), len(first)


def test_two_crystals_that_overlap_are_told_apart(two_grains, tmp_path, capsys):
    pattern, n = two_grains
    cells = edsym.find_crystals(pattern)
    assert len(cells) == 2
    owners = []
    for cell in cells:
        np.testing.assert_allclose(np.sort(cell.parameters[:3]), [4.913, 4.913, 5.405], rtol=0.03)
        seen = np.stack([cell.spots.qx, cell.spots.qy], axis=1)[cell.views[0].indexed]
        place = np.abs(seen[:, None] - pattern[:, :2].astype(np.float32)).sum(axis=2).argmin(axis=1)
        owners.append((place < n).mean())
    # a few spots lie on both lattices
    assert max(owners) > 0.9 and min(owners) < 0.1
    pd.DataFrame(pattern, columns=["qx", "qy", "intensity"]).to_csv(tmp_path / "two.csv", index=False)
    files = ["--csv", str(tmp_path / "cells.csv"), "--plot", str(tmp_path / "two.png")]
    assert main(["cell", str(tmp_path / "two.csv"), "--crystals", "3", *files]) == 0
    assert "Crystal 2 of 2, in " in capsys.readouterr().out
    assert set(pd.read_csv(tmp_path / "cells.csv").crystal) == {1, 2}
    assert (tmp_path / "two.png").stat().st_size > 10_000


def test_a_single_crystal_is_not_two(spots):
    one = spots[0]
    cells = edsym.find_crystals(one)
    assert len(cells) == 1 and len(cells[0].spots.qx) == len(one.qx)
    with pytest.raises(InputError, match="there are 5 patterns, expected the one"):
        edsym.find_crystals(spots)
    with pytest.raises(InputError, match="most is 0"):
        edsym.find_crystals(one, most=0)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda s: s, {"energy_kev": 2}, "energy_kev is 2, expected 10 to 3000 keV"),
        (lambda s: s, {"position_error": 0}, "position_error is 0"),
        (lambda s: s.brightest(3), {}, "no lattice explains any of the 5 patterns"),
        (
            lambda s: replace(s, material_id=np.array(["a", "b"]), material=np.array([0, 0, 1, 1, 1])),
            {},
            "several crystals",
        ),
    ],
)
def test_wrong_input_is_refused_by_name(spots, change, options, message):
    with pytest.raises(InputError, match=message):
        edsym.find_cell(change(spots), **options)


def test_the_command_prints_and_writes_the_cell(spots, tmp_path, capsys):
    spots[:3].to_csv(tmp_path / "a.csv")
    spots[3:].to_csv(tmp_path / "b.csv")
    files = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    outputs = ["--csv", str(tmp_path / "hkl.csv"), "--plot", str(tmp_path / "hkl.png")]
    assert main(["cell", *files, *outputs]) == 0
    printed = capsys.readouterr().out
    assert "conventional cell (tP)" in printed and f"{files[1]}:4" in printed
    written = pd.read_csv(tmp_path / "hkl.csv")
    assert len(written) == len(spots.qx) and {"h", "k", "l"} <= set(written.columns)
    assert (tmp_path / "hkl.png").read_bytes().startswith(b"\x89PNG")
    assert main(["cell", str(tmp_path / "none.csv")]) == 2


@pytest.fixture
def zone_axis(tmp_path):
    """Spots of one plane of the reciprocal lattice, turned: a* is 0.15, b* 0.2 1/Å, at 100 degrees."""
    rng = np.random.default_rng(4)
    a, b = 0.15, 0.2 * np.exp(1j * np.radians(100))
    h, k = np.meshgrid(np.arange(-5, 6), np.arange(-4, 5))
    g = (h * a + k * b).ravel() * np.exp(0.7j)
    g = g[(np.abs(g) > 0.05) & (np.abs(g) < 0.75)]
    q = np.stack([g.real, g.imag], axis=1) + rng.normal(0, 0.001, (len(g), 2)) + [0.004, -0.003]
    frame = pd.DataFrame({"pattern": 7, "qx": q[:, 0], "qy": q[:, 1]})
    return frame.assign(intensity=np.exp(-3 * np.abs(g)) * rng.uniform(0.2, 1, len(g)))


def test_along_a_zone_axis_the_plane_lattice_is_found_and_the_rest_named(zone_axis, tmp_path, capsys):
    cell = edsym.find_cell(edsym.Spots.from_frame(zone_axis, normalisation="sum"))
    assert cell.probability == 0 and cell.bravais == [] and len(cell.table()) == 0
    np.testing.assert_allclose(cell.plane.parameters, [0.15, 0.2, 100], rtol=5e-3)
    sharp = (cell.plane.parameters - [0.15, 0.2, 100]) / cell.plane.uncertainties
    assert (np.abs(sharp) < 4).all() and cell.plane.uncertainties[0] < 5e-4
    np.testing.assert_allclose(cell.views[0].centre, [0.004, -0.003], atol=1e-3)
    assert cell.indexed_share > 0.95 and cell.position_error == pytest.approx(0.001, rel=0.3)
    q = np.stack([cell.spots.qx, cell.spots.qy], axis=1)
    predicted = cell.spots.hkl[:, :2] @ cell.plane.basis + cell.views[0].centre
    np.testing.assert_allclose((q - predicted)[cell.views[0].indexed], cell.views[0].residual, atol=1e-6)
    assert cell.undetermined[0].startswith("the third dimension")
    zone_axis.to_csv(tmp_path / "axis.csv", index=False)
    assert main(["cell", str(tmp_path / "axis.csv")]) == 0
    printed = capsys.readouterr().out
    assert "lie on a plane lattice" in printed and "not determined: the cell" in printed
    assert "6.66" in printed or "6.67" in printed  # the spacing 1 / 0.15


def test_scattered_spots_lie_on_no_plane_lattice():
    for n in (6, 8, 12, 20, 35):
        for seed in range(4):
            rng = np.random.default_rng([n, seed])
            assert find_plane(*rng.uniform(-1, 1, (2, n))) is None


def test_a_view_along_a_zone_axis_is_told_apart_from_one_that_is_not(zone_axis):
    other = zone_axis.assign(pattern=8)
    other[["qx", "qy"]] = np.random.default_rng(1).uniform(-1, 1, (len(other), 2))
    both = pd.concat([other, zone_axis], ignore_index=True)
    cell = edsym.find_cell(edsym.Spots.from_frame(both, normalisation="sum"))
    assert [view.agrees for view in cell.views] == [False, True]
    assert not cell.spots.hkl[: len(other)].any() and not cell.views[0].indexed.any()
    assert (
        "how the patterns 8 belong" in cell.undetermined[-1] or "how the patterns 0" in cell.undetermined[-1]
    )


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (5.6432, 0.0121, "5.643(12)"),
        (5.6432, 0.0051, "5.643(5)"),
        (90, 0, "90"),
        (103.46, 0.3, "103.5(3)"),
        (250.3, 14.0, "250(14)"),
    ],
)
def test_values_in_the_crystallographers_notation(value, uncertainty, text):
    assert with_uncertainty(value, uncertainty) == text
