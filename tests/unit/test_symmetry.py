"""Crystal systems and Laue classes against spglib's tables and the symmetry operations themselves."""

import numpy as np
import pytest
import spglib

from edsym import symmetry

FIRST_HALL_NUMBER = {}
for hall in range(530, 0, -1):
    FIRST_HALL_NUMBER[spglib.get_spacegroup_type(hall).number] = hall

SYSTEM_OF_LAUE_CLASS = {
    "-1": "triclinic",
    "2/m": "monoclinic",
    "mmm": "orthorhombic",
    "4/m": "tetragonal",
    "4/mmm": "tetragonal",
    "-3": "trigonal",
    "-3m": "trigonal",
    "6/m": "hexagonal",
    "6/mmm": "hexagonal",
    "m-3": "cubic",
    "m-3m": "cubic",
}
LAUE_CLASS_OF_POINT_GROUP = {
    point_group: laue
    for laue, groups in {
        "-1": "1 -1",
        "2/m": "2 m 2/m",
        "mmm": "222 mm2 mmm",
        "4/m": "4 -4 4/m",
        "4/mmm": "422 4mm -42m 4/mmm",
        "-3": "3 -3",
        "-3m": "32 3m -3m",
        "6/m": "6 -6 6/m",
        "6/mmm": "622 6mm -62m 6/mmm",
        "m-3": "23 m-3",
        "m-3m": "432 -43m m-3m",
    }.items()
    for point_group in groups.split()
}


@pytest.mark.parametrize("number", range(1, 231))
def test_system_and_laue_class_of_every_group(number):
    point_group = spglib.get_spacegroup_type(FIRST_HALL_NUMBER[number]).pointgroup_international
    point_group = point_group.replace("-4m2", "-42m").replace("-6m2", "-62m")
    assert symmetry.point_group(number) == point_group.replace("-62m", "-6m2")
    laue = LAUE_CLASS_OF_POINT_GROUP[point_group]
    assert symmetry.laue_class(number) == laue
    assert symmetry.crystal_system(number) == SYSTEM_OF_LAUE_CLASS[laue]
    assert number in symmetry.space_groups(SYSTEM_OF_LAUE_CLASS[laue])


@pytest.mark.parametrize("number", range(149, 168))
def test_setting_of_trigonal_groups_is_that_of_their_operations(number):
    # The standard (hexagonal, obverse) setting: of a twofold rotation with a along its axis, 2_[100].
    rotations = spglib.get_symmetry_from_database(FIRST_HALL_NUMBER[number])["rotations"]
    proper = [r * round(np.linalg.det(r)) for r in rotations]
    along_a = any(np.trace(r) == -1 and (r @ [1, 0, 0] == [1, 0, 0]).all() for r in proper)
    if symmetry.laue_class(number) == "-3m":
        assert symmetry.oriented_laue_class(number) == ("-3m1" if along_a else "-31m")


@pytest.mark.parametrize("number", range(1, 231))
def test_system_of_the_oriented_laue_class_is_that_of_the_group(number):
    name = symmetry.oriented_laue_class(number)
    assert name in symmetry.ORIENTED_LAUE_CLASSES
    assert symmetry.system_of_laue_class(name) == symmetry.crystal_system(number)


def test_system_index_of_arrays_and_bounds():
    np.testing.assert_array_equal(symmetry.system_index([1, 2, 3, 194, 195, 230]), [0, 0, 1, 5, 6, 6])
    assert sum(len(symmetry.space_groups(system)) for system in symmetry.CRYSTAL_SYSTEMS) == 230
    for wrong in (0, 231):
        with pytest.raises(ValueError, match="1 to 230"):
            symmetry.system_index(wrong)
