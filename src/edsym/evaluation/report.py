"""The report of a run: all tables and figures with their captions on one page that needs no other file."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path

import jinja2

from edsym.evaluation.run import read_run
from edsym.files import write_text


def write_report(
    template: str | Path,
    *,
    run: str | Path,
    tables: Iterable[str | Path],
    figures: Iterable[str | Path],
    configuration: Mapping,
    output: str | Path,
) -> None:
    """Write the report of a run as one HTML file.

    Parameters
    ----------
    template : path
        Template for jinja2, with titles and captions.
    run : path
        The run's description, see `edsym.evaluation.run`.
    tables : iterable of path
        The tables as HTML, see `edsym.evaluation.table_writer.to_html`; stems of the names are the keys.
    figures : iterable of path
        The figures as svg.
    configuration : mapping
        Sections of the configuration that captions quote.
    output : path
        The page to write, in the folder of the results: its links are relative to it.

    Raises
    ------
    InputError
        If the run's description cannot be read.
    jinja2.TemplateError
        If the template asks for something that is not given.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=True, trim_blocks=True, keep_trailing_newline=True
    )
    page = environment.from_string(Path(template).read_text(encoding="utf-8")).render(
        run=read_run(run).line(),
        tables={Path(path).stem: Path(path).read_text(encoding="utf-8") for path in tables},
        figures={Path(path).stem: base64.b64encode(Path(path).read_bytes()).decode() for path in figures},
        config=configuration,
    )
    write_text(output, page)
