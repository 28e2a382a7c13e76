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
_SYMBOLS = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_symmetry_space_group_name_h_m")
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_IT_NUMBER = ("_space_group_it_number", "_symmetry_int_tables_number")
MAX_IMAGES = 10_000
"""Sites times operators of a block: pymatgen compares each with all before, in ten seconds by then."""
_UNKNOWN = (None, [], "", ".", "?")


def check_block(block: dict, is_element) -> list[str]:
    """Check cell, sites and operators of a block; return the operators that it should state but does not.

    Parameters
    ----------
    block : dict
        Names and their texts, or lists of texts for columns of a loop, as pymatgen splits them.
    is_element : callable
        Whether a text such as ``Na`` is the symbol of an element.

    Returns
    -------
    list of str
        Operators such as ``x, -y, z`` of the stated space group, empty where the block lists its own.

    Raises
    ------
    InputError
        Naming what is missing or wrong.
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
    """Return the operators of the stated space group, in the setting that its symbol and the cell tell."""
    from pymatgen.core import Lattice, SymmOp

    stated, settings = _settings(block)
    if not stated:
        raise InputError("neither symmetry operators nor a space group")
    metric = Lattice.from_parameters(*(float(_NUMBER.match(block[name])[1]) for name in _CELL)).metric_tensor
    settings = [setting for setting in settings if _fits(metric, setting.hall_number)]
    if not settings:
        raise InputError(
            f"no symmetry operators, and space group {stated} is none that is known for this cell"
        )
    if len({setting.choice[:1] for setting in settings} & {"1", "2"}) > 1:
        raise InputError(
            f"no symmetry operators, and space group {stated} has two origins; "
            "expected operators, or a symbol with the origin (:1 or :2)"
        )
    found = spglib.get_symmetry_from_database(settings[0].hall_number)
    pairs = zip(found["rotations"], found["translations"], strict=True)
    return [SymmOp.from_rotation_and_translation(*pair).as_xyz_str() for pair in pairs]


def _settings(block: dict) -> tuple[str, list]:
    """Return what is stated of the space group, and spglib's settings of that name, the usual one first."""
    every = [spglib.get_spacegroup_type(hall_number) for hall_number in range(1, 531)]
    if hall := _first(block, _HALL):
        return hall, [s for s in every if _plain(s.hall_symbol) == _plain(hall)]
    if symbol := _first(block, _SYMBOLS):
        name, _, choice = _plain(symbol).partition(":")
        return symbol, [s for s in every if name in _names(s) and s.choice.lower().startswith(choice)]
    number = _first(block, _IT_NUMBER)
    return number, [s for s in every if str(s.number) == number]


def _names(setting) -> set[str]:
    full = setting.international_full
    if 3 <= setting.number <= 15:  # the short symbol of all settings is the same, P2_1/c for P2_1/n
        return {_plain(full), _plain("".join(part for part in full.split() if part != "1"))}
    return {_plain(full), _plain(setting.international_short)}


def _plain(symbol: str) -> str:
    return re.sub(r"[\s_]", "", symbol).lower()


def _fits(metric: np.ndarray, hall_number: int) -> bool:
    """Return whether the operators of a setting leave lengths and angles of the cell as they are."""
    rotations = spglib.get_symmetry_from_database(hall_number)["rotations"]
    return np.allclose(rotations.transpose(0, 2, 1) @ metric @ rotations, metric, atol=0.01 * metric.max())
