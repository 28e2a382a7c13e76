"""The configuration of a run: checked against its JSON Schema, with errors that name key and value.

``python -m edsym.configuration SCHEMA`` prints the reference of all keys (config/README.md).
"""

import copy
import difflib
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import jsonschema
import yaml

from edsym.errors import InputError
from edsym.simulation.settings import contradictions


def load_schema(path: str | Path) -> dict:
    """Read the JSON Schema of the configuration."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def defaults(schema: dict) -> dict:
    """Return the configuration that the schema's defaults make."""
    return {
        name: defaults(entry) if entry["type"] == "object" else entry["default"]
        for name, entry in schema["properties"].items()
    }


def check_configuration(config: Mapping, schema: dict) -> dict:
    """Return a checked copy of a configuration.

    Numbers that the command line hands over as text (``--config filter='{max_volume: 500}'``) become numbers.

    Raises
    ------
    InputError
        Names every wrong key, its value and what is allowed.
    """
    checked = _with_parsed_text(config, schema)
    errors = jsonschema.Draft202012Validator(schema).iter_errors(checked)
    errors = sorted(errors, key=lambda error: [str(part) for part in error.path])
    # There is one error for each missing key, and each message names them all.
    messages = dict.fromkeys(_message(error) for error in errors) or list(_contradictions(checked))
    if messages:
        raise InputError("the configuration is wrong:\n  " + "\n  ".join(messages))
    return checked


def _with_parsed_text(value, schema: dict):
    """Parse text where the schema wants something else than text."""
    if isinstance(value, Mapping):
        entries = schema.get("properties", {})
        return {key: _with_parsed_text(item, entries.get(key, {})) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_parsed_text(item, schema.get("items", {})) for item in value]
    kinds = schema.get("type", "string")
    if isinstance(value, str) and "string" not in kinds:
        return _parse(value, value)
    if isinstance(value, str) and "null" in kinds and value in ("", "null", "None"):
        return None
    if kinds == "string" and isinstance(value, int | float):  # precision: 32 is as good as "32"
        return str(value)
    return copy.deepcopy(value)


def _parse(text: str, otherwise):
    try:
        return float(text) if "e" in text.lower() else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        return otherwise


def _message(error: jsonschema.ValidationError) -> str:
    """Say which key is wrong, what its value is and what is allowed."""
    key = ".".join(map(str, error.path))
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        unknown = [name for name in error.instance if name not in known]
        return "; ".join(_unknown_key(key, name, known) for name in unknown)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return "; ".join(f"{_join(key, name)} is missing" for name in missing)
    return f"{key}: {error.instance!r} is not allowed; it must be {allowed(error.schema)}"


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _unknown_key(section: str, name: str, known: Mapping) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"allowed are {', '.join(known)}"
    return f"unknown key {_join(section, name)}: {hint}"


def _contradictions(config: Mapping) -> Iterator[str]:
    """Yield what no schema of single keys can say."""
    structures, bounds, network = config["structures"], config["filter"], config["network"]
    if structures["source"] in ("snapshot", "cif") and not structures["path"]:
        yield f"structures.path: null is not allowed with structures.source {structures['source']!r}"
    for section, entries in config.items():
        for key, value in entries.items() if isinstance(entries, Mapping) else ():
            if isinstance(value, float) and not math.isfinite(value):
                yield f"{section}.{key}: {value} is not allowed; it must be a finite number"
    if bounds["min_volume"] >= bounds["max_volume"]:
        yield (
            f"filter.min_volume: {bounds['min_volume']} is not allowed; "
            f"it must be below filter.max_volume, {bounds['max_volume']}"
        )
    if network["top_k"] > network["experts"]:
        yield f"network.top_k: {network['top_k']} is not allowed; network.experts is {network['experts']}"
    for heads in ("heads", "aggregator_heads"):
        if network["width"] % network[heads]:
            yield (
                f"network.{heads}: {network[heads]} is not allowed; "
                f"it must divide network.width, {network['width']}"
            )
    yield from contradictions(config["simulation"])


def allowed(entry: Mapping) -> str:
    """Say in words which values an entry of the schema allows."""
    if "enum" in entry:
        return "one of " + ", ".join(map(str, entry["enum"]))
    kinds = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    names = {
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "string": "text",
        "array": "a list",
        "object": "a section",
    }
    text = " or ".join(names[kind] for kind in kinds if kind != "null")
    bounds = [
        f"{symbol} {entry[keyword]}"
        for keyword, symbol in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if keyword in entry
    ]
    if "items" in entry:
        bounds = [f"of {allowed(entry['items'])}"]
    return " ".join([text, " and ".join(bounds)]).strip() + (" or null" if "null" in kinds else "")


def reference(schema: dict) -> str:
    """Return the Markdown tables of all keys, a section each."""
    lines = ["# Configuration", "", schema["description"], ""]
    lines += [
        "Made from `workflow/schemas/config.schema.yaml` by `make docs`; edit the schema, not this page.",
        "",
    ]
    single = {name: entry for name, entry in schema["properties"].items() if entry["type"] != "object"}
    lines += ["## Top level", "", *_rows(single), ""]
    for name, entry in schema["properties"].items():
        if entry["type"] == "object":
            lines += [f"## `{name}`", "", entry["description"], "", *_rows(entry["properties"]), ""]
    return "\n".join(lines)


def _rows(entries: Mapping) -> Iterator[str]:
    yield "| key | default | unit | allowed | meaning |"
    yield "|---|---|---|---|---|"
    for name, entry in entries.items():
        default = yaml.safe_dump(entry["default"], default_flow_style=True).splitlines()[0]
        cells = (f"`{name}`", f"`{default}`", entry["unit"], allowed(entry), entry["description"].strip())
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(reference(load_schema(sys.argv[1])), end="")
