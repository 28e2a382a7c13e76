"""Every table of the evaluation by its name, made and written from the files of a run."""

from collections.abc import Mapping
from pathlib import Path

from edsym.evaluation.accuracy_tables import table1, table2, table3, table4
from edsym.evaluation.beyond_tables import table8, table9
from edsym.evaluation.cell_tables import table12, table19
from edsym.evaluation.class_tables import table13
from edsym.evaluation.data_tables import table5, table6
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.map_tables import table14, table15
from edsym.evaluation.nuisances import table10
from edsym.evaluation.protocol_tables import table7, table11
from edsym.evaluation.published_cells import table20
from edsym.evaluation.rival_tables import table16, table17, table18
from edsym.evaluation.table_writer import write_table_files

_TABLES = (
    table1,
    table2,
    table3,
    table4,
    table5,
    table6,
    table7,
    table8,
    table9,
    table10,
    table11,
    table12,
    table13,
    table14,
    table15,
    table16,
    table17,
    table18,
    table19,
    table20,
)
BUILDERS = {table.__name__: table for table in _TABLES}
"""Functions from `EvaluationInputs` to `edsym.evaluation.table_writer.Table`."""


def write_table(
    name: str,
    files: Mapping[str, str | Path],
    configuration: Mapping,
    *,
    csv: str | Path,
    markdown: str | Path,
    latex: str | Path,
    page: str | Path,
) -> None:
    """Make one table and write it in its four forms.

    Parameters
    ----------
    name : str
        "table1" to "table20".
    files : mapping of str to path
        Inputs by the names that `edsym.evaluation.products` gives for the table.
    configuration : mapping
        The configuration of the run, by section.
    csv, markdown, latex, page : path
        Files to write; the page is HTML.
    """
    table = BUILDERS[name](EvaluationInputs(files, configuration))
    write_table_files(table, csv, markdown, latex, page)
