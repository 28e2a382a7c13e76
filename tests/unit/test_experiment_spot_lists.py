"""Spots that other programs have found come in with their places, frames and calibration."""

import h5py
import numpy as np
import pytest

import edsym
from edsym.cli import main
from edsym.errors import InputError, InputWarning

CENTER, SCALE = (100.25, 90.5), 0.0125
rng = np.random.default_rng(1)
Q = rng.uniform(-0.8, 0.8, (12, 2))
X, Y = (Q / SCALE + CENTER).T
COUNTS = rng.uniform(10, 900, 12).round(1)
FRAME = np.repeat([3, 1], 6)


def write_xds(path):
    rows = zip(X, Y, FRAME - 0.4, COUNTS, strict=True)
    path.write_text("".join(f"{x:10.3f}{y:10.3f}{z:8.2f}{i:10.1f}   0  0  0\n" for x, y, z, i in rows))


def write_pets(path):
    lines = [
        f"0.1 0.2 0.3 {i} 9.5 {round(x)} {round(y)} {x:.3f} {y:.3f} -11.0 136.0 {f}"
        for x, y, i, f in zip(X, Y, COUNTS, FRAME, strict=True)
    ]
    path.write_text("\n".join(lines))


def write_py4dstem(path, centers=True):
    """As emdfile writes a PointListArray."""
    kind = np.dtype([("qx", float), ("qy", float), ("intensity", float)])
    with h5py.File(path, "w") as file:
        group = file.create_group("root/braggvectors/_v_uncal")
        group.attrs["python_class"] = "PointListArray"
        lists = group.create_dataset("data", (2, 2), h5py.vlen_dtype(kind))
        for place, frame in (((0, 1), 1), ((1, 1), 3)):
            chosen = frame == FRAME
            peaks = np.zeros(6, kind)
            peaks["qx"], peaks["qy"], peaks["intensity"] = Y[chosen], X[chosen], COUNTS[chosen]
            lists[place] = peaks
        told = file.create_group("root/metadatabundle/calibration")
        told["Q_pixel_size"], told["Q_pixel_units"] = SCALE, "A^-1"
        if centers:
            told["qx0"], told["qy0"] = np.full((2, 2), CENTER[1]), np.full((2, 2), CENTER[0])


def check(spots, names):
    assert spots.view.tolist() == names
    for pattern, frame in zip(spots, (3, 1) if names[0] == 3 else (1, 3), strict=True):
        chosen = frame == FRAME
        assert pattern[:, :2] == pytest.approx(Q[chosen], abs=0.001 * SCALE)
        assert pattern[:, 2] == pytest.approx(COUNTS[chosen] / COUNTS[chosen].sum(), rel=1e-5)


def test_spots_of_xds(tmp_path):
    write_xds(tmp_path / "SPOT.XDS")
    check(edsym.read_spots(tmp_path / "SPOT.XDS", scale=SCALE, center=CENTER), [3, 1])
    with pytest.raises(InputError, match=r"SPOT\.XDS: the file does not tell scale and center"):
        edsym.read_spots(tmp_path / "SPOT.XDS")


def test_spots_of_pets_take_centre_and_scale_of_the_project(tmp_path):
    write_pets(tmp_path / "a.rpl")
    with pytest.raises(InputError, match=r"a\.rpl: the file does not tell scale and center"):
        edsym.read_spots(tmp_path / "a.rpl")
    (tmp_path / "a.pts").write_text(f"lambda 0.0251\naperpixel   {SCALE}\ncenter  {CENTER[0]}  {CENTER[1]}\n")
    check(edsym.read_spots(tmp_path / "a.rpl"), [3, 1])
    moved = edsym.read_spots(tmp_path / "a.rpl", scale=2 * SCALE, center=(0, 0))
    assert moved.qx[0] == pytest.approx(X[0] * 2 * SCALE, abs=1e-4)


def test_bragg_peaks_of_py4dstem(tmp_path):
    write_py4dstem(tmp_path / "peaks.h5")
    check(edsym.read_spots(tmp_path / "peaks.h5"), [1, 3])
    write_py4dstem(tmp_path / "raw.emd", centers=False)
    with pytest.raises(InputError, match=r"raw\.emd: the file does not tell center"):
        edsym.read_spots(tmp_path / "raw.emd")
    check(edsym.read_spots(tmp_path / "raw.emd", center=CENTER), [1, 3])


def test_spots_without_intensity_are_left_out_and_told(tmp_path):
    (tmp_path / "SPOT.XDS").write_text("1 2 0.5 10\n3 4 0.5 -2\n")
    with pytest.warns(InputWarning, match="1 of 2 spots have no intensity"):
        assert len(edsym.read_spots(tmp_path / "SPOT.XDS", scale=SCALE, center=(0, 0)).qx) == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("SPOT.XDS", "", r"SPOT\.XDS: there are no spots"),
        ("SPOT.XDS", "1 2 0.5\n", r"SPOT\.XDS: line 1 has 3 numbers, expected 4 or 5 or 7 or 8"),
        ("SPOT.XDS", "1 2 0.5 9\n1 2 x 9\n", r"SPOT\.XDS: line 2 is not numbers"),
        ("a.cor", "1 2 3 4\n", r"a\.cor: line 1 has 4 numbers, expected 12"),
        ("a.cor", None, r"a\.cor cannot be read"),
        ("a.csv", None, r"a\.csv"),
    ],
)
def test_damaged_lists_are_named(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        edsym.read_spots(tmp_path / name, scale=0.01, unit="px", center=(0, 0))


def test_a_cut_file_of_bragg_peaks_is_named(tmp_path):
    write_py4dstem(tmp_path / "a.h5")
    data = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"a\.h5"):
        edsym.read_spots(tmp_path / "a.h5")


def test_the_command_reads_them(tmp_path, monkeypatch, capsys):
    seen = []

    def find_cell(spots, *_, **__):
        seen.append(spots)
        raise InputError("stop")

    monkeypatch.setattr("edsym.find_cell", find_cell, raising=False)
    write_xds(tmp_path / "SPOT.XDS")
    center = ["--center", *map(str, CENTER)]
    assert main(["cell", str(tmp_path / "SPOT.XDS"), "--scale", str(SCALE), *center]) == 2
    assert capsys.readouterr().err == "edsym: stop\n"
    check(seen[0], [3, 1])
    assert main(["cell", str(tmp_path / "SPOT.XDS"), "--scale", str(SCALE), *center, "--every", "2"]) == 2
    assert seen[1].view.tolist() == [3]
