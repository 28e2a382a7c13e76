"""Write what is made from the settings: config.yaml and README.md beside this file, and the schema."""

from collections.abc import Iterator, Mapping
from inspect import cleandoc
from pathlib import Path

import yaml

from edsym.configuration import RunSettings, sections
from edsym.files import write_text
from edsym.settings import allowed, entries

HERE = Path(__file__).resolve().parent
MADE = "Made from the settings in src/edsym by `make docs`"


def configuration_file() -> str:
    """Return config/config.yaml: all keys with their defaults and units."""
    lines = [
        "# All keys. config/README.md explains them; an overlay (paper.yaml, demo.yaml) changes single ones.",
        f"# {MADE}; a missing key has its default.",
        "# yaml-language-server: $schema=../workflow/schemas/config.schema.yaml",
        *_lines(RunSettings),
    ]
    for name, settings in sections().items():
        lines += ["", f"{name}:", *(f"  {line}" for line in _lines(settings))]
    return "\n".join(lines) + "\n"


def _lines(settings: type) -> Iterator[str]:
    for key, entry in entries(settings).items():
        unit = "" if entry["unit"] in ("–", "path", key) else f"  # {entry['unit']}"
        yield f"{key}: {_value(entry)}{unit}"


def _value(entry: Mapping) -> str:
    return yaml.safe_dump(entry["default"], default_flow_style=True).splitlines()[0]


def schema() -> dict:
    """Return the JSON Schema of the configuration, for editors; Snakemake checks more."""
    properties = dict(entries(RunSettings))
    for name, settings in sections().items():
        properties[name] = {"description": cleandoc(settings.__doc__), **_object(entries(settings))}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of edsym",
        "description": f"{MADE}.",
        **_object(properties),
    }


def _object(properties: Mapping) -> dict:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def reference() -> str:
    """Return config/README.md: the Markdown tables of all keys, a section each."""
    lines = ["# Configuration", "", INTRODUCTION, "", f"{MADE}; edit the settings, not this page.", ""]
    lines += ["## Top level", "", *_rows(RunSettings), ""]
    for name, settings in sections().items():
        lines += [f"## `{name}`", "", cleandoc(settings.__doc__), "", *_rows(settings), ""]
    return "\n".join(lines)


INTRODUCTION = """\
Every key of a run. The defaults are those of config/config.yaml: the paper's run, but at random orientations
and for models that learn from spots as a detector shows them. An overlay such as config/paper.yaml, which
takes the published choices, or config/demo.yaml, given with --configfile, changes only the keys that it
names. After a change runs again what depends on it, and no more; a key with ° changes how a result comes
about, not the result: nothing runs again for it.

Your own structures: copy config/own.yaml, name your folder of CIF files in it, and give it with --configfile.
"""


def _rows(settings: type) -> Iterator[str]:
    yield "| key | default | unit | allowed | meaning |"
    yield "|---|---|---|---|---|"
    for name, entry in entries(settings).items():
        mark = "°" if entry.get("operational") else ""
        description = entry["description"].replace("|", r"\|")
        cells = (f"`{name}`{mark}", f"`{_value(entry)}`", entry["unit"], allowed(entry), description)
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Write the three files."""
    write_text(HERE / "config.yaml", configuration_file())
    write_text(HERE / "README.md", reference())
    text = yaml.safe_dump(schema(), sort_keys=False, allow_unicode=True, width=110)
    write_text(HERE.parent / "workflow/schemas/config.schema.yaml", text)


if __name__ == "__main__":
    main()
