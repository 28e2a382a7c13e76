"""What can be wrong with a block of a CIF file that pymatgen would read as something else, without a word."""

import re

import numpy as np
import spglib

from edsym.errors import InputError

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\(\d*\)?)?")
_OPERATOR = re.compile(r"(?=.*[xyz])[xyz\d.,/*+\s-]+", re.IGNORECASE)
_CELL = (
    *(f"_cell_length_{axis}" for axis in "abc"),
    *(f"_cell_angle_{angle}" for angle in ("alpha", "beta", "gamma")),
)
_OPERATORS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")
_MAGNETIC_OPERATORS = "_space_group_symop_magn_operation.xyz"
_GROUP = (
    *("_space_group_name_hall", "_symmetry_space_group_name_hall"),
    *("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_symmetry_space_group_name_h_m"),
    *("_space_group_it_number", "_symmetry_int_tables_number"),
)
MAX_IMAGES = 10_000
"""Sites times operators of a block: pymatgen compares each with all before, in ten seconds by then."""
_UNKNOWN = (None, [], "", ".", "?")


def check_block(block: dict, is_element) -> list[str]:
    """Check cell, sites and operators of a block; return the operators that it should state but does not.

    `block` has names and their texts, or lists of texts for columns of a loop, as pymatgen splits them;
    `is_element` tells whether a text such as ``Na`` is a symbol. Operators are texts as ``x, -y, z``.
    What is missing or wrong is an InputError.
    """
    block = {name.lower().rstrip("_"): value for name, value in block.items()}
    for name in _CELL:
        _check_number(name, block.get(name), *((0.5, 1000) if "length" in name else (1, 179)))
    _check_sites(block, is_element)
    if any("_magn" in name or name.startswith("_atom_site_moment") for name in block):
        if not block.get(_MAGNETIC_OPERATORS):
            raise InputError(f"magnetic moments, but no {_MAGNETIC_OPERATORS}")
        return []
    operators = _first(block, _OPERATORS)
    operators = [operators] if operators and isinstance(operators, str) else operators
    for operator in operators:
        if operator.count(",") != 2 or not all(map(_OPERATOR.fullmatch, operator.split(","))):
            raise InputError(f"symmetry operator {operator[:40]!r}, expected one such as 'x, -y, z+1/2'")
    of_group = [] if operators else _operators_of_group(block)
    if (images := len(block["_atom_site_label"]) * len(operators or of_group)) > MAX_IMAGES:
        raise InputError(f"sites times operators are {images}, expected at most {MAX_IMAGES}")
    return of_group


def _check_number(name: str, text: str | None, low: float, high: float) -> None:
    number = _NUMBER.fullmatch(text) if isinstance(text, str) else None
    if not number or not low <= float(number[1]) <= high:
        found = "missing" if text is None else repr(text[:40])
        raise InputError(f"{name} is {found}, expected a number of {low:g} to {high:g}")


def _check_sites(block: dict, is_element) -> None:
    columns = [f"_atom_site_{name}" for name in ("label", "fract_x", "fract_y", "fract_z")]
    columns += [c for c in ("_atom_site_type_symbol", "_atom_site_occupancy") if c in block]
    labels = block.get("_atom_site_label")
    n = len(labels) if isinstance(labels, list) else 0
    if wrong := [c for c in columns if not n or not isinstance(block.get(c), list) or len(block[c]) != n]:
        raise InputError(f"no table of atoms: {', '.join(wrong)} missing, or not in one loop_")
    symbols = block.get("_atom_site_type_symbol")
    for i, label in enumerate(labels):
        for column in columns[1:4]:
            _check_number(f"{column} of {label}", block[column][i], -99, 99)
        if "_atom_site_occupancy" in block:
            _check_number(f"_atom_site_occupancy of {label}", block["_atom_site_occupancy"][i], 0.001, 1)
        text = symbols[i] if symbols else label
        letters = re.match("[A-Za-z]*", text)[0]
        known = [letters] if symbols else [letters[:2], letters[:1]]
        # Of groups pymatgen takes one atom or none.
        if re.match("wat|oh|no3", text, re.IGNORECASE) or not any(is_element(k.title()) for k in known):
            raise InputError(f"site {label} is {text!r}, expected one element")


def _first(block: dict, names: tuple[str, ...]):
    return next((block[name] for name in names if block.get(name) not in _UNKNOWN), "")


def _operators_of_group(block: dict) -> list[str]:
    """Return the operators of the stated space group, in the one setting that symbol and cell tell."""
    from pymatgen.core import Lattice, SymmOp

    stated = _first(block, _GROUP)
    if not stated:
        raise InputError("neither symmetry operators nor a space group")
    name, _, choice = _plain(stated).partition(":")
    metric = Lattice.from_parameters(*(float(_NUMBER.match(block[key])[1]) for key in _CELL)).metric_tensor
    settings = [
        setting
        for setting in map(spglib.get_spacegroup_type, range(1, 531))
        if name in _names(setting) and setting.choice.lower().startswith(choice)
        if _keeps(metric, setting)
    ]
    if len(settings) != 1:
        raise InputError(
            f"no symmetry operators, and {len(settings)} settings of space group {stated!r} fit the cell; "
            "expected operators, or one setting, as of 'F d -3 m :2'"
        )
    found = spglib.get_symmetry_from_database(settings[0].hall_number)
    pairs = zip(found["rotations"], found["translations"], strict=True)
    return [SymmOp.from_rotation_and_translation(*pair).as_xyz_str() for pair in pairs]


def _names(setting) -> set[str]:
    short = setting.international_short
    if 3 <= setting.number <= 15:  # P2_1/c for all settings: P 1 2_1/n 1 is P2_1/n
        short = "".join(part for part in setting.international_full.split() if part != "1")
    return set(map(_plain, (setting.hall_symbol, setting.international_full, short, str(setting.number))))


def _plain(symbol: str) -> str:
    return re.sub(r"[\s_]", "", symbol).lower()


def _keeps(metric: np.ndarray, setting) -> bool:
    rotations = spglib.get_symmetry_from_database(setting.hall_number)["rotations"]
    return np.allclose(rotations.transpose(0, 2, 1) @ metric @ rotations, metric, atol=0.01 * metric.max())
