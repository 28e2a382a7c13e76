import json
import re

import h5py
import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier

from edsym.errors import InputError
from edsym.models.forest import run
from edsym.models.forest.forest import HierarchicalForest
from edsym.models.forest.run import predict_forest, train_forest, validate_forest
from edsym.models.forest.settings import ForestSettings
from edsym.models.forest.trees import FlatForest
from edsym.parquet import write_parquet
from edsym.predictions.table import read_predictions
from edsym.spots.split import labelled_patterns
from edsym.symmetry import space_groups, system_index

SETTINGS = ForestSettings(system_trees=8, system_depth=40, spacegroup_trees=6, spacegroup_depth=30, seed=32)
# Two systems of several groups and one, hexagonal, of a single group; four systems are missing.
GROUPS = np.array([2, 1, 225, 227, 221, 194])


def table(seed, n, noise):
    """Return features that tell the space group but for the noise, and the classes."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, len(GROUPS), n)
    X = rng.normal(0, noise, (n, 12))
    X[np.arange(n), classes] += 1
    return X.astype(np.float32), system_index(GROUPS[classes]), GROUPS[classes]


@pytest.fixture(scope="module")
def fitted():
    return HierarchicalForest(SETTINGS).fit(*table(0, 400, 0.4))


def test_flat_trees_predict_as_those_of_scikit_learn():
    X, _, groups = table(1, 500, 1.0)
    # Thresholds between neighbouring floats: rounding them must not send a sample the other way.
    X[:250] = np.nextafter(np.round(X[:250]), np.float32(np.inf))
    X[250:] = np.round(X[250:])
    for depth in (3, 30):
        forest = RandomForestClassifier(10, max_depth=depth, random_state=0).fit(X, groups)
        flat = FlatForest.from_sklearn(forest)
        np.testing.assert_array_equal(flat.classes, forest.classes_)
        np.testing.assert_allclose(flat.predict_proba(X), forest.predict_proba(X), atol=1e-6)


def test_features_of_another_kind_are_refused(fitted):
    with pytest.raises(ValueError, match="X has 3 features"):
        fitted.predict_proba(np.zeros((2, 3), "f4"))


def test_the_forest_learns(fitted):
    X, system, groups = table(2, 200, 0.2)
    p_system, p_spacegroup = fitted.predict_proba(X)
    assert (p_system.argmax(axis=1) == system).mean() > 0.9
    assert (p_spacegroup.argmax(axis=1) + 1 == groups).mean() > 0.9


def test_the_cascade_follows_the_predicted_system(fitted):
    X, system, _ = table(3, 300, 1.0)
    p_system, p_spacegroup = fitted.predict_proba(X)
    predicted = p_system.argmax(axis=1)
    assert (predicted != system).any(), "wrong predictions are what this test is about"
    assert set(np.flatnonzero(p_system.any(axis=0))) == set(system_index(GROUPS))
    np.testing.assert_allclose(p_system.sum(axis=1), 1, atol=1e-6)
    for row, index in zip(p_spacegroup, predicted, strict=True):
        allowed = space_groups(("triclinic", 0, 0, 0, 0, "hexagonal", "cubic")[index])
        assert set(np.flatnonzero(row) + 1) <= set(allowed) & set(GROUPS)
        assert row.sum() == pytest.approx(1, abs=1e-6)
    hexagonal = predicted == 5
    assert hexagonal.any()
    assert (p_spacegroup[hexagonal, 193] == 1).all()


def test_one_system_alone_can_be_fitted():
    X, _, _ = table(0, 20, 0.1)
    forest = HierarchicalForest(SETTINGS).fit(X, np.full(20, 6), np.full(20, 225))
    p_system, p_spacegroup = forest.predict_proba(X)
    assert (p_system[:, 6] == 1).all()
    assert (p_spacegroup[:, 224] == 1).all()


def test_a_saved_forest_predicts_the_same(fitted, tmp_path):
    X, _, _ = table(3, 100, 1.0)
    fitted.save(tmp_path / "forest")
    loaded = HierarchicalForest.load(tmp_path / "forest")
    assert loaded.settings == SETTINGS
    for first, second in zip(fitted.predict_proba(X), loaded.predict_proba(X), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_broken_model_is_named(fitted, tmp_path):
    fitted.save(tmp_path)
    trees, model = tmp_path / "forest.h5", tmp_path / "model.json"
    trees.write_bytes(trees.read_bytes()[:1000])
    with pytest.raises(InputError, match=re.escape(str(trees))):
        HierarchicalForest.load(tmp_path)
    model.write_text(json.dumps({"settings": {"trees": 3}}))
    with pytest.raises(InputError, match=re.escape(str(model))):
        HierarchicalForest.load(tmp_path)


def run_forest(files, folder, jobs):
    spots, split, _ = files
    train_forest(spots, split, folder / "model", SETTINGS, jobs)
    predict_forest(spots, split, folder / "model", folder / "p.parquet", jobs)
    return folder


def test_predictions_are_of_the_test_patterns_with_their_classes(files, tmp_path):
    found = read_predictions(run_forest(files, tmp_path / "one", 1) / "p.parquet")
    tested = files[2][files[2].split == "test"]
    assert found.material_id.tolist() == tested.material_id.repeat(5).tolist()
    assert found.view.tolist() == list(range(5)) * len(tested)
    assert found.spacegroup.tolist() == tested.spacegroup_number.repeat(5).tolist()


def test_threads_chunks_and_the_order_of_shards_change_no_bit(files, tmp_path, monkeypatch):
    one = run_forest(files, tmp_path / "one", 1)
    monkeypatch.setattr(run, "_PATTERNS_AT_ONCE", 7)
    two = run_forest((files[0][::-1], *files[1:]), tmp_path / "two", 2)
    for name in ("p.parquet", "model/model.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    with h5py.File(one / "model/forest.h5") as first, h5py.File(two / "model/forest.h5") as second:
        for name in ("system/threshold", "spacegroup/cubic/feature", "spacegroup/cubic/entry_share"):
            np.testing.assert_array_equal(first[name], second[name])


def test_validation_is_of_training_materials_by_a_forest_without_them(files, tmp_path):
    spots, split, frame = files
    validate_forest(spots, split, tmp_path / "one.parquet", SETTINGS, (0.2, 3), 1)
    validate_forest(spots[::-1], split, tmp_path / "two.parquet", SETTINGS, (0.2, 3), 2)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    found = read_predictions(tmp_path / "one.parquet")
    validated = set(found.material_id)
    assert len(validated) == round(0.2 * 18)
    assert validated < set(frame.material_id[frame.split == "train"])
    # The forest itself has seen them: as sure as it is of what it was grown on, it is of no new one.
    run_forest(files, tmp_path, 1)
    seen, _ = labelled_patterns(spots, split, "train")
    p, _ = run.predict_patterns(HierarchicalForest.load(tmp_path / "model"), seen)
    assert found.p_system.max(axis=1).mean() < p.max(axis=1).mean()


def test_a_split_of_other_materials_is_refused(files, tmp_path):
    spots, path, split = files
    others = split.assign(material_id=split.material_id + "x")
    write_parquet(pa.Table.from_pandas(others, preserve_index=False), path)
    with pytest.raises(InputError, match="none of the 18 train materials has a pattern"):
        train_forest(spots, path, tmp_path / "model", SETTINGS, 1)
