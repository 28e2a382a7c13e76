import numpy as np
import pytest

from edsym.models.forest.features import forest_features
from edsym.spots.store import SpotLists, offsets


def random_spots(seed=0, n_patterns=6, angle=0.0):
    """Return patterns of 1 to 60 spots, some of them beyond the last bin, turned by an angle."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 60, n_patterns)
    q, phi = rng.uniform(0.01, 2.2, counts.sum()), rng.uniform(0, 2 * np.pi, counts.sum()) + angle
    q[0] = 2.02
    xy = np.stack([q * np.cos(phi), q * np.sin(phi)]).astype("f4")
    names, index = np.array(["a"]), np.arange(n_patterns)
    return SpotLists(names, 0 * index, index, offsets(counts), *xy, rng.random(counts.sum(), dtype="f4"))


def coefficients(features):
    """Return moduli and phases, each (P, 41, 13)."""
    return np.moveaxis(features.reshape(-1, 41, 13, 2), -1, 0)


def test_features_are_those_of_the_dense_formula():
    spots = random_spots()
    features = forest_features(spots)
    assert features.shape == (6, 1066)
    assert features.dtype == np.float32
    bins, orders = np.linspace(0, 2, 41), np.arange(13)
    for p, row in enumerate(features):
        own = slice(*spots.offset[p : p + 2])
        x, y, intensity = (getattr(spots, name)[own].astype(float) for name in ("qx", "qy", "intensity"))
        weights = np.clip(1 - np.abs(np.hypot(x, y)[:, None] - bins) / 0.05, 0, None)
        turns = np.exp(1j * orders * np.arctan2(y, x)[:, None])
        expected = 0.3 / intensity.sum() * np.einsum("sk,s,sn->kn", weights, intensity, turns)
        moduli, phases = coefficients(row)
        np.testing.assert_allclose((moduli * np.exp(1j * phases))[0], expected, atol=1e-6)
        assert (phases[0][np.abs(expected) == 0] == 0).all()


def test_a_rotation_turns_the_phases_and_leaves_the_moduli():
    moduli, phases = coefficients(forest_features(random_spots()))
    turned_moduli, turned_phases = coefficients(forest_features(random_spots(angle=0.3)))
    np.testing.assert_allclose(turned_moduli, moduli, atol=1e-5)
    clear = moduli > 1e-4
    turn = turned_phases - phases - 0.3 * np.arange(13)
    np.testing.assert_allclose(np.exp(1j * turn)[clear], 1, atol=1e-2)


def test_the_scale_of_the_intensities_does_not_matter():
    spots = random_spots()
    scaled = SpotLists(**{**vars(spots), "intensity": 4 * spots.intensity})
    np.testing.assert_allclose(forest_features(scaled), forest_features(spots), rtol=1e-6)


def one_spot(qx, qy):
    one = np.zeros(1, int)
    return SpotLists(np.array(["a"]), one, one, np.array([0, 1]), *np.float32([[qx], [qy], [2]]))


def test_one_spot_between_two_bins_is_shared_by_its_distance():
    moduli, phases = coefficients(forest_features(one_spot(0, 0.51)))
    np.testing.assert_allclose(moduli[0, 10:12, 3], [0.3 * 0.8, 0.3 * 0.2], rtol=1e-5)
    assert np.count_nonzero(moduli) == 2 * 13
    np.testing.assert_allclose(phases[0, 10, :3], [0, np.pi / 2, np.pi], rtol=1e-6)


def test_what_vanishes_by_symmetry_has_no_phase_and_real_coefficients_no_angle_of_rounding():
    angles = np.arange(4) * np.pi / 2 + np.pi / 4
    moduli, phases = coefficients(
        forest_features(
            SpotLists(
                np.array(["a"]),
                np.zeros(1, int),
                np.zeros(1, int),
                np.array([0, 4]),
                *np.float32([np.cos(angles) * (1 + 1e-7 * np.arange(4)), np.sin(angles), [1, 1, 1, 1]]),
            )
        )
    )
    # A fourfold pattern has the orders 0, 4, 8 and 12 only; spots at 45° make every second one negative.
    kept = np.arange(13) % 4 == 0
    assert not moduli[0, 20, ~kept].any()
    assert not phases[0, 20, ~kept].any()
    np.testing.assert_array_equal(phases[0, 20, kept], np.float32([0, np.pi, 0, np.pi]))


def test_a_spot_at_the_centre_has_the_angle_zero():
    moduli, phases = coefficients(forest_features(one_spot(0, 0)))
    np.testing.assert_allclose(moduli[0, 0], 0.3, rtol=1e-6)
    assert not phases.any()


@pytest.mark.parametrize("patterns", [slice(2, 4), slice(4, 99), slice(0, 0)])
def test_a_slice_of_the_patterns_has_their_features(patterns):
    spots = random_spots()
    np.testing.assert_array_equal(forest_features(spots, patterns), forest_features(spots)[patterns])
