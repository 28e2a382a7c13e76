"""Positions that are off tell so themselves, and a model that knows only better ones warns."""

import warnings

import numpy as np
import pytest

import edsym
from edsym.detector.levels import LEVELS
from edsym.errors import InputWarning
from edsym.interface.noise import position_error, warn_noisier


@pytest.fixture(scope="module")
def zones():
    """Zero-order Laue zones of oblique lattices: 40 patterns of 60 spots, without the direct beam."""
    rng = np.random.default_rng(2)
    h = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 2), -1).reshape(-1, 2)
    h = h[(np.abs(h) <= [5, 3]).all(1) & h.any(1)]
    patterns = []
    for _ in range(40):
        q = h @ np.array([[0.21, 0], [rng.uniform(-0.1, 0.1), rng.uniform(0.25, 0.4)]])
        patterns.append(np.column_stack([q, np.full(len(q), 1e-3)]))
    return edsym.Spots.of(patterns)


@pytest.mark.parametrize("error", [0.0005, 0.001, 0.003, 0.008])
def test_the_error_of_positions_is_measured_back_whatever_the_centre(zones, error):
    seen = zones.detect("typical", position_error=error, threshold_low=0, threshold_high=0)
    assert position_error(seen) == pytest.approx(error, rel=0.15)


def test_exact_positions_have_no_error_and_few_spots_tell_none(zones):
    assert position_error(zones) < 1e-6
    assert position_error(zones.detect("typical", position_error=0, threshold_low=0, threshold_high=0)) < 1e-4
    assert np.isnan(position_error(zones.brightest(5)))


def test_a_model_warns_of_worse_positions_than_it_learned_from(zones):
    good, poor = (zones.detect(level, threshold_low=0, threshold_high=0) for level in ("good", "poor"))
    for spots, level in ((good, "ideal"), (poor, "typical")):
        with pytest.warns(InputWarning, match=r"positions seem to be off by 0\.00\d+ 1/Å"):
            warn_noisier(spots, LEVELS[level])
    with pytest.warns(InputWarning, match="learned from by 0 1/Å"):
        edsym.load_model("spectra-random").predict(good[:3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for spots, level in (
            (zones, "ideal"),
            (good, "good"),
            (good, "typical"),
            (zones.brightest(5), "ideal"),
        ):
            warn_noisier(spots, LEVELS[level])
