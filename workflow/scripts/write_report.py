"""Write the report: all tables and figures on one page."""

from edsym.evaluation.report import write_report
from edsym.job import job

with job(snakemake):
    write_report(
        snakemake.input.template,
        run=snakemake.input.run,
        tables=snakemake.input.tables,
        figures=snakemake.input.figures,
        configuration=snakemake.params.configuration,
        output=snakemake.output.report,
    )
