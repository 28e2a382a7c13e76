"""The report: every table with its numbers and every figure, on one page that needs no other file."""

import base64
import re
from html.parser import HTMLParser

import jinja2
import pytest
from evaluation_run import REPOSITORY, configuration, write_run_files

from edsym.evaluation.figures import write_figure
from edsym.evaluation.products import FIGURES, REQUIRES, TABLES
from edsym.evaluation.report import write_report
from edsym.evaluation.tables import write_table

TEMPLATE = REPOSITORY / "workflow/report/report.html.j2"


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    """All tables as HTML, and one real figure under the names of all."""
    folder = tmp_path_factory.mktemp("products")
    files = write_run_files(folder)
    for name in TABLES:
        paths = {form: folder / f"{name}.{form}" for form in ("csv", "markdown", "latex")}
        inputs = {key: files[key] for key in REQUIRES[name]}
        write_table(name, inputs, configuration(), page=folder / f"{name}.html", **paths)
    inputs = {key: files[key] for key in REQUIRES["fig3"]}
    write_figure("fig3", inputs, configuration(), svg=folder / "fig3.svg", png=folder / "fig3.png")
    for name in FIGURES:
        (folder / f"{name}.svg").write_bytes((folder / "fig3.svg").read_bytes())
    return {
        "run": files["run"],
        "tables": [folder / f"{name}.html" for name in TABLES],
        "figures": [folder / f"{name}.svg" for name in FIGURES],
        "configuration": configuration(),
    }


@pytest.fixture(scope="module")
def page(products, tmp_path_factory):
    output = tmp_path_factory.mktemp("report") / "report.html"
    write_report(TEMPLATE, output=output, **products)
    return output.read_text(encoding="utf-8")


class Outline(HTMLParser):
    """Sections, cells of tables and addresses of a page; complains of tags that do not fit each other."""

    def __init__(self, text: str):
        super().__init__()
        self.sections, self.cells, self.addresses, self._open = [], {}, [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in ("meta", "img"):
            self._open.append(tag)
        if tag == "section":
            self.sections.append(attributes["id"])
        self.addresses += [attributes[name] for name in ("src", "href") if name in attributes]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "td":
            self.cells.setdefault(self.sections[-1], []).append(data)


def test_all_products_are_there_once_with_their_numbers(page):
    outline = Outline(page)
    assert sorted(outline.sections) == sorted([*TABLES, *FIGURES])
    # Table 1's row of the network: 5 of 8 single patterns of 3 materials are right, of the three systems
    # 100, 33.3 and 66.7 %; published 89.2.
    row = outline.cells["table1"].index("PE-AG-GMoE")
    assert outline.cells["table1"][row + 1 : row + 5] == ["ideal", "62.5 (18.5–92.4)", "66.7", "89.2"]
    assert "Not the paper&#39;s run: structures from prototypes 1_0 of 2026-01-02" in page


def test_the_page_needs_no_other_file(page):
    addresses = Outline(page).addresses
    images = [address for address in addresses if address.startswith("data:image/svg+xml;base64,")]
    assert len(images) == len(FIGURES)
    assert base64.b64decode(images[0].partition(",")[2]).startswith(b"<?xml")
    links = {address for address in addresses if address not in images and not address.startswith("#")}
    assert not [link for link in links if not re.fullmatch(r"(tables|figures|provenance/jobs)/[\w.]+", link)]


def test_what_is_not_given_is_an_error(products, tmp_path):
    others = [path for path in products["tables"] if path.stem != "table10"]
    with pytest.raises(jinja2.UndefinedError, match="table10"):
        write_report(TEMPLATE, output=tmp_path / "x.html", **products | {"tables": others})


def test_the_table_of_other_grids_is_left_out_where_there_is_none(products, tmp_path):
    others = [path for path in products["tables"] if path.stem != "table11"]
    write_report(TEMPLATE, output=tmp_path / "x.html", **products | {"tables": others})
    assert "table11" not in (tmp_path / "x.html").read_text(encoding="utf-8")
