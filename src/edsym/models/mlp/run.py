"""Training and prediction of the perceptron, from files to files."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from edsym.models.forest.features import forest_features
from edsym.models.mlp.network import MLP, mlp_inputs
from edsym.models.mlp.settings import MLPSettings
from edsym.predictions.table import Predictions, write_predictions
from edsym.seeds import generator, stable_hash
from edsym.spots.split import labelled_patterns, patterns_to_predict, validation_patterns
from edsym.spots.store import SpotLists
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS, system_index

# Patterns whose inputs are held at once where no gradient is wanted: 26 MB.
_PATTERNS_AT_ONCE = 4096


def train_mlp(
    spots_paths: Iterable[str | Path], split_path: str | Path, output_dir: str | Path, settings: MLPSettings
) -> None:
    """Train the perceptron on the training patterns and save it.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    output_dir : str or Path
        Where weights.safetensors and model.json go.
    settings : MLPSettings
        Sizes, training and seed.

    Raises
    ------
    InputError
        If an input is unreadable or the training materials have no pattern.
    """
    spots, groups = labelled_patterns(spots_paths, split_path, "train")
    validates = validation_patterns(spots.material, settings.validation_fraction, settings.seed)
    torch.set_num_threads(settings.threads)
    torch.manual_seed(stable_hash("mlp", settings.seed) % 2**63)
    fit = _Fit(MLP(settings), forest_features(spots), groups, validates)
    fit.run()
    fit.network.load_state_dict(fit.best)
    summary = {"training_patterns": int((~validates).sum()), "validation_patterns": int(validates.sum())}
    fit.network.save(output_dir, summary | {"epochs": fit.rows})


class _Fit:
    """A training: the data, the optimiser, and the best weights so far."""

    def __init__(self, network: MLP, features: np.ndarray, groups: np.ndarray, validates: np.ndarray):
        self.network, self.features = network, features
        self.system = torch.from_numpy(system_index(groups).astype(np.int64))
        self.group = torch.from_numpy(groups.astype(np.int64) - 1)
        self.training, self.validation = np.flatnonzero(~validates), np.flatnonzero(validates)
        settings = network.settings
        self.optimizer = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        steps = settings.epochs * -(-len(self.training) // settings.batch_size)
        # A cycle has two steps at least, in the class that torch offers.
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, settings.learning_rate, max(steps, 2)
        )
        self.best, self.rows = None, []

    def run(self) -> None:
        """Train all epochs."""
        self._measure()
        for epoch in tqdm(range(self.network.settings.epochs), desc="perceptron", unit="epoch"):
            self._train(epoch)
            loss = self._validate()
            if not self.rows or loss < min(row["val_loss"] for row in self.rows):
                self.best = deepcopy(self.network.state_dict())
            self.rows.append({"epoch": epoch, "val_loss": loss})

    def _measure(self) -> None:
        """Set mean and standard deviation of the inputs."""
        total = squares = 0
        for _, x in self._inputs(self.training, _PATTERNS_AT_ONCE):
            total, squares = total + x.double().sum(0), squares + x.double().square().sum(0)
        mean = total / len(self.training)
        self.network.mean[:] = mean
        self.network.std[:] = (squares / len(self.training) - mean**2).clamp(min=0).sqrt().clamp(min=1e-3)

    def _train(self, epoch: int) -> None:
        self.network.train()
        order = generator(self.network.settings.seed, "mlp", epoch).permutation(self.training)
        for patterns, x in self._inputs(order, self.network.settings.batch_size):
            self.optimizer.zero_grad()
            self._loss(patterns, x, "mean").backward()
            self.optimizer.step()
            self.schedule.step()

    @torch.no_grad()
    def _validate(self) -> float:
        self.network.eval()
        batches = self._inputs(self.validation, _PATTERNS_AT_ONCE)
        return sum(float(self._loss(patterns, x, "sum")) for patterns, x in batches) / len(self.validation)

    def _loss(self, patterns: np.ndarray, x: Tensor, reduction: str) -> Tensor:
        system, group = self.network(x)
        loss = cross_entropy(system, self.system[patterns], reduction=reduction)
        return loss + cross_entropy(group, self.group[patterns], reduction=reduction)

    def _inputs(self, patterns: np.ndarray, size: int) -> Iterator[tuple[np.ndarray, Tensor]]:
        for chunk in np.split(patterns, np.arange(size, len(patterns), size)):
            yield chunk, mlp_inputs(self.features[chunk])


def predict_mlp(
    spots_paths: Iterable[str | Path],
    split_path: str | Path,
    model_dir: str | Path,
    output_path: str | Path,
    validation: tuple[float, int] | None = None,
) -> None:
    """Write the perceptron's predictions for the test patterns, or for those that validated its training.

    Parameters
    ----------
    spots_paths : iterable of str or Path
        All shards of spot lists.
    split_path : str or Path
        The split.
    model_dir : str or Path
        Where the trained perceptron is.
    output_path : str or Path
        The table to write, see `edsym.predictions.table`.
    validation : (float, int) or None
        Validation share and seed of the training: predict its validation patterns, not the test patterns.

    Raises
    ------
    InputError
        If an input is unreadable or there is no pattern to predict.
    """
    network = MLP.load(model_dir)
    torch.set_num_threads(network.settings.threads)
    spots, groups = patterns_to_predict(spots_paths, split_path, validation)
    p_system, p_spacegroup = predict_patterns(network, spots)
    ids = spots.material_id[spots.material]
    predictions = Predictions(ids, spots.view, p_system, p_spacegroup, groups)
    write_predictions(predictions, output_path)


@torch.inference_mode()
def predict_patterns(network: MLP, spots: SpotLists) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of crystal systems (P, 7) and space groups (P, 230) of all patterns."""
    p_system = np.empty((len(spots), len(CRYSTAL_SYSTEMS)), np.float32)
    p_spacegroup = np.empty((len(spots), N_SPACE_GROUPS), np.float32)
    for start in range(0, len(spots), _PATTERNS_AT_ONCE):
        chunk = slice(start, start + _PATTERNS_AT_ONCE)
        system, group = network(mlp_inputs(forest_features(spots, chunk)))
        p_system[chunk], p_spacegroup[chunk] = system.softmax(-1).numpy(), group.softmax(-1).numpy()
    return p_system, p_spacegroup
