"""Spots of any file that holds some: tables of columns, and lists of edsym, XDS, PETS and py4DSTEM."""

import warnings
from pathlib import Path

from edsym.errors import InputError, InputWarning
from edsym.experiment.files.spot_lists import SpotList, reader_of
from edsym.experiment.spots.scan_spots import is_scan_spots, read_list
from edsym.interface.spots import Spots


def read_spots(
    path: str | Path,
    *,
    unit: str = "1/Å",
    scale: float | None = None,
    center: tuple[float, float] | None = None,
    normalisation: str | float | None = None,
) -> Spots:
    r"""Return the spots of a file.

    Parameters
    ----------
    path : str or Path
        What ``edsym spots`` writes, of which the valid patterns are read; ``SPOT.XDS``, ``.rpl`` or ``.cor``
        of PETS, a py4DSTEM file of Bragg peaks, or CSV as `Spots.read_csv` takes it.
    unit : {"1/Å", "1/A", "1/nm", "px"}
        Of the positions in a CSV file; the others are in pixels.
    scale : float, optional
        1/Å of a pixel, in place of what the file tells; SPOT.XDS tells nothing.
    center : (float, float), optional
        Where the direct beam is, x and y in the unit of the positions.
    normalisation : {"incident", "max", "sum", "counts"} or float, optional
        Of the intensities, see `Spots.from_arrays`; without, ``incident`` for CSV and ``counts`` for others.

    Returns
    -------
    Spots
        A pattern a frame or scan position that has spots.

    Raises
    ------
    InputError
        If the file is missing, damaged or empty, or neither it nor the caller tells centre and scale.

    Examples
    --------
    >>> _ = open("SPOT.XDS", "w").write("120.5 80.2 0.5 900.0\n80.1 120.9 0.5 850.0\n")
    >>> spots = edsym.read_spots("SPOT.XDS", scale=0.01, center=(100.3, 100.5))
    >>> len(spots), round(float(spots.qx[0]), 3)
    (1, 0.202)
    """
    path = Path(path)
    read = read_list if is_scan_spots(path) else reader_of(path)
    if read is None:
        return Spots.read_csv(
            path,
            unit=unit,
            scale=scale,
            center=center or (0.0, 0.0),
            normalisation=normalisation or "incident",
        )
    try:
        return _spots(read(path), scale, center, normalisation or "counts")
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    except InputError as error:
        text = str(error)
        raise (error if str(path.parent) in text else InputError(f"{path}: {text}")) from error


def _spots(found: SpotList, scale: float | None, center, normalisation: str | float) -> Spots:
    scale = found.scale if scale is None else scale
    center = found.center if center is None else center
    missing = [name for name, value in (("scale", scale), ("center", center)) if value is None]
    if missing:
        raise InputError(
            f"the file does not tell {' and '.join(missing)}: expected the 1/Å of a pixel as scale, "
            "and x and y of the direct beam in pixels as center"
        )
    if found.center is center and center.ndim == 2:
        xy, center = found.xy - center, (0.0, 0.0)
    else:
        xy = found.xy
    bright = found.intensity > 0
    if not bright.any():
        raise InputError("no spot has an intensity above 0")
    if not bright.all():
        message = f"{(~bright).sum()} of {len(bright)} spots have no intensity above 0: left out"
        warnings.warn(message, InputWarning, stacklevel=3)
    return Spots.from_arrays(
        *xy[bright].T,
        found.intensity[bright],
        found.pattern[bright],
        unit="px",
        scale=float(scale),
        center=tuple(center),
        normalisation=normalisation,
    )
