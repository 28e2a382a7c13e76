"""Draw one figure of the powder network in its two forms."""

from edsym.evaluation.powder_figures import write_powder_figure
from edsym.evaluation.powder_inputs import PowderInputs
from edsym.job import job

with job(snakemake):
    write_powder_figure(
        snakemake.wildcards.name,
        PowderInputs.of(snakemake.params.divisions, **snakemake.input),
        svg=snakemake.output.svg,
        png=snakemake.output.png,
    )
