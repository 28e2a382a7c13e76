"""The benchmark that trains several powder networks on one stream of patterns."""

import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from test_powder_model import POWDER, materials, store  # noqa: F401

from edsym.powder.features import clean
from edsym.powder.model import PowderModel
from edsym.powder.peaks import find_peaks

SMALL = {"peaks": 8, "pair_bins": 32, "width": 8, "depth": 1, "heads": 2, "batch_size": 64}


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return import_module("powder_stream")


@pytest.fixture
def shown(stream, store, monkeypatch):  # noqa: F811
    """A stream of two written blocks and a clean one."""
    monkeypatch.setattr(stream, "BLOCK", 32)
    raw = {"material": ((), np.int32), "raw": ((POWDER.bins,), np.float16)}
    ring = stream.Ring(3, raw | {"profile": raw["raw"], "peaks": ((8, 2), np.float32)})
    parts = np.arange(0, 40, 2), np.arange(0, 40, 4)
    found = stream.Stream(store, POWDER, *parts, 1.0, ring, stream.Ring(1, raw), 0.0)
    rng = np.random.default_rng(0)
    for slot in range(2):
        ring.write(slot, **found._block(rng))
    found.clean.write(0, **found._clean_block(rng))
    return found


def test_networks_read_blocks_that_are_whole_of_materials_that_they_may(stream, shown):
    ring, rng = shown.ring, np.random.default_rng(0)
    assert ring.written.tolist() == [1, 1, 0]
    assert not (ring.arrays["material"][:2] % 2).any() and not (shown.clean.arrays["material"] % 4).any()
    raw = ring.arrays["raw"][0].astype(np.float32)
    assert np.abs(ring.arrays["profile"][0] - clean(raw, POWDER)).max() < 0.05
    assert np.abs(ring.arrays["peaks"][0] - find_peaks(clean(raw, POWDER), 8))[:, 0, 1].max() < 0.05
    allowed = np.arange(40) % 6 == 0
    ring.written[1] = -1  # as while it is written
    for _ in range(20):
        material, patterns = ring.read("raw", allowed, rng)
        own = allowed[ring.arrays["material"][0]]
        assert np.array_equal(material, ring.arrays["material"][0][own])
        assert np.array_equal(patterns, raw[own]) and patterns.dtype == np.float32


def test_a_network_learns_until_the_end_and_is_a_model(stream, shown, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "training_parts", lambda *_: (np.arange(0, 40, 2), np.arange(1, 40, 2)))
    learner = stream.Learner("peaks-material", shown, {"powder_peaks": SMALL})
    learner.stream = replace(shown, end=time.time() + 2)
    learner.learn(tmp_path)
    model = PowderModel.load(tmp_path / "peaks-material")
    assert model.record["epochs"] == model.settings.epochs == round(model.record["patterns"] / 20) > 0
    assert model.counts.sum() == 20
    rows = (tmp_path / "peaks-material.csv").read_text().splitlines()
    assert len(rows) == len(model.record["validation_loss"]) + 1 >= 3
    # the weights are those of the lowest loss
    learner.fit.network.to(learner.fit.device)
    assert learner.fit._validate() == pytest.approx(min(model.record["validation_loss"]), abs=1e-3)
    assert torch.isfinite(next(model.network.parameters())).all()
