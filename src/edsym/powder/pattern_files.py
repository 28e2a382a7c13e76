"""Measured powder patterns out of files: columns of text, pdCIF, raw files of GSAS, and XRDML."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from edsym.errors import InputError
from edsym.powder.pattern import PowderPattern

_TAGS_2THETA = ("_pd_proc_2theta_corrected", "_pd_meas_2theta_scan", "_pd_meas_2theta_corrected")
_TAGS_INTENSITY = (
    "_pd_meas_counts_total",
    "_pd_meas_intensity_total",
    "_pd_proc_intensity_total",
    "_pd_meas_intensity_net",
    "_pd_proc_intensity_net",
)
_TAGS_WAVELENGTH = ("_diffrn_radiation_wavelength", "_pd_proc_wavelength")
# Wavelengths that differ by less, in Å, are one: of Kα1 or of the mean of Kα1 and Kα2.
_SAME_WAVELENGTH = 0.005


def read_powder(path: str | Path, wavelength: float | str | None = None) -> PowderPattern:
    r"""Return the measured powder pattern of a file.

    Parameters
    ----------
    path : str or Path
        Text with columns of 2θ and intensity (``.xy``, ``.xye``, ``.csv``, ``.dat``, ``.txt`` …), pdCIF
        (``.cif``), a raw file of GSAS (``.raw``, ``.gsas``, ``.gsa``, ``.fxye``), or ``.xrdml``.
    wavelength : float or str, optional
        In Å, or an anode (Cr, Fe, Co, Cu, Mo, Ag). Without it, what the file says, or else Cu Kα1.

    Raises
    ------
    InputError
        If the file is missing, empty, cut or no pattern, or says another wavelength; see also
        `PowderPattern.from_arrays`.

    Examples
    --------
    >>> lines = [f"{10 + 0.02 * i:.2f} {100 + i % 7}" for i in range(3500)]
    >>> _ = open("pattern.xy", "w").write("\n".join(lines))
    >>> len(edsym.read_powder("pattern.xy").two_theta)
    3500
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected a powder pattern")
    content = path.read_bytes()
    if b"\0" in content[:4096]:
        raise InputError(f"{path} is binary, expected text: let the diffractometer's program write .xy")
    text = content.decode("utf-8", errors="replace")
    if not text.strip():
        raise InputError(f"{path} is empty, expected a powder pattern")
    suffix = path.suffix.lower()
    if suffix == ".cif":
        x, y, told = _pdcif(path, text)
    elif suffix == ".xrdml":
        x, y, told = _xrdml(path, text)
    elif suffix in (".raw", ".gsas", ".gsa", ".fxye") or re.search(r"^BANK\s+\d", text, re.M):
        x, y, told = *_gsas(path, text), None
    else:
        x, y, told = *_columns(path, text), None
    if wavelength is None:
        return PowderPattern.from_arrays(x, y, told or "Cu", str(path))
    pattern = PowderPattern.from_arrays(x, y, wavelength, str(path))
    if told and abs(told - pattern.wavelength) > _SAME_WAVELENGTH:
        raise InputError(f"{path} says a wavelength of {told:g} Å, but {pattern.wavelength:g} Å was given")
    return pattern


def _columns(path: Path, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Read 2θ and intensity from columns; lines of words may come first, and comments anywhere."""
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = re.split(r"[\s,;]+", line.strip().strip(",;"))
        if words == [""] or line.lstrip()[0] in "#!'/\"*":
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            if rows:
                raise InputError(f"{path}: line {number} is not numbers: {line.strip()[:60]!r}") from None
            _check_heading(path, line)
            continue
        if len(row) < 2 and not rows:
            continue  # a header of some programs: the number of points
        if len(row) < 2:
            raise InputError(f"{path}: line {number} has one number, expected 2θ and intensity: is it cut?")
        rows.append(row[:2])
    if not rows:
        raise InputError(f"{path}: no line has two numbers, expected 2θ and intensity")
    return tuple(np.array(rows).T)


def _check_heading(path: Path, line: str) -> None:
    """Raise if the first column is named as something other than 2θ."""
    first = re.split(r"[\s,;(\[]+", line.strip().strip("\"'").lower())[0]
    if first in ("d", "dspacing", "d-spacing", "d_spacing", "q", "tof", "energy"):
        raise InputError(f"{path}: the first column is named {first!r}, expected 2θ in degrees")


def _gsas(path: Path, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a raw file of GSAS, histograms of constant wavelength: STD, ESD, ALT and FXYE."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("BANK")), None)
    if start is None:
        raise InputError(f"{path}: no line BANK, expected a raw file of GSAS")
    words = lines[start].split()
    kind = words[-1] if words[-1] in ("STD", "ESD", "ALT", "FXYE", "FXY") else "STD"
    if len(words) < 7 or words[4] not in ("CONST", "CONS"):
        raise InputError(f"{path}: {lines[start].strip()!r} is no bank of constant steps in 2θ (CONST)")
    data = [line for line in lines[start + 1 :] if line.strip()]
    data = data[: next((i for i, line in enumerate(data) if line.startswith("BANK")), None)]
    try:
        count, first, step = int(words[2]), float(words[5]) / 100, float(words[6]) / 100
        if kind.startswith("FXY"):
            table = np.array([[float(word) for word in line.split()[:2]] for line in data])
            x, y = table[:, 0] / 100, table[:, 1]
        else:
            # fields of eight characters; of STD, the first two count detectors
            width = 8 if kind != "STD" else 6
            fields = [line[i : i + 8][-width:] for line in data for i in range(0, len(line.rstrip()), 8)]
            y = np.array([float(field) for field in fields])[:: 1 if kind == "STD" else 2]
            x = first + step * np.arange(len(y))
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: a record of GSAS ({kind}) cannot be read: {error}") from None
    if len(y) < count:
        raise InputError(f"{path} is cut: it has {len(y)} of the {count} points that BANK tells")
    return x[:count], y[:count]


def _xrdml(path: Path, text: str) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Read the first scan of an XRDML file (PANalytical)."""
    try:
        root = ElementTree.fromstring(text.encode())
    except ElementTree.ParseError as error:
        raise InputError(f"{path} is not XRDML, or is cut: {error}") from None

    def found(name: str, within=root):
        return next((e for e in within.iter() if e.tag.rpartition("}")[2] == name), None)

    points = found("dataPoints")
    axes = [] if points is None else points.iter()
    axis = next((e for e in axes if e.get("axis") == "2Theta"), None)
    counts = None
    for name in ("counts", "intensities"):
        counts = found(name, points) if counts is None and points is not None else counts
    ends = [found(name, axis) for name in ("startPosition", "endPosition")] if axis is not None else [None]
    if counts is None or any(end is None for end in ends):
        raise InputError(f"{path}: no scan of 2θ with counts in it")
    y = np.array((counts.text or "").split(), float)
    told = found("kAlpha1")
    x = np.linspace(*(float(end.text) for end in ends), len(y))
    return x, y, None if told is None else float(told.text)


def _pdcif(path: Path, text: str) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Read a powder pattern from CIF: a loop, or a range with steps and intensities."""
    blocks = _cif_items(text)
    told = next((_number(b[t][0]) for b in blocks for t in _TAGS_WAVELENGTH if t in b), np.nan)
    probe = next((b["_diffrn_radiation_probe"][0] for b in blocks if "_diffrn_radiation_probe" in b), "x-ray")
    if "neutron" in probe.lower():
        raise InputError(f"{path}: the radiation is {probe!r}, expected X-rays")
    for block in blocks:
        y = next((block[tag] for tag in _TAGS_INTENSITY if len(block.get(tag, ())) > 1), None)
        if y is None:
            continue
        x = next((block[tag] for tag in _TAGS_2THETA if len(block.get(tag, ())) == len(y)), None)
        if x is None:
            try:
                low, step = (
                    next(_number(block[f"_pd_{kind}_2theta_range_{end}"][0]) for kind in ("meas", "proc")
                         if f"_pd_{kind}_2theta_range_{end}" in block)
                    for end in ("min", "inc")
                )  # fmt: skip
            except StopIteration:
                continue
            x = low + step * np.arange(len(y))
        return np.array([_number(v) for v in x]), np.array([_number(v) for v in y]), _plausible(told)
    raise InputError(f"{path}: no powder pattern in it, expected a loop of 2θ and intensities (pdCIF)")


def _plausible(wavelength: float) -> float | None:
    return float(wavelength) if 0.2 <= wavelength <= 3 else None


def _number(word) -> float:
    """Return a number of CIF without its uncertainty; NaN for what is unknown."""
    try:
        return float(re.sub(r"\(.*", "", str(word)))
    except ValueError:
        return np.nan


def _cif_items(text: str) -> list[dict[str, list[str]]]:
    """Return the data blocks of a CIF file: lists of values by lower-case tags."""
    text = re.sub(r"^;.*?^;", "'text'", text, flags=re.S | re.M)
    words = re.findall(r"(?:^|(?<=\s))(?:'.*?'(?=\s|$)|\".*?\"(?=\s|$)|#[^\n]*|\S+)", text)
    words = [word for word in words if word[0] != "#"]
    blocks: list[dict[str, list[str]]] = [{}]
    at = 0
    while at < len(words):
        word = words[at].lower()
        at += 1
        if word.startswith("data_"):
            blocks.append({})
        elif word == "loop_":
            tags = []
            while at < len(words) and words[at].startswith("_"):
                tags.append(words[at].lower())
                at += 1
            start = at
            while at < len(words) and not _keyword(words[at]):
                at += 1
            for i, tag in enumerate(tags):
                blocks[-1][tag] = words[start + i : at : len(tags)]
        elif word.startswith("_") and at < len(words):
            blocks[-1][word] = [words[at].strip("'\"")]
            at += 1
    return blocks


def _keyword(word: str) -> bool:
    return word[0] == "_" or word.lower() == "loop_" or word.lower().startswith("data_")
