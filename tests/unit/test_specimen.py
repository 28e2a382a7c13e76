"""The simulated scan: crystals are what they are called, patterns fit the truth beside them."""

import h5py
import numpy as np
import pytest
import spglib
from scipy.spatial import cKDTree

import edsym
from edsym.errors import InputError
from edsym.simulation.electrons import wavelength
from edsym.specimen.crystals import GOLD, RUTILE, TENORITE, ZINC_OXIDE
from edsym.specimen.multislice import Optics, patterns
from edsym.specimen.particles import particles
from edsym.specimen.settings import ExperimentSettings
from edsym.specimen.simulate import simulate_scan
from edsym.specimen.truth import read_truth

# Large steps and a coarse detector: the specimen is as large as always, the positions are few.
SMALL = {"positions": 8, "step_angstrom": 20.0, "frame": 64, "pixel": 0.025, "phonons": 1}


@pytest.mark.parametrize("crystal", [GOLD, ZINC_OXIDE, RUTILE, TENORITE], ids=lambda crystal: crystal.name)
def test_crystals_have_their_space_groups(crystal):
    numbers, coordinates = crystal.atoms()
    assert spglib.get_spacegroup((crystal.basis, coordinates, numbers)).endswith(
        f"({crystal.spacegroup_number})"
    )


def test_particles_are_whole_and_lie_as_they_are_called():
    made = {particle.name: particle for particle in particles(320.0, 0)}
    for name, zone in (("gold along [111]", (1, 1, 1)), ("gold along [110]", (1, 1, 0))):
        along = np.array(zone) @ made[name].grains[0].basis
        np.testing.assert_allclose(along, [0, 0, np.linalg.norm(along)], atol=1e-9)
    for particle in made.values():
        xyz = np.concatenate([part for _, part in particle.atoms()])
        density = sum(len(n) for n, _ in particle.atoms()) / (np.pi / 6 * particle.diameter**3)
        grain = particle.grains[0]
        assert density == pytest.approx(len(grain.crystal.atoms()[0]) / np.linalg.det(grain.basis), rel=0.05)
        nearest = cKDTree(xyz).query(xyz, k=2)[0][:, 1]
        assert nearest.min() > 1.85  # no atom is there twice, at no border of twins


def test_twins_share_an_axis_and_fill_the_circle():
    twinned = next(particle for particle in particles(320.0, 0) if particle.name == "twinned gold")
    axes = np.array([grain.basis[0] + grain.basis[1] for grain in twinned.grains])
    np.testing.assert_allclose(axes, axes[:1].repeat(5, 0), atol=1e-9)
    # (1-11) of one is (-111) of the next, with the same lengths in it
    edge = [grain.basis.T @ np.array([[1, -1, 2], [-1, 1, 2]]).T for grain in twinned.grains]
    for one, other in zip(edge, edge[1:] + edge[:1], strict=True):
        np.testing.assert_allclose(one[:, 0] / 4, other[:, 1] / 4, atol=1e-9)


def test_a_probe_in_vacuum_is_its_disc_where_the_shift_says():
    optics = Optics(200.0, 1.5, 0.016, 192)
    shift = np.array([0.3, -0.2])
    probe = optics.probe(np.array([20.0, 30.0]), shift)
    empty = np.zeros((2, optics.gpts, optics.gpts), np.float32)
    (pattern,) = patterns(empty, [2.0, 2.0], optics, probe[None])
    assert pattern.sum() == pytest.approx(1, rel=1e-4)
    y, x = np.indices(pattern.shape) - optics.gpts // 2
    assert [(pattern * x).sum(), (pattern * y).sum()] == pytest.approx(shift, abs=0.02)
    area = np.pi * (1.5e-3 / wavelength(200.0) / 0.016) ** 2
    assert pattern.sum() / pattern.max() == pytest.approx(area, rel=0.05)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("specimen") / "scan.h5"
    simulate_scan(ExperimentSettings(**SMALL), path, progress=False)
    return path


def test_the_scan_opens_with_its_calibration(scan):
    opened = edsym.read_scan(scan)
    assert (opened.shape, opened.frame, opened.counts) == ((8, 8), (64, 64), True)
    np.testing.assert_allclose(opened.pixel, 0.025)
    total = opened.read(0, 64).sum(axis=(1, 2))
    assert total.min() > 0.5 * 3e5 and total.max() < 3.1e5


def test_spots_lie_where_the_basis_of_the_truth_has_lattice_points(scan):
    """A mirrored or turned detector would have them elsewhere."""
    truth, opened = read_truth(scan), edsym.read_scan(scan)
    indices = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3), -1).reshape(-1, 3)
    there, mirrored = [], []
    for r, c in np.argwhere(truth.particle >= 0):
        g = indices @ np.linalg.inv(truth.grain_basis[truth.grain[r, c]]).T
        excitation = g[:, 2] + wavelength(200.0) / 2 * (g**2).sum(axis=1)
        length = np.hypot(*g.T[:2])
        q = g[(np.abs(excitation) < 0.012) & (length > 0.2) & (length < 0.7), :2]
        for found, places in ((there, q), (mirrored, q * [-1, 1])):
            x, y = np.rint(places.T / 0.025 + truth.centre[r, c, ::-1, None]).astype(int)
            found += list(opened[r * 8 + c][y, x])
    assert len(there) > 5
    assert np.mean(there) > 5 * np.mean(mirrored)


def test_a_file_without_truth_has_none_and_a_damaged_one_says_so(scan, tmp_path):
    np.save(tmp_path / "scan.npy", np.zeros((4, 4, 8, 8)))
    assert read_truth(tmp_path / "scan.npy") is None
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.create_group("truth")
    with pytest.raises(InputError, match=r"bad.h5: its truth cannot be read"):
        read_truth(tmp_path / "bad.h5")
