"""Scans and patterns of many formats come in as they were written, calibrated or with the reason why not."""

import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest
from formats.make import signal
from PIL import Image

import edsym
from edsym.errors import InputError
from edsym.experiment.files.scan import scan_of_array
from edsym.experiment.files.vendor_files import PLUGINS

CUBE = np.random.default_rng(0).poisson(3.0, (3, 4, 16, 20)).astype(np.uint16)
SERIES = CUBE.reshape(-1, 16, 20)
FORMATS = Path(__file__).parent / "formats"


def write_npy(path):
    np.save(path, CUBE)


def write_plain(path):
    with h5py.File(path, "w") as file:
        file["scan/patterns"] = CUBE
        file["scan/dark_field"] = CUBE.sum(axis=(2, 3)).astype(float)


def write_emd(path, unit="[1/nm]", step=0.5):
    with h5py.File(path, "w") as file:
        group = file.create_group("data/scan")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", data=CUBE, chunks=(2, 2, 16, 20))
        file["data/overview/data"] = np.zeros((300, 300))
        for n, size in enumerate(CUBE.shape, 1):
            group[f"dim{n}"] = np.arange(size) * step
            group[f"dim{n}"].attrs["units"] = unit if n > 2 else "[nm]"


def write_py4dstem(path, unit="A^-1", size=0.05):
    with h5py.File(path, "w") as file:
        group = file.create_group("root/datacube")
        group.attrs.update({"emd_group_type": "array", "python_class": "DataCube"})
        group["data"] = CUBE
        calibration = file.create_group("root/metadatabundle/calibration")
        calibration["Q_pixel_size"], calibration["Q_pixel_units"] = size, unit


def write_nexus(path, unit="1/angstrom"):
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["y", "x", "qy", "qx"]})
        group["counts"], group["errors"] = CUBE, np.sqrt(CUBE)
        for name, size, step in zip(("y", "x", "qy", "qx"), CUBE.shape, (1, 1, 0.04, 0.05), strict=True):
            group[name] = np.arange(size) * step
            group[name].attrs["units"] = unit if "q" in name else "nm"


def write_tiff(path, unit="nm^-1", per_unit=2.0):
    first, *rest = (Image.fromarray(image) for image in SERIES)
    tags = {270: f"ImageJ=1.54\nunit={unit}\n", 282: per_unit, 283: per_unit}
    first.save(path, save_all=True, append_images=rest, tiffinfo=tags)


@pytest.mark.parametrize(
    ("name", "write", "shape", "pixel"),
    [
        ("scan.npy", write_npy, (3, 4), None),
        ("plain.h5", write_plain, (3, 4), None),
        ("scan.emd", write_emd, (3, 4), (0.05, 0.05)),
        ("cube.h5", write_py4dstem, (3, 4), (0.05, 0.05)),
        ("scan.nxs", write_nexus, (3, 4), (0.04, 0.05)),
        ("series.tif", write_tiff, (1, 12), (0.05, 0.05)),
    ],
)
def test_patterns_come_as_they_were_written(tmp_path, name, write, shape, pixel):
    write(tmp_path / name)
    scan = edsym.read_scan(tmp_path / name)
    assert (scan.shape, scan.frame, scan.counts) == (shape, (16, 20), True)
    assert np.array_equal(scan.read(0, 12), SERIES)
    for start, stop in ((0, 1), (3, 5), (4, 8), (2, 11), (11, 12)):
        assert np.array_equal(scan.read(start, stop), SERIES[start:stop])
    assert np.array_equal(scan[-1], SERIES[-1])
    if pixel is None:
        assert scan.pixel is None
        assert scan.note
    else:
        assert scan.pixel == pytest.approx(pixel)
        assert not scan.note
    assert edsym.read_scan(tmp_path / name, pixel=(0.02, 0.03)).pixel.tolist() == [0.02, 0.03]
    assert edsym.read_scan(tmp_path / name, shape=(6, 2)).shape == (6, 2)


def test_a_folder_of_images_is_a_series(tmp_path):
    for k in (2, 0, 1):
        Image.fromarray(SERIES[k]).save(tmp_path / f"{k:03}.tiff")
    scan = edsym.read_scan(tmp_path)
    assert scan.shape == (1, 3)
    assert np.array_equal(scan.read(1, 3), SERIES[1:3])
    Image.fromarray(SERIES[0][:8]).save(tmp_path / "003.tiff")
    with pytest.raises(InputError, match=r"003\.tiff, page 0 is \(8, 20\) pixels"):
        edsym.read_scan(tmp_path)


def test_linked_files_of_a_master_file_are_one_series(tmp_path):
    with h5py.File(tmp_path / "s_master.h5", "w") as master:
        for k, part in enumerate((SERIES[:5], SERIES[5:]), 1):
            with h5py.File(tmp_path / f"s_data_{k:06}.h5", "w") as file:
                file["entry/data/data"] = part
            link = h5py.ExternalLink(f"s_data_{k:06}.h5", "entry/data/data")
            master[f"entry/data/data_{k:06}"] = link
    scan = edsym.read_scan(tmp_path / "s_master.h5", shape=(3, 4))
    assert scan.shape == (3, 4)
    assert np.array_equal(scan.read(3, 9), SERIES[3:9])


@pytest.mark.parametrize(
    ("unit", "size", "note"),
    [
        ("nm", 4.2e16, "unit of its pixels is nm"),
        ("A^-1", 4.2e7, "too large to tell spots apart"),
        ("1/m", 0.05, "half a pattern would reach to 5e-11"),
        ("pixels", 1.0, "which is what uncalibrated files say"),
        ("A^-1", float("nan"), "a pixel is a positive number"),
        ("mrad", 1.0001, "the electrons' energy is not told"),
    ],
)
def test_a_calibration_that_cannot_be_true_is_told_and_not_used(tmp_path, unit, size, note):
    write_py4dstem(tmp_path / "cube.h5", unit, size)
    scan = edsym.read_scan(tmp_path / "cube.h5")
    assert scan.pixel is None
    assert note in scan.note


@pytest.mark.parametrize("unit", ["1/nm", "nm^-1", "[1/nm]", "1 / nm", "nm⁻¹", "[n_m^-1]", "nm-1"])
def test_units_are_known_in_any_spelling(tmp_path, unit):
    write_py4dstem(tmp_path / "cube.h5", unit, 0.5)
    assert edsym.read_scan(tmp_path / "cube.h5").pixel == pytest.approx([0.05, 0.05])


def test_angles_are_calibrated_by_the_energy(tmp_path):
    write_py4dstem(tmp_path / "cube.h5", "mrad", 1.5)
    scan = edsym.read_scan(tmp_path / "cube.h5", energy_kev=300)
    assert scan.pixel == pytest.approx([1.5e-3 / 0.019687] * 2, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.npy", write_npy),
        ("a.h5", write_plain),
        ("a.emd", write_emd),
        ("a.nxs", write_nexus),
        ("a.tif", write_tiff),
    ],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5])
def test_damaged_and_empty_files_are_named(tmp_path, name, write, share):
    path = tmp_path / name
    write(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match=name):
        edsym.read_scan(path).read(0, 12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pixel": 0.0}, r"scan\.npy: pixel is 0\.0: a pixel is a positive number"),
        ({"pixel": 3.0}, "too large"),
        ({"pixel": "small"}, "expected one or two numbers"),
        ({"shape": (5, 5)}, "12 patterns are not a scan of 5 × 5"),
    ],
)
def test_impossible_options_are_refused(tmp_path, options, message):
    write_npy(tmp_path / "scan.npy")
    with pytest.raises(InputError, match=message):
        edsym.read_scan(tmp_path / "scan.npy", **options)


def test_files_that_hold_no_or_several_patterns_are_refused(tmp_path):
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a"], file["b"] = CUBE, CUBE
    with pytest.raises(InputError, match=r"two\.h5: several arrays .*/a, /b"):
        edsym.read_scan(tmp_path / "two.h5")
    assert np.array_equal(edsym.read_scan(tmp_path / "two.h5", dataset="b")[0], CUBE[0, 0])
    with pytest.raises(InputError, match="no dataset c; those that may be patterns: /a, /b"):
        edsym.read_scan(tmp_path / "two.h5", dataset="c")
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["names"] = np.arange(5)
    with pytest.raises(InputError, match=r"none\.h5: no array of patterns"):
        edsym.read_scan(tmp_path / "none.h5")
    (tmp_path / "notes.txt").write_text("nothing")
    for name, message in (("notes.txt", "format .txt is not known"), ("gone.h5", "no such file")):
        with pytest.raises(InputError, match=message):
            edsym.read_scan(tmp_path / name)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "photo.tif")
    with pytest.raises(InputError, match="in colour"):
        edsym.read_scan(tmp_path / "photo.tif")


def test_only_what_is_asked_for_is_read_in_blocks_that_fit():
    class Counted:
        """An array of a size that no memory holds, which notes how much is asked for."""

        shape, dtype, asked = (256, 256, 192, 192), np.dtype("u2"), 0

        def __getitem__(self, key):
            rows = key[0] if isinstance(key, tuple) else key
            n = 256 * (rows.stop - rows.start) if isinstance(rows, slice) else key[1].stop - key[1].start
            self.asked = max(self.asked, n)
            return np.zeros((n, 192, 192), "u2")

    cube = Counted()
    scan = scan_of_array(cube)
    blocks = list(scan.blocks(2**25))
    assert blocks[0][0] == 0
    assert blocks[-1][1] == len(scan)
    assert all(a[1] == b[0] for a, b in pairwise(blocks))
    scan.read(*blocks[1])
    assert cube.asked * 192 * 192 * 4 <= 2**25


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    ("name", "shape", "calibrated"),
    [
        ("rosetta.emd", (3, 4), True),  # the patterns' axes come first
        ("rosetta.nxs", (3, 4), True),
        ("rosetta.hspy", (3, 4), True),
        ("emdfile.h5", (3, 4), True),
        ("imagej.tif", (1, 12), True),
        ("big.tif", (1, 12), False),
    ],
)
def test_files_that_other_libraries_wrote(tmp_path, name, shape, calibrated):
    scan = edsym.read_scan(FORMATS / name)
    assert (scan.shape, scan.frame, scan.counts) == (shape, (16, 20), True)
    assert np.array_equal(scan.read(0, 12), SERIES) and np.array_equal(scan.read(3, 10), SERIES[3:10])
    assert np.array_equal(scan[5], SERIES[5])
    assert scan.pixel == pytest.approx([0.05, 0.05]) if calibrated else scan.pixel is None
    whole = (FORMATS / name).read_bytes()
    for part in (whole[: len(whole) // 2], bytes(64) + whole[64:], whole[:50]):
        (tmp_path / name).write_bytes(part)
        with pytest.raises(InputError, match=f"{name}.* (cannot be read|no array of patterns)"):
            edsym.read_scan(tmp_path / name).read(0, 12)


@pytest.mark.parametrize("name", ["scan.zspy", "scan.blo", "scan_000.tvips"])
def test_files_of_other_programs(tmp_path, name):
    pytest.importorskip("rsciio")
    pytest.importorskip("skimage")
    if name == "scan.zspy" and not hasattr(pytest.importorskip("zarr").storage, "NestedDirectoryStore"):
        pytest.skip("RosettaSciIO writes zspy files with zarr 2 alone")
    kind = Path(name).suffix
    cube = CUBE[..., :16].astype(np.uint8 if kind == ".blo" else np.uint16)
    made = signal(cube, "cm" if kind == ".blo" else "1/nm")
    import_module(f"rsciio.{PLUGINS[kind]}").file_writer(str(tmp_path / name), made)
    scan = edsym.read_scan(tmp_path / name)
    assert scan.shape == ((1, 12) if kind == ".tvips" else (3, 4))
    assert np.array_equal(scan.read(2, 11), cube.reshape(-1, 16, 16)[2:11])
    assert (scan.pixel is None) == (kind != ".zspy")
    if kind == ".zspy":
        return
    whole = (tmp_path / name).read_bytes()
    for part in (whole[: len(whole) // 2], whole[:50], b"no such file" * 99):
        (tmp_path / name).write_bytes(part)
        with pytest.raises(InputError, match=rf"{name}.* cannot be read"):
            edsym.read_scan(tmp_path / name).read(0, 12)


def test_a_series_of_a_merlin_that_was_cut_short_is_told(tmp_path, monkeypatch):
    def reader(*_, **__):
        told = {"hdr_file": {"Frames in Acquisition (Number)": "14"}}
        axes = [{"scale": 1, "units": ""}] * 3
        return [{"data": SERIES, "axes": axes, "original_metadata": told}]

    module = ModuleType("rsciio.quantumdetector")
    module.file_reader = reader
    monkeypatch.setitem(sys.modules, "rsciio", ModuleType("rsciio"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "a.mib").write_bytes(b"patterns")
    with pytest.raises(InputError, match=r"a\.mib: 12 patterns, but its \.hdr file says 14: cut short"):
        edsym.read_scan(tmp_path / "a.mib")


def test_a_format_without_its_reader_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rsciio", None)
    (tmp_path / "a.dm4").write_bytes(b"0" * 100)
    with pytest.raises(InputError, match=r"a\.dm4: .*pip install 'edsym\[microscope\]'"):
        edsym.read_scan(tmp_path / "a.dm4")
