"""The ellipse of a pattern is measured from rings and from a known cell, and spots are freed of it."""

import numpy as np
import pytest

import edsym
from edsym.cli import main
from edsym.errors import InputError
from edsym.experiment.ellipse import rounding
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.structures.structure import Structure

RATIO, ANGLE, CENTRE = 1.04, 35.0, np.array([62.3, 65.1])
GOLD = Structure(
    4.078 * np.eye(3),
    np.full(4, 79),
    np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]),
    225,
)


def rings(seed, ratio=RATIO, aspect=1.0):
    """Return counts of a halo and of spotty rings, stretched; pixels are so much higher than wide."""
    y, x = np.mgrid[:128, :128]
    xy = np.stack([x - CENTRE[0], (y - CENTRE[1]) * aspect], -1) @ rounding((ratio, ANGLE))
    rho, phi = np.hypot(*np.moveaxis(xy, -1, 0)), np.arctan2(xy[..., 1], xy[..., 0])
    mean = 5 + 300 * np.exp(-rho / 12)
    for n, radius in enumerate((22, 36, 44)):
        mean += (8 + 6 * np.cos((3 + 4 * n) * phi)) * np.exp(-((rho - radius) ** 2) / 4)
    return np.random.default_rng(seed).poisson(mean)


def spots(scale=1.0):
    """Return spots of gold at random places on its rings, stretched, some of them wrong."""
    rng = np.random.default_rng(0)
    hkl = np.array([(1, 1, 1), (2, 0, 0), (2, 2, 0), (3, 1, 1), (2, 2, 2), (4, 0, 0), (3, 3, 1)])
    q = np.linalg.norm(hkl, axis=1)[rng.integers(0, len(hkl), 120)] / 4.078
    q[:15] = rng.uniform(0.3, 1.1, 15)
    angle = rng.uniform(0, 2 * np.pi, 120)
    xy = (q * np.array([np.cos(angle), np.sin(angle)])).T @ np.linalg.inv(rounding((RATIO, ANGLE)))
    x, y = (CENTRE + xy / (0.02 * scale) + rng.normal(0, 0.1, (120, 2))).T
    one, none = np.ones(120), np.array([CENTRE])
    return ScanSpots(
        (1, 1), (128, 128), np.array([0.02, 0.02]), np.array([0, 120]), x, y, one, one, one, none, none,
        np.ones(1), np.ones(1), np.ones(1), np.array([""]), {"descan": [[0, 0]] * 3},
    )  # fmt: skip


@pytest.mark.parametrize(("ratio", "aspect"), [(RATIO, 1.0), (RATIO, 1.2), (1.0, 1.0)])
def test_rings_tell_the_ellipse(ratio, aspect):
    images = np.array([rings(seed, ratio, aspect) for seed in range(4)])
    pixel = (0.02 * aspect, 0.02)
    found = edsym.measure_ellipse(images, center=CENTRE, pixel=pixel)
    assert found.ratio == pytest.approx(ratio, abs=0.003) and found.error < 0.003
    if ratio > 1:
        assert found.angle == pytest.approx(ANGLE, abs=3)


def test_spots_of_a_known_cell_tell_ellipse_and_scale():
    found = edsym.measure_ellipse(spots(1.01), GOLD)
    assert found.ratio == pytest.approx(RATIO, abs=0.003) and found.angle == pytest.approx(ANGLE, abs=3)
    assert found.scale == pytest.approx(1.01, abs=0.002)


def test_spots_are_freed_of_the_ellipse_and_files_keep_it(tmp_path):
    found = spots().with_ellipse(RATIO, ANGLE)
    round_again = edsym.measure_ellipse(found, GOLD)
    assert round_again.ratio == pytest.approx(1, abs=0.003)
    found.write(tmp_path / "spots.h5")
    again, read = edsym.read_scan_spots(tmp_path / "spots.h5"), edsym.read_spots(tmp_path / "spots.h5")
    assert again.x == pytest.approx(spots().x, abs=1e-4)
    for one in (again, read):
        assert np.stack([one.qx, one.qy]) == pytest.approx(np.stack([found.qx, found.qy]), abs=1e-5)


def test_the_command_takes_numbers_or_a_file_of_rings(tmp_path, capsys):
    np.save(tmp_path / "rings.npy", np.array([rings(seed) for seed in range(4)]))
    y, x = np.mgrid[:64, :64]
    disks = sum(np.hypot(y - b, x - a) < 4 for a in (12, 32, 52) for b in (12, 32, 52))
    np.save(tmp_path / "scan.npy", np.random.default_rng(0).poisson(0.1 + 5 * disks))
    command = ["spots", str(tmp_path / "scan.npy"), "--pixel", "0.02", "--out", str(tmp_path / "spots.h5")]
    for words, ratio in ((["1.03", "20"], 1.03), ([str(tmp_path / "rings.npy")], RATIO)):
        assert main([*command, "--ellipse", *words]) == 0
        assert "ellipse: long axis 1.0" in capsys.readouterr().out
        facts = edsym.read_scan_spots(tmp_path / "spots.h5").facts
        assert facts["ellipse"][0] == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (np.random.default_rng(0).poisson(3, (64, 64)), {"center": (32, 32)}, "cannot be measured"),
        (spots(), {}, "cell is NoneType, expected the Structure"),
    ],
)
def test_what_tells_no_ellipse_is_refused(values, settings, message):
    with pytest.raises(InputError, match=message):
        edsym.measure_ellipse(values, **settings)
    with pytest.raises(InputError, match=r"ellipse has the ratio 0\.5, expected 1 to 1\.25"):
        edsym.find_spots(np.eye(32), ellipse=(0.5, 3))
