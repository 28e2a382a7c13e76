"""Zone axes: the right symmetry, the right number, evenly, and the same everywhere."""

import numpy as np
import pytest
import spglib
from scipy.spatial import KDTree

from edsym.errors import InputError
from edsym.seeds import generator
from edsym.simulation.orientations import (
    ORIENTATIONS,
    cosine_to_nearest,
    minimal_rotations,
    orientations,
    plan_rotations,
    random_directions,
    zone_axis_grid,
)
from edsym.simulation.sectors import laue_rotations, sector_normals, sphere_sampling
from edsym.symmetry import ORIENTED_LAUE_CLASSES, crystal_system, oriented_laue_class

# Conventional lattices without more symmetry than their system, a along x and c* along z.
LATTICES = {
    "triclinic": [[4.0, 0, 0], [0.7, 5.0, 0], [0.4, 0.9, 6.0]],
    "monoclinic": [[4.0, 0, 0], [0, 5.0, 0], [-1.3, 0, 6.0]],
    "orthorhombic": [[4.0, 0, 0], [0, 5.0, 0], [0, 0, 6.0]],
    "tetragonal": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 6.0]],
    "trigonal": [[4.0, 0, 0], [-2.0, 2.0 * np.sqrt(3), 0], [0, 0, 6.0]],
    "hexagonal": [[4.0, 0, 0], [-2.0, 2.0 * np.sqrt(3), 0], [0, 0, 6.0]],
    "cubic": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]],
}

RUTILE, DIAMOND = 136, 227  # 4/mmm and m-3m


def standard_settings():
    """Return the number in Hall's list (1 to 530) of the standard setting of each space group."""
    found = {}
    for hall in range(1, 531):
        found.setdefault(spglib.get_spacegroup_type(hall).number, hall)
    return found


def sorted_matrices(matrices):
    rounded = np.unique(np.round(np.reshape(matrices, (-1, 9)), 6) + 0.0, axis=0)
    return rounded[np.lexsort(rounded.T)]


def in_sector(directions: np.ndarray, laue_class: str) -> np.ndarray:
    rotations = laue_rotations(laue_class)
    images = np.einsum("mij,nj->nmi", np.concatenate([rotations, -rotations]), directions)
    depth = (images @ sector_normals(laue_class).T).min(axis=2)
    return images[np.arange(len(images)), depth.argmax(axis=1)]


def test_laue_rotations_are_those_of_all_230_space_groups():
    for number, hall in standard_settings().items():
        lattice = np.array(LATTICES[crystal_system(number)])
        rotations = spglib.get_symmetry_from_database(hall)["rotations"]
        cartesian = lattice.T @ rotations @ np.linalg.inv(lattice.T)
        proper = sorted_matrices(cartesian * np.linalg.det(cartesian)[:, None, None])
        found = sorted_matrices(laue_rotations(oriented_laue_class(number)))
        assert len(proper) == len(found), number
        np.testing.assert_allclose(found, proper, atol=1e-5, err_msg=str(number))


@pytest.mark.parametrize("laue_class", ORIENTED_LAUE_CLASSES)
def test_sector_holds_one_equivalent_of_every_direction(laue_class):
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(2000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    rotations = laue_rotations(laue_class)
    images = np.einsum("mij,nj->nmi", np.concatenate([rotations, -rotations]), directions)
    inside = (images @ sector_normals(laue_class).T > 0).all(axis=2).sum(axis=1)
    assert (inside == 1).all()
    moved = in_sector(directions, laue_class)
    assert (moved @ sector_normals(laue_class).T > 0).all()
    assert (moved[:, 2] > 0).all()
    nearest = [cosine_to_nearest(u[None], v, laue_class)[0] for u, v in zip(directions, moved, strict=True)]
    np.testing.assert_allclose(nearest, 1, atol=1e-12)


@pytest.mark.parametrize("spacing", [0.03, 0.1])
def test_a_sampling_of_the_sphere_leaves_no_hole_and_nothing_twice(spacing):
    directions = sphere_sampling(spacing)
    tree = KDTree(directions)
    assert tree.query(directions, 2)[0][:, 1].min() > 0.6 * spacing
    everywhere = np.random.default_rng(0).normal(size=(20_000, 3))
    everywhere /= np.linalg.norm(everywhere, axis=1, keepdims=True)
    # the middle of a square whose sides are the spacing
    assert tree.query(everywhere)[0].max() < spacing * np.sqrt(0.5)


@pytest.mark.parametrize("n", [1, 7, 100])
@pytest.mark.parametrize("laue_class", ORIENTED_LAUE_CLASSES)
def test_grid_is_exact_distinct_and_even(laue_class, n):
    grid = zone_axis_grid(laue_class, n)
    assert grid.shape == (n, 3)
    np.testing.assert_allclose(np.linalg.norm(grid, axis=1), 1)
    assert (grid @ sector_normals(laue_class).T > -1e-8).all()
    area = 4 * np.pi / (2 * len(laue_rotations(laue_class)))
    spacing = np.sqrt(area / n)
    angles = [
        np.arccos(np.minimum(1, cosine_to_nearest(np.delete(grid, i, axis=0), u, laue_class))).min(
            initial=np.inf
        )
        for i, u in enumerate(grid)
    ]
    assert min(angles) > 0.55 * spacing
    if n == 100:
        everywhere = in_sector(random_directions(1000, np.random.default_rng(1)), laue_class)
        hole = np.arccos(np.max([cosine_to_nearest(everywhere, u, laue_class) for u in grid], axis=0)).max()
        assert hole < 1.15 * spacing


def test_ties_of_the_grid_go_to_the_first_whatever_the_rounding(monkeypatch):
    grid = zone_axis_grid.__wrapped__("mmm", 60)
    exact = cosine_to_nearest
    rng = np.random.default_rng(0)
    monkeypatch.setattr(
        "edsym.simulation.orientations.cosine_to_nearest",
        lambda *arguments: (values := exact(*arguments)) + rng.uniform(-1e-15, 1e-15, values.shape),
    )
    np.testing.assert_array_equal(zone_axis_grid.__wrapped__("mmm", 60), grid)


def test_directions_are_rounded(monkeypatch):
    directions = zone_axis_grid("4/mmm", 30)
    monkeypatch.setattr("edsym.simulation.orientations.zone_axis_grid", lambda *_: directions + 1e-16)
    noisy = orientations(RUTILE, 30, "grid", "random", 0, "a")
    monkeypatch.undo()
    np.testing.assert_array_equal(noisy, orientations(RUTILE, 30, "grid", "random", 0, "a"))


def test_principal_axes_come_first():
    assert zone_axis_grid("m-3m", 5)[0].tolist() == [0, 0, 1]
    assert zone_axis_grid("2/m", 5)[0].tolist() == [0, 1, 0]


def test_random_zone_axes_are_uniform_and_depend_on_the_material_alone():
    def directions(material_id, seed=3):
        return orientations(DIAMOND, 500, "random", "fixed", seed, material_id)[:, 2]

    np.testing.assert_array_equal(directions("mp-149"), directions("mp-149"))
    assert len(np.unique(np.concatenate([directions("mp-149"), directions("mp-13")]), axis=0)) == 1000
    assert not np.array_equal(directions("mp-149"), directions("mp-149", seed=4))
    # The heights of uniform directions are uniform (Archimedes), along every axis.
    heights = np.sort(random_directions(4000, generator(0, "test")), axis=0)
    assert np.abs(heights - np.linspace(-1, 1, 4000)[:, None]).max() < 0.06


def test_grid_is_the_same_for_all_materials_of_a_laue_class():
    first, second = (
        orientations(number, 20, "grid", "fixed", 0, name)
        for number, name in ((RUTILE, "mp-1"), (99, "mp-2"))
    )
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("in_plane", ["fixed", "random"])
@pytest.mark.parametrize("kind", ["random", "hemisphere"])
def test_orientations_that_tell_nothing_do_not_depend_on_the_space_group(kind, in_plane):
    every = [orientations(number, 10, kind, in_plane, 0, "mp-149") for number in range(1, 231)]
    np.testing.assert_array_equal(every, every[:1] * 230)


def test_hemisphere_is_one_even_grid():
    directions = orientations(RUTILE, 50, "hemisphere", "fixed", 0, "mp-1")[:, 2]
    assert (directions[:, 2] > -1e-8).all()
    np.testing.assert_array_equal(directions, orientations(2, 50, "grid", "fixed", 0, "mp-2")[:, 2])


def test_a_crystal_is_put_on_the_grid_of_another_laue_class():
    other = orientations(RUTILE, 20, "grid", "fixed", 0, "mp-1", grid_of="2/m")
    np.testing.assert_array_equal(other, orientations(14, 20, "grid", "fixed", 0, "mp-2"))
    every = orientations(RUTILE, 20, "grid", "fixed", 0, "mp-1", grid_of="every")
    np.testing.assert_array_equal(every.reshape(12, 20, 3, 3)[ORIENTED_LAUE_CLASSES.index("2/m")], other)
    with pytest.raises(InputError, match="grid_of: '3m' is not allowed; it must be own, every, -1, 2/m"):
        orientations(RUTILE, 20, "grid", "fixed", 0, "mp-1", grid_of="3m")


@pytest.mark.parametrize("kind", ORIENTATIONS)
@pytest.mark.parametrize("in_plane", ["fixed", "random"])
@pytest.mark.parametrize("number", [1, 14, 162, 200])
def test_orientations_are_proper_rotations(number, kind, in_plane):
    matrices = orientations(number, 50, kind, in_plane, 0, "mp-149")
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(3), (50, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(matrices), 1)


@pytest.mark.parametrize(("kind", "in_plane", "name"), [("gird", "fixed", "gird"), ("grid", "free", "free")])
def test_unknown_orientations_are_refused(kind, in_plane, name):
    with pytest.raises(InputError, match=f"'{name}' is not allowed; it must be"):
        orientations(62, 4, kind, in_plane, 0, "mp-149")


def test_in_plane_rotation_turns_only_about_the_beam():
    fixed = orientations(62, 400, "grid", "fixed", 0, "mp-149")
    turned = orientations(62, 400, "grid", "random", 0, "mp-149")
    np.testing.assert_allclose(fixed[:, 2], turned[:, 2], atol=1e-12)
    x = np.einsum("nij,nj->ni", fixed, turned[:, 0])
    angles = np.sort(np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) + 0.5)
    assert np.abs(angles - np.linspace(0, 1, 400)).max() < 0.1


@pytest.mark.parametrize("kind", ["random", "hemisphere", "grid", "plan"])
def test_each_kind_has_its_convention_of_the_fixed_in_plane_rotation(kind):
    matrices = orientations(62, 20, kind, "fixed", 0, "mp-149")
    convention = plan_rotations if kind == "plan" else minimal_rotations
    np.testing.assert_allclose(matrices, convention(matrices[:, 2]), atol=1e-9)


def test_fixed_in_plane_rotation_is_continuous():
    angle = 1e-4
    nearby = np.array([[np.sin(t), 0.2, np.cos(t)] for t in (1.1, 1.1 + angle)])
    first, second = minimal_rotations(nearby / np.linalg.norm(nearby, axis=1, keepdims=True))
    assert np.abs(first - second).max() < 2 * angle


def test_plan_rotations_are_euler_angles_of_py4dstem_for_electrons_along_minus_u():
    directions = np.concatenate([[[0, 0, 1.0], [0, 0, -1.0]], random_directions(20, generator(0, "test"))])
    azimuth, elevation = np.arctan2(directions[:, 0], directions[:, 1]), np.arccos(directions[:, 2])
    for u, a, e, matrix in zip(directions, azimuth, elevation, plan_rotations(directions), strict=True):
        about_z = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
        about_x = np.array([[1, 0, 0], [0, np.cos(e), np.sin(e)], [0, -np.sin(e), np.cos(e)]])
        # its columns are the laboratory's axes; its electrons travel along -z
        theirs = about_z @ about_x @ about_z.T
        np.testing.assert_allclose(theirs[:, 2], u, atol=1e-12)
        np.testing.assert_allclose(matrix, (theirs * [-1, -1, 1]).T, atol=1e-12)
        # a beam g of theirs is excited, at some place of the pattern, where -g of ours is
        np.testing.assert_allclose(matrix @ -theirs, np.diag([1, 1, -1]), atol=1e-12)
