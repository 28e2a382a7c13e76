"""Tables of how far results hang on the orientations: protocols (table 7) and grids (table 11)."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from edsym.errors import InputError
from edsym.evaluation import protocols
from edsym.evaluation.accuracy_tables import LEVEL
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.metrics import accuracy_columns, accuracy_in_percent, sizes
from edsym.evaluation.table_writer import Column, Table
from edsym.models.registry import MODELS
from edsym.symmetry import CRYSTAL_SYSTEMS, ORIENTED_LAUE_CLASSES, oriented_laue_class, system_of_laue_class

_METHODS = {"single": "one pattern", "vote": "vote", "logsum": "log-sum"}
_TARGETS = {"system": "System", "spacegroup": "Space group"}
_SIZES = (Column("patterns", "Test patterns", "count"), Column("materials", "Test materials", "count"))


def table7(inputs: EvaluationInputs) -> Table:
    """All models on the same test materials at the orientations of several protocols."""
    values = {
        f"{t}_{m}": f"{target}, {name}, %" for t, target in _TARGETS.items() for m, name in _METHODS.items()
    }
    names = ["model", "spots", "trained_on", "tested_on", "patterns", "materials", *accuracy_columns(values)]
    return Table(
        "table7",
        "Accuracy of the models by the orientations that they were trained on and are tested on",
        pd.DataFrame(list(_protocol_rows(inputs)), columns=names),
        (
            Column("model", "Model"),
            LEVEL,
            Column("trained_on", "Trained on"),
            Column("tested_on", "Tested on"),
            *_SIZES,
            *(Column(value, heading, "percent") for value, heading in values.items()),
        ),
        inputs.run.line(),
        "random: uniform, as a microscope delivers; hemisphere: one grid for all materials. Two protocols "
        "tell a part of the answer: grid, one for each Laue class, and plan, py4DSTEM's of point groups. "
        "Only test materials with patterns at all of them count. The csv file has 95 % intervals (Wilson, "
        "with the materials as independent trials) and mean recalls of the classes.",
    )


def _protocol_rows(inputs: EvaluationInputs) -> Iterator[dict]:
    """Yield a row for each model, training and test, over the materials with patterns at all protocols."""
    pairs = protocols.pairs(inputs.configuration)
    for model, level in product(inputs.models, inputs.run.test_levels):
        decided = [
            {m: inputs.decisions(m, level, "protocols", k)[model] for m in _METHODS}
            for k in range(len(pairs))
        ]
        shared = set.intersection(*(set(frames["single"].material_id) for frames in decided))
        if not shared:
            raise InputError(f"no test material has patterns at all of {', '.join({t for _, t in pairs})}")
        for (trained, tested), frames in zip(pairs, decided, strict=True):
            row = {"model": MODELS[model].title, "spots": level, "trained_on": trained, "tested_on": tested}
            for method, frame in frames.items():
                frame = frame[frame.material_id.isin(shared)]
                row |= sizes(frame) if method == "single" else {}
                for target in _TARGETS:
                    row |= accuracy_in_percent(frame, target, f"{target}_{method}")
            yield row


def table11(inputs: EvaluationInputs) -> Table:
    """Answers of models of the grid on crystals that are seen along the grids of all Laue classes."""
    grids = {f"on_{name}": name for name in ORIENTED_LAUE_CLASSES}
    names = [
        "model",
        "spots",
        "system",
        "own",
        "other",
        "called",
        *grids,
        *(f"called_{name}" for name in grids.values()),
    ]
    return Table(
        "table11",
        "What the grid tells: crystal systems of test materials on the grids of all Laue classes",
        pd.DataFrame(list(_leak_rows(inputs)), columns=[*names, "patterns", "materials"]),
        (
            Column("model", "Model"),
            LEVEL,
            Column("system", "Crystal system"),
            Column("own", "Own grid: right, %", "percent"),
            Column("other", "Grids of other systems: right, %", "percent"),
            Column("called", "The same: called the grid's system, %", "percent"),
            *(Column(column, f"On {name}: right, %", "percent") for column, name in grids.items()),
            *_SIZES,
        ),
        inputs.run.line(),
        "The models were trained on the grid, where directions are chosen by the true Laue class. Here every "
        "crystal is seen along the directions of every class, one pattern at a time. An answer that follows "
        "the grid is read from the plan of orientations and not from the crystal. The csv file has the share "
        "that is called the grid's system for each class.",
    )


def _leak_rows(inputs: EvaluationInputs) -> Iterator[dict]:
    views = inputs.configuration["simulation"]["zone_axes"]
    laue_class = np.array([oriented_laue_class(number) for number in range(1, 231)])
    system = np.array([CRYSTAL_SYSTEMS.index(system_of_laue_class(name)) for name in ORIENTED_LAUE_CLASSES])
    for model, level in product(inputs.models, inputs.run.test_levels):
        frame = inputs.decisions("single", level, "leak")[model]
        grid = (frame["view"] // views).to_numpy()
        frame = frame.assign(
            right=100.0 * (frame.system == frame.predicted_system),
            called=100.0 * (frame.predicted_system == system[grid]),
            grid=np.array(ORIENTED_LAUE_CLASSES)[grid],
            own=laue_class[frame.spacegroup - 1] == np.array(ORIENTED_LAUE_CLASSES)[grid],
            other=frame.system != system[grid],
        )
        for i, name in enumerate(CRYSTAL_SYSTEMS):
            chosen = frame[frame.system == i]
            row = {"model": MODELS[model].title, "spots": level, "system": name, **sizes(chosen)}
            row |= {"own": chosen.right[chosen.own].mean()}
            row |= {"other": chosen.right[chosen.other].mean(), "called": chosen.called[chosen.other].mean()}
            for column, prefix in (("right", "on_"), ("called", "called_")):
                row |= {
                    f"{prefix}{key}": value for key, value in chosen.groupby("grid")[column].mean().items()
                }
            yield row
