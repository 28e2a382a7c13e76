"""Tables of a run of eight test patterns against results worked out by hand."""

import html
import json
import re
from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import yaml
from evaluation_run import PUBLISHED, configuration, write_run_files

from edsym.errors import InputError
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.methods import METHODS
from edsym.evaluation.products import FIGURES, OF_SCANS, REQUIRES, TABLES, configured, required
from edsym.evaluation.published import read_published
from edsym.evaluation.run import describe_run, read_run, read_sizes
from edsym.evaluation.table_writer import Column, Table, to_html, to_latex, to_markdown
from edsym.evaluation.tables import BUILDERS, write_table
from edsym.models.registry import MODELS
from edsym.predictions.decisions import UNFITTED, decide
from edsym.symmetry.classes import CLASSES


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_run_files(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def table(files):
    @cache
    def build(name: str) -> Table:
        # Only the declared files: a table that reads another one fails here.
        declared = {key: files[key] for key in REQUIRES[name]}
        return BUILDERS[name](EvaluationInputs(declared, configuration()))

    return build


def rows(table: Table, *keys: str, spots: str = "ideal") -> pd.DataFrame:
    """Return the rows of a level of the detector, where a table has several; published ones are of none."""
    frame = table.frame
    if "spots" in frame:
        frame = frame[frame.spots.isna() | (frame.spots == spots)]
    return frame.set_index(list(keys))


def test_registry_names_every_table():
    assert set(BUILDERS) == set(TABLES) | {name for name in OF_SCANS if name.startswith("table")}
    assert set(FIGURES) == {"fig1", "fig3", "fig4", "fig5", "fig6", "fig7", "fig8", "fig9"}


def test_table1_has_methods_beside_published_values(table):
    frame = rows(table("table1"), "method")
    assert frame.index.tolist() == [
        "MVOF-ML (literature)", "Random forest", "MVOF-ML", "Lattice network", "Multilayer perceptron",
        "PE-AG-GMoE",
    ]  # fmt: skip
    assert frame.published.tolist() == [55, 74.2, None, None, None, 89.2]
    np.testing.assert_allclose(frame.accuracy, [np.nan, 37.5, 75, 75, 75, 62.5])
    assert frame.loc["PE-AG-GMoE", ["patterns", "materials"]].tolist() == [8, 3]
    # of cubic 2 of 3 are right, of orthorhombic 1 of 3, of monoclinic 2 of 2
    assert frame.loc["PE-AG-GMoE", "accuracy_macro"] == pytest.approx(200 / 3)
    low, high = frame.loc["PE-AG-GMoE", ["accuracy_low", "accuracy_high"]]
    # Three materials are three trials, however many patterns they have.
    assert (low, high) == pytest.approx((18.53, 92.43), abs=0.01)


def test_every_accuracy_table_has_the_rows_of_each_level(table):
    for name, keys in (
        ("table1", ["method"]),
        ("table2", ["model", "system"]),
        ("table3", ["model", "system"]),
        ("table4", ["model", "system"]),
        ("table7", ["model", "trained_on", "tested_on"]),
        ("table8", ["model", "target", "method"]),
        ("table9", ["model", "method", "rule"]),
    ):
        ideal, typical = (rows(table(name), *keys, spots=level) for level in ("ideal", "typical"))
        own = typical.index[typical.spots.notna()]
        assert set(own) == set(ideal.index[ideal.spots.notna()]) and len(own) == len(set(own)), name
        assert [c.heading for c in table(name).columns if c.name == "spots"] == ["Spots"]
    frame = rows(table("table1"), "method", spots="typical")
    np.testing.assert_allclose(frame.loc["PE-AG-GMoE", "accuracy"], 100 * 3 / 8)
    assert frame.published[["PE-AG-GMoE", "Random forest"]].isna().all()  # they are for ideal spots
    frame = rows(table("table3"), "model", "system", spots="typical").loc["PE-AG-GMoE"]
    np.testing.assert_allclose(frame.loc["All", ["single", "vote"]].astype(float), [37.5, 100 / 3])
    frame = rows(table("table9"), "model", "method", "rule", spots="typical").loc["PE-AG-GMoE"]
    assert frame.system["Vote", "independent"] == pytest.approx(100 / 3)
    assert "trained on typical spots, tested on ideal and typical ones" in table("table9").note


def test_table10_by_hand(table):
    frame = rows(table("table10"), "model", "nuisance").loc["Random forest"]
    assert frame.index.tolist() == ["None", "Spots lost"]
    assert frame.loc["Spots lost", ["size", "unit", "patterns", "materials"]].tolist() == [5, "%", 2, 2]
    np.testing.assert_allclose(frame[["system_single", "spacegroup_single"]], [[100, 100], [50, 100]])
    assert "| Spots lost" in to_markdown(table("table10"))


def test_table12_by_hand(table):
    frame = rows(table("table12"), "views")
    all_right = frame[["within_3", "within_05", "with_scale_3", "system"]]
    assert all_right.index.tolist() == [1, 10] and (all_right == 100).all(axis=None)
    frame = rows(table("table12"), "views", spots="typical")
    # one of three has no cell, and one is right but for a common factor
    shares = ["within_3", "within_1", "within_05", "with_scale_3", "lattice", "system", "system_macro"]
    one = frame.loc[1, shares]
    np.testing.assert_allclose(one.astype(float), np.array([2, 2, 2, 1, 2, 2, 2]) / 3 * 100)
    np.testing.assert_allclose(frame.loc[1, ["probability", "ece"]].astype(float), [60, 100 / 3 * 0.2])
    assert frame.failures.tolist() == [1, 0]
    assert frame.loc[10, ["within_3_low", "within_3_high"]].tolist() == pytest.approx((43.85, 100), abs=0.01)
    assert "positions" not in set(table("table12").frame.spots)


def test_table13_by_hand(table):
    frame = rows(table("table13"), "model", "method", "predictions")
    network = frame.sort_index().loc["PE-AG-GMoE", "One pattern"]
    # Wrong: Fm-3m as Pnma and P2_1/c as C2/c, which are no subgroups; Pnma as its subgroup P2_1/c twice.
    levels = ["system", "laue", "bravais", "powder", "extinction", "spacegroup"]
    own = network.loc["as predicted"]
    np.testing.assert_allclose(own[levels].astype(float), [62.5, 62.5, 50, 50, 50, 50])
    steps = ["steps_1", "steps_2", "steps_3", "unrelated", "errors"]
    np.testing.assert_allclose(own[steps].astype(float), [50, 0, 0, 50, 4])
    # P-1 is below P2_1/c, Pnma and Fm-3m: one, two and three steps, of patterns 2, 3 and 3.
    always = network.loc["always P-1"]
    np.testing.assert_allclose(always[steps].astype(float), [25, 37.5, 37.5, 0, 8])
    most = network.loc["most frequent"]  # Fm-3m, as of the four training patterns of d
    np.testing.assert_allclose(most[["spacegroup", "laue_macro"]].astype(float), [37.5, 100 / 3])
    assert set(network.index) == {"as predicted", "permuted", "always P-1", "most frequent"}


def test_classes_are_decided_by_sums():
    p = np.zeros((1, 230))
    p[0, [0, 2, 5]] = 0.4, 0.3, 0.3  # P1, P2, Pm
    decided = decide({"spacegroup": p}, UNFITTED, "single", conditional=False)
    assert decided["predicted_spacegroup"] == [1]
    assert CLASSES["laue"]().names[decided["predicted_laue"][0]] == "2/m"


def test_table2_by_hand(table):
    frame = rows(table("table2"), "model", "system").loc["PE-AG-GMoE"]
    # Orthorhombic: predicted for one view of a (wrong) and one of b (right, of three).
    values = frame.loc["orthorhombic", ["precision", "recall", "f1"]].astype(float)
    np.testing.assert_allclose(values, [50, 100 / 3, 40])
    np.testing.assert_allclose(frame.loc["monoclinic", ["precision", "recall"]].astype(float), [50, 100])
    assert frame.loc["Mean of systems", "precision"] == pytest.approx((50 + 50 + 100) / 3)
    assert frame.loc["cubic", ["patterns", "materials", "spacegroups"]].tolist() == [3, 1, 1]
    assert frame.loc["triclinic", ["precision", "recall", "f1"]].isna().all()
    assert frame.loc["triclinic", "patterns"] == 0
    assert frame.published_f1["cubic"] == "≈ 97"
    assert frame.published_f1["trigonal"] is None


def test_table3_by_hand(table):
    frame = rows(table("table3"), "model", "system")
    network = frame.loc["PE-AG-GMoE"]
    methods = ["single", "vote", "logsum"]
    np.testing.assert_allclose(network.loc["All", methods].astype(float), [62.5, 200 / 3, 100])
    np.testing.assert_allclose(network.loc["Mean of systems", methods].astype(float), [200 / 3, 200 / 3, 100])
    np.testing.assert_allclose(network.loc["orthorhombic", methods].astype(float), [100 / 3, 0, 100])
    assert network.loc["hexagonal", methods].isna().all()
    assert network.loc["All", ["published_single", "published_vote"]].tolist() == [89.2, 96.5]
    assert network.published_vote["cubic"] == "> 90"
    assert frame.loc[("Random forest", "triclinic"), "published_single"] == "left out"
    assert frame.loc[("Random forest", "cubic"), "vote"] == 100


def test_table4_by_hand(table):
    network = rows(table("table4"), "model", "system").loc["PE-AG-GMoE"]
    methods = ["single", "vote", "logsum"]
    np.testing.assert_allclose(network.loc["All", methods].astype(float), [50, 200 / 3, 100])
    np.testing.assert_allclose(network.loc["monoclinic", methods].astype(float), [50, 100, 100])
    assert network.loc["Mean of space groups", "single"] == pytest.approx((200 / 3 + 100 / 3 + 50) / 3)
    assert network.published_single["hexagonal"] == 77.5
    assert network.published_vote["hexagonal"] is None


def test_table5_by_hand(table):
    frame = rows(table("table5"), "system")
    parts = ["materials_train", "patterns_train", "materials_test", "patterns_test", "spacegroups"]
    assert frame.loc["All", parts].tolist() == [2, 5, 3, 8, 4]
    assert frame.loc["cubic", parts].tolist() == [1, 4, 1, 3, 1]
    assert frame.loc["cubic", ["share_train", "share_test"]].tolist() == [80, 37.5]
    assert frame.loc["All, published", parts].tolist() == [27511, 2765943, 9170, 921888, 197]
    assert np.isnan(frame.loc["All, published", "share_train"])


def test_table6_tells_published_from_chosen(table):
    frame = rows(table("table6"), "section", "setting")
    origin = frame.origin
    assert origin["network", "experts"] == origin["fixed", "aggregator_layers"] == "published"
    assert origin["training", "learning_rate"] == "our choice: not stated"
    assert pd.isna(frame.published["training", "learning_rate"])
    assert origin["training", "devices"] == "differs from published"
    assert origin["network", "features"] == "differs from published"
    assert origin["network", "point_channels"] == "published in part"
    assert frame.value["PE-AG-GMoE", "parameters"] == "1,234,567"
    settings = {
        (s, k) for s in ("network", "training", "mlp", "cell", "mvof", "forest") for k in configuration()[s]
    }
    assert settings <= set(frame.index)


def test_table7_compares_the_same_materials(table):
    frame = rows(table("table7"), "trained_on", "model", "tested_on")
    # at random orientations trained, at them tested
    assert frame.loc[("random", "PE-AG-GMoE", "random"), ["patterns", "system_single"]].tolist() == [6, 50]
    assert frame.index.get_level_values("tested_on").tolist() == ["grid", "random"] * 10
    frame = frame.loc["grid"]
    # Material c has no patterns at random orientations: it does not count on the grid either.
    assert frame.loc[("PE-AG-GMoE", "grid"), ["patterns", "materials"]].tolist() == [6, 2]
    network, forest = frame.loc["PE-AG-GMoE"], frame.loc["Random forest"]
    np.testing.assert_allclose(network.system_single, [50, 200 / 3])
    np.testing.assert_allclose(network.system_logsum, [100, 50])
    # at random orientations: a is right twice, b wrong once
    np.testing.assert_allclose(network.system_single_macro, [50, 50])
    np.testing.assert_allclose(network.spacegroup_vote, [50, 50])
    np.testing.assert_allclose(forest.system_vote, [50, 0])


def test_table11_tells_answers_that_follow_the_grid(table):
    frame = rows(table("table11"), "model", "system").loc["PE-AG-GMoE"]
    # all answers are the grid's system: right on one's own grid, wrong on those of other systems
    assert frame.loc["orthorhombic", ["own", "other", "called", "on_mmm", "on_2/m"]].tolist() == [
        100,
        0,
        100,
        100,
        0,
    ]
    assert frame.loc["cubic", ["own", "on_m-3", "on_m-3m", "called_-31m"]].tolist() == [100, 100, 100, 100]
    assert frame.loc["cubic", ["patterns", "materials"]].tolist() == [36, 1]
    assert frame.loc["trigonal", ["own", "other", "on_-1"]].isna().all()


def test_table8_by_hand(table):
    frame = rows(table("table8"), "model", "target", "method").sort_index()
    frame = frame.loc[("Random forest", "Crystal system")]
    single = frame.loc["One pattern"]
    # Always 90 % for cubic, which three of eight patterns are. At temperature 2 all probabilities are
    # replaced by their roots: five systems count as 1e-6, and so as 1e-3.
    assert (single.accuracy, single.confidence) == pytest.approx((37.5, 90))
    assert single.ece == pytest.approx(52.5)
    scaled = 100 * np.sqrt(0.9) / (np.sqrt(0.9) + np.sqrt(0.1) + 5e-3)
    assert (single.calibrated_confidence, single.calibrated_ece) == pytest.approx((scaled, scaled - 37.5))
    # 81 : 1 if squared.
    assert frame.loc["Learned pool", "confidence"] == pytest.approx(100 * 81 / 82, rel=1e-4)
    assert set(frame.index) == {"One pattern", "Log-probability sum", "Learned pool"}


def test_table9_has_a_row_for_every_way_to_decide(table):
    frame = rows(table("table9"), "model", "method", "rule")
    network = frame.loc["PE-AG-GMoE"]
    assert network.index.tolist() == [
        ("One pattern", "independent"), ("One pattern", "given the system"), ("Vote", "independent"),
        ("Vote, by probability", "independent"), ("Vote, by lead", "independent"),
        ("Probability sum", "independent"),
        ("Log-probability sum", "independent"), ("Log-probability sum", "given the system"),
        ("Learned pool", "independent"), ("Learned pool", "given the system"),
    ]  # fmt: skip
    assert (frame.xs("given the system", level="rule").impossible == 0).all()
    assert network.system["One pattern", "independent"] == 62.5
    assert network.system_macro["One pattern", "independent"] == pytest.approx(200 / 3)
    assert network.spacegroup_macro["One pattern", "independent"] == pytest.approx(50)
    assert network.spacegroup["Vote", "independent"] == pytest.approx(200 / 3)


def test_views_read_together_have_a_column_and_rows_of_the_models_that_read_them(table):
    for name in ("table3", "table4"):
        frame = rows(table(name), "model", "system").together
        found = frame["Lattice network"].dropna()
        assert found[["monoclinic", "orthorhombic", "cubic"]].tolist() == [0, 100, 100]
        np.testing.assert_allclose(
            found.iloc[3:].tolist(), [200 / 3, 200 / 3]
        )  # all, and the mean of classes
        assert frame["PE-AG-GMoE"].isna().all()
    frame = rows(table("table8"), "model", "target", "method")
    assert frame.confidence["Lattice network", "Crystal system", "Views together"] == pytest.approx(70)
    assert ("Random forest", "Crystal system", "Views together") not in frame.index
    frame = rows(table("table9"), "model", "method", "rule").spacegroup
    assert frame["Lattice network", "Views together", "given the system"] == pytest.approx(200 / 3)


def test_table16_has_nulls_beside_models_with_intervals_over_materials(table):
    frame = rows(table("table16"), "method", "model").loc["One pattern"]
    # of the training patterns four of five are cubic, of the test patterns three of eight
    null = frame.loc["Most frequent class"]
    assert null[["system", "system_macro"]].tolist() == pytest.approx([37.5, 100 / 3])
    prior = frame.loc["Drawn by the training's shares"]
    assert prior[["system", "system_macro"]].tolist() == pytest.approx([30, 80 / 3])
    network = frame.loc["PE-AG-GMoE"]
    assert network[["system", "system_macro", "spacegroup"]].tolist() == pytest.approx([62.5, 200 / 3, 50])
    # one draw of three materials in 27 has b alone, of which 1 of 3 is right; as many have c alone
    assert network[["system_low", "system_high"]].tolist() == pytest.approx([100 / 3, 100])
    ways = rows(table("table16"), "method").index.unique().tolist()
    assert ways == list(METHODS.values())


def test_table17_by_hand(table):
    frame = rows(table("table17"), "method", "target", "first", "second")
    row = frame.loc[("One pattern", "Crystal system", "PE-AG-GMoE", "Random forest")]
    assert row[["accuracy_first", "accuracy_second", "difference"]].tolist() == [62.5, 37.5, 25]
    # of b and c the first pattern is told by the network only
    assert row[["only_first", "only_second", "p"]].tolist() == [2, 0, 0.5]
    # drawn alone, a is told alike by both, and c by the network only
    assert row[["difference_low", "difference_high"]].tolist() == pytest.approx([-100 / 3, 100])
    pairs = len(list(combinations(MODELS, 2)))
    assert len(frame) == 2 * 2 * pairs + 2, "two models read views together"


def test_table19_has_regressors_beside_the_finder(table):
    frame = rows(table("table19"), "method", "views")
    told = frame.loc[("Forest's regressors", 1)]
    assert told[["median", "within_1", "within_3", "within_10"]].tolist() == pytest.approx([11, 0, 50, 50])
    assert frame.loc[("Lattice finder", 1), ["median", "within_1"]].tolist() == pytest.approx([0.1, 100])
    typical = rows(table("table19"), "method", "views", spots="typical").loc[("Lattice finder", 1)]
    # of three cells one is 0.05 % off, one 0.4 % up to a factor, and one is none
    assert typical[["median", "within_1"]].tolist() == pytest.approx([0.4, 200 / 3])


def test_table20_has_every_published_number_and_says_whether_it_compares(table, files):
    built = table("table20")
    frame = built.frame.set_index(["quantity", "model", "method", "system"]).sort_index()
    row = frame.loc[[("Crystal system", "PE-AG-GMoE", "one pattern", "All")]].iloc[0]
    assert row[["published", "ours", "difference"]].tolist() == pytest.approx([89.2, 62.5, -26.7])
    assert (row.ours_low, row.ours_high) == pytest.approx((18.53, 92.43), abs=0.01)
    assert row.comparable == "no: not the paper's run"
    bound = frame.loc[[("Crystal system", "PE-AG-GMoE", "vote of ten", "cubic")]].iloc[0]
    assert bound.published == "> 90" and np.isnan(bound.difference)
    elsewhere = frame.loc[[("Crystal system", "MVOF-ML", "one pattern", "All")]].iloc[0]
    assert (elsewhere.published, elsewhere.ours, elsewhere.comparable) == (
        55,
        75,
        "no: measured on other data",
    )
    f1 = frame.loc[[("Crystal system, F1", "PE-AG-GMoE", "one pattern", "cubic")]].iloc[0]
    assert f1.published == "≈ 97" and f1.ours == pytest.approx(80)
    values = read_published(PUBLISHED).values
    stated = [
        value
        for section in ("crystal_system_accuracy", "spacegroup_accuracy", "crystal_system_metrics")
        for block in values[section].values()
        for key, numbers in block.items()
        if key not in ("source", "where")
        for value in numbers.values()
    ]
    assert sorted(map(str, built.frame.published)) == sorted(map(str, stated))
    inputs = EvaluationInputs({key: files[key] for key in REQUIRES["table20"]}, configuration())
    inputs.run = replace(inputs.run, differences=())
    frame = BUILDERS["table20"](inputs).frame
    assert set(frame.comparable[frame.model == "PE-AG-GMoE"]) == {"yes", "in part: not stated as a number"}


def test_table18_tells_materials_with_kin_from_those_without(table):
    frame = rows(table("table18"), "kin", "method", "model").loc[:, "One pattern", "PE-AG-GMoE"]
    values = frame[["system_with", "system_without", "share"]]
    np.testing.assert_allclose(values.loc["Prototype"].tolist(), [200 / 3, 60, 100 / 3])
    np.testing.assert_allclose(values.loc["Elements"].tolist(), [100 / 3, 80, 100 / 3])


def test_beyond_the_paper_can_be_switched_off(files):
    config = configuration()
    config["evaluation"] |= {"pooling": "none", "conditional": False}
    frame = BUILDERS["table9"](EvaluationInputs(files, config)).frame
    assert set(frame.method) == set(METHODS.values()) - {"Learned pool"}
    assert set(frame.rule) == {"independent"}


def test_a_run_of_one_model_has_all_tables_of_it_alone(files):
    for name in TABLES:
        declared = {key: files[key] for key in required(name, ["forest"])}
        config = configuration()
        own = {section: config[section] for section in configured(name, ["forest"])}
        frame = BUILDERS[name](EvaluationInputs(declared, own)).frame
        if name in ("table3", "table9", "table13", "table18"):
            assert set(frame.model) == {"Random forest"}
        if name == "table6":
            assert "forest" in set(frame.section) and not {"network", "mlp", "PE-AG-GMoE"} & set(
                frame.section
            )
        if name == "table20":
            absent = frame[frame.model == "PE-AG-GMoE"]
            assert len(absent) and absent.ours.isna().all()
            assert set(absent.comparable) == {"no: not a model of this run"}


def test_systems_that_the_forest_leaves_out_are_left_out_of_its_score(files):
    config = configuration()
    config["forest"]["exclude"] = ["monoclinic"]
    built = {
        name: BUILDERS[name](EvaluationInputs(files, config)) for name in ("table1", "table3", "table20")
    }
    frame = rows(built["table1"], "method")
    # of the patterns of halite and an orthorhombic crystal half are halite's; the network has all eight
    assert frame.loc["Random forest", ["accuracy", "patterns"]].tolist() == [50, 6]
    assert frame.loc["PE-AG-GMoE", "patterns"] == 8
    frame = rows(built["table3"], "model", "system").loc["Random forest"]
    assert frame.loc["All", ["single", "vote"]].tolist() == [50, 50] and np.isnan(
        frame.loc["monoclinic", "vote"]
    )
    frame = built["table20"].frame.set_index(["quantity", "model", "method", "system"]).sort_index()
    assert 50 in frame.loc[("Crystal system", "Random forest", "one pattern", "All"), "ours"].tolist()
    for table in built.values():
        assert "Random forest: without monoclinic patterns, which it does not learn." in table.remark
    assert "without" not in BUILDERS["table1"](EvaluationInputs(files, configuration())).remark


def test_models_tested_on_different_patterns_are_refused(files):
    mixed = {**files, "forest_single": files["forest_protocols_single"][2:4]}
    with pytest.raises(InputError, match="gmoe and forest were not tested on the same patterns"):
        EvaluationInputs(mixed).decisions("single", "ideal")


def test_every_form_of_every_table_says_what_the_run_was(files, tmp_path):
    note = (
        "Not the paper's run: structures from prototypes 1_0 of 2026-01-02; 2 training and 3 test materials"
    )
    for name in TABLES:
        paths = {form: tmp_path / f"{name}.{form}" for form in ("csv", "markdown", "latex", "page")}
        write_table(name, files, configuration(), **paths)
        assert pd.read_csv(paths["csv"]).run.str.startswith(note).all()
        assert note in paths["markdown"].read_text(encoding="utf-8")
        assert html.escape(note) in paths["page"].read_text(encoding="utf-8")
        assert note.replace("_", r"\_") in paths["latex"].read_text(encoding="utf-8")
        assert_well_formed(paths["latex"].read_text(encoding="utf-8"))


def test_precision_full_in_csv_and_one_decimal_to_read(files, tmp_path):
    paths = {form: tmp_path / f"table3.{form}" for form in ("csv", "markdown", "latex", "page")}
    write_table("table3", files, configuration(), **paths)
    frame = pd.read_csv(paths["csv"])
    chosen = (frame.model == "PE-AG-GMoE") & (frame.system == "All") & (frame.spots == "ideal")
    assert frame.vote[chosen].item() == pytest.approx(200 / 3)
    lines = paths["markdown"].read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if "PE-AG-GMoE" in line and "All" in line)
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[3:7] == ["62.5 (18.5–92.4)", "89.2", "66.7 (20.8–93.9)", "96.5"]
    line = next(line for line in lines if "Random forest" in line and "hexagonal" in line)
    assert [cell.strip() for cell in line.split("|")[4:7]] == ["–", "–", "–"]


def assert_well_formed(latex: str) -> None:
    """Check what a compiler would stumble over: environments, braces, cells a row, bare specials."""
    assert re.findall(r"\\begin\{(\w+)\}", latex) == re.findall(r"\\end\{(\w+)\}", latex)[::-1]
    bare = re.sub(r"\\[{}&%$#_]", "", latex)
    assert bare.count("{") == bare.count("}")
    columns = len(re.search(r"\\begin\{tabular\}\{([lr]+)\}", latex)[1])
    body = re.search(r"\\toprule\n(.*)\\bottomrule", bare, re.S)[1]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(lines) > 1
    assert {line.count("&") + 1 for line in lines} == {columns}
    assert not re.search(r"[#_~^≤≈–…Å]", body)


def test_special_characters_are_escaped():
    frame = pd.DataFrame({"a": ["50 % & {x}_1 | \\ ≤ 3"], "b": [None]})
    table = Table("t", "T_1", frame, (Column("a", "A|B"), Column("b", "B", "percent")), "note #1")
    row = r"50 \% \& \{x\}\_1 | \textbackslash{} $\le$ 3 & -- \\"
    assert row in to_latex(table)
    assert r"\caption{T\_1}" in to_latex(table)
    assert r"50 % & {x}_1 \| \ ≤ 3" in to_markdown(table)
    assert r'<td>50 % &amp; {x}_1 | \ ≤ 3</td><td class="numeric">–</td>' in to_html(table)


def test_published_numbers_are_known_with_their_source():
    published = read_published(PUBLISHED)
    assert published.get("spacegroup_accuracy", "forest", "vote", "all") == 68.5
    assert published.get("spacegroup_accuracy", "forest", "vote", "cubic") is None
    assert "10.1038/s41524-025-01927-5" in published.citation(("spacegroup_accuracy", "forest"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v: v["spacegroup_accuracy"]["forest"]["vote"].update(cubick=1),
            "cubick: unknown crystal system",
        ),
        (
            lambda v: v["spacegroup_accuracy"]["forest"]["vote"].update(cubic=101),
            "is 101, expected a percentage",
        ),
        (
            lambda v: v["spacegroup_accuracy"]["forest"].pop("source"),
            "spacegroup_accuracy.forest has the source",
        ),
        (lambda v: v.update(speed={}), "unknown section speed"),
        (lambda v: v.pop("sources"), "needs a mapping `sources`"),
    ],
)
def test_wrong_published_numbers_are_refused(tmp_path, change, message):
    values = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    change(values)
    path = tmp_path / "published.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)):
        read_published(path)


def test_run_is_the_papers_only_if_every_published_setting_is(files):
    published, sizes = read_published(PUBLISHED), read_sizes(files["split"], files["materials"])
    config = configuration()
    for section, values in published.get("settings", "values").items():
        config[section] |= values
    assert describe_run(config, {}, sizes, published).line().startswith("The paper's settings: ")
    config["simulation"] |= {"thickness_angstrom": 100}
    run = describe_run(config, {}, sizes, published)
    assert run.differences == ("simulation.thickness_angstrom 100 (the paper: 200)",)
    del config["simulation"]["thermal_sigma_angstrom"]
    run = describe_run(config, {}, sizes, published)
    assert "simulation.thermal_sigma_angstrom (not modelled; the paper: 0.08)" in run.line()


def test_broken_inputs_are_named(files, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"source": "cif"}))
    with pytest.raises(InputError, match=r"run\.json is not the description of a run"):
        read_run(tmp_path / "run.json")
    (tmp_path / "materials.csv").write_text("material_id,n_patterns\na,3\n")
    with pytest.raises(InputError, match="no number of patterns for material b"):
        read_sizes(files["split"], tmp_path / "materials.csv")
