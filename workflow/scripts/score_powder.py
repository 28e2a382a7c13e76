"""Score the powder network and what stands beside it on test materials, and on measured patterns."""

import pandas as pd

from edsym.files import atomic_path
from edsym.job import job
from edsym.powder.measured import read_patterns
from edsym.powder.model import PowderModel
from edsym.powder.score import score_powder
from edsym.powder.settings import PowderEvaluationSettings
from edsym.powder.store import PowderStore

with job(snakemake):
    settings = PowderEvaluationSettings(**snakemake.params.settings["powder_evaluation"])
    model = PowderModel.load(snakemake.input.model)
    measured, rejected = None, pd.DataFrame(columns=["name", "reason"])
    if settings.measured:
        measured, rejected = read_patterns(settings.measured, model.powder)
    with atomic_path(snakemake.output.rejected) as temporary:
        rejected.to_csv(temporary, index=False)
    score_powder(
        PowderStore(snakemake.input.reflections),
        model,
        snakemake.wildcards.division,
        settings,
        measured,
        {
            name: PowderModel.load(path)
            for name, path in zip(settings.rivals, snakemake.input.rivals, strict=True)
        },
        snakemake.output.scores,
        snakemake.output.examples,
    )
