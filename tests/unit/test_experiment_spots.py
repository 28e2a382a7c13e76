"""Bragg spots out of images: what is there is found, where it is, and little else; bad images are told."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.signal import fftconvolve
from scipy.special import erfc

import edsym
from edsym.cli import main
from edsym.errors import InputError
from edsym.experiment.descan import centres_of, fitted_descan
from edsym.experiment.spots.chance import level_of
from edsym.experiment.spots.finder import Finder
from edsym.experiment.spots.good import good_pixels
from edsym.experiment.spots.grain import measured_grain
from edsym.experiment.spots.probe import Probe
from edsym.experiment.spots.search import _Search, spots_of

SIZE, RADIUS, DOSE = 96, 4.0, 200000
PLACES = np.array([[a, b] for a in (-2, -1, 0, 1, 2) for b in (-2, -1, 0, 1, 2) if a or b]) @ [
    [16, 3],
    [-2, 15],
]


def image(rng, centre=(47.3, 48.6), dose=DOSE, radius=RADIUS, stretch=1.0, places=PLACES, gain=None):
    """Return counts of a direct beam, of disks at places around it, and of a background that falls off."""
    y, x = np.indices((SIZE, SIZE))

    def disk(dy, dx):
        rho = np.hypot(y - centre[0] - dy, (x - centre[1] - dx) / stretch)
        shape = erfc((rho - radius) / 0.9)
        return shape / shape.sum()

    rho = np.hypot(y - centre[0], (x - centre[1]) / stretch)
    mean = 0.3 * np.exp(-rho / 15) / np.exp(-rho / 15).sum() + 0.4 * disk(0, 0)
    for n, (dy, dx) in enumerate(places):
        mean = mean + 0.3 / len(places) * (0.4 if n % 2 else 1.6) * disk(dy, dx)
    counts = rng.poisson(dose * mean)
    return (
        counts.astype(np.uint32) if gain is None else gain * counts + rng.normal(0, 0.5 * gain, counts.shape)
    )


def matched(found, pattern, centre, places=PLACES):
    """Return distances of the true spots from what was found, and how many found ones are no spots."""
    true = np.add(places, centre)
    spots = found[pattern][:, [1, 0]]
    distance = np.linalg.norm(true[:, None] - spots, axis=2)
    return distance.min(axis=1), (distance.min(axis=0) > 1.5).sum()


@pytest.mark.parametrize(
    "options",
    [{}, {"radius": 1.5}, {"dose": 60000}, {"dose": 10**7}, {"gain": 12.5}],
    ids=lambda options: str(options),
)
def test_all_spots_are_found_where_they_are_without_any_number_of_the_user(options):
    rng = np.random.default_rng(1)
    images = np.array([image(rng, **options) for _ in range(3)])
    found = edsym.find_spots(images, pixel=0.02)
    assert found.valid.all() and found.facts["radius"] == pytest.approx(
        options.get("radius", RADIUS), rel=0.3
    )
    assert found.facts["gain"] == pytest.approx(options.get("gain", 1.0), rel=0.15)
    for p in range(3):
        distance, false = matched(found, p, (47.3, 48.6))
        assert (distance < 0.5).mean() > 0.9 and false <= 1
        assert found.measured[p] == pytest.approx((48.6, 47.3), abs=0.2)
    one = found.pattern == 1
    assert found.qx[one] == pytest.approx(0.02 * (found.x[one] - found.centre[1, 0]))


@pytest.mark.parametrize(("correlation", "share"), [("hybrid", 1.0), ("phase", 0.8)])
def test_sharp_correlations_find_spots_beside_bright_ones_too(correlation, share):
    images = np.array([image(np.random.default_rng(1), dose=10**6) for _ in range(2)])
    found = edsym.find_spots(images, correlation=correlation)
    distance, false = matched(found, 1, (47.3, 48.6))
    assert (distance < 0.5).mean() >= share and not false and found.facts["correlation"] == correlation


@pytest.mark.parametrize(("correlation", "radius"), [("hybrid", 1.5), ("hybrid", 4.0), ("phase", 4.0)])
def test_noise_exceeds_the_level_of_a_sharp_correlation_as_often_as_it_should(correlation, radius):
    good, rng = np.ones((SIZE, SIZE), bool), np.random.default_rng(14)
    finder = Finder(good, Probe.disk(radius), np.ones(2), 1.0, 0.0, 2.0, 6.0, 0.0, correlation)
    above = [finder.sharp(rng.normal(size=good.shape)) > finder.sharp_threshold for _ in range(80)]
    assert sum(ndimage.label(one & finder.covered)[1] for one in above) == pytest.approx(160, rel=0.3)


def test_noise_alone_gives_as_few_spots_as_was_asked_for():
    rng = np.random.default_rng(2)
    y, x = np.indices((SIZE, SIZE))
    mean = 2 * np.exp(-np.hypot(y - 48, x - 48) / 30) + 50 * (np.hypot(y - 48, x - 48) < 4)
    found = edsym.find_spots(rng.poisson(mean, (180, SIZE, SIZE)), pixel=0.02, probe=4.0)
    assert found.offset[-1] <= 15  # 9 are expected, and more than 15 once in forty times
    assert not found.valid.any() and found.reason[0].endswith("spots, fewer than 5")


@pytest.mark.parametrize(("radius", "counts"), [(1.5, 0.2), (1.5, 100), (4, 2000), (9, 20)])
def test_noise_gives_so_few_spots_whatever_probe_and_dose_and_at_the_border(radius, counts):
    rng = np.random.default_rng(12)
    mean = counts * np.exp(-np.hypot(*(np.indices((SIZE, SIZE)) - 48)) / 30)
    rate = 0.3
    search = Finder(
        np.ones((SIZE, SIZE), bool), Probe.disk(radius), np.ones(2), 1, 0, rate, 1.5 * radius + 0.5, 0
    )
    spots = [
        spots_of(search, counts, np.array([48.0, 48.0])).y for counts in rng.poisson(mean, (80, SIZE, SIZE))
    ]
    assert 8 <= sum(map(len, spots)) <= 36  # 24 are expected; some of them noise in the grain leaves out


@pytest.mark.parametrize(("radius", "edge"), [(1.5, 0.4), (4.0, 0.4), (4.0, 2.0)])
def test_the_level_is_what_noise_exceeds_so_often(radius, edge):
    kernel, rng = Probe.disk(radius, edge).image(np.ones(2)), np.random.default_rng(13)
    images = rng.normal(size=(60, 128, 128))
    seen = fftconvolve(images, kernel[None], "same", axes=(1, 2))[:, 16:112, 16:112]
    above = seen > level_of(2.0, 96 * 96, kernel) * np.sqrt((kernel**2).sum())
    assert sum(ndimage.label(one)[1] for one in above) == pytest.approx(120, abs=3 * np.sqrt(120))


def test_a_spot_stands_out_in_its_middle_where_grain_differs_on_both_sides():
    y, x = np.indices((SIZE, SIZE))
    ground = 10.0 + 0.1 * x
    finder = Finder(np.ones((SIZE, SIZE), bool), Probe.disk(6.0), np.ones(2), 1.0, 0.0, 0.05, 9.0, 0.0)
    image = ground + 50 * (np.hypot(y - 40, x - 52) < 6)
    search = _Search(finder, image, finder.good, np.array([48.0, 48.0]))
    off = finder.correlated(ground)
    search.grain = np.array([off[40, 48], off[40, 56]]), np.array([0.0, 0.1])
    z, places = search._standing_out(off, finder.covered, finder.threshold)
    assert places.tolist() == [[40, 52]] and z[40, 52] < z[40, 50]


def test_speckle_counts_as_noise():
    rng = np.random.default_rng(10)
    y, x = np.indices((128, 128))
    beam = 2000 * (np.hypot(y - 64, x - 64) < 4)
    counts = []
    for _ in range(8):
        wave = rng.normal(size=(2, 128, 128)) * (np.hypot(y - 64, x - 64) < 100)
        aperture = np.fft.fft2(np.fft.ifftshift(np.hypot(y - 64, x - 64) < 4))
        waves = np.fft.ifft2(np.fft.fft2(wave[0] + 1j * wave[1]) * aperture)
        speckle = np.abs(waves) ** 2
        counts.append(rng.poisson(20 * speckle / speckle.mean() + beam))
    found = edsym.find_spots(np.array(counts), probe=4.0)
    assert np.diff(found.offset).mean() < 40 and np.median(found.noise) > 0.2


def test_few_counts_are_not_taken_for_much_grain():
    rng = np.random.default_rng(15)
    images = rng.poisson(0.1, (20, 128, 128)).astype(float)
    ground, free = np.full((128, 128), 0.1), np.ones((128, 128), bool)
    grains = [measured_grain(image, ground, free, 49.0, 0.05)[1].max() for image in images]
    assert max(grains) < 0.7 and min(grains) < 0.05  # there is none


def test_the_intensity_is_what_the_spot_has_in_the_units_of_the_image():
    found = edsym.find_spots(image(np.random.default_rng(3), dose=10**6, gain=10.0))
    order = [
        np.linalg.norm(found[0][:, [1, 0]] - place, axis=1).argmin() for place in np.add(PLACES, [47.3, 48.6])
    ]
    share = np.where(np.arange(len(PLACES)) % 2, 0.4, 1.6) * 0.3 / len(PLACES)
    assert found.intensity[order] == pytest.approx(1e7 * share, rel=0.1)
    assert found.beam[0] == pytest.approx(4e6, rel=0.1)


def test_pixels_may_be_oblong_and_files_keep_it(tmp_path):
    found = edsym.find_spots(image(np.random.default_rng(4), stretch=1.5), pixel=(0.03, 0.02))
    distance, false = matched(found, 0, (47.3, 48.6))
    assert (distance < 0.7).mean() > 0.9 and not false
    found.write(tmp_path / "spots.h5")
    again, spots = edsym.read_scan_spots(tmp_path / "spots.h5"), edsym.read_spots(tmp_path / "spots.h5")
    assert again.qy == pytest.approx(found.qy, abs=1e-6) and again.facts == found.facts
    assert spots.qx == pytest.approx(found.qx, abs=1e-6) and spots.qy == pytest.approx(found.qy, abs=1e-6)


def test_pixels_that_do_not_measure_are_no_spots():
    rng = np.random.default_rng(5)
    images = np.array([image(rng, dose=10**6) for _ in range(6)])
    images[:, 20, 30], images[:, 60:64, :] = 60000, 0
    images[2, 70, 25] = 5000  # a cosmic ray
    found = edsym.find_spots(images)
    assert found.facts["masked"] == 4 * SIZE + 1
    assert not any(matched(found, p, (47.3, 48.6))[1] for p in range(6))


def test_patterns_that_cannot_be_used_are_told_and_the_others_are_not_disturbed():
    rng = np.random.default_rng(6)
    images = np.array([image(rng) for _ in range(16)]).astype(np.float32).reshape(4, 4, SIZE, SIZE)
    good = edsym.find_spots(images)
    images[0, 1], images[1, 1], images[2, 2, :70] = 0, 255, np.nan
    images[3, 0] = np.minimum(100 * images[3, 0], 300)
    images[3, 3, 5, 5] = np.inf
    found = edsym.find_spots(images)
    assert np.flatnonzero(~found.valid).tolist() == [1, 5, 10, 12]
    for p, text in ((1, "all pixels are 0"), (5, "are 255"), (10, "not numbers"), (12, "saturated")):
        assert text in found.reason[p]
    assert np.isfinite(found.centre).all()
    assert found.centre == pytest.approx(good.centre, abs=0.1)
    assert len(found[15]) == pytest.approx(len(good[15]), abs=1)


def test_the_plane_of_the_centres_is_found_in_spite_of_errors_and_not_trusted_where_it_is_none():
    rng, shape = np.random.default_rng(7), (10, 12)
    row, column = np.divmod(np.arange(120), 12)
    true = np.stack([50 + 0.3 * row - 0.1 * column, 60 - 0.05 * row + 0.2 * column], 1)
    measured = true + rng.normal(0, 0.1, true.shape)
    measured[:20] += 8
    measured[30:35] = np.nan
    plane = fitted_descan(np.arange(120), measured, shape, np.zeros(2))
    assert plane.trusted and plane.scatter == pytest.approx(0.1, rel=0.4)
    assert centres_of(plane, measured, shape) == pytest.approx(true, abs=0.1)
    wild = true + rng.normal(0, 1.0, true.shape)
    wild[3], wild[4] = np.nan, 500
    plane = fitted_descan(np.arange(120), wild, shape, np.zeros(2))
    centres = centres_of(plane, wild, shape)
    assert not plane.trusted and np.array_equal(centres[5:], wild[5:])
    assert centres[3:5] == pytest.approx(true[3:5], abs=1)
    nothing = fitted_descan(np.arange(120), np.full((120, 2), np.nan), shape, np.array([7.0, 8.0]))
    assert centres_of(nothing, np.full((120, 2), np.nan), shape) == pytest.approx(
        np.tile([7.0, 8.0], (120, 1))
    )


def test_a_scan_that_was_killed_goes_on_to_the_same_file(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(8)
    cube = np.array([image(rng) for _ in range(12)]).reshape(3, 4, SIZE, SIZE)
    np.save(tmp_path / "scan.npy", cube)
    monkeypatch.setattr("edsym.experiment.spots.find._BLOCK_BYTES", 4 * 4 * SIZE**2)
    names = [str(tmp_path / name) for name in ("whole.h5", "resumed.h5")]
    arguments = ["spots", str(tmp_path / "scan.npy"), "--pixel", "0.02", "--out"]
    assert main([*arguments, names[0], "--csv", str(tmp_path / "spots.csv")]) == 0
    assert capsys.readouterr().out.startswith("3 × 4 patterns, 12 of them valid, with ")

    from edsym.experiment.spots import find

    finish, seen = find._block, []

    def ends(scan, overview, pool, start, stop, bar):
        seen.append(start)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return finish(scan, overview, pool, start, stop, bar)

    monkeypatch.setattr(find, "_block", ends)
    with pytest.raises(KeyboardInterrupt):
        main([*arguments, names[1]])
    assert main([*arguments, names[1]]) == 0
    assert seen == [0, 4, 8, 8]
    whole, resumed = (Path(name).read_bytes() for name in names)
    assert whole == resumed and not (tmp_path / "resumed.h5.parts").exists()
    spots = edsym.read_spots(names[1])
    assert len(spots) == 12 and spots.qx == pytest.approx(
        edsym.read_spots(tmp_path / "spots.csv").qx, abs=1e-6
    )
    assert edsym.find_spots(cube, pixel=0.02, threads=1).x == pytest.approx(edsym.read_scan_spots(names[0]).x)


def stopped(images):
    """Return images with a beam stop that comes in from the dark outside of a round screen."""
    y, x = np.indices((SIZE, SIZE))
    hidden = (np.hypot(y - 48, x - 47) < 9) | ((np.abs(x - 47) < 4) & (y > 48))
    images[:, hidden | (np.hypot(y - 47.5, x - 47.5) > 47)] = 0
    return images, hidden


def test_a_hidden_beam_is_found_by_the_spots_on_either_side_of_it():
    rng = np.random.default_rng(16)
    centres = np.array([(46.5 + 0.2 * k, 48.6 - 0.1 * k) for k in range(6)])
    images, _ = stopped(np.array([image(rng, c) for c in centres]))  # g and -g differ by a factor of four
    found = edsym.find_spots(images)
    assert found.facts["friedel"] and found.descan.hidden and np.isnan(found.beam).all()
    assert found.centre[:, ::-1] == pytest.approx(centres, abs=0.2)
    assert np.hypot(*(found[3][:, :2] - found.centre[3]).T).min() > 8
    assert edsym.find_spots(images, center="beam").centre != pytest.approx(found.centre, abs=2)
    aside = edsym.find_spots(images[:, :80, 12:])
    assert aside.centre[:, ::-1] == pytest.approx(centres - [0, 12], abs=0.2)


def test_a_beam_that_is_not_known_to_be_hidden_is_found_by_the_better_plane():
    rng = np.random.default_rng(17)
    turns = [np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]) for t in np.arange(14) / 4]
    images, hidden = stopped(np.array([image(rng, places=PLACES @ turn) for turn in turns]))
    images[:, hidden] = rng.poisson(0.1, (14, hidden.sum()))  # it lets some electrons through
    found = edsym.find_spots(images)
    assert found.facts["friedel"] and found.centre == pytest.approx(np.tile([48.6, 47.3], (14, 1)), abs=0.2)


def test_a_stop_and_a_screen_are_masked_and_what_is_merely_dark_is_not():
    y, x = np.indices((SIZE, SIZE))
    rho, rng, good = np.hypot(y - 48, x - 47), np.random.default_rng(18), np.ones((SIZE, SIZE), bool)
    values, hidden = stopped(rng.poisson(500 * np.exp(-rho / 5), (4, SIZE, SIZE)).astype(float))
    dead = ~good_pixels(values, good)
    near, far = hidden & (rho < 16), rho > 50
    assert dead[near].mean() > 0.95 and not dead[far].any()
    screen = rng.poisson(np.where(rho < 40, 30.0, 0.0), (4, SIZE, SIZE)).astype(float)
    assert np.array_equal(good_pixels(screen, good), rho < 40)
    disks = ndimage.binary_dilation((y % 12 == 6) & (x % 12 == 6), iterations=3) * 50.0
    assert good_pixels(rng.poisson(disks, (4, SIZE, SIZE)).astype(float), good).all()


def test_the_direct_beam_is_no_spot_where_it_is_told_to_be_either():
    found = edsym.find_spots(image(np.random.default_rng(3), dose=10**6), center=(48.6, 47.3))
    assert len(found[0]) == len(PLACES) and found.beam[0] == pytest.approx(4e5, rel=0.1)


def test_an_image_of_the_beam_alone_tells_the_probe():
    rng = np.random.default_rng(9)
    beam = image(rng, dose=10**6, places=np.empty((0, 2)))
    found = edsym.find_spots(image(rng), probe=beam)
    assert found.facts["radius"] == pytest.approx(RADIUS, abs=0.3)
    assert (matched(found, 0, (47.3, 48.6))[0] < 0.5).all()


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (np.zeros((3, 32, 32)), {}, "none of 3 patterns looked at can be used; the first: all pixels are 0"),
        (np.full((32, 32), np.nan), {}, "1024 of 1024 pixels are not numbers"),
        (np.ones((8, 8)), {}, "8 × 8 pixels are too small"),
        (np.eye(32), {"probe": 20.0}, "probe is 20.0, expected a radius"),
        (np.eye(32), {"mask": np.ones((32, 32), bool)}, "mask leaves 0 of 1024 pixels"),
        (np.eye(32), {"mask": np.ones((3, 3), bool)}, "mask is bool .3, 3., expected bool .32, 32."),
        (np.eye(32), {"center": (np.nan, 3)}, "center is .nan, 3., expected x and y"),
        (np.eye(32), {"center": "middle"}, "center is 'middle', expected x and y in pixels, beam or friedel"),
        (np.eye(32), {"false_spots": 0}, "false_spots is 0, expected more than 0"),
        (np.eye(32), {"correlation": "sobel"}, "correlation is 'sobel', expected cross, hybrid, phase"),
        (np.eye(32), {"spacing": 0.1}, "spacing is 0.1"),
        (np.eye(32), {"pixel": 50.0}, "pixel is 50.0"),
    ],
)
def test_what_is_impossible_is_refused(values, settings, message):
    with pytest.raises(InputError, match=message):
        edsym.find_spots(values, **settings)
