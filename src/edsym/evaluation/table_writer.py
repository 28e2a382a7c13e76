"""Writing one table as csv (full precision), Markdown, LaTeX and HTML (for reading)."""

import html
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from edsym.files import atomic_path, write_text

UNKNOWN = "–"
_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "≈": r"$\approx$",
    "→": r"$\to$",
    "–": "--",
    "…": r"\ldots{}",
    "Å": r"\AA{}",
}


@dataclass(frozen=True)
class Column:
    """How a column is printed.

    Attributes
    ----------
    name : str
        Column of the data, and of the csv file.
    heading : str
        Heading where it is read.
    kind : str
        "text", "count", "percent", "number" (two decimals), "size" (two digits), "published" (as it stands in
        the text) or "interval": a percentage followed by the interval in the columns {name}_low and
        {name}_high, where these are known.
    """

    name: str
    heading: str
    kind: str = "text"

    @property
    def numeric(self) -> bool:
        """Whether the column is set flush right."""
        return self.kind != "text"


@dataclass(frozen=True)
class Table:
    """A table: data in full precision, and how it is to be read.

    Attributes
    ----------
    name : str
        Stem of the file names, and label in LaTeX.
    title : str
        Caption.
    frame : pandas.DataFrame
        All data; goes into the csv file as it is. Unknown values are NaN or None.
    columns : tuple of Column
        What is printed, in this order.
    note : str
        What the run was: stands under the table, and in the csv file as its last column.
    remark : str
        How to read the table: stands under the note, not in the csv file.
    """

    name: str
    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    note: str
    remark: str = ""


def write_table_files(
    table: Table, csv: str | Path, markdown: str | Path, latex: str | Path, page: str | Path
) -> None:
    """Write a table in its four forms; the csv has the note as its last column, `run`."""
    with atomic_path(csv) as temporary:
        table.frame.assign(run=table.note).to_csv(temporary, index=False, lineterminator="\n")
    write_text(markdown, to_markdown(table))
    write_text(latex, to_latex(table))
    write_text(page, to_html(table))


def to_markdown(table: Table) -> str:
    """Return a table as Markdown: caption, pipe table, note."""
    body = _printed(table, lambda text: text.replace("|", r"\|")).to_markdown(
        index=False, colalign=["right" if c.numeric else "left" for c in table.columns], disable_numparse=True
    )
    parts = (f"**{table.title}**", body, table.note, table.remark)
    return "\n\n".join(part for part in parts if part) + "\n"


def to_latex(table: Table) -> str:
    """Return a table as a LaTeX float with caption, label and notes (packages booktabs and graphicx)."""
    body = _printed(table, escape_latex).to_latex(
        index=False,
        escape=False,
        caption=escape_latex(table.title),
        label=f"tab:{table.name}",
        position="htbp",
        column_format="".join("r" if c.numeric else "l" for c in table.columns),
    )
    notes = "\n\n".join(escape_latex(part) for part in (table.note, table.remark) if part)
    note = f"\\par\\medskip\n\\footnotesize {notes}\n"
    # A table that is wider than the page is shrunk to it.
    fit = "\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%\n"
    body = body.replace("\\begin{tabular}", f"\\centering\\small\n{fit}\\begin{{tabular}}", 1)
    body = body.replace("\\end{tabular}", "\\end{tabular}}", 1)
    return body.replace("\\end{table}", f"{note}\\end{{table}}")


def to_html(table: Table) -> str:
    """Return a table as HTML that has no style of its own: classes tell numbers and published values."""
    classes = [_html_class(column) for column in table.columns]
    printed = _printed(table, html.escape)
    head = "".join(f"<th{kind}>{name}</th>" for kind, name in zip(classes, printed.columns, strict=True))
    rows = (
        "".join(f"<td{kind}>{value}</td>" for kind, value in zip(classes, row, strict=True))
        for row in printed.itertuples(index=False)
    )
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    notes = f'<p class="note">{html.escape(table.note)}</p>\n'
    notes += f'<p class="remark">{html.escape(table.remark)}</p>\n' if table.remark else ""
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n{notes}"


def _html_class(column: Column) -> str:
    names = ["numeric"] if column.numeric else []
    names += ["published"] if column.kind == "published" else []
    return f' class="{" ".join(names)}"' if names else ""


def escape_latex(text: str) -> str:
    """Return text with LaTeX's special characters escaped, and in ASCII as far as tables need it."""
    return "".join(_LATEX.get(character, character) for character in text)


def _printed(table: Table, escape: Callable[[str], str]) -> pd.DataFrame:
    rows = [[escape(_cell(row, c)) for c in table.columns] for row in table.frame.to_dict("records")]
    return pd.DataFrame(rows, columns=[escape(c.heading) for c in table.columns], dtype=object)


def _cell(row: dict, column: Column) -> str:
    value = row[column.name]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return UNKNOWN
    if isinstance(value, str) or column.kind in ("text", "published"):
        return str(value)
    if column.kind == "count":
        return f"{value:,.0f}"
    if column.kind == "size":
        return f"{value:.2g}"
    text = f"{value:.2f}" if column.kind == "number" else f"{value:.1f}"
    if column.kind == "interval" and not math.isnan(row[f"{column.name}_low"]):
        text += f" ({row[f'{column.name}_low']:.1f}–{row[f'{column.name}_high']:.1f})"
    return text
