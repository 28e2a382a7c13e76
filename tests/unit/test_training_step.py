"""One step of a training, number by number: batches, loss, optimiser and schedule."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from edsym.errors import TrainingError
from edsym.seeds import stable_hash
from edsym.spots.store import SpotLists, offsets
from edsym.symmetry import system_index
from edsym.training.augmentation import augmented
from edsym.training.batches import BatchSampler, PatternDataset
from edsym.training.data import PatternDataModule
from edsym.training.loss import class_weights, joint_loss
from edsym.training.module import METRICS, NetworkModule, _accuracy, rate_factor
from edsym.training.output import Output
from edsym.training.ragged import Batch
from edsym.training.settings import TrainingSettings

GROUPS = np.array([1, 225, 62, 225, 14, 194])
SETTINGS = TrainingSettings(
    epochs=4, batch_size=2, accumulation=2, learning_rate=2e-3, weight_decay=0.02, warmup_fraction=0.25,
    balance_weight=0.5, gradient_clip=1.0, precision="auto", label_smoothing=0.1, augmentation="none",
    class_balance=0.5, averaging=0.9, patience=5, validation_fraction=0.25, devices=1, nodes=1,
    checkpoint_minutes=10, threads=1, seed=7,
)  # fmt: skip


class Heads(nn.Module):
    """Logits that are a linear map of a pattern's mean spot."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 237)

    def forward(self, batch: Batch) -> Output:
        means = [batch.x[batch.batch == i].mean(0) for i in range(len(batch.pattern))]
        logits = self.linear(torch.stack(means))
        return Output(logits[:, :7], logits[:, 7:], logits[0, 0].square())


def patterns() -> SpotLists:
    """Return six patterns of 2 to 4 spots."""
    sizes = np.array([2, 3, 4, 3, 2, 4])
    spots = np.random.default_rng(0).uniform(0.1, 1, (3, sizes.sum())).astype(np.float32)
    return SpotLists(np.array(["a", "b"]), np.arange(6) // 3, np.arange(6) % 3, offsets(sizes), *spots)


@pytest.fixture
def data():
    return PatternDataModule(patterns(), GROUPS, np.arange(6) >= 4, SETTINGS)


@pytest.fixture
def module(data):
    torch.manual_seed(0)
    return NetworkModule(Heads(), SETTINGS, data.class_weights())


def test_an_item_is_a_batch_with_its_classes(data):
    batch = data.dataset[np.array([3, 0])]
    assert batch.batch.tolist() == [0, 0, 0, 1, 1]
    assert batch.ptr.tolist() == [0, 3, 5]
    assert batch.pattern.tolist() == [3, 0]
    assert batch.system.tolist() == [6, 0]
    assert batch.spacegroup.tolist() == [224, 0]
    assert batch.system.dtype == batch.spacegroup.dtype == torch.int64
    assert PatternDataset(patterns())[np.array([3])].system is None


def test_batches_are_of_one_class_of_sizes_and_bounded_in_pairs():
    # The classes end at 1.25ⁿ, as 69.4 and 86.7; of 69 spots 16 (96 / 69)² = 31 would fit, of 400 not one.
    sizes = np.array([69, 60, 70, 400, 69, 400])
    sampler = BatchSampler(np.arange(6) + 10, sizes, 16)
    assert [batch.tolist() for batch in sampler] == [[10, 11, 14], [12], [13], [15]]
    assert [count for _, count in sampler.classes] == [16, 16, 1]
    assert [count for _, count in BatchSampler(np.arange(2), np.array([190, 192]), 16).classes] == [4]
    assert len(sampler) == 4


@pytest.mark.parametrize(("rank", "ranks"), [(0, 1), (1, 2)])
def test_a_resumed_epoch_goes_on_where_it_was_and_the_next_is_whole(rank, ranks):
    sampler = BatchSampler(np.arange(21), np.full(21, 10), 3, 5, rank, ranks)
    whole = [batch.tolist() for batch in sampler]
    sampler.start = 2
    assert [batch.tolist() for batch in sampler] == whole[2:]
    assert [batch.tolist() for batch in sampler] == whole
    assert (len(whole), len(whole[0])) == (7 if ranks == 1 else 4, 3)


def test_the_loss_is_two_smoothed_entropies_and_the_balance():
    rng = np.random.default_rng(0)
    system, group = rng.normal(size=(5, 7)), rng.normal(size=(5, 230))
    truth = np.array([0, 6, 3, 3, 1]), np.array([0, 229, 74, 75, 10])

    def entropy(logits, truth):
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        return -0.8 * log_p[np.arange(5), truth] - 0.2 * log_p.mean(1)

    output = Output(torch.from_numpy(system), torch.from_numpy(group), torch.tensor(3.0))
    found = joint_loss(output, *map(torch.from_numpy, truth), 0.25, 0.2)
    expected = entropy(system, truth[0]).mean() + entropy(group, truth[1]).mean() + 0.25 * 3
    assert float(found) == pytest.approx(expected)
    unsmoothed = joint_loss(output, *map(torch.from_numpy, truth), 0.25)
    plain = [cross_entropy(logits, torch.from_numpy(t)) for logits, t in zip(output[:2], truth, strict=True)]
    assert float(unsmoothed) == pytest.approx(float(sum(plain)) + 0.75)


def test_weights_are_those_of_the_training_patterns(data):
    systems, groups = data.class_weights()
    torch.testing.assert_close(systems, class_weights(system_index(GROUPS[:4]), 7, 0.5))
    torch.testing.assert_close(groups, class_weights(GROUPS[:4] - 1, 230, 0.5))
    assert (len(systems), len(groups)) == (7, 230)


@pytest.mark.parametrize(("rank", "ranks"), [(0, 1), (1, 2)])
def test_loaders_give_this_process_its_share_in_the_order_of_the_seed(data, rank, ranks):
    data.trainer = SimpleNamespace(global_rank=rank, world_size=ranks)
    sizes = data.dataset.sizes
    for loader, members, seed in (
        (data.train_dataloader(), np.arange(4), SETTINGS.seed),
        (data.val_dataloader(), np.arange(4, 6), None),
    ):
        expected = BatchSampler(members, sizes[members], SETTINGS.batch_size, seed, rank, ranks)
        assert [b.pattern.tolist() for b in loader] == [patterns.tolist() for patterns in expected]


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_step_weighs_and_smooths_in_training_only(data, module, part):
    batch = data.dataset[np.array([1])]
    output = module.network(batch)
    truth = batch.system, batch.spacegroup
    logged = {}

    def log(name, value, on_step, on_epoch, **_):
        assert on_epoch and not on_step
        logged[name] = float(value.compute())

    module.log = log
    if part == "train":
        found = module.training_step(batch, 0)
        loss = joint_loss(output, *truth, 0.5, 0.1, data.class_weights())
        torch.testing.assert_close(found, loss / 2)  # one pattern instead of two
    else:
        found = module.validation_step(batch, 0)
        loss = joint_loss(output, *truth, 0.5)
        torch.testing.assert_close(found, loss)
    assert list(logged) == [f"{part}_{name}" for name in METRICS]
    assert logged[f"{part}_loss"] == pytest.approx(float(loss))
    assert logged[f"{part}_balance"] == pytest.approx(float(output.balance))


def test_patterns_are_turned_in_training(data, module):
    module.training_settings = SETTINGS.replace(augmentation="mirror")
    module.log = lambda *_, **__: None
    plain, batch = data.dataset[np.array([0, 1])], data.dataset[np.array([0, 1])]
    torch.manual_seed(3)
    module.training_step(batch, 0)
    torch.manual_seed(3)
    assert torch.equal(batch.x, augmented(plain.x, plain.batch, 2, "mirror"))
    assert not torch.equal(batch.x, plain.x)


def test_a_loss_that_is_not_finite_names_its_patterns(data, module):
    module.trainer = SimpleNamespace(datamodule=data, current_epoch=3)
    with torch.no_grad():
        module.network.linear.bias.fill_(torch.nan)
    with pytest.raises(
        TrainingError, match=r"the loss is nan in epoch 3 .* patterns b view 0, a view 1: exp"
    ):
        module.training_step(data.dataset[np.array([3, 1])], 0)


def test_means_are_over_patterns_and_forgotten_after_an_epoch(data, module):
    module.log = lambda *_, **__: None
    with torch.no_grad():
        module.network.linear.weight.zero_()
        module.network.linear.bias.zero_()
        module.network.linear.bias[[6, 7 + 224]] = 1  # every pattern is cubic, of space group 225
    for chosen in ([1, 3], [2]):
        module.validation_step(data.dataset[np.array(chosen)], 0)
    for name in ("system_accuracy", "spacegroup_accuracy"):
        assert float(module.means[f"val_{name}"].compute()) == pytest.approx(2 / 3)
        assert f"means.val_{name}.mean_value" in module.state_dict()
    assert not any(name.endswith("_weights") for name in module.state_dict()), "they belong to the data"
    module.on_train_epoch_start()
    assert module.means["val_loss"].weight == 0


def test_accuracy_is_pattern_by_pattern():
    logits = torch.tensor([[0.0, 9, 0], [5, 0, 0]])
    assert [float(_accuracy(logits, torch.tensor(truth))) for truth in ([1, 0], [1, 1], [0, 1])] == [
        1,
        0.5,
        0,
    ]


def test_dropout_is_seeded_by_epoch_batch_and_process(module):
    module.trainer = SimpleNamespace(world_size=3, global_rank=1, current_epoch=5)
    for index in range(4):
        module.on_train_batch_start(None, index)
        assert torch.initial_seed() == stable_hash("dropout", 7, 5, index * 3 + 1) % 2**63


def test_gradients_go_through_a_checkpoint_once(module):
    gradients = [torch.ones_like(parameter) for parameter in module.network.parameters()]
    module.network.linear.weight.grad = gradients[0]
    checkpoint = {}
    module.on_save_checkpoint(checkpoint)
    other = NetworkModule(Heads(), SETTINGS, (torch.ones(7), torch.ones(230)))
    other.on_train_start()
    assert other.network.linear.weight.grad is None
    other.on_load_checkpoint(checkpoint)
    other.on_train_start()
    assert torch.equal(other.network.linear.weight.grad, gradients[0])
    assert other.network.linear.bias.grad is None
    other.network.linear.weight.grad = None
    other.on_train_start()
    assert other.network.linear.weight.grad is None


def test_the_optimiser_decays_matrices_only_and_follows_the_schedule(module):
    module.trainer = SimpleNamespace(estimated_stepping_batches=8)
    found = module.configure_optimizers()
    optimizer, scheduler = found["optimizer"], found["lr_scheduler"]
    assert scheduler["interval"] == "step"
    (matrix,), (vector,) = (group["params"] for group in optimizer.param_groups)
    assert matrix is module.network.linear.weight and vector is module.network.linear.bias
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.02, 0.0]
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler["scheduler"].step()
    np.testing.assert_allclose(rates, [2e-3 * rate_factor(step, 8, 0.25) for step in range(8)])


def test_the_rate_at_some_steps():
    assert [rate_factor(step, 8, 0.25) for step in (0, 1, 2)] == [0.5, 1, 1]
    assert [rate_factor(step, 8, 0.25) for step in (5, 8, 9)] == pytest.approx([0.5, 0, 0])
    assert rate_factor(2, 2, 0.5) == pytest.approx(0)
    assert rate_factor(0, 1, 0.0) == 1, "a step has a rate, however few there are"
