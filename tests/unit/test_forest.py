from dataclasses import fields, replace

import h5py
import numpy as np
import pyarrow as pa
import pytest
from labelled import labelled_spots
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from edsym.errors import InputError
from edsym.models.forest import model
from edsym.models.forest.features import N_SHARES, features_of, forest_features
from edsym.models.forest.fit import flattened, grow, grown_flat
from edsym.models.forest.model import Forest
from edsym.models.forest.settings import ForestSettings
from edsym.models.predict import predict_model
from edsym.models.train import train_model
from edsym.parquet import write_parquet
from edsym.predictions.table import read_predictions
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


def grown(X, groups):
    forest = Forest(forest=SETTINGS)
    grow(forest, X, groups)
    return forest


@pytest.fixture(scope="module")
def fitted():
    X, _, groups = table(0, 400, 0.4)
    return grown(X, groups)


def test_flat_trees_predict_as_those_of_scikit_learn():
    X, _, groups = table(1, 500, 1.0)
    # Thresholds between neighbouring floats: rounding them must not send a sample the other way.
    X[:250] = np.nextafter(np.round(X[:250]), np.float32(np.inf))
    X[250:] = np.round(X[250:])
    for depth in (3, 30):
        forest = RandomForestClassifier(10, max_depth=depth, random_state=0).fit(X, groups)
        flat = flattened(forest)
        np.testing.assert_array_equal(flat.classes, forest.classes_)
        np.testing.assert_allclose(flat.predict_proba(X), forest.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(("trees", "threads", "few"), [(19, 1, None), (16, 2, 60), (3, 1, 60)])
def test_trees_that_are_grown_a_few_at_once_are_those_of_one_forest(trees, threads, few):
    X, _, groups = table(1, 300, 1.0)
    options = {"max_depth": 20, "max_samples": few, "random_state": 5}
    whole = flattened(RandomForestClassifier(trees, **options).fit(X, groups))
    parts = grown_flat(RandomForestClassifier(**options, n_jobs=threads), X, groups, trees, threads)
    for field in fields(whole):
        np.testing.assert_array_equal(getattr(parts, field.name), getattr(whole, field.name), field.name)


def test_a_budget_of_rows_makes_smaller_trees():
    X, _, groups = table(1, 400, 1.0)
    sizes = []
    for few in (None, 40):
        forest = Forest(forest=SETTINGS.replace(max_rows=few))
        grow(forest, X, groups)
        sizes.append(len(forest.systems.left))
    assert sizes[1] < sizes[0] / 3


@pytest.mark.parametrize("few", [None, 60])
def test_thresholds_may_be_drawn(few):
    X, system, groups = table(0, 400, 0.4)
    forest = Forest(forest=SETTINGS.replace(thresholds="random", max_rows=few))
    grow(forest, X, groups)
    plain = ExtraTreesClassifier(
        8, max_depth=40, bootstrap=few is not None, max_samples=few, random_state=32
    ).fit(X, system)
    expected = plain.predict_proba(X)
    np.testing.assert_allclose(forest.probabilities(X)[0][:, plain.classes_], expected, atol=1e-6)
    assert (expected.max(axis=1) == 1).all() == (few is None), "each tree has all patterns, or some of them"


def test_an_excluded_system_is_neither_learned_nor_answered():
    X, system, groups = table(0, 400, 0.4)
    forest = Forest(forest=SETTINGS.replace(exclude=["triclinic"]))
    grow(forest, X, groups)
    p_system, p_spacegroup = forest.probabilities(X)
    assert not p_system[:, 0].any() and not p_spacegroup[:, :2].any()
    np.testing.assert_allclose(p_system.sum(axis=1), 1, atol=1e-6)
    alone = Forest(forest=SETTINGS)
    grow(alone, X[system > 0], groups[system > 0])
    np.testing.assert_array_equal(alone.probabilities(X)[0], p_system)
    with pytest.raises(InputError, match=r"forest\.exclude: all training patterns are triclinic"):
        grow(forest, X[system == 0], groups[system == 0])


def test_trees_can_be_shown_positions_or_intensities_alone():
    spots, _ = labelled_spots()
    brighter = replace(spots, intensity=spots.intensity**2)
    moved = replace(spots, qx=spots.qy, qy=spots.qx / 2)
    same = {"positions": brighter, "intensities": moved}
    for kind, other in same.items():
        seen = features_of(spots, kind)
        np.testing.assert_array_equal(features_of(other, kind), seen)
        changed = moved if other is brighter else brighter
        assert (features_of(changed, kind) != seen).any()
        np.testing.assert_array_equal(features_of(spots, kind, slice(7, 20)), seen[7:20])
    np.testing.assert_array_equal(features_of(spots, "spots"), forest_features(spots))
    own = np.sort(spots.rows([3])[0][:, 2])[::-1]
    row = features_of(spots, "intensities")[3]
    np.testing.assert_allclose(row[: len(own)], own / own.sum(), rtol=1e-6)
    assert (row[len(own) : N_SHARES] == 0).all() and row[N_SHARES] == len(own)


def test_features_of_another_kind_are_refused(fitted):
    with pytest.raises(ValueError, match="X has 3 features"):
        fitted.probabilities(np.zeros((2, 3), "f4"))


def test_the_forest_learns(fitted):
    X, system, groups = table(2, 200, 0.2)
    p_system, p_spacegroup = fitted.probabilities(X)
    assert (p_system.argmax(axis=1) == system).mean() > 0.9
    assert (p_spacegroup.argmax(axis=1) + 1 == groups).mean() > 0.9


def test_the_cascade_follows_the_predicted_system(fitted):
    X, system, _ = table(3, 300, 1.0)
    p_system, p_spacegroup = fitted.probabilities(X)
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
    forest = grown(X, np.full(20, 225))
    p_system, p_spacegroup = forest.probabilities(X)
    assert (p_system[:, 6] == 1).all()
    assert (p_spacegroup[:, 224] == 1).all()


def run_forest(files, folder, threads):
    spots, split, _ = files
    train_model(Forest(forest=SETTINGS), spots, split, folder / "model", validation=None, threads=threads)
    predict_model(folder / "model", spots, split, [folder / "p.parquet"], threads=threads)
    return folder


def test_predictions_are_of_the_test_patterns_with_their_classes(files, tmp_path):
    found = read_predictions(run_forest(files, tmp_path / "one", 1) / "p.parquet")
    tested = files[2][files[2].split == "test"]
    assert found.material_id.tolist() == tested.material_id.repeat(5).tolist()
    assert found.view.tolist() == list(range(5)) * len(tested)
    assert found.spacegroup.tolist() == tested.spacegroup_number.repeat(5).tolist()


def test_threads_chunks_and_the_order_of_shards_change_no_bit(files, tmp_path, monkeypatch):
    one = run_forest(files, tmp_path / "one", 1)
    monkeypatch.setattr(model, "_PATTERNS_AT_ONCE", 7)
    two = run_forest((files[0][::-1], *files[1:]), tmp_path / "two", 2)
    for name in ("p.parquet", "model/model.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    with h5py.File(one / "model/forest.h5") as first, h5py.File(two / "model/forest.h5") as second:
        for name in ("system/threshold", "spacegroup/cubic/feature", "spacegroup/cubic/entry_share"):
            np.testing.assert_array_equal(first[name], second[name])


def test_validation_is_of_training_materials_by_a_forest_without_them(files, tmp_path):
    spots, split, frame = files

    def validated(name, threads=1):
        folder, path = tmp_path / name, tmp_path / f"{name}.parquet"
        how = {"validation": (0.2, 3), "threads": threads}
        train_model(Forest(forest=SETTINGS), spots, split, folder, left_out=True, **how)
        predict_model(folder, spots[::-1], split, [path], **how)
        return read_predictions(path)

    first, second = validated("one"), validated("two", 2)
    np.testing.assert_array_equal(first.p_spacegroup, second.p_spacegroup)
    ids = set(first.material_id)
    assert len(ids) == round(0.2 * 18)
    assert ids < set(frame.material_id[frame.split == "train"])
    # What these materials are, the forest has not been told: with other labels it is the same.
    other = frame.material_id.isin(ids)
    relabelled = frame.assign(
        spacegroup_number=frame.spacegroup_number.where(~other, 75),
        crystal_system=frame.crystal_system.where(~other, "tetragonal"),
    )
    write_parquet(pa.Table.from_pandas(relabelled, preserve_index=False), split)
    third = validated("three")
    assert set(third.spacegroup) == {75}
    np.testing.assert_array_equal(third.p_spacegroup, first.p_spacegroup)


def test_a_split_of_other_materials_is_refused(files, tmp_path):
    spots, path, split = files
    others = split.assign(material_id=split.material_id + "x")
    write_parquet(pa.Table.from_pandas(others, preserve_index=False), path)
    with pytest.raises(InputError, match="none of the 18 train materials has a pattern"):
        train_model(Forest(forest=SETTINGS), spots, path, tmp_path / "model", validation=None)


def _at(array, place, value):
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("name", "forge", "message"),
    [
        ("left", lambda a: _at(a, 0, 10**6), "a child that is not there"),
        ("right", lambda a: _at(a, 0, 0), "a child that is not there"),  # no way out
        ("right", lambda a: _at(a, 0, -5), "a child that is not there"),
        ("right", lambda a: _at(a, -1, 10**6), "a leaf has a number that is not there"),
        ("right", lambda a: _at(a, -1, -1), "a leaf has a number that is not there"),
        ("feature", lambda a: _at(a, 0, -1), "a feature below 0"),
        ("feature", lambda a: a[:-1], "nodes lack"),
        ("tree_offset", lambda a: a[:-1], "trees do not share all nodes"),
        ("leaf_offset", lambda a: _at(a, 1, 10**6), "leaves do not share all entries"),
        ("entry_share", lambda a: a[:-1], "entries lack"),
        ("entry_class", lambda a: _at(a, 0, 200), "an entry is of no class"),
        ("classes", lambda a: _at(a, 0, 3), "lack their space groups"),
    ],
)
def test_forged_trees_with_right_checksums_are_refused(fitted, tmp_path, name, forge, message):
    forged = Forest(forest=SETTINGS)
    forged.groups = fitted.groups
    forged.systems = replace(fitted.systems, **{name: forge(getattr(fitted.systems, name))})
    forged.write_weights(tmp_path / "forest.h5")
    with pytest.raises(InputError, match=f"forest.h5 does not hold a forest: .*{message}"):
        Forest(forest=SETTINGS).read_weights(tmp_path / "forest.h5")
    fitted.write_weights(tmp_path / "forest.h5")
    Forest(forest=SETTINGS).read_weights(tmp_path / "forest.h5")


def test_groups_of_another_system_are_refused(fitted, tmp_path):
    forged = Forest(forest=SETTINGS)
    forged.systems = fitted.systems
    forged.groups = fitted.groups | {6: replace(fitted.groups[6], classes=np.array([1, 2, 3]))}
    forged.write_weights(tmp_path / "forest.h5")
    with pytest.raises(InputError, match="classes of cubic are no space groups of it"):
        Forest(forest=SETTINGS).read_weights(tmp_path / "forest.h5")
