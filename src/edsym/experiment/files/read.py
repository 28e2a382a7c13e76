"""Open a scan or a pattern of any format that is known."""

from collections.abc import Sequence
from pathlib import Path

import h5py

from edsym.errors import InputError
from edsym.experiment.files.hdf5_files import read_hdf5, read_master
from edsym.experiment.files.image_files import TIFF, read_npy, read_tiff
from edsym.experiment.files.scan import Scan
from edsym.experiment.files.vendor_files import PLUGINS, read_vendor

HDF5 = (".h5", ".hdf5", ".emd", ".nxs", ".nx5", ".nexus", ".he5", ".hspy")
_ARINA = "_master.h5"


def read_scan(
    path: str | Path,
    *,
    pixel: float | Sequence[float] | None = None,
    shape: tuple[int, int] | None = None,
    dataset: str | None = None,
    energy_kev: float | None = None,
) -> Scan:
    """Open a 4D-STEM scan, a series of patterns or a single one; patterns are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        HDF5, EMD (Berkeley's and py4DSTEM's), NeXus, hspy, TIFF, npy, or a folder of TIFF files in the order
        of their names. With ``pip install 'edsym[microscope]'`` also dm3, dm4, mib, blo, zspy, tvips, ser and
        emi, by RosettaSciIO, and Arina's master files.
    pixel : float or (float, float), optional
        1/Å of a pixel, or along y and along x, in place of what the file says.
    shape : (int, int), optional
        Rows and columns of the scan, for files that tell the number of patterns alone.
    dataset : str, optional
        Name of the array within the file, where there are several.
    energy_kev : float, optional
        Energy of the electrons in keV, for files that are calibrated in angles.

    Returns
    -------
    Scan
        Where the file tells no pixel, or one that cannot be true, ``pixel`` is None and ``note`` says why.

    Raises
    ------
    InputError
        If the file is missing, damaged, empty or of an unknown format; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> np.save("scan.npy", np.random.default_rng(0).poisson(1.0, (4, 5, 64, 64)))
    >>> scan = edsym.read_scan("scan.npy", pixel=0.03)
    >>> scan.shape, scan.frame, scan.note
    ((4, 5), (64, 64), '')
    """
    path = Path(path)
    try:
        scan = _opened(path, dataset, energy_kev)
    except InputError:
        raise
    except Exception as error:  # readers of foreign formats raise anything
        text = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} cannot be read: {text}") from error
    return scan.reshaped(shape).calibrated(pixel)


def _opened(path: Path, dataset: str | None, energy_kev: float | None) -> Scan:
    if path.is_dir() and path.suffix != ".zspy":
        images = sorted(p for p in path.iterdir() if p.suffix.lower() in TIFF)
        if not images:
            raise InputError(f"{path}: a folder without TIFF files")
        return read_tiff(images, str(path), energy_kev)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_file() and not path.stat().st_size:
        raise InputError(f"{path}: the file is empty")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return read_npy(path)
    if suffix in TIFF:
        return read_tiff([path], str(path), energy_kev)
    if path.name.endswith(_ARINA):
        return read_master(path)
    if suffix in PLUGINS:
        return read_vendor(path, PLUGINS[suffix], dataset, energy_kev)
    if suffix in HDF5 or h5py.is_hdf5(path):
        return read_hdf5(path, dataset, energy_kev)
    known = ", ".join([*HDF5, ".npy", *TIFF, *PLUGINS])
    raise InputError(
        f"{path}: the format {suffix or 'without a suffix'} is not known; those that are: {known}"
    )
