"""py4DSTEM's orientation plan: its ranges, its sampling, and what it leaves out."""

import numpy as np
import pytest

from edsym.simulation.orientation_plan import plan_zone_axes
from edsym.simulation.orientations import cosine_to_nearest, laue_rotations, random_directions
from edsym.symmetry import N_SPACE_GROUPS, oriented_laue_class, point_group

# Zone axes of py4DSTEM 0.14.18's plan in four steps: their number, and the sums of their coordinates, each
# times its place in the list.
PLANS = {
    "1": (66, -572.3646, 193.5694, -176.0549),
    "-1": (41, -95.3557, -207.8817, 273.4983),
    "2": (41, 85.0251, -373.4111, -132.3586),
    "m": (41, -95.3557, -207.8817, 273.4983),
    "2/m": (25, -71.7052, 134.3295, 100.2173),
    "222": (25, 45.8401, -149.9856, 91.7291),
    "mm2": (25, 207.8308, 10.5329, -97.4972),
    "mmm": (15, 58.6540, 68.6374, 31.6304),
    "4": (25, 45.8401, -149.9856, 91.7291),
    "-4": (25, -71.7052, 134.3295, 100.2173),
    "4/m": (15, 58.6540, 68.6374, 31.6304),
    "422": (25, 240.2550, 5.6587, -97.4972),
    "4mm": (25, 240.2550, 5.6587, -97.4972),
    "-42m": (25, 240.2550, 5.6587, -97.4972),
    "4/mmm": (15, 94.7490, 43.3479, 29.7730),
    "3": (25, 176.6522, 13.0090, -97.4972),
    "-3": (25, 231.6202, 7.4070, -97.4972),
    "32": (15, 101.0162, 4.9623, 29.2372),
    "3m": (25, 231.6202, 7.4070, -97.4972),
    "-3m": (15, 101.0162, 4.9623, 29.2372),
    "6": (25, 231.6202, 7.4070, -97.4972),
    "-6": (25, 231.6202, 7.4070, -97.4972),
    "6/m": (15, 84.4914, 54.5099, 30.2171),
    "622": (25, 246.5225, 3.8222, -97.4972),
    "6mm": (25, 246.5225, 3.8222, -97.4972),
    "-6m2": (15, 101.0162, 4.9623, 29.2372),
    "6/mmm": (15, 103.8116, 25.1668, 29.4706),
    "23": (15, 85.8068, 33.6374, 60.0762),
    "m-3": (15, 85.8068, 33.6374, 60.0762),
    "432": (15, 85.8068, 33.6374, 60.0762),
    "-43m": (15, 64.2235, 5.2860, 88.2671),
    "m-3m": (15, 32.7235, 66.0333, 89.1271),
}  # fmt: skip
# Settings of the Laue classes in which a range leaves directions out: it lies on both sides of a mirror plane
# or a twofold axis.
INCOMPLETE = {("mm2", "mmm"), ("422", "4/mmm"), ("4mm", "4/mmm"), ("-42m", "4/mmm"), ("622", "6/mmm")}
INCOMPLETE |= {("6mm", "6/mmm"), ("32", "-31m"), ("-3m", "-31m")}


@pytest.mark.parametrize("name", PLANS)
def test_plan_is_that_of_py4dstem(name):
    n, *sums = PLANS[name]
    directions = plan_zone_axes(name, n)
    np.testing.assert_allclose(np.arange(1, n + 1) @ directions, sums, atol=1e-3)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("n", [1, 20, 100])
def test_plan_has_as_many_distinct_zone_axes_as_asked_and_starts_at_z(name, n):
    directions = plan_zone_axes(name, n)
    np.testing.assert_allclose(directions[0], [0, 0, 1])
    assert np.unique(np.round(directions, 6), axis=0).shape == (n, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)


def test_every_space_group_has_a_plan_and_most_plans_cover_what_is_not_equivalent():
    everywhere = random_directions(300, np.random.default_rng(0))
    settings = {(point_group(i), oriented_laue_class(i)) for i in range(1, N_SPACE_GROUPS + 1)}
    assert {name for name, _ in settings} == PLANS.keys()
    for name, laue_class in settings:
        plan = plan_zone_axes(name, 100)
        cosines = np.max([cosine_to_nearest(everywhere, u, laue_class) for u in plan], axis=0)
        # two spacings of 100 zone axes in the fundamental sector; the holes are of 3 and more
        spacing = np.sqrt(4 * np.pi / (2 * len(laue_rotations(laue_class)) * 100))
        covered = np.arccos(cosines.min()) < 2 * spacing
        assert covered == ((name, laue_class) not in INCOMPLETE), (name, laue_class)
