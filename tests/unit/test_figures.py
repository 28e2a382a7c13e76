"""Figures: what they show, that they say what the run was, and that their bytes repeat."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from evaluation_run import configuration, write_run_files

from edsym.evaluation.figures import BUILDERS, write_figure
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.products import FIGURES, REQUIRES


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_run_files(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def figure(files):
    def build(name: str):
        declared = {key: files[key] for key in REQUIRES[name]}
        return BUILDERS[name](EvaluationInputs(declared, configuration()))

    return build


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("name", FIGURES)
def test_same_input_same_bytes(files, tmp_path, name):
    written = []
    for turn in ("first", "second"):
        paths = {form: tmp_path / f"{turn}.{form}" for form in ("svg", "png")}
        write_figure(name, {key: files[key] for key in REQUIRES[name]}, configuration(), **paths)
        written.append([path.read_bytes() for path in paths.values()])
    assert written[0] == written[1]
    assert written[0][0].startswith(b"<?xml")
    assert written[0][1].startswith(b"\x89PNG")
    assert not plt.get_fignums()


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_what_the_run_was(figure, name):
    note = figure(name).get_supxlabel().replace("\n", " ")
    assert note.startswith("Not the paper's run: structures from prototypes 1_0 of 2026-01-02; 2 training")


def test_confusion_by_hand(figure):
    single, vote, single_confidence = figure("fig1").axes[:3]
    # Three systems have patterns: three rows of seven shares.
    assert len(texts(single)) == 21
    monoclinic, orthorhombic, cubic = (texts(single)[7 * i : 7 * i + 7] for i in range(3))
    assert monoclinic == ["0", "100.0", "0", "0", "0", "0", "0"]
    assert orthorhombic == ["0", "66.7", "33.3", "0", "0", "0", "0"]
    assert cubic == ["0", "0", "33.3", "0", "0", "0", "66.7"]
    assert texts(vote)[7:14] == ["0", "100.0", "0", "0", "0", "0", "0"]
    heights = [bar.get_height() for group in single_confidence.containers for bar in group]
    assert sum(heights) == pytest.approx(100)


def test_shares_of_patterns_by_hand(figure):
    train, test = figure("fig3").axes[0].containers
    assert [bar.get_height() for bar in train] == [20, 0, 0, 0, 0, 0, 80]
    assert [bar.get_height() for bar in test] == [0, 25, 37.5, 0, 0, 0, 37.5]


def test_spacegroup_counts_by_hand(figure):
    axes = figure("fig4").axes[0]
    bars = {round(bar.get_x() + 0.4): bar.get_height() for group in axes.containers for bar in group}
    assert len(bars) == 230
    assert {number: height for number, height in bars.items() if height} == {2: 1, 225: 4}
    assert axes.get_yscale() == "log"
    points = axes.lines[0].get_xydata() if len(axes.lines[0].get_xdata()) == 3 else None
    assert points.tolist() == [[14, 2], [62, 3], [225, 3]]


def test_reliability_lies_where_confidence_and_accuracy_are(figure):
    # Rows are target and method, columns the models: the first is the network, the third the forest.
    axes = figure("fig5").axes[2]
    points = [collection.get_offsets() for collection in axes.collections]
    before = np.asarray(points[0])[~np.isnan(np.asarray(points[0])[:, 0])]
    np.testing.assert_allclose(before, [[0.9, 0.375]], rtol=1e-6)
    assert texts(axes.get_legend())[0] == "as predicted: ECE 52.5 %"
