"""What the benchmarks of splits have in common: a table that grows model by model, and its summary."""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import pandas as pd
from learning_curve import merged_configuration
from split_runs import STRATEGIES, Divided, Run

from edsym.evaluation.rival_tables import NULLS, TARGETS
from edsym.files import atomic_path

SHORT = {"single": "one pattern", "logsum": "log-sum of ten", "together": "ten read together"}


def parser(description: str, models: Mapping) -> argparse.ArgumentParser:
    """Return a parser of the options that the benchmarks of splits have."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("results", type=Path, nargs="+", help="folders of runs, one for each orientations")
    result.add_argument("--config", type=Path, required=True, help="overlay that the runs were made with")
    result.add_argument("--models", nargs="+", choices=models, default=list(models))
    result.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=list(STRATEGIES))
    result.add_argument("--seeds", type=int, nargs="+", help="of the models; the overlay's, if none is given")
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--output", type=Path, required=True, help="table (csv)")
    return result


def complete(
    options: argparse.Namespace,
    titles: Mapping[str, str],
    seeds_of: Callable[[str, dict], Sequence[int]],
    rows_of: Callable[[Divided, str, int], Iterator[dict]],
) -> pd.DataFrame:
    """Score the models that the table lacks, write it after each, and return it.

    Parameters
    ----------
    options : argparse.Namespace
        Those of `parser`.
    titles : mapping of str to str
        What the table calls each model.
    seeds_of : callable
        Returns the seeds of a model by the configuration, where the options have none.
    rows_of : callable
        Returns the scores of a model with a seed on a run that is divided.
    """
    config = merged_configuration(options.config)
    done = pd.read_csv(options.output) if options.output.exists() else pd.DataFrame()
    for folder in options.results:
        run = Run(folder, config)
        asked = [(seed, name) for name in options.models for seed in options.seeds or seeds_of(name, config)]
        for (seed, name), strategy in product(asked, options.strategies):
            about = {"orientations": run.orientations, "split": strategy, "model": titles[name], "seed": seed}
            if len(done) and (done[list(about)] == pd.Series(about)).all(axis=1).any():
                continue
            start = time.process_time()
            rows = pd.DataFrame(rows_of(run.divided(strategy), name, seed)).assign(**about)
            done = pd.concat([done, rows], ignore_index=True)
            with atomic_path(options.output) as temporary:
                done.to_csv(temporary, index=False, float_format="%.2f")
            print(about, f"{time.process_time() - start:.0f} s of a core", flush=True)
    return done


def summary(table: pd.DataFrame, known_lattice: str) -> str:
    """Return Markdown: accuracy with its interval, and mean recall, by target, orientations and model.

    Of the model `known_lattice`, which answers alike on all patterns of a material, one pattern is told.
    """
    useful = (table.method == "single") | (table.model != known_lattice)
    table, texts = table[(table.test == "all") & table.method.isin(SHORT) & useful], []
    first = table.groupby("model", sort=False).seed.transform("min")
    for (target, title), (plan, own) in product(
        TARGETS.items(), table[table.seed == first].groupby("orientations", sort=False)
    ):
        shown = own[["spots", "split"]].assign(model=own.model + ", " + own.method.map(SHORT))
        shown["text"] = [_cell(row, target) for row in own.to_dict("records")]
        pivot = shown.pivot(index="model", columns=["split", "spots"], values="text")
        columns = [x for x in product(STRATEGIES, own.spots.unique()) if x in pivot.columns]
        pivot = pivot.reindex(shown.model.unique())[columns].fillna("")
        for null in ("majority", "prior"):
            values = own[own.method == "single"].groupby(["split", "spots"])[f"{target}_{null}"].first()
            pivot.loc[NULLS[null]] = [f"{values[column]:.1f}" for column in pivot]
        pivot.columns = [", ".join(column) for column in pivot]
        texts += [f"{title}, {plan} orientations, %", "", pivot.rename_axis("").to_markdown(), ""]
    return "\n".join(texts)


def _cell(row: dict, target: str) -> str:
    low, high, recall = (row[f"{target}_{name}"] for name in ("low", "high", "recall"))
    return f"{row[target]:.1f} ({low:.1f}–{high:.1f}); {recall:.1f}"
