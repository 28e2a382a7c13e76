"""Spots as users have them: every form, unit and mistake."""

import numpy as np
import pandas as pd
import pytest

import edsym
from edsym.errors import InputError

ROWS = np.array([[0.35, 0.0, 0.02], [0.0, 0.35, 0.01], [-0.35, 0.1, 0.03], [0.5, -0.5, 0.002]])
FRAME = pd.DataFrame(ROWS, columns=["qx", "qy", "intensity"])


def arrays(spots):
    return [pattern.astype(float).round(6).tolist() for pattern in spots]


@pytest.mark.parametrize(
    ("patterns", "sizes"),
    [
        (ROWS, [4]),
        (ROWS.tolist(), [4]),
        (FRAME, [4]),
        (np.stack([ROWS, ROWS]), [4, 4]),
        ([ROWS, ROWS[:2]], [4, 2]),
        ([ROWS.tolist(), ROWS[:2].tolist()], [4, 2]),
        ([FRAME, ROWS[:1]], [4, 1]),
        (np.array([ROWS, ROWS[:2]], dtype=object), [4, 2]),
        (ROWS.astype(object), [4]),
        ((rows for rows in (ROWS, ROWS[:2])), [4, 2]),
        (FRAME.assign(pattern=["b", "a", "b", "b"]), [3, 1]),
    ],
    ids=lambda value: "" if isinstance(value, list) else type(value).__name__,
)
def test_every_form_of_patterns_is_taken(patterns, sizes):
    spots = edsym.Spots.of(patterns)
    assert np.diff(spots.offset).tolist() == sizes
    if sizes[0] == 4:
        np.testing.assert_allclose(next(iter(spots)), ROWS, rtol=1e-6)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ([], "no patterns"),
        (np.zeros((0, 3)), "no patterns"),
        (np.zeros((2, 0, 3)), "pattern 0 has no spots"),
        ([ROWS, ROWS[:0]], "pattern 1 has no spots"),
        ("spots.csv", "read_csv"),
        ({"qx": [1]}, "dict"),
        (None, "NoneType"),
        (3.0, "float"),
        (["spots"], "pattern 0 is not an array of numbers"),
        ([ROWS, "spots"], "pattern 1 is not an array of numbers"),
        ([ROWS, None], r"pattern 1 has the shape \(\)"),
        ([ROWS, ROWS.astype(str)], "pattern 1 is not an array of numbers"),
        ([ROWS, ROWS + 1j], "pattern 1 is not an array of numbers"),
        ([ROWS, [[1, 2, 3], [4, 5]]], "pattern 1 is not an array of numbers"),
        ([ROWS, ROWS[:, :2]], r"pattern 1 has the shape \(4, 2\)"),
        (ROWS[:, :2], r"pattern 0 has the shape \(4, 2\)"),
        (ROWS[0], r"pattern 0 has the shape \(\)"),
        (FRAME[["qx", "qy"]], "no column intensity; found qx, qy"),
        ([FRAME, FRAME[["qx", "qy"]]], "pattern 1: no column intensity"),
        (FRAME.assign(pattern=[0, 0, None, 1]), "empty values"),
        (FRAME.assign(qx=["a", "b", "c", "d"]), r"qx is not an array of numbers \(n,\)"),
        ([ROWS, ROWS * [np.nan, 1, 1]], "pattern 1 has a spot that is not three finite numbers"),
        ([ROWS, ROWS * [1, np.inf, 1]], "pattern 1 has a spot that is not three finite numbers"),
        ([ROWS, ROWS * [1e30, 1, 1]], "pattern 1 has a spot at"),
        ([ROWS, ROWS * [1e300, 1, 1]], "pattern 1 has a spot that is not three finite numbers"),
        ([ROWS, ROWS * [1, 1, 1e300]], "pattern 1 has a spot that is not three finite numbers"),
        ([ROWS, ROWS * [1, 1, -1]], "pattern 1 has the intensity -0.02, expected more than 0"),
        ([ROWS, ROWS * [1, 1, 0]], "pattern 1 has the intensity 0"),
        ([ROWS, ROWS * [100, 100, 1]], r"pattern 1 has a spot at \|q\| = 35 1/Å.*unit='1/nm'"),
        ([ROWS, ROWS * [1, 1, 1e4]], "pattern 1 has intensities that sum .* normalisation='counts'"),
        ([ROWS, ROWS / [1, 1, 0.03]], "pattern 1 has intensities"),
    ],
)
def test_what_is_no_pattern_is_refused_by_its_place(patterns, message):
    with pytest.raises(InputError, match=message):
        edsym.Spots.of(patterns)


@pytest.mark.parametrize(
    ("unit", "scale", "factor"),
    [("1/Å", None, 1), ("1/A", None, 1), ("1/nm", None, 0.1), ("px", 0.005, 0.005)],
)
def test_units_give_the_same_spots(unit, scale, factor):
    center = np.array([17.0, -3.0])
    x, y = (ROWS[:, :2] / factor + center).T
    spots = edsym.Spots.from_arrays(x, y, ROWS[:, 2], unit=unit, scale=scale, center=center)
    np.testing.assert_allclose(spots[0].qx, ROWS[:, 0], atol=1e-6)
    np.testing.assert_allclose(spots[0].qy, ROWS[:, 1], atol=1e-6)


@pytest.mark.parametrize("factor", [1, 2e-300, 7e4, 1e300])
def test_intensities_without_the_incident_beam_are_shares_of_the_pattern(factor):
    values = np.concatenate([ROWS[:, 2], ROWS[:2, 2] * 3])
    x, y, pattern = [0, 1, 2, 3, 0, 1], np.ones(6), [0, 0, 0, 0, 1, 1]
    for kind in ("counts", "max", "sum"):
        spots = edsym.Spots.from_arrays(x, y, values * factor, pattern, normalisation=kind)
        np.testing.assert_allclose(spots[0].intensity, ROWS[:, 2] / ROWS[:, 2].sum(), rtol=1e-6)
        np.testing.assert_allclose(spots[1].intensity, [2 / 3, 1 / 3], rtol=1e-6)
        assert not spots.absolute
    spots = edsym.Spots.from_arrays(x, y, values * 7e4, pattern, normalisation=7e4)
    np.testing.assert_allclose(spots.intensity, values, rtol=1e-6)
    assert spots.absolute


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "Å"}, "unit is 'Å' with scale None, expected 1/Å"),
        ({"unit": "px"}, "unit is 'px' with scale None"),
        ({"scale": 0.1}, "unit is '1/Å' with scale 0.1"),
        ({"unit": "px", "scale": 0}, "scale 0"),
        ({"unit": "px", "scale": np.nan}, "scale nan"),
        ({"normalisation": "beam"}, "normalisation is 'beam'"),
        ({"normalisation": -1.0}, "normalisation is -1.0"),
        ({"normalisation": None}, "normalisation is None"),
        ({"center": (1, 2, 3)}, r"center has the shape \(3,\)"),
        ({"center": None}, r"center has the shape \(\)"),
        ({"hkl": [[1, 0, 0]]}, r"hkl has the shape \(1, 3\), expected \(4, 3\)"),
        ({"hkl": [["a", "b", "c"]] * 4}, "hkl is not an array of numbers"),
        ({"pattern": [0, 1]}, "pattern has the shape"),
        ({"intensity": ROWS[:2, 2]}, r"intensity has the shape \(2,\), expected \(4,\)"),
        ({"intensity": -ROWS[:, 2], "normalisation": "counts"}, "pattern 0 has the intensity -"),
        ({"intensity": "1"}, "intensity is not an array"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(InputError, match=message):
        edsym.Spots.from_arrays(**dict(zip(("qx", "qy", "intensity"), ROWS.T, strict=True)) | options)


def test_csv_and_back(tmp_path):
    hkl = np.arange(12).reshape(4, 3)
    spots = edsym.Spots.from_arrays(*ROWS.T, [4, 2, 4, 2], hkl=hkl)
    spots.to_csv(tmp_path / "spots.csv")
    back = edsym.Spots.read_csv(tmp_path / "spots.csv")
    assert arrays(back) == arrays(spots)
    assert back.view.tolist() == spots.view.tolist() == [4, 2]
    np.testing.assert_array_equal(back.hkl, hkl[[0, 2, 1, 3]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns"),
        ("qx,qy\n1,2\n", "no column intensity; found qx, qy"),
        ("qx,qy,intensity\n", "no patterns"),
        ("qx,qy,intensity\n1,x,3\n", "qy is not an array"),
        ("qx,qy,intensity\n1,,0.1\n", "pattern 0 has a spot that is not three finite"),
        ("\x00\x01", "no column"),
    ],
)
def test_what_is_no_file_of_spots_is_named(tmp_path, text, message):
    (tmp_path / "spots.csv").write_text(text)
    with pytest.raises(InputError, match=rf"spots\.csv: .*{message}"):
        edsym.Spots.read_csv(tmp_path / "spots.csv")
    with pytest.raises(InputError, match=r"nothing\.csv"):
        edsym.Spots.read_csv(tmp_path / "nothing.csv")


def test_a_file_with_comments_and_spaces_is_read(tmp_path):
    (tmp_path / "spots.csv").write_text("# camera 2\nqx, qy, intensity\n3.5, 0, 120\n0, 3.5, 80\n")
    spots = edsym.Spots.read_csv(tmp_path / "spots.csv", unit="1/nm", normalisation="counts")
    assert arrays(spots) == [[[0.35, 0.0, 0.6], [0.0, 0.35, 0.4]]]


def test_single_patterns_slices_and_the_brightest():
    spots = edsym.Spots.of([ROWS, ROWS[:2], ROWS[1:]])
    assert arrays(spots[-1]) == arrays(spots)[2:]
    assert arrays(spots[:2]) == arrays(spots)[:2]
    assert spots[1:].view.tolist() == [1, 2]
    with pytest.raises(IndexError):
        spots[3]
    with pytest.raises(InputError, match="no patterns"):
        spots[3:]
    assert arrays(spots.brightest(2)) == [ROWS[[0, 2]].tolist(), ROWS[:2].tolist(), ROWS[1:3].tolist()]
    assert arrays(spots.brightest(100)) == arrays(spots)
    with pytest.raises(InputError, match="n is 0"):
        spots.brightest(0)
