"""Figures: what they show, that they say what the run was, and that their bytes repeat."""

from dataclasses import replace
from functools import cache
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from evaluation_run import configuration, write_run_files
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from edsym.evaluation import calibration_figure
from edsym.evaluation.drawing import STYLE
from edsym.evaluation.figures import BUILDERS, write_figure
from edsym.evaluation.inputs import EvaluationInputs
from edsym.evaluation.metrics import wilson_interval
from edsym.evaluation.products import FIGURES, REQUIRES, required
from edsym.evaluation.run import read_run, write_run
from edsym.models.registry import MODELS
from edsym.spots.drawing import draw_pattern


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_run_files(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def figure(files):
    @cache
    def build(name: str, level: str = "ideal"):
        """Return a figure of the run as if its models had been trained at a level."""
        declared = {key: files[key] for key in REQUIRES[name]}
        declared["run"] = files["run"].with_name(f"run_{level}.json")
        write_run(replace(read_run(files["run"]), training_level=level), declared["run"])
        return BUILDERS[name](EvaluationInputs(declared, configuration()))

    return build


@pytest.fixture(scope="module")
def drawn(files):
    """Return a function that draws a figure as it is written, once for all tests."""

    @cache
    def draw(name: str) -> Figure:
        with mpl.rc_context(mpl.rcParamsDefault | STYLE):
            figure = BUILDERS[name](
                EvaluationInputs({key: files[key] for key in REQUIRES[name]}, configuration())
            )
            FigureCanvasAgg(figure).draw()
        return figure

    return draw


def test_a_run_of_one_model_has_all_figures_of_it_alone(files):
    for name in ("fig1", "fig5", "fig7", "fig9"):
        declared = {key: files[key] for key in required(name, ["mlp"])}
        figure = BUILDERS[name](EvaluationInputs(declared, configuration()))
        FigureCanvasAgg(figure).draw()
        if name in ("fig1", "fig5"):
            assert len(figure.axes) == 4


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


# Figures 1 and 5 have twenty panels of what the others have one, and take as long as all of those together.
@pytest.mark.parametrize("name", sorted({*FIGURES} - {"fig1", "fig5"}))
def test_same_input_same_bytes(files, tmp_path, name):
    written, open_before = [], plt.get_fignums()
    for turn in ("first", "second"):
        paths = {form: tmp_path / f"{turn}.{form}" for form in ("svg", "png")}
        write_figure(name, {key: files[key] for key in REQUIRES[name]}, configuration(), **paths)
        written.append([path.read_bytes() for path in paths.values()])
    assert written[0] == written[1]
    assert written[0][0].startswith(b"<?xml")
    assert written[0][1].startswith(b"\x89PNG")
    assert plt.get_fignums() == open_before


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_what_the_run_was(figure, name):
    note = figure(name).get_supxlabel().replace("\n", " ")
    assert note.startswith("Not the paper's run: structures from prototypes 1_0 of 2026-01-02; 2 training")


def test_confusion_by_hand(figure):
    # Rows: single patterns and their confidence, then the vote; columns: the models, the network first.
    axes = figure("fig1").axes
    single, single_confidence, vote = axes[0], axes[len(MODELS)], axes[2 * len(MODELS)]
    # Three systems have patterns: three rows of seven shares.
    assert len(texts(single)) == 21
    monoclinic, orthorhombic, cubic = (texts(single)[7 * i : 7 * i + 7] for i in range(3))
    assert monoclinic == ["0", "100.0", "0", "0", "0", "0", "0"]
    assert orthorhombic == ["0", "66.7", "33.3", "0", "0", "0", "0"]
    assert cubic == ["0", "0", "33.3", "0", "0", "0", "66.7"]
    assert texts(vote)[7:14] == ["0", "100.0", "0", "0", "0", "0", "0"]
    below = axes[2 * len(MODELS) : 3 * len(MODELS)]
    titles = [panel.get_title("left").partition(", ")[2] for panel in below]
    assert titles == ["vote of 10 views"] * 2 + ["10 views together"] * 2 + ["vote of 10 views"]
    heights = [bar.get_height() for group in single_confidence.containers for bar in group]
    assert sum(heights) == pytest.approx(100)


def test_figures_show_the_spots_that_the_models_were_trained_on(figure):
    for name in ("fig1", "fig5"):
        assert "typical spots" in figure(name, "typical").axes[0].get_title("left")
        assert "ideal spots" in figure(name, "poor").axes[0].get_title("left")  # not tested at poor
    # On typical spots the network takes all patterns for cubic ones.
    assert texts(figure("fig1", "typical").axes[0])[:7] == ["0", "0", "0", "0", "0", "0", "100.0"]


def test_curves_begin_at_ideal_spots(figure):
    lost = next(axes for axes in figure("fig7").axes if axes.get_xlabel() == "Spots lost, %")
    assert len(lost.lines) == 2 * len(MODELS)  # single patterns and several views
    for line in lost.lines:
        assert line.get_xydata().tolist() == [[0, 100], [5, 50]]


def test_published_numbers_stand_against_those_of_the_run(figure):
    system, spacegroup = figure("fig9").axes
    shown = [line.get_xydata().tolist() for line in system.lines]
    assert [[89.2, 62.5]] in shown and [[55, 75]] in shown, "the network's and MVOF-ML's on all patterns"
    assert [[70.2, 50]] in [line.get_xydata().tolist() for line in spacegroup.lines]
    assert "cubic" in texts(system)


def test_right_cells_by_what_makes_them_hard(figure):
    volume, system, spots, noise, views, _ = figure("fig8").axes
    # ten patterns, one pattern: of ideal and of typical spots
    shares = [container.lines[0].get_xydata().tolist() for container in volume.containers]
    all_right = [[0, 100], [2, 100], [3, 100]]
    assert shares == [all_right, all_right, all_right, [[0, 100], [2, 100], [3, 0]]]
    assert [c.lines[0].get_xydata()[0].tolist() for c in system.containers] == [[1, 100]] * 3 + [[1, 0]]
    of_spots = [container.lines[0].get_xydata().tolist() for container in spots.containers]
    assert of_spots == [[[3, 100]], [[3, pytest.approx(200 / 3)]]]
    assert noise.containers[0].lines[0].get_xydata().tolist() == [[0, 100], [0.003, 100]]
    assert views.containers[1].lines[0].get_xydata()[1].tolist() == [10, 100]


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
    # Rows are target and method, columns the models: the first is the network, the last the forest.
    axes = figure("fig5").axes[len(MODELS) - 1]
    before, after = axes.containers
    np.testing.assert_allclose(before.lines[0].get_xydata(), [[0.9, 0.375]], atol=0.01)
    # Temperature 2: sqrt(0.9) / (sqrt(0.9) + sqrt(0.1)).
    np.testing.assert_allclose(after.lines[0].get_xydata(), [[0.75, 0.375]], atol=0.01)
    assert texts(axes.get_legend())[0] == "as predicted: ECE 52.5 %"
    # 8 patterns of 3 materials count as 3 trials: Wilson's interval of 0.375 is 0.06 to 0.84.
    low, high = before.lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx(wilson_interval(0.375, 3))


def test_bins_of_few_decisions_are_not_drawn():
    frame = pd.DataFrame({"material_id": [str(i) for i in range(201)], "system": 0, "predicted_system": 0})
    frame["system_confidence"] = frame["system_calibrated"] = [0.1, *[0.95] * 200]
    axes = Figure().subplots()
    calibration_figure._draw(axes, frame, "system")
    assert axes.containers[0].lines[0].get_xdata() == pytest.approx([0.944])


def test_a_pattern_of_each_system_is_indexed_in_the_conventional_cell(figure):
    # Training material e has space group 2, test materials a, b and c 225, 62 and 14; c has no patterns here.
    panels = {axes.get_title("left"): axes for axes in figure("fig6").axes[:7]}
    assert [name for name, axes in panels.items() if axes.get_xlabel()] == [
        "triclinic",
        "orthorhombic",
        "cubic",
    ]
    assert panels["cubic"].get_xlabel() == "a\nspace group 225"
    assert texts(panels["monoclinic"]) == ["none"]
    # 100 of the primitive cell of a face-centred lattice is -111 of the conventional one.
    assert "$100$" in texts(panels["orthorhombic"])
    assert r"$\bar{1}11$" in texts(panels["cubic"])


def test_the_brightest_spots_have_labels_and_none_lies_on_another():
    axes = Figure(figsize=(5, 5)).subplots()
    qx, intensity = np.array([-0.5, 0.5, 0.505]), np.array([0.1, 0.3, 0.2])
    draw_pattern(axes, qx, np.zeros(3), intensity, np.array([[-1, 0, 0], [1, 0, 0], [10, -1, 0]]))
    assert texts(axes) == ["$100$", r"$\bar{1}00$"]
    axes = Figure(figsize=(5, 5)).subplots()
    draw_pattern(axes, qx[2:], np.ones(1), intensity[2:], np.array([[10, -1, 0]]))
    assert texts(axes) == [r"$10\,\bar{1}\,0$"]


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_at_the_edges(drawn, name):
    figure = drawn(name)
    for artist in figure.get_children():
        box = artist.get_tightbbox(figure.canvas.get_renderer())
        inside = box is None or ((box.min >= -0.5).all() and (box.max <= figure.bbox.max + 0.5).all())
        assert inside, f"{artist}: {box} on a canvas of {figure.bbox.max}"
    assert figure.get_figheight() <= 11, "higher than a page"


@pytest.mark.parametrize("name", FIGURES)
def test_no_title_runs_into_another(drawn, name):
    figure = drawn(name)
    titles = [text for axes in figure.axes for text in (axes.title, axes._left_title) if text.get_text()]
    boxes = [text.get_window_extent(figure.canvas.get_renderer()).padded(3) for text in titles]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
