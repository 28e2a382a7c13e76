import io
import pickle
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file

from edsym.errors import InputError, TrainingError
from edsym.models.gmoe.model import GMoE
from edsym.models.gmoe.network import GMoENetwork
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.predict import predict_model
from edsym.models.train import train_model
from edsym.parquet import write_parquet
from edsym.predictions.table import read_predictions
from edsym.spots.split import validation_patterns
from edsym.spots.store import SpotLists, offsets, write_spots
from edsym.symmetry import crystal_system
from edsym.training.batches import BatchSampler, PatternDataset, points_of
from edsym.training.data import PatternDataModule
from edsym.training.loss import class_weights, joint_loss
from edsym.training.module import NetworkModule, rate_factor
from edsym.training.output import Output
from edsym.training.predict import predict_patterns
from edsym.training.settings import TrainingSettings

NETWORK = NetworkSettings(
    width=32, features="polar",
    point_channels=[16, 32], heads=4, aggregator_heads=2, layers=2, experts=6, top_k=2,
    expert_width=32, graph="sparsemax", max_distance=4, max_degree=32, dropout=0.1,
    spectra_width=16, spectra_dropout=0.1,
)  # fmt: skip
TRAINING = {
    "epochs": 4, "batch_size": 8, "accumulation": 2, "learning_rate": 2e-3, "weight_decay": 0.01,
    "warmup_fraction": 0.1, "balance_weight": 0.01, "gradient_clip": 1.0, "precision": "auto",
    "label_smoothing": 0.05, "augmentation": "mirror", "class_balance": 0.5, "averaging": 0.9,
    "patience": 5, "validation_fraction": 0.25, "devices": 1, "nodes": 1, "checkpoint_minutes": 10,
    "threads": 1, "seed": 7,
}  # fmt: skip


def lattice_patterns(materials, views):
    """Zero-order Laue zones of random plane lattices; what is in the cell gives the intensities."""
    ids, counts, spots = [], [], []
    for m in range(materials):
        for view in range(views):
            rng = np.random.default_rng([m, view])
            a, b, angle = rng.uniform(0.25, 0.45), rng.uniform(0.25, 0.45), rng.uniform(np.pi / 3, np.pi / 2)
            basis = np.array([[a, 0], [b * np.cos(angle), b * np.sin(angle)]])
            h = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 2), -1).reshape(-1, 2)
            atoms = rng.uniform(size=(3, 2))
            q = h @ basis
            falloff = np.exp(-2 * (q**2).sum(1))
            intensity = np.abs(np.exp(2j * np.pi * h @ atoms.T).sum(1)) ** 2 * falloff * 0.01
            keep = (np.hypot(*q.T) <= 1.2) & h.any(1) & (intensity > 1e-4)
            ids.append(m)
            counts.append(keep.sum())
            spots.append(np.column_stack([q, intensity])[keep])
    qx, qy, intensity = np.concatenate(spots).astype(np.float32).T
    names = np.array([f"m-{m:03d}" for m in range(materials)])
    view = np.tile(np.arange(views), materials)
    return SpotLists(names, np.array(ids), view, offsets(np.array(counts)), qx, qy, intensity)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Spot lists of 16 materials × 3 views, in one shard, and their split."""
    folder = tmp_path_factory.mktemp("inputs")
    spots = lattice_patterns(16, 3)
    write_spots(folder / "0.h5", spots, np.tile([0.0, 0, 1], (len(spots), 1)), {})
    groups = np.linspace(1, 230, 16).astype(int)
    frame = {
        "material_id": spots.material_id,
        "split": ["train", "train", "train", "test"] * 4,
        "crystal_system": [crystal_system(number) for number in groups],
        "spacegroup_number": groups.astype(np.uint8),
    }
    write_parquet(pa.Table.from_pandas(pd.DataFrame(frame), preserve_index=False), folder / "split.parquet")
    return [folder / "0.h5"], folder / "split.parquet"


def arguments(inputs, folder, **changes):
    """Return the arguments of `train_model`."""
    training = TrainingSettings(**TRAINING | changes)
    how = {"validation": (training.validation_fraction, training.seed), "detector": "typical"}
    how["checkpoints"] = folder / "checkpoints"
    return (GMoE(network=NETWORK, training=training), *inputs, folder / "model"), how


def train(inputs, folder, **changes):
    places, how = arguments(inputs, folder, **changes)
    train_model(*places, **how)
    return load_file(folder / "model/weights.safetensors"), (folder / "model/curves.csv").read_text()


@pytest.fixture(scope="module")
def trained(inputs, tmp_path_factory):
    """A finished training: its folder, weights and curves."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, *train(inputs, folder)


def test_training_writes_weights_and_curves_and_leaves_nothing_else(trained):
    folder, _, _ = trained
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert names == ["model", "model/curves.csv", "model/model.json", "model/weights.safetensors"]
    curves = pd.read_csv(folder / "model/curves.csv")
    assert curves.epoch.tolist() == [0, 1, 2, 3]
    assert curves.notna().all(axis=None)
    assert curves.train_loss.iloc[-1] < curves.train_loss.iloc[0]


@pytest.mark.parametrize("epoch", [1, 3])
def test_killed_training_resumes_to_the_same_weights_and_curves(
    inputs, trained, tmp_path, monkeypatch, epoch
):
    step = NetworkModule.training_step

    def dying_step(self, batch, index):
        if (self.current_epoch, index) == (epoch, 2):
            raise MemoryError
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(NetworkModule, "training_step", dying_step)
        with pytest.raises(MemoryError):
            train(inputs, tmp_path)
    assert not (tmp_path / "model").exists()
    weights, curves = train(inputs, tmp_path)
    assert curves == trained[2]
    assert all(torch.equal(weights[name], tensor) for name, tensor in trained[1].items())


# Trains as the workflow does, with a checkpoint after every batch, and is ended by a signal within an epoch.
ENDED = """
import os, pickle, signal, sys
import edsym.job
from edsym.models.train import train_model
from edsym.training import callbacks, fit

class Ending(callbacks.Progress):
    def on_train_batch_end(self, trainer, module, *rest):
        if (trainer.current_epoch, trainer.fit_loop.epoch_loop.batch_idx) == (1, 3):
            os.kill(os.getpid(), number)

fit.Progress = Ending
number, (places, how) = pickle.load(sys.stdin.buffer)
signal.signal(signal.SIGTERM, edsym.job._end)  # as in a job, which ends at once otherwise
train_model(*places, **how)
"""


@pytest.mark.parametrize(
    ("number", "minutes"), [(signal.SIGKILL, 1e-9), (signal.SIGTERM, 60)], ids=["SIGKILL", "SIGTERM"]
)
def test_training_ended_within_an_epoch_goes_on_from_there(inputs, trained, tmp_path, number, minutes):
    minutely = arguments(inputs, tmp_path, checkpoint_minutes=minutes)
    done = subprocess.run(
        [sys.executable, "-c", ENDED],
        input=pickle.dumps((number, minutely)),
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    state = torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)
    batches = state["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["processed"]
    assert (state["epoch"], batches) == (1, 3 if number == signal.SIGKILL else 4)
    weights, curves = train(inputs, tmp_path)
    assert curves == trained[2]
    assert all(torch.equal(weights[name], tensor) for name, tensor in trained[1].items())


def test_a_damaged_checkpoint_is_named(inputs, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/last.ckpt").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(InputError, match=r"last\.ckpt is damaged .*begins anew"):
        train(inputs, tmp_path)


def test_a_loss_that_is_not_finite_names_its_patterns(inputs, tmp_path):
    (_, *places), how = arguments(inputs, tmp_path)
    # a step that the settings would refuse: it leaves the finite numbers at once
    beyond = TrainingSettings(**TRAINING).model_copy(update={"learning_rate": 1e30, "gradient_clip": 1e30})
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) in epoch 0 .* patterns .* view \d"):
        train_model(GMoE(network=NETWORK, training=beyond), *places, **how)


# One of two processes that train in data parallel; Lightning starts the other by this same command.
PARALLEL = """
import pickle, sys
from edsym.models.train import train_model

with open(sys.argv[1], "rb") as file:
    places, how = pickle.load(file)
train_model(*places, **how)
"""


def test_two_processes_train_like_one_with_twice_the_accumulation(inputs, tmp_path):
    common = {"epochs": 2}  # of 6 batches, so that each process has as many
    _, curves = train(inputs, tmp_path / "one", **common, accumulation=2)
    folder = tmp_path / "two"
    two = arguments(inputs, folder, **common, accumulation=1, devices=2)
    (tmp_path / "arguments").write_bytes(pickle.dumps(two))
    (tmp_path / "train.py").write_text(PARALLEL)
    done = subprocess.run(
        [sys.executable, tmp_path / "train.py", tmp_path / "arguments"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    two, one = pd.read_csv(folder / "model/curves.csv"), pd.read_csv(io.StringIO(curves))
    np.testing.assert_allclose(two, one, rtol=1e-4)


def test_training_killed_after_early_stopping_trains_no_further(inputs, tmp_path, monkeypatch):
    settings = {"epochs": 9, "learning_rate": 1.0, "patience": 1}  # diverges: the first epochs are best
    _, curves = train(inputs, tmp_path / "a", **settings)
    assert len(curves.splitlines()) < 10
    with monkeypatch.context() as patch:
        patch.setattr(GMoE, "save", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            train(inputs, tmp_path / "b", **settings)
    assert train(inputs, tmp_path / "b", **settings)[1] == curves


def test_predictions_belong_to_their_patterns(inputs, trained, tmp_path):
    predict_model(trained[0] / "model", *inputs, [tmp_path / "gmoe.parquet"])
    predictions = read_predictions(tmp_path / "gmoe.parquet")
    assert predictions.material_id.tolist() == sorted(["m-003", "m-007", "m-011", "m-015"] * 3)
    network = GMoE.load(trained[0] / "model").network
    spots = lattice_patterns(16, 3).select(["m-007"])
    for view in range(3):
        row = 3 + view
        assert predictions.view[row] == view
        batch = PatternDataset(spots)[np.array([view])]
        with torch.no_grad():
            expected = network(batch).system.softmax(-1)[0]
        np.testing.assert_allclose(predictions.p_system[row], expected, atol=1e-5)


def test_prediction_in_bf16_is_that_of_32_bits(inputs, trained):
    network, spots = GMoE.load(trained[0] / "model").network, lattice_patterns(16, 3)
    exact, _ = predict_patterns(network, spots, 16)
    rounded, _ = predict_patterns(network, spots, 16, "bf16")
    # A spot whose best experts are a close call may go elsewhere: a few patterns change more than others.
    assert 0 < abs(rounded - exact).mean() < 0.01


def test_training_in_bf16_is_close_to_that_in_32_bits(inputs, trained, tmp_path):
    train(inputs, tmp_path, precision="bf16")
    exact, rounded = (pd.read_csv(f / "model/curves.csv").train_loss for f in (trained[0], tmp_path))
    assert 0 < abs(rounded - exact).max() < 0.1 * (exact.max() - exact.min())


def test_weights_of_classes_balance_them():
    classes = np.array([0, 0, 0, 0, 2])
    np.testing.assert_allclose(class_weights(classes, 4, 0.0), 1)
    weights = class_weights(classes, 4, 1.0).numpy()
    np.testing.assert_allclose(weights, [0.625, 1, 2.5, 1])
    np.testing.assert_allclose(weights[classes].mean(), 1)
    logits, truth = torch.randn(5, 4, dtype=torch.float64), torch.from_numpy(classes)
    output = Output(logits, logits, torch.zeros(()))
    both = (torch.from_numpy(weights).double(),) * 2
    plain = torch.nn.functional.cross_entropy(logits, truth, both[0], reduction="sum") / 5
    torch.testing.assert_close(joint_loss(output, truth, truth, 0.0, weights=both), 2 * plain)


def test_saved_weights_are_the_average(inputs, trained, tmp_path):
    plain, _ = train(inputs, tmp_path / "plain", averaging=0.0)
    short, _ = train(inputs, tmp_path / "short", averaging=1e-9)  # of the last step alone
    for name, tensor in plain.items():
        torch.testing.assert_close(short[name], tensor)
    assert any(not torch.allclose(trained[1][name], tensor) for name, tensor in plain.items())


def test_overfits_32_patterns():
    spots = lattice_patterns(32, 1)
    torch.manual_seed(0)
    network = GMoENetwork(NETWORK)
    data = PatternDataset(spots, np.linspace(1, 230, 32).astype(int))
    network.encoder.measure(points_of(data.spots))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    batch = data[np.arange(32)]
    for step in range(250):
        network.train()
        joint_loss(network(batch), batch.system, batch.spacegroup, 0.01).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 10 < 9:
            continue
        p_system, p_spacegroup = predict_patterns(network, spots, 32)
        right = (p_system.argmax(1) == batch.system.numpy()) & (
            p_spacegroup.argmax(1) == batch.spacegroup.numpy()
        )
        if right.all():
            break
    assert right.mean() == 1


def test_batches_hold_every_pattern_once_and_their_own_spots():
    spots = lattice_patterns(5, 4)
    data = PatternDataset(spots, np.arange(1, 21))
    seen = []
    for patterns in BatchSampler(np.arange(20), data.sizes, 6, seed=1):
        batch = data[patterns]
        seen += patterns.tolist()
        assert (batch.spacegroup.numpy() == patterns).all()
        for i, p in enumerate(patterns):
            expected = spots.qx[spots.offset[p] : spots.offset[p + 1]]
            np.testing.assert_array_equal(batch.x[batch.batch == i, 0], expected)
            np.testing.assert_array_equal(batch.x[batch.ptr[i] : batch.ptr[i + 1], 0], expected)
    assert sorted(seen) == list(range(20))


def test_order_depends_on_epoch_only_and_is_shared_between_processes():
    sizes = np.random.default_rng(0).integers(5, 90, 103)
    sampler = BatchSampler(np.arange(103), sizes, 4, seed=1)
    first = [batch.tolist() for batch in sampler]
    sampler.set_epoch(1)
    assert [batch.tolist() for batch in sampler] != first
    sampler.set_epoch(0)
    assert [batch.tolist() for batch in sampler] == first
    shares = [BatchSampler(np.arange(103), sizes, 4, 1, rank, 3) for rank in range(3)]
    together = [batch.tolist() for step in zip(*shares, strict=True) for batch in step]
    assert together[: len(first)] == first
    assert len(together) == -(-len(first) // 3) * 3


def test_batches_of_large_patterns_are_smaller_and_little_is_padded():
    sizes = np.clip(np.random.default_rng(0).lognormal(3.8, 0.8, 2000).astype(int), 5, 600)
    batches = list(BatchSampler(np.arange(2000), sizes, 32, seed=1))
    assert len(batches) == len(BatchSampler(np.arange(2000), sizes, 32, seed=2))
    pairs = [len(batch) * int(sizes[batch].max()) ** 2 for batch in batches]
    assert max(pairs) <= max(32 * 96**2, 600**2)
    assert sum(pairs) < 1.4 * (sizes**2).sum()


def test_validation_materials_are_not_trained_on():
    spots = lattice_patterns(8, 3)
    chosen = validation_patterns(spots.material, 0.25, 7)
    data = PatternDataModule(spots, np.ones(24, dtype=int), chosen, TrainingSettings(**TRAINING))
    training, validation = (set(spots.material[part]) for part in (data.training, data.validation))
    assert not training & validation
    assert (len(training), len(validation)) == (6, 2)


def test_one_material_is_too_few():
    with pytest.raises(InputError, match="two materials"):
        validation_patterns(np.zeros(3, dtype=int), 0.25, 7)


def test_rate_warms_up_and_decays():
    factors = [rate_factor(step, 100, 0.1) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1
    assert factors[100] == pytest.approx(0)
    assert all(np.diff(factors[10:]) < 0)


@pytest.mark.parametrize(("key", "value"), [("precision", "64"), ("validation_fraction", 0.0)])
def test_settings_out_of_range_are_named(key, value):
    with pytest.raises(InputError, match=rf"training\.{key}: '?{value}"):
        TrainingSettings(**TRAINING | {key: value})
