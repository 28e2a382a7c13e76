"""Make one table of the powder network in its four forms."""

from edsym.evaluation import powder_class_tables, powder_tables
from edsym.evaluation.powder_inputs import PowderInputs
from edsym.evaluation.table_writer import write_table_files
from edsym.job import job

BUILDERS = powder_tables.BUILDERS | powder_class_tables.BUILDERS

with job(snakemake):
    write_table_files(
        BUILDERS[snakemake.wildcards.name](PowderInputs.of(snakemake.params.divisions, **snakemake.input)),
        snakemake.output.csv,
        snakemake.output.md,
        snakemake.output.tex,
        snakemake.output.html,
    )
