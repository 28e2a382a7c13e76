"""The tables and figures, and which files each is made from: the workflow declares its inputs by this."""

from collections.abc import Collection

from edsym.models.registry import MODELS, SECTIONS

SYSTEM_LABELS = {
    "all": "All",
    "macro": "Mean of systems",
    "macro system": "Mean of systems",
    "macro spacegroup": "Mean of space groups",
}
"""Names of rows that are not one crystal system."""

_SINGLE = tuple(f"{model}_single" for model in MODELS)
_VIEWS = tuple(f"{model}_views" for model in MODELS)
_CALIBRATION = tuple(f"{model}_calibration" for model in MODELS)
_CURVES = tuple(f"{model}_curves" for model in MODELS)
_PROTOCOLS = tuple(f"{model}_protocols_{rows}" for rows in ("single", "views") for model in MODELS)
_LEAK = tuple(f"{model}_leak_single" for model in MODELS)

REQUIRES = {
    "table1": ("run", "published", *_SINGLE),
    "table2": ("run", "published", *_SINGLE),
    "table3": ("run", "published", *_SINGLE, *_VIEWS),
    "table4": ("run", "published", *_SINGLE, *_VIEWS),
    "table5": ("run", "published", "split", "materials"),
    "table6": ("run", "published", *(f"{model}_model" for model in MODELS)),
    "table7": ("run", *_PROTOCOLS),
    "table8": ("run", *_SINGLE, *_VIEWS, *_CALIBRATION),
    "table9": ("run", *_SINGLE, *_VIEWS),
    "table10": ("run", *_CURVES),
    "table11": ("run", *_LEAK),
    "table12": ("run", "cells"),
    "table13": ("run", "split", "materials", *_SINGLE, *_VIEWS),
    "table16": ("run", "split", "materials", *_SINGLE, *_VIEWS),
    "table17": ("run", *_SINGLE, *_VIEWS),
    "table18": ("run", "split", "materials", "kinship", *_SINGLE, *_VIEWS),
    "table19": ("run", "cells", "regressed"),
    "table20": ("run", "published", *_SINGLE, *_VIEWS),
    "fig1": ("run", *_SINGLE, *_VIEWS),
    "fig3": ("run", "split", "materials"),
    "fig4": ("run", "split", "materials"),
    "fig5": ("run", *_SINGLE, *_VIEWS),
    "fig6": ("run", "split", "materials", "patterns"),
    "fig7": ("run", *_CURVES),
    "fig8": ("run", "cells"),
    "fig9": ("run", "published", *_SINGLE, *_VIEWS),
}
"""Names of the files that each table and figure reads.

``run``: what the run was (`edsym.evaluation.run`); ``published``: published numbers; ``split``: the split
by material; ``materials``: material_id and n_patterns, csv; ``kinship``: prototypes and chemical systems
(`edsym.structures.kinship`); ``patterns``: stores of patterns, a list;
``{model}_single`` and ``{model}_views``: decisions on single patterns and on several views
(`edsym.predictions`), a list of files, one for each level of the detector that the run tests at;
``{model}_protocols_single`` and ``{model}_protocols_views``: the same of what is trained and tested at
several protocols, in the order of `edsym.evaluation.protocols.pairs`, all levels of a pair together;
``{model}_leak_single``: of test materials on the grids of all Laue classes; ``{model}_calibration``: what was
fitted on validation materials (`edsym.predictions.calibration`), again one for each level;
``{model}_curves``: decisions with one nuisance of the detector at a time (`edsym.models.curves`);
``{model}_model``: the model's model.json; ``cells``: answers of the lattice finder (`edsym.cells.table`), a
list of files that share the materials; ``regressed``: those of the forest's regressors on the same patterns.
"""
CONFIGURED = {
    **dict.fromkeys(("table1", "table2", "table3", "table4", "table20", "fig9"), ("forest",)),
    "table6": ("split", "detector", *SECTIONS, "evaluation"),
    "table7": ("simulation", "evaluation"),
    "table8": ("evaluation",),
    "table9": ("evaluation",),
    "table11": ("simulation",),
    "table13": ("evaluation",),
    "table16": ("evaluation",),
    "table17": ("evaluation",),
    "table18": ("evaluation",),
    "fig5": ("evaluation",),
    "fig6": ("peaks",),
}
"""Sections of the configuration that a table or figure reads; the others read none."""

OF_SCANS = {
    "fig2": ("maps", "scan", "published"),
    "table14": ("maps", "scan", "published"),
    "table15": ("maps", "scan"),
}
"""The same of what is made of each scan.

``maps``: what models say of it (`edsym.mapping.scan_map`), a list; ``scan``: its file, which may have a
truth.
"""


def required(product: str, models: Collection[str]) -> tuple[str, ...]:
    """Return the names of the files that a table or figure of a run of these models reads."""
    absent = set(MODELS) - set(models)
    return tuple(name for name in REQUIRES[product] if name.partition("_")[0] not in absent)


def configured(product: str, models: Collection[str]) -> tuple[str, ...]:
    """Return the sections of the configuration that it reads; of models, of those of the run."""
    own = {section for model in models for section in MODELS[model].sections}
    return tuple(s for s in CONFIGURED.get(product, ()) if s not in SECTIONS or s in own)


TABLES = tuple(name for name in REQUIRES if name.startswith("table"))
FIGURES = tuple(name for name in REQUIRES if name.startswith("fig"))
