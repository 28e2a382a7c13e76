"""The powder network: training, calibration, priors, its folder, scores beside other methods, tables."""

from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

from edsym.cli import main
from edsym.errors import InputError
from edsym.evaluation import powder_class_tables, powder_tables
from edsym.evaluation.powder_figures import BUILDERS as FIGURES
from edsym.evaluation.powder_inputs import PowderInputs
from edsym.evaluation.table_writer import to_markdown
from edsym.interface.powder import classify_powder
from edsym.interface.powder_answer import PowderAnswer
from edsym.interface.prediction import Prediction
from edsym.parquet import write_parquet
from edsym.powder import fit
from edsym.powder.baselines import nearest
from edsym.powder.division import divide
from edsym.powder.features import clean
from edsym.powder.measured import read_patterns
from edsym.powder.model import PowderModel
from edsym.powder.network import class_sums, members
from edsym.powder.relatives import relatives
from edsym.powder.render import render
from edsym.powder.rival_settings import (
    PowderConvNextSettings,
    PowderPeaksSettings,
    PowderTransformerSettings,
)
from edsym.powder.score import score_powder
from edsym.powder.settings import PowderEvaluationSettings, PowderNetworkSettings, PowderSettings
from edsym.powder.store import PowderStore, write_reflections
from edsym.powder.views import smoothed, strained
from edsym.structures.standard import standardize
from edsym.structures.table import write_materials
from edsym.symmetry import crystal_system
from edsym.symmetry.classes import powder_groups
from edsym.symmetry.subgroups import powder_group_distances

POWDER = PowderSettings(step=0.2, two_theta_max=60.0)
NETWORK = PowderNetworkSettings(correlations=64, hidden=[32], epochs=6, batch_size=16, threads=1)
PEROVSKITE = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
SHORT = {"batch_size": 8, "threads": 1, "learning_rate": 0.02}
RIVALS = {
    "convnext": PowderConvNextSettings(widths=[8, 16], depths=[1, 1], epochs=2, **SHORT),
    "peaks": PowderPeaksSettings(peaks=12, pair_bins=64, width=16, depth=1, heads=2, epochs=40, **SHORT),
}
EVALUATION = PowderEvaluationSettings(trees=5, test_fraction=0.3)


@pytest.fixture(scope="module")
def materials(tmp_path_factory):
    """A table of 40 crystals: rock salt and caesium chloride of different sizes."""
    folder = tmp_path_factory.mktemp("powder")
    rows = []
    cells = [
        Pymatgen.from_spacegroup(group, Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])
        for group in ("Pm-3m", "Fm-3m")
    ]
    for i in range(40):
        cell = cells[i % 2].copy()
        cell.lattice = Lattice.cubic(4 + 0.05 * i)
        rows.append((f"m{i:02d}", 225 if i % 2 else 221, cell))
    frame = pd.DataFrame(
        {
            "material_id": [row[0] for row in rows],
            "formula": "Na1 Cl1",
            "spacegroup_number": [row[1] for row in rows],
            "crystal_system": [crystal_system(row[1]) for row in rows],
            "volume": [row[2].volume for row in rows],
            "nsites": [len(row[2]) for row in rows],
            "lattice": [row[2].lattice.matrix.ravel() for row in rows],
            "numbers": [np.array([s.specie.Z for s in row[2]]) for row in rows],
            "frac_coords": [row[2].frac_coords.ravel() for row in rows],
        }
    )
    write_materials(frame, folder / "materials.parquet", {})
    return folder / "materials.parquet"


@pytest.fixture(scope="module")
def store(materials):
    folder = materials.parent
    write_reflections(materials, folder / "reflections.h5", folder / "bad.csv", POWDER)
    assert pd.read_csv(folder / "bad.csv").empty
    return PowderStore(folder / "reflections.h5")


@pytest.fixture(scope="module")
def model(store):
    training, validation, _ = divide(store, "material", EVALUATION, 0.3)
    return fit.train_powder(store, training, validation, POWDER, NETWORK)


def test_parts_are_apart_and_depend_on_the_seed_alone(store):
    parts = divide(store, "material", EVALUATION, 0.3)
    assert sorted(np.concatenate(parts)) == list(range(40))
    few = divide(store, "material", EVALUATION.replace(materials=12), 0.3)
    assert np.array_equal(few[2], parts[2]) and len(few[0]) + len(few[1]) == 12
    with pytest.raises(InputError, match="too few to divide by prototype"):
        divide(store, "prototype", EVALUATION, 0.3)


def test_sums_over_classes_are_those_of_probabilities():
    index = powder_groups().index
    p = np.random.default_rng(0).dirichlet(np.ones(230), 3)
    found = class_sums(torch.from_numpy(np.log(p)), members(index)).exp().numpy()
    assert found == pytest.approx(powder_groups().sums(p))


def test_a_training_is_the_same_again_and_goes_on_from_its_checkpoint(store, model, tmp_path, monkeypatch):
    training, validation, _ = divide(store, "material", EVALUATION, 0.3)
    checkpoint = tmp_path / "checkpoint.pt"
    monkeypatch.setattr(fit._Fit, "_train", ended := _Ended(fit._Fit._train, 5))
    with pytest.raises(KeyboardInterrupt):
        fit.train_powder(store, training, validation, POWDER, NETWORK, checkpoint)
    ended.left = 99
    again = fit.train_powder(store, training, validation, POWDER, NETWORK, checkpoint)
    assert ended.left == 98
    assert again.record == model.record and again.calibration == model.calibration
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name


class _Ended:
    """A method that ends the process after so many calls."""

    def __init__(self, method, left):
        self.method, self.left = method, left

    def __get__(self, instance, _):
        def call(epoch):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            self.method(instance, epoch)

        return call


def test_scores_are_means_over_smoothed_patterns_of_strained_cells(model, store):
    sharp = POWDER.replace(step=0.02)
    assert smoothed(np.array([[0, 4.0, 8, 4, 0, 0]])).tolist() == [[0, 4, 6, 4, 0, 0]]
    first, second = (store.lines._replace(reciprocal=store.lines.reciprocal / f) for f in (1, 1.015))
    own, larger = (render(lines, np.arange(3), sharp, None) for lines in (first, second))
    inside = slice(None, sharp.bins * 9 // 10)
    for row, expected in zip(strained(own, 0.015, sharp)[:, inside], larger[:, inside], strict=True):
        assert np.corrcoef(row, expected)[0, 1] > 0.99 > 0.5 > np.corrcoef(row, own[0, inside])[0, 1]
    patterns = render(store.lines, np.arange(4), POWDER, 0, "views")
    each = [
        model.network(torch.from_numpy(strained(clean(smoothed(patterns), POWDER), s, POWDER)))
        for s in (-0.015, -0.008, 0, 0.008, 0.015)
    ]
    assert np.allclose(model.scores(patterns), torch.stack(each).mean(0).detach().numpy(), atol=1e-5)


def test_probabilities_sum_to_1_and_follow_the_prior(model):
    scores = np.random.default_rng(1).normal(0, 2, (5, 230))
    p = model.probabilities(scores)
    assert p.sum(1) == pytest.approx(1)
    flat = powder_groups().sums(model.probabilities(0 * scores, "uniform"))
    power = model.calibration.scores
    # without evidence, a prior of the groups comes back
    assert flat == pytest.approx(np.full(flat.shape, 1 / 97), rel=1e-6)
    counts = np.zeros(230)
    counts[61] = 1000
    told = powder_groups().sums(model.probabilities(scores, counts))
    assert (told.argmax(1) == powder_groups().index[61]).mean() > 0.5 and power > 0
    with pytest.raises(InputError, match="expected one of training, uniform"):
        model.probabilities(scores, "none")


def test_the_calibration_of_right_and_sure_scores_is_sharp_and_of_noise_is_flat(model):
    rng = np.random.default_rng(2)
    truth = rng.integers(1, 231, 400)
    right = 3 * np.eye(230)[truth - 1] + rng.normal(0, 0.3, (400, 230))
    assert model.fit_calibration(right, truth).scores > 1.5
    assert model.fit_calibration(rng.normal(0, 3, (400, 230)), truth).scores < 0.1


def test_a_folder_holds_the_model(model, store, tmp_path):
    model.save(tmp_path / "m")
    read = PowderModel.load(tmp_path / "m")
    patterns = np.random.default_rng(0).random((3, POWDER.bins)).astype(np.float32)
    assert read.scores(patterns) == pytest.approx(model.scores(patterns), abs=0.05)
    assert (read.calibration, read.powder, read.settings) == (model.calibration, POWDER, NETWORK)
    (tmp_path / "m/weights.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="is damaged"):
        PowderModel.load(tmp_path / "m")
    with pytest.raises(InputError, match="holds no powder model"):
        PowderModel.load(tmp_path)


@pytest.fixture(scope="module")
def transformer(store):
    training, validation, _ = divide(store, "material", EVALUATION, 0.3)
    settings = PowderTransformerSettings(
        patch=500, width=8, depth=2, heads=2, epochs=5, batch_size=8, threads=1, uniform_fraction=0.4
    )
    return fit.train_powder(store, training, validation, POWDER, settings)


@pytest.fixture(scope="module")
def rivals(store):
    """By name, trained networks beside the perceptron."""
    training, validation, _ = divide(store, "material", EVALUATION, 0.3)
    return {
        name: fit.train_powder(store, training, validation, POWDER, settings)
        for name, settings in RIVALS.items()
    }


def test_peaks_teach_labels_and_nothing_where_these_are_shuffled(store, rivals):
    training, validation, _ = divide(store, "material", EVALUATION, 0.3)
    dealt = copy(store)
    dealt.spacegroup_number = np.random.default_rng(0).permutation(store.spacegroup_number)
    shuffled = fit.train_powder(dealt, training, validation, POWDER, RIVALS["peaks"])
    by_chance = 1.25 * np.log(2)  # of two cubic groups
    assert min(rivals["peaks"].record["validation_loss"]) < 0.6 * by_chance
    assert min(shuffled.record["validation_loss"]) > 0.9 * by_chance


def test_the_curriculum_shows_clean_patterns_of_all_groups_alike_first(store, transformer):
    training, validation, _ = divide(store, "material", EVALUATION, 0.3)
    rare = np.concatenate([training[store.spacegroup_number[training] == 225][:2],
                           training[store.spacegroup_number[training] == 221]])  # fmt: skip
    one = fit._Fit(_new(store, 0.0, transformer.settings), store, np.repeat(rare, 20), validation)
    shares = []
    for epoch in (1, 2):
        materials, patterns = (np.concatenate(part) for part in zip(*one._batches(epoch), strict=True))
        shares.append((store.spacegroup_number[materials] == 225).mean())
        # without noise, a pattern is that of its crystal
        assert (len(np.unique(patterns, axis=0)) <= len(rare)) == (epoch == 1)
    assert shares[0] == pytest.approx(0.5, abs=0.1) and shares[1] == pytest.approx(2 / len(rare), abs=0.05)


def test_scores_and_tables_beside_other_methods(model, transformer, rivals, store, tmp_path):
    two_theta = np.arange(5, 60, 0.1)
    intensity = np.random.default_rng(0).random((4, len(two_theta)))
    np.savez(
        tmp_path / "set.npz",
        intensity=intensity,
        two_theta_start=5.0,
        two_theta_step=0.1,
        spacegroup_number=np.array([225, 221, 225, 999]),
    )
    measured, rejected = read_patterns(tmp_path / "set.npz", POWDER)
    assert len(measured.name) == 3 and "999, expected 1 to 230" in rejected.reason[0]
    written = tmp_path / "scores.parquet", tmp_path / "examples.parquet"
    beside = {"transformer": transformer, "convnext": rivals["convnext"]}
    score_powder(store, model, "material", EVALUATION, measured, beside, *written)
    frame = pd.read_parquet(tmp_path / "scores.parquet")
    test = divide(store, "material", EVALUATION, 0.3)[2]
    simulated = frame[frame.patterns == "simulated"]
    assert simulated.groupby("method").size().to_dict() == dict.fromkeys(
        [
            "prior",
            "nearest",
            "forest",
            "network",
            "network uniform",
            "transformer",
            "transformer structured",
            "convnext",
        ],
        len(test),
    )
    assert sorted(simulated[simulated.method == "network"].name) == sorted(store.material_id[test])
    right = frame["rank"] == 1
    assert (frame.p_true[right] == frame.confidence[right]).all()

    model.save(tmp_path / "m")
    published = Path(__file__).parents[2] / "config/published.yaml"
    inputs = PowderInputs.of(
        ["material"], scores=written[:1], models=[tmp_path / "m"], examples=written[1:], published=published
    )
    table = powder_tables.powder1(inputs)
    row = table.frame.set_index(["patterns", "method"]).loc[("simulated", "Nearest neighbour")]
    own = simulated[simulated.method == "nearest"]
    assert row.top1 == pytest.approx(100 * (own["rank"] == 1).mean()) and row.top5 >= row.top1
    assert row.top1_low < row.top1 <= row.top1_high and "training materials" in table.note
    by_method = powder_tables.powder2(inputs).frame.set_index(["patterns", "method"])
    prior = by_method.loc[("simulated", "Prior alone")]
    own = simulated[simulated.method == "prior"]
    assert prior.nll == pytest.approx(-np.log(own.p_true).mean())
    assert prior.confidence == pytest.approx(100 * own.confidence.mean()) and np.isnan(prior.temperature)
    own = by_method.loc[("simulated", "Network")]
    weights = 1 / own.temperature, own.power
    assert weights == pytest.approx((model.calibration.scores, model.calibration.prior))
    assert by_method.loc[("simulated", "Network, all groups alike")].power == 0

    beside = powder_tables.powder3(inputs).frame
    assert (beside.division == "published").sum() == 8 and set(beside.number.dropna()) == {3, 325, 473}
    write_parquet(pa.Table.from_pandas(simulated, preserve_index=False), tmp_path / "unmeasured.parquet")
    unmeasured = replace(inputs, scores={"material": tmp_path / "unmeasured.parquet"})
    assert to_markdown(powder_tables.powder3(unmeasured)).count("published") >= 8
    _check_classes(powder_class_tables.powder4(inputs).frame, model, simulated[simulated.method == "network"])
    _check_distances(powder_class_tables.powder5(inputs).frame, frame)
    _check_similarities(powder_class_tables.powder6(inputs).frame, frame)
    example = pd.read_parquet(written[1]).iloc[0]
    same = (frame.name == example["name"]) & (frame.method == "network")
    assert example.p_answers[0] == pytest.approx(frame[same].confidence.item())
    assert {name: len(make(inputs).axes) for name, make in FIGURES.items()} == {
        "powder_fig1": 9, "powder_fig2": 2, "powder_fig3": 2, "powder_fig4": 2,
    }  # fmt: skip


def _check_classes(frame, model, own):
    rock_salt = frame.iloc[powder_groups().index[224]]
    assert "Fm-3m" in rock_salt.members.split() and rock_salt.material_training == model.counts[224]
    right = own[own.spacegroup_number == 225]["rank"] == 1
    assert rock_salt.material_simulated_number == len(right)
    assert rock_salt.material_simulated_recall == pytest.approx(100 * right.mean())


def _check_similarities(table, scores):
    own = scores[(scores.patterns == "simulated") & (scores.method == "network")]
    assert own.similarity.between(0, 1.001).all()
    rows = table[(table.patterns == "simulated") & (table.method == "Network")].set_index("similarity")
    assert rows.number.sum() == len(own)
    for name, row in rows.iterrows():
        low, high = map(float, name.split(" to "))
        alike = own[(own.similarity >= low) & (own.similarity < high)]
        assert row.number == len(alike) and row.top1 == pytest.approx(100 * (alike["rank"] == 1).mean())


def _check_distances(table, scores):
    table = table.set_index(["patterns", "method", "predictions"])
    own = scores[(scores.patterns == "simulated") & (scores.method == "nearest")]
    wrong = own[own.group != own.predicted_group]
    row = table.loc[("simulated", "Nearest neighbour", "as predicted")]
    assert row.errors == len(wrong)
    always = table.loc[("simulated", "Network", "always P-1")]
    # Pm-3m and Fm-3m down to P-1: through Fmmm or Pmmm and C2/m or P2/m
    steps = powder_group_distances()[powder_groups().index[[220, 224]], powder_groups().index[1]]
    assert always.errors == len(own) and min(steps) <= always.distance <= max(steps)


def test_the_nearest_neighbour_of_a_training_pattern_is_itself(store):
    shown = render(store.lines, np.arange(8), POWDER, 0, "shown")
    groups = store.spacegroup_number[:8]
    p, similarity = nearest(shown, groups, 2 * shown[::-1], POWDER)
    assert similarity == pytest.approx(1, abs=1e-5)
    assert p.sum(1) == pytest.approx(1) and (p.argmax(1) + 1 == groups[::-1]).all()


def test_sets_of_measured_patterns_are_checked(tmp_path):
    with pytest.raises(InputError, match=r"labels\.csv cannot be read"):
        read_patterns(tmp_path, POWDER)
    (tmp_path / "labels.csv").write_text("file,spacegroup_number,wavelength\na.xy,225,1.79\nb.xy,1,\n")
    (tmp_path / "a.xy").write_text("\n".join(f"{5 + 0.1 * i} {i % 9}" for i in range(900)))
    found, rejected = read_patterns(tmp_path, POWDER)
    assert found.name.tolist() == ["a.xy"] and rejected.name.tolist() == ["b.xy"]
    np.savez(tmp_path / "set.npz", intensity=np.ones((2, 900)))
    with pytest.raises(InputError, match="no array two_theta_start"):
        read_patterns(tmp_path / "set.npz", POWDER)


def test_the_command_answers_with_a_model_of_a_folder(model, tmp_path, capsys):
    model.save(tmp_path / "m")
    text = "\n".join(f"{5 + 0.1 * i} {100 * (i % 50 == 0)}" for i in range(550))
    (tmp_path / "a.xy").write_text(text)
    arguments = [str(tmp_path / "a.xy"), "--model", str(tmp_path / "m"), "--top", "2"]
    assert main(["classify-powder", *arguments, "--csv", str(tmp_path / "a.csv")]) == 0
    answers = pd.read_csv(tmp_path / "a.csv")
    assert answers["rank"].tolist() == [1, 2] and answers.space_group[0] in answers.members[0].split()
    told = capsys.readouterr().out
    assert f"{answers.p_group[0]:.3f}" in told and "cell: none explains" in told
    assert main(["classify-powder", *arguments[:2], "nowhere"]) == 2
    assert "no powder model 'nowhere'" in capsys.readouterr().err
    with pytest.raises(InputError, match="expected 1 to 97"):
        classify_powder(tmp_path / "a.xy", tmp_path / "m").top(98)


def test_an_answer_sums_to_systems_and_groups():
    p = np.zeros(230)
    p[[220, 224, 0]] = 0.3, 0.5, 0.2
    answer = PowderAnswer(p, p)
    assert answer.p_system[-1] == pytest.approx(0.8) and answer.p_system[0] == pytest.approx(0.2)
    top = answer.top(2)
    assert top.space_group.tolist() == ["Fm-3m", "Pm-3m"] and top.crystal_system[0] == "cubic"


def test_relatives_have_the_structure_and_symmetry_of_their_crystal(tmp_path):
    cell = standardize(np.diag([4.0, 4, 6]), np.array([56, 22, 8, 8, 8]), PEROVSKITE)
    settings = POWDER.replace(relatives=3)
    abundance = np.bincount([8, 9, 16, 22, 26, 38, 56], minlength=119)
    found = relatives(cell, abundance, settings, "mp-1")
    assert len({tuple(one.numbers) for one in found}) > 1
    for one in found:
        assert len(set(one.numbers)) == 3 and set(one.numbers[one.numbers < 20]) <= {8, 9, 16}
        again = standardize(one.lattice, one.numbers, one.frac_coords)
        assert again.spacegroup_number == cell.spacegroup_number == 123
        assert 0.01 < np.abs(np.diag(one.lattice) / np.diag(cell.lattice) - 1).max() < 0.3
    assert np.array_equal(relatives(cell, abundance, settings, "mp-1")[2].lattice, found[2].lattice)


def test_training_draws_from_relatives_and_tests_do_not(materials, store, tmp_path):
    write_reflections(materials, tmp_path / "r.h5", tmp_path / "bad.csv", POWDER.replace(relatives=2))
    kin = PowderStore(tmp_path / "r.h5")
    assert kin.relatives == 2 and len(kin.lines_with_relatives.reciprocal) == 3 * len(kin) == 120
    for name, values in store.lines._asdict().items():
        count = len(values)
        assert np.array_equal(getattr(kin.lines, name)[:count], values), name
    shown = [render(one.lines, np.arange(40), POWDER, 0, "test") for one in (store, kin)]
    assert np.array_equal(*shown)
    training, validation, _ = divide(kin, "material", EVALUATION, 0.3)
    drawn = [
        np.concatenate(
            [patterns for _, patterns in fit._Fit(_new(*one), one[0], training, validation)._batches(0)]
        )
        for one in ((store, 0.0), (kin, 0.0), (kin, 1.0))
    ]
    assert not (drawn[0] == drawn[1]).all(1).any()
    # a third are the materials themselves: only relatives are strained anew
    assert 0.1 < (drawn[1] == drawn[2]).all(1).mean() < 0.6


def _new(store, anew, settings=NETWORK):
    counts = np.bincount(store.spacegroup_number - 1, minlength=230)
    return PowderModel(
        POWDER.replace(relatives=store.relatives), settings.replace(relatives_anew=anew), counts
    )


def test_electrons_and_powder_together_weigh_the_prior_once():
    rng = np.random.default_rng(0)
    views, told = rng.dirichlet(np.ones(230), 2), rng.dirichlet(np.ones(230))
    alone = Prediction(
        np.array(["1", "2"]), np.zeros(2, int), np.array(["salt"]),
        np.ones((2, 7)) / 7, views, np.ones((1, 7)) / 7, views[:1], True,
    )  # fmt: skip
    both = alone.with_powder(PowderAnswer(rng.dirichlet(np.ones(230)), told))
    assert both.p_spacegroup[1] == pytest.approx(views[1] * told / (views[1] * told).sum())
    assert both.p_system_views[0, 6] == pytest.approx(both.p_spacegroup_views[0, 194:].sum())
    # what says nothing changes nothing, and a certain answer can be told otherwise
    assert alone.with_powder(PowderAnswer(told, np.full(230, 1 / 230))).p_spacegroup == pytest.approx(views)
    sure = replace(alone, p_spacegroup=np.eye(230)[[0, 0]])
    assert sure.with_powder(PowderAnswer(told, np.eye(230)[224])).p_spacegroup[0, [0, 224]].sum() > 0.99
    two = replace(alone, material_id=np.array(["a", "b"]))
    with pytest.raises(InputError, match="of 2 crystals, expected one"):
        two.with_powder(PowderAnswer(told, told))
