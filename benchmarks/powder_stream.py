"""Powder networks that learn side by side, on one GPU, from one stream of patterns.

A core renders patterns far more slowly than a GPU learns from them. Here producers render patterns of all
training materials into memory that processes share, and each network, a process of its own, reads blocks of
them by lot and takes those of its own materials. The learning rate follows the clock: all networks end
together. So the stored model `powder` was made, and what stands beside it in `docs/powder.md`.
"""

import argparse
import mmap
import multiprocessing
import os
import queue
import threading
import time
from copy import deepcopy
from dataclasses import dataclass, field
from math import cos, pi
from pathlib import Path

import numpy as np
import torch
from learning_curve import merged_configuration

from edsym.files import write_text
from edsym.powder import fit
from edsym.powder.division import divide
from edsym.powder.features import clean
from edsym.powder.model import NETWORKS, PowderModel
from edsym.powder.nuisances import draw_nuisances, draw_strains, no_nuisances
from edsym.powder.peaks import find_peaks
from edsym.powder.relatives import relative_strains
from edsym.powder.render import render, render_with
from edsym.powder.settings import PowderEvaluationSettings, PowderSettings
from edsym.powder.store import PowderStore
from edsym.seeds import generator, stable_hash
from edsym.symmetry import N_SPACE_GROUPS
from edsym.symmetry.classes import powder_groups
from edsym.training.precision import arithmetic

KINDS = {kind.section.removeprefix("powder_"): kind for kind in NETWORKS}
DIVISIONS = ("material", "prototype", "both")
READS = {"peaks": "peaks", "network": "profile", "convnext": "profile", "transformer": "raw"}
# Steps a second at most: networks that learn fast leave the GPU to the others.
MOST_STEPS = {"network": 15.0, "transformer": 10.0}
BLOCK, CLEAN_BLOCKS = 768, 132
WARM_UP, VALIDATED = 0.05, 0.03


@dataclass
class Ring:
    """Blocks of patterns in memory that processes share.

    Attributes
    ----------
    arrays : dict of str to (slots, BLOCK, ...) array
        What is known of each pattern.
    written : (slots,) array of int
        How often each block was written; -1 while it is.
    """

    slots: int
    shapes: dict
    arrays: dict = field(init=False)
    written: np.ndarray = field(init=False)

    def __post_init__(self):
        self.arrays = {
            n: _shared((self.slots, BLOCK, *shape), dtype) for n, (shape, dtype) in self.shapes.items()
        }
        self.written = _shared((self.slots,), np.int64)

    def write(self, slot: int, **values: np.ndarray) -> None:
        """Write a block."""
        before, self.written[slot] = int(self.written[slot]), -1
        for name, value in values.items():
            self.arrays[name][slot] = value
        self.written[slot] = before + 1

    def read(self, name: str, allowed: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return materials and patterns of a block drawn by lot, of those materials that are allowed (M,)."""
        while True:
            slot = rng.integers(self.slots)
            before = int(self.written[slot])
            material = self.arrays["material"][slot].astype(np.int64)
            rows = np.flatnonzero(allowed[material])
            found = self.arrays[name][slot][rows].astype(np.float32)
            # a batch of one pattern has no spread; what was written meanwhile is of two blocks
            if before > 0 and len(rows) > 1 and self.written[slot] == before:
                return material[rows], found


def _shared(shape: tuple, dtype) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, size), dtype).reshape(shape)


@dataclass(frozen=True)
class Stream:
    """What producers render, and where to: all of it is there before they start.

    Attributes
    ----------
    store : PowderStore
    powder : PowderSettings
    shown : (n,) array of int
        Materials that any network may learn from.
    others : (n,) array of int
        Those that every network may learn from: impurities, and the clean patterns.
    relatives_anew : float
        As in `edsym.powder.settings.TrainingSettings`.
    ring, clean : Ring
        Patterns with nuisances; clean ones, with all powder groups alike.
    end : float
        Time at which all ends, in seconds.
    """

    store: PowderStore
    powder: PowderSettings
    shown: np.ndarray
    others: np.ndarray
    relatives_anew: float
    ring: Ring
    clean: Ring
    end: float

    def produce(self, number: int, producers: int) -> None:
        """Render blocks until the end, as one of several producers."""
        os.nice(10)
        rng = generator(0, "powder stream", number)
        for slot in range(number, self.clean.slots, producers):
            self.clean.write(slot, **self._clean_block(rng))
        made = 0
        while time.time() < self.end:
            self.ring.write((number + made * producers) % self.ring.slots, **self._block(rng))
            made += 1

    def _clean_block(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        lines = self.store.lines_with_relatives
        group = powder_groups().index[self.store.spacegroup_number[self.others] - 1]
        share = 1 / np.bincount(group)[group]
        material = rng.choice(self.others, BLOCK, p=share / share.sum())
        values, strains = no_nuisances(self.powder, BLOCK), np.zeros((BLOCK, 3, 3))
        raw = render_with(lines, self._crystals(material, rng), values, strains, self.powder, self.others)
        return {"material": material, "raw": raw}

    def _block(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        lines = self.store.lines_with_relatives
        material = rng.choice(self.shown, BLOCK)
        crystals, system = self._crystals(material, rng), lines.system[material]
        values, strains = draw_nuisances(self.powder, BLOCK, rng), draw_strains(self.powder, system, rng)
        anew = self.relatives_anew * (crystals >= len(self.store))
        strains += anew[:, None, None] * relative_strains(self.powder, system, rng)
        raw = render_with(lines, crystals, values, strains, self.powder, self.others)
        profile = clean(raw, self.powder)
        peaks = find_peaks(profile, self.ring.shapes["peaks"][0][0])
        return {"material": material, "raw": raw, "profile": profile, "peaks": peaks}

    def _crystals(self, material: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return materials or relatives of theirs, by lot."""
        return material + len(self.store) * rng.integers(1 + self.store.relatives, size=len(material))


class Learner:
    """One network that learns from a stream until its end."""

    def __init__(self, name: str, stream: Stream, config: dict):
        kind, division = name.split("-")
        self.name, self.stream, self.kind = name, stream, kind
        settings = KINDS[kind](**config[f"powder_{kind}"] | {"threads": 1})
        store = stream.store
        training, validation = training_parts(store, division)
        counts = np.bincount(store.spacegroup_number[training] - 1, minlength=N_SPACE_GROUPS)
        torch.set_num_threads(1)
        torch.manual_seed(stable_hash("powder", settings.seed) % 2**63)
        self.model = PowderModel(stream.powder, settings, counts)
        self.fit = fit._Fit(self.model, store, training, validation)
        first = render(store.lines, training[:4096], stream.powder, settings.seed, "measure")
        self.fit.network.measure(self.fit._profiles(self.fit.network.prepare(first)))
        self.allowed = np.isin(np.arange(len(store)), training)
        self.clean_share = getattr(settings, "uniform_fraction", 0.0)
        self.curve: list[tuple[float, int, float]] = []
        self.best = None

    def learn(self, folder: Path) -> None:
        """Learn until the end, go back to the best weights, calibrate, and write model and curve."""
        self.start = time.time()
        waiting: queue.Queue = queue.Queue(6)
        threading.Thread(target=self._load, args=(waiting,), daemon=True).start()
        shown, due, free, most = 0, 0.0, self.start, MOST_STEPS.get(self.kind)
        self.fit.network.train()
        while (now := time.time()) < self.stream.end:
            if most:
                time.sleep(max(free - now, 0))
                free = max(free, now) + 1 / most
            share = self._share()
            if share >= due:
                self._validate(shown)
                due = share + VALIDATED
            shown += self._step(*waiting.get(), share)
        self._validate(shown)
        self._write(folder, shown)

    def _share(self) -> float:
        """Return how much of the time is over."""
        return min((time.time() - self.start) / (self.stream.end - self.start), 1.0)

    def _load(self, waiting: queue.Queue) -> None:
        rng = generator(0, "powder stream", self.name)
        while True:
            first = self._share() < self.clean_share
            ring, name = (self.stream.clean, "raw") if first else (self.stream.ring, READS[self.kind])
            material, patterns = ring.read(name, self.allowed, rng)
            waiting.put((material, self.fit.network.prepare(patterns) if name == "raw" else patterns))

    def _step(self, material: np.ndarray, patterns: np.ndarray, share: float) -> int:
        own, settings = self.fit, self.model.settings
        factor = share / WARM_UP if share < WARM_UP else (1 + cos(pi * (share - WARM_UP) / (1 - WARM_UP))) / 2
        for group in own.optimizer.param_groups:
            group["lr"] = settings.learning_rate * max(factor, 1e-6)
        with arithmetic(settings.precision, own.device):
            found = own.network.outputs(own._profiles(patterns))
        own.optimizer.zero_grad(set_to_none=True)
        own._loss(found, material).backward()
        own.optimizer.step()
        return len(material)

    def _validate(self, shown: int) -> None:
        loss = self.fit._validate()
        self.fit.network.train()
        if not self.curve or loss < min(loss for *_, loss in self.curve):
            self.best = deepcopy(self.fit.network.state_dict())
        self.curve.append((round(time.time() - self.start, 1), shown, round(loss, 4)))

    def _write(self, folder: Path, shown: int) -> None:
        own, model = self.fit, self.model
        own.network.load_state_dict(self.best)
        on = torch.cuda.get_device_name() if own.device == "cuda" else "cpu"
        epochs = max(round(shown / len(own.training)), 1)
        model.settings = model.settings.replace(epochs=epochs)
        model.record = {
            "materials": len(own.training),
            "validation_materials": len(own.validation),
            "epochs": epochs,
            "patterns": shown,
            "seconds": round(time.time() - self.start, 1),
            "device": on,
            "validation_loss": [loss for *_, loss in self.curve],
        }
        scores = model.scores(own.shown)
        model.calibration = model.fit_calibration(scores, self.stream.store.spacegroup_number[own.validation])
        model.save(folder / self.name)
        rows = [f"{seconds},{patterns},{loss}" for seconds, patterns, loss in self.curve]
        write_text(folder / f"{self.name}.csv", "\n".join(["seconds,patterns,validation_loss", *rows, ""]))
        print(f"{self.name}: {shown} patterns on {on}, loss {min(x for *_, x in self.curve):.3f}", flush=True)


def training_parts(store: PowderStore, division: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the materials that train and validate; those of "both" test in neither division."""
    parts = {kind: divide(store, kind, PowderEvaluationSettings(), 0.08) for kind in DIVISIONS[:2]}
    if division != "both":
        return parts[division][:2]
    tests = np.union1d(*(part[2] for part in parts.values()))
    validation = np.setdiff1d(parts["material"][1], tests)
    return np.setdiff1d(np.arange(len(store)), np.concatenate([tests, validation])), validation


def _learn(name: str, stream: Stream, config: dict, folder: Path) -> None:
    Learner(name, stream, config).learn(folder)


def main() -> None:
    """Train all networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reflections", type=Path, help="those of the rule powder_reflections")
    parser.add_argument("--config", type=Path, required=True, help="overlay with the networks' settings")
    names = [f"{kind}-{division}" for kind in KINDS for division in DIVISIONS]
    parser.add_argument("--networks", nargs="+", choices=names, required=True)
    parser.add_argument("--minutes", type=float, default=8.5)
    parser.add_argument("--producers", type=int, default=10, help="processes that render")
    parser.add_argument("--slots", type=int, default=2600, help="blocks of 768 patterns; 5.6 MB each")
    parser.add_argument("--relatives-anew", type=float, default=1.0)
    parser.add_argument("--output", type=Path, required=True, help="folder of models and curves")
    options = parser.parse_args()
    config = merged_configuration(options.config)
    powder, store = PowderSettings(**config["powder"]), PowderStore(options.reflections)
    parts = {division: training_parts(store, division)[0] for division in DIVISIONS}
    # compiled once, before there are processes
    find_peaks(clean(render(store.lines, np.arange(2), powder, 0, "compiled"), powder), 4)
    raw = {"material": ((), np.int32), "raw": ((powder.bins,), np.float16)}
    peaks = (config["powder_peaks"]["peaks"], 2)
    stream = Stream(
        store,
        powder,
        np.union1d(parts["material"], parts["prototype"]),
        parts["both"],
        options.relatives_anew,
        Ring(options.slots, raw | {"profile": raw["raw"], "peaks": (peaks, np.float32)}),
        Ring(CLEAN_BLOCKS, raw),
        time.time() + 60 * options.minutes,
    )
    context = multiprocessing.get_context("fork")
    tasks = [(stream.produce, (i, options.producers)) for i in range(options.producers)]
    tasks += [(_learn, (name, stream, config, options.output)) for name in options.networks]
    running = [context.Process(target=target, args=arguments) for target, arguments in tasks]
    for process in running:
        process.start()
    for process in running:
        process.join()


if __name__ == "__main__":
    main()
