"""What all settings have in common: a check when they are made, with errors that name key, value and bounds.

Below each key stands what it means, as its docstring; its default, unit and bounds stand in `setting`. The
configuration's files and documentation are made from these (``config/generate.py``).
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edsym.errors import InputError

MAX_SEED = 2**32 - 1
"""Largest seed that every generator of random numbers takes."""

_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
}


def setting(default: Any, unit: str = "–", *, operational: bool = False, **bounds) -> Any:
    """Return a key of a section.

    Parameters
    ----------
    default : Any
        The paper's value, except for orientations; what the paper leaves open is ours.
    unit : str
        Unit of the value.
    operational : bool
        Whether the key changes how a result comes about, not the result: then nothing runs again for it.
    **bounds
        ``ge``, ``gt``, ``le``, ``lt``, ``min_length``: see `pydantic.Field`.
    """
    extra = {"unit": unit} | ({"operational": True} if operational else {})
    return Field(default, json_schema_extra=extra, **bounds)


class Settings(BaseModel):
    """Base of the settings: frozen, with exact types, and without keys that nobody knows.

    A whole number stands for a real one, but not 3.0 for 3; a list stands for a tuple; no text is parsed.

    Raises
    ------
    InputError
        Names every key that is wrong, its value and what is allowed.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        use_attribute_docstrings=True,
    )
    section: ClassVar[str] = ""

    def __init__(self, /, **values):
        try:
            super().__init__(**{name: _plain_number(value) for name, value in values.items()})
        except ValidationError as error:
            raise InputError("\n".join(_messages(type(self), error))) from None

    def _contradictions(self) -> Iterator[str]:
        """Yield what is wrong between keys that are allowed each by itself."""
        yield from ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if found := list(self._contradictions()):
            raise ValueError("\n".join(found))
        return self

    def replace(self, **changes) -> Self:
        """Return settings with some values changed, checked again."""
        return type(self)(**self.model_dump() | changes)

    @classmethod
    def stored(cls, values: Mapping, source: str) -> Self:
        """Return the settings that a file holds; none may be missing, since defaults may have changed.

        Raises
        ------
        InputError
            Names the file and what is wrong.
        """
        if not isinstance(values, Mapping):
            raise InputError(f"{source}: {values!r} are no settings")
        if missing := cls.model_fields.keys() - values.keys():
            raise InputError(f"{source} lacks {cls.section}.{min(missing)}")
        try:
            return cls(**values)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None


def _plain_number(value: Any) -> Any:
    """Return what a NumPy scalar holds."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


@cache
def entries(settings: type[Settings]) -> dict[str, dict]:
    """Return the JSON Schema of each key of a section: description, unit, type, bounds and default."""
    properties = settings.model_json_schema()["properties"]
    return {name: _plain(entry) for name, entry in properties.items()}


def _plain(entry: dict) -> dict:
    """Write a type or null as a list of two types, and leave out what says nothing."""
    kept = {name: value for name, value in entry.items() if name not in ("title", "anyOf")}
    kept["description"] = " ".join(kept["description"].split())
    if "anyOf" in entry:
        other, null = entry["anyOf"]
        kept |= other | {"type": [other["type"], null["type"]]}
    return kept


def _messages(settings: type[Settings], error: ValidationError) -> list[str]:
    """Say which keys are wrong, what their values are and what is allowed."""
    messages = []
    for found in error.errors():
        key = ".".join(map(str, found["loc"]))
        name = f"{settings.section}.{key}" if settings.section else key
        if found["type"] == "value_error":
            messages.append(str(found["ctx"]["error"]))
        elif found["type"] == "extra_forbidden":
            messages.append(unknown_key(name, key, settings.model_fields))
        else:
            entry = entries(settings)[found["loc"][0]]
            entry = entry if len(found["loc"]) == 1 else entry["items"]
            messages.append(f"{name}: {found['input']!r} is not allowed; it must be {allowed(entry)}")
    return messages


def unknown_key(name: str, key: str, known: Collection[str]) -> str:
    """Say that a key is unknown, and which one may be meant."""
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"allowed are {', '.join(known)}"
    return f"unknown key {name}: {hint}"


def allowed(entry: Mapping) -> str:
    """Say in words which values an entry of the schema allows."""
    if "enum" in entry:
        return "one of " + ", ".join(map(str, entry["enum"]))
    kinds = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    if {"number", "array"} <= set(kinds):
        one = entry["items"]
        return f"{allowed(one)}, or {allowed(entry | {'type': 'array'})}"
    text = " or ".join(_KINDS[kind] for kind in kinds if kind != "null")
    bounds = [f"{symbol} {entry[keyword]}" for keyword, symbol in _BOUNDS.items() if keyword in entry]
    if "items" in entry:
        least = f"at least {entry['minItems']}, each " if "minItems" in entry else ""
        bounds = [f"of {least}{allowed(entry['items'])}"]
    return " ".join([text, " and ".join(bounds)]).strip() + (" or null" if "null" in kinds else "")
