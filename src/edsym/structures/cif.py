"""Structures from a folder of CIF files."""

import codecs
import hashlib
import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from edsym.errors import InputError
from edsym.structures.checks import printable
from edsym.structures.cif_checks import check_block
from edsym.structures.source import Material, Rejection, from_pymatgen

_LOG = logging.getLogger(__name__)
_ANY_LINE = re.IGNORECASE | re.MULTILINE
MAX_BYTES = 20_000_000
"""Size of the largest CIF file that is read; pymatgen takes a minute for as much."""


class CifFolder:
    """The source ``cif``: every ``*.cif`` in a folder; a material's id is the name of its file.

    Further structures of the same file are ``name#2``, ``name#3``; a ``#`` of the name itself is
    doubled. Cells are reduced to primitive ones, since the volume of materials elsewhere is that of
    the primitive cell.
    """

    reduces = True

    def __init__(self, path: str | Path):
        self._files = {file.stem.replace("#", "##"): file for file in cif_files(path)}

    def ids(self) -> list[str]:
        """Return the names of the files."""
        return list(self._files)

    def read(self, ids: list[str]) -> Iterator[Material | Rejection]:
        """Yield the structures of these files."""
        for material_id in ids:
            if printable(material_id) != material_id:
                yield Rejection(material_id, "", "the file's name holds control characters")
            else:
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
        others = len(list(folder.iterdir()))
        raise InputError(f"structures.path: {folder} has no file *.cif; it holds {others} others")
    for name, count in Counter(file.stem for file in files).items():
        if count > 1:
            raise InputError(f"structures.path: {folder} has {count} files of the id {name} (.cif and .CIF)")
    return files


def read_file(material_id: str, file: Path) -> Iterator[Material | Rejection]:
    """Yield the structure of each block of a CIF file, or why it cannot be used; at least one of both."""
    try:
        blocks = _blocks(_text(file))
    except (OSError, InputError) as error:
        yield Rejection(material_id, "", f"unreadable: {getattr(error, 'strerror', None) or error}")
        return
    for i, block in enumerate(blocks, 1):
        block_id = material_id if i == 1 else f"{material_id}#{i}"
        try:
            yield from_pymatgen(block_id, _structure(file, block))
        except Exception as error:  # pymatgen raises whatever its parsing stumbles over
            yield Rejection(block_id, "", f"unreadable: {_cause(error)}")


def _text(file: Path) -> str:
    data = file.read_bytes()
    if len(data) > MAX_BYTES:
        raise InputError(f"the file has {len(data) / 1e6:.0f} MB, expected at most {MAX_BYTES / 1e6:.0f}")
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    if not text.strip():
        raise InputError("the file is empty")
    if "\0" in text:
        raise InputError("the file holds NUL characters, expected text in UTF-8, or in UTF-16 with its mark")
    return text


def _blocks(text: str) -> list[str]:
    """Return the blocks that hold a cell or atoms, each under the same heading."""
    blocks, in_field = [], False
    for line in text.splitlines():
        heading = None if in_field else re.match(r"\s*data_\S*(.*)", line, re.IGNORECASE)
        if heading:
            blocks.append(["data_block", heading[1]])
        elif blocks:
            line = line if in_field else re.sub(r"^\s*_\S+", lambda name: name[0].lower(), line)
            # Within a text field no line is a heading, but pymatgen takes it for one.
            blocks[-1].append(line.replace("data_", "data-") if in_field else line)
        in_field ^= line.startswith(";")
    if in_field:
        raise InputError("a text field, between lines that start with a semicolon, has no end")
    if not blocks:
        raise InputError("no line starts with data_, as a block of a CIF file does")
    found = ["\n".join(block) for block in blocks]
    found = [block for block in found if re.search("^ *_(cell_length|atom_site_fract)", block, _ANY_LINE)]
    if not found:
        raise InputError("no block has a cell (_cell_length_a) or atoms (_atom_site_fract_x)")
    return found


def _structure(file: Path, text: str):
    """Return the pymatgen Structure of a block; its operators are put in where only the group is stated."""
    from pymatgen.core import Element
    from pymatgen.io.cif import CifParser

    if len(re.findall(r"^ *_atom_site_fract_x\b", text, _ANY_LINE)) > 1:
        raise InputError("_atom_site_fract_x stands twice, expected one table of atoms a block")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parser = CifParser.from_str(text)
        except (ZeroDivisionError, ValueError) as error:
            raise InputError("the values of a loop_ do not fill its rows (is the file cut off?)") from error
        operators = check_block(next(iter(parser.as_dict().values())), Element.is_valid_symbol)
        if operators:
            rows = "".join(f"\n'{operator}'" for operator in operators)
            loop = f"data_block\nloop_\n_symmetry_equiv_pos_as_xyz{rows}"
            parser = CifParser.from_str(text.replace("data_block", loop, 1))
        structure = parser.parse_structures(primitive=False, on_error="raise")[0]
    for warning in sorted({str(warning.message) for warning in caught}):
        _LOG.info("%s: %s", file.name, warning)
        missing = re.match("Missing elements (.*) from PMG structure", warning)
        if missing and (elements := set(missing[1].split(", ")) - {"H", "D", "T"}):
            raise InputError(f"no site of {', '.join(sorted(elements))}, which the formula holds")
    return structure


def _cause(error: Exception) -> str:
    text = " ".join(str(error).split()).removeprefix("No structure parsed for section 1 in CIF. ")[:300]
    return text if isinstance(error, InputError | ValueError) else f"{type(error).__name__} {text}"
