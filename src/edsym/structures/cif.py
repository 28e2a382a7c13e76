"""Structures from a folder of CIF files."""

import hashlib
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from edsym.errors import InputError
from edsym.structures.source import Material, Rejection, from_pymatgen

_LOG = logging.getLogger(__name__)


class CifFolder:
    """The source ``cif``: every ``*.cif`` in a folder; a material's id is the name of its file.

    Further structures of the same file are ``name#2``, ``name#3``. Cells are reduced to primitive
    ones, since the volume of materials elsewhere is that of the primitive cell.
    """

    reduces = True

    def __init__(self, path: str | Path):
        self._files = {file.stem: file for file in cif_files(path)}

    def ids(self) -> list[str]:
        """Return the names of the files."""
        return list(self._files)

    def read(self, ids: list[str]) -> Iterator[Material | Rejection]:
        """Yield the structures of these files."""
        for material_id in ids:
            yield from read_file(material_id, self._files[material_id])

    def metadata(self) -> dict:
        """Return a digest of all files, and the day on which the newest was last changed."""
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
        newest = max(file.stat().st_mtime for file in self._files.values())
        return {
            "version": f"sha256:{digest.hexdigest()[:16]}",
            "date": datetime.fromtimestamp(newest, UTC).date().isoformat(),
        }


def cif_files(path: str | Path) -> list[Path]:
    """Return the CIF files in a folder, in the order of their names; others there are no matter.

    Raises
    ------
    InputError
        If it is not a folder, or has no CIF file or two of one id.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise InputError(f"structures.path: {folder} is not a folder; expected one with CIF files")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".cif" and file.is_file())
    if not files:
        raise InputError(f"structures.path: {folder} has no file *.cif")
    if len({file.stem for file in files}) < len(files):
        raise InputError(f"structures.path: {folder} has CIF files whose names differ in their suffix only")
    return files


def read_file(material_id: str, file: Path) -> Iterator[Material | Rejection]:
    """Yield the structures of a CIF file, or why it has none."""
    try:
        structures = _parse(file)
    except Exception as error:  # pymatgen raises whatever its parsing stumbles over
        reason = " ".join(str(error).split())[:300]
        yield Rejection(material_id, "", f"unreadable: {type(error).__name__}: {reason}")
        return
    for i, structure in enumerate(structures, 1):
        yield from_pymatgen(material_id if i == 1 else f"{material_id}#{i}", structure)


def _parse(file: Path) -> list:
    from pymatgen.io.cif import CifParser

    if not file.stat().st_size:
        raise ValueError("the file is empty")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        structures = CifParser(file).parse_structures(primitive=False)
    for text in sorted({str(warning.message) for warning in caught}):
        _LOG.info("%s: %s", file.name, text)
    return structures
