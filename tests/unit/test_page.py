"""The page of a map: what it holds, and what a browser makes of it."""

import base64
import gzip
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from browser import NAMES, Browser, find_browser
from PIL import Image

from edsym.experiment.files.scan import scan_of_array
from edsym.experiment.spots.scan_spots import ScanSpots
from edsym.interface import classify
from edsym.mapping.indices import indices
from edsym.mapping.known_phases import KnownPhases
from edsym.mapping.parts import Crystals, Positions
from edsym.mapping.scan_map import ScanMap
from edsym.page import content, images
from edsym.page.write import scan_of_spots, write_page
from edsym.symmetry import CRYSTAL_SYSTEMS

ROWS, COLUMNS, EDGE, PIXEL = 4, 6, 64, 0.02
CUBIC, WAVELENGTH = CRYSTAL_SYSTEMS.index("cubic"), 0.0251
# A cubic crystal with a = 4 Å, [001] along the beam: the spots 200, 020, 220 and others, and one of nothing.
GOLD = np.array([[h, k] for h in (-2, 0, 2) for k in (-2, 0, 2) if h or k]) / 4
PLACES = np.concatenate([GOLD, [[0.31, 0.12]]])


@pytest.fixture(scope="module")
def spots():
    """Spots of the left half of a scan; the last one of each pattern is faint."""
    has = np.arange(ROWS * COLUMNS) % COLUMNS < 3
    offset = np.cumsum([0, *np.where(has, len(PLACES), 0)])
    xy, s = np.tile(PLACES / PIXEL + EDGE / 2, (has.sum(), 1)), offset[-1]
    n = ROWS * COLUMNS
    return ScanSpots(
        shape=(ROWS, COLUMNS), frame=(EDGE, EDGE), pixel=np.array([PIXEL, PIXEL]), offset=offset,
        x=xy[:, 0], y=xy[:, 1], intensity=np.tile([*range(9, 1, -1), 0.01], has.sum()).astype(float),
        error=np.zeros(s), significance=np.full(s, 9.0), centre=np.full((n, 2), EDGE / 2.0),
        measured=np.full((n, 2), EDGE / 2.0), beam=np.full(n, 56.0), background=np.zeros(n), noise=np.ones(n),
        reason=np.where(has, "", "no <spots>"), facts={"name": "some/scan.npy"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(spots):
    has, column = spots.valid, np.arange(24) % COLUMNS
    p_system, p_group = np.full((24, 7), np.nan), np.full((24, 230), np.nan)
    p_system[has], p_group[has] = 0.05, 0.1 / 229
    p_system[has, CUBIC], p_group[has, 224] = 0.7, 0.9
    crystal = Crystals(
        p_system[:1], p_group[:1], np.array([[4.0, 4, 4, 90, 90, 90]]),
        np.array([[0.01, 0, 0, 0, 0, np.nan]]), np.eye(3)[None], 4 * np.eye(3)[None],
        np.array(["cF"]), np.array([0.8]),
    )  # fmt: skip
    positions = Positions(
        p_system, p_group, np.where(has, 44.0, 0.0), np.where(has, 8, 0), np.where(has, "", "no <spots>")
    )
    return ScanMap(
        "some/scan.npy", "lattice", np.array([ROWS, COLUMNS]), np.array([200.0]), positions,
        np.where(has, column // 2, -1), crystal.take(np.zeros(2, int)), np.zeros(2, int), crystal,
    )  # fmt: skip


@pytest.fixture(scope="module")
def known(found):
    """Two known phases, gold along [001] where there are spots."""
    phase, one = np.where(found.of_positions.valid, 1, -1), np.ones(24)
    orientation = np.where(found.of_positions.valid[:, None, None], np.eye(3), np.nan)
    names, classes = np.array(["rutile", "gold <Au>"]), np.array(["4/mmm", "m-3m"])
    euler = np.where(found.of_positions.valid[:, None], [[12.0, 34.0, 56.0]], np.nan)
    return KnownPhases(names, classes, phase, orientation, euler, one * 0.91, one * 0.5, one * 0.25)


@pytest.fixture(scope="module")
def scan():
    """Patterns with the direct beam alone, and at the upper left a mark as bright as the number."""
    values = np.ones((ROWS * COLUMNS, EDGE, EDGE), np.float32)
    values[:, 30:35, 30:35] = 1e5
    values[:, 4:12, 4:12] = 10.0 ** (np.arange(24) / 6)[:, None, None]
    values[3, 40, 40] = np.nan
    return scan_of_array(values.reshape(ROWS, COLUMNS, EDGE, EDGE))


def test_spots_have_the_indices_of_the_nearest_point_that_the_centring_allows():
    angle = 0.3
    turn = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    hkl = np.array([[2, 0, 0], [0, -2, 0], [3, 1, 0], [2, 2, 0]])
    q = (hkl / 4 @ turn)[:, :2] + 0.004
    # 310 is no point of a face-centred lattice
    expected = np.where([[True], [True], [False], [True]], hkl, 0)
    np.testing.assert_array_equal(indices(q, 4 * turn, "cF", WAVELENGTH, 0.01), expected)
    np.testing.assert_array_equal(indices(q, 4 * turn, "cP", WAVELENGTH, 0.01), hkl)
    assert not indices(q, 4 * turn, "cP", WAVELENGTH, 0.005).any()
    # 200 of a tilted crystal is far from the Ewald sphere, however near its image is
    tilted = 4 * np.array([[0.99, 0, 0.141], [0, 1, 0], [-0.141, 0, 0.99]])
    assert not indices(np.array([[0.495, 0]]), tilted, "cF", WAVELENGTH, 0.01).any()


def test_images_are_of_their_positions_on_one_scale(scan):
    positions = np.array([1, 3, 20])
    made = images.images_of(scan, positions)
    assert (made.size, made.binned, len(made.sheets)) == ((EDGE, EDGE), 1, 1)
    sheet = np.asarray(Image.open(io.BytesIO(made.sheets[0]))).astype(float)
    level = [sheet[6:10, k * EDGE + 6 : k * EDGE + 10].mean() for k in range(3)]
    values = 10.0 ** (positions / 6)
    np.testing.assert_allclose(level, 255 * np.log1p(values / 10) / np.log1p(1e4), atol=4)
    assert sheet[31:34, 31:34].min() > 245
    assert (sheet[EDGE + 8 :] < 8).all()  # nothing where there is no image


def test_large_patterns_are_binned_and_a_sheet_has_no_more_than_64():
    values = np.zeros((70, 300, 260), np.float32)
    values[65, :3, :3] = 7.0
    values[65, 290:, 250:] = 7.0
    made = images.images_of(scan_of_array(values), np.arange(70))
    assert (made.size, made.tile, made.binned, len(made.sheets)) == ((100, 86), (104, 88), 3, 2)
    sheet = np.asarray(Image.open(io.BytesIO(made.sheets[1])))
    assert sheet[0, 88] > 240
    assert sheet[0, 0] < 15


def test_of_many_positions_the_brightest_of_each_grain_and_an_even_net_are_kept(found):
    assert len(images.chosen_positions(found)) == 24
    dark_field = np.where(np.arange(24) == 8, 99.0, found.of_positions.dark_field)
    bright = replace(found, of_positions=replace(found.of_positions, dark_field=dark_field))
    assert images.chosen_positions(bright, 8).tolist() == [0, 7, 8, 9, 11, 19, 21, 23]


def test_spots_tell_whether_the_model_is_given_them_and_are_bounded(spots, found, monkeypatch):
    arrays = content.spots_of(found, spots, 0.001)
    used = [arrays["used"][a:b].sum() for a, b in zip(arrays["offset"], arrays["offset"][1:], strict=False)]
    assert used == [len(pattern) for pattern in classify.bright_spots(spots, 0.001)]
    np.testing.assert_array_equal(arrays["hkl"][:8, :2], 4 * GOLD)
    np.testing.assert_allclose(arrays["q"][:9] / 32767 * content.farthest(spots), PLACES, atol=1e-4)
    np.testing.assert_allclose(10 ** -(arrays["share"][0] / content.DECADE), 9 / 100.01, rtol=1e-3)
    monkeypatch.setattr(content, "MOST_SPOTS", 70)
    few = content.spots_of(found, spots, 0.001)
    assert few["offset"][[1, 3, 4, 24]].tolist() == [5, 15, 15, 60]
    np.testing.assert_array_equal(few["hkl"][:5], arrays["hkl"][:5])


def test_a_page_needs_nothing_else_and_is_the_same_again(found, spots, scan, tmp_path):
    write_page(tmp_path / "map.html", found, spots, scan, 0.001)
    text = (tmp_path / "map.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert [link for link in links if not link.startswith("data:")] == []
    packed = dict(re.findall(r'<script type="[^"]+" id="(\w+)">(.*?)</script>', text, re.S))
    facts, arrays = json.loads(packed["facts"]), gzip.decompress(base64.b64decode(packed["arrays"]))
    kind, place, size = facts["arrays"]["darkField"]
    np.testing.assert_array_equal(
        np.frombuffer(arrays, f"<{kind}", size, place), found.of_positions.dark_field
    )
    kind, place, size = facts["arrays"]["pGroup"]
    best = np.frombuffer(arrays, f"<{kind}", size, place).reshape(24, facts["best"])
    np.testing.assert_allclose(best[[0, 5], 0] / facts["unit"], [0.9, 0], atol=1e-4)
    assert facts["grains"][0]["cell"] == [4, 4, 4, 90, 90, 90]
    write_page(tmp_path / "again.html", found, spots, scan, 0.001)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == text


def test_patterns_are_found_where_the_scan_still_lies(spots, scan, tmp_path):
    assert scan_of_spots(spots) is None
    np.save(tmp_path / "scan.npy", np.ones((ROWS, COLUMNS, EDGE, EDGE)))
    moved = replace(spots, facts={"name": str(tmp_path / "scan.npy")})
    assert len(scan_of_spots(moved)) == 24
    np.save(tmp_path / "scan.npy", np.ones((ROWS, COLUMNS, EDGE, 32)))
    assert scan_of_spots(moved) is None


PLACE = """(() => {{
  const d = document.getElementById("{plot}"), l = d._fullLayout, r = d.getBoundingClientRect();
  return [r.x + l.xaxis._offset + l.xaxis.l2p({x}), r.y + l.yaxis._offset + l.yaxis.l2p({y})]; }})()"""
IMAGE = """(() => { const r = document.querySelector("#pattern image").getBoundingClientRect();
  return [r.x, r.y, r.width, r.height]; })()"""
GREY = """imageAt(20).then((source) => new Promise((done) => {
  const image = new Image();
  image.onload = () => {
    const context = document.createElement("canvas").getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(7, 7, 26, 26);
    done([data[data.length - 4], data[0]]);
  };
  image.src = source; }))"""


@pytest.mark.skipif(find_browser() is None, reason=f"no browser is installed: none of {', '.join(NAMES)}")
def test_a_browser_shows_what_is_pointed_at_and_clicked_without_a_network(
    found, known, spots, scan, tmp_path
):
    write_page(tmp_path / "map.html", replace(found, known=known), spots, scan, 0.001)
    with Browser((tmp_path / "map.html").as_uri()) as page:
        page.until("document.body?.dataset.ready === 'yes'")
        assert page.value("document.body.dataset.chosen") == "0"  # the brightest of the first grain

        page.move(*page.value(PLACE.format(plot="map", x=1, y=2)))
        page.until("document.querySelector('#map .hoverlayer').textContent.includes('cubic, 70 %')")
        assert "row 2, column 1" in page.value("document.querySelector('#map .hoverlayer').textContent")

        page.click(*page.value(PLACE.format(plot="map", x=4, y=1)))
        page.until("document.body.dataset.chosen === '10' && $('pattern').data[2].x.length === 0")
        assert "no <spots>" in page.value("$('answers').textContent")

        page.click(*page.value(PLACE.format(plot="map", x=2, y=3)))
        page.until("document.body.dataset.chosen === '20' && $('pattern').data[2].x.length === 8")
        assert page.value("$('pattern').data.map((t) => [t.name, t.x.length])")[0] == ["faint, left out", 1]
        answers = page.value("$('answers').textContent")
        assert re.search(r"Fm3̅m90 %.*4\.000\(10\) Å.*right: 80 %", answers), answers
        assert (
            "gold <Au>score 0.91φ1, Φ, φ212.0, 34.0, 56.0°reliabilityphase 0.25, orientation 0.50" in answers
        )
        assert "Grain 1, 4 positions" in answers and "Phase 0, 2 grains" in answers
        # the image lies where the axes say: the direct beam, which is white, at 0, 0
        place = page.value(IMAGE)
        beam = page.value(PLACE.format(plot="pattern", x=0, y=0))
        pixels = np.subtract(beam, place[:2]) / np.array(place[2:]) * EDGE
        np.testing.assert_allclose(pixels, 32.5, atol=0.1)
        white, mark = page.value(GREY)
        assert white > 245
        assert mark == pytest.approx(255 * np.log1p(10 ** (20 / 6) / 10) / np.log1p(1e4), abs=8)

        page.press("ArrowUp")
        page.until("document.body.dataset.chosen === '14'")

        page.move(*page.value(PLACE.format(plot="pattern", x=0.5, y=0)))
        page.until("document.querySelector('#pattern .hoverlayer').textContent.includes('d = 2.000')")
        page.click(*page.value(PLACE.format(plot="pattern", x=0.5, y=0)))
        page.until("$('layer').value === 'reflection' && $('map').data[0].z[0][5] === 0")
        np.testing.assert_allclose(page.value("$('map').data[0].z[0][0] ** 2"), 3 / 100.01, rtol=0.01)

        for layer in page.value("[...$('layer').options].map((option) => option.value)"):
            page.value(f"$('by').value = 'phase'; $('layer').value = '{layer}'; drawMap()")
        page.value("$('layer').value = 'zone'; drawMap()")
        assert page.value("$('map').data[0].z[0]") == [[0, 0, 255]] * 3 + [[0, 0, 0]] * 3
        page.move(*page.value(PLACE.format(plot="map", x=0, y=0)))
        page.until("document.querySelector('#map .hoverlayer').textContent.includes('gold <Au>, score 0.91')")
        page.resize(390, 844)
        page.until("$('map').clientWidth < 390 && $('map')._fullLayout.width < 390")
        assert page.value("document.documentElement.scrollWidth") <= 390
        assert page.problems == []
        assert {url.partition(":")[0] for url in page.asked} <= {"file", "data", "blob"}
