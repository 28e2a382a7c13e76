"""The real client of the Materials Project against a local server that answers as its API does."""

import json
import logging
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from edsym.errors import InputError, SourceError
from edsym.structures import materials_project, retry
from edsym.structures.settings import StructuresSettings
from edsym.structures.sources import collect_structures
from edsym.structures.table import read_materials, read_metadata

KEY = "secretsecretsecretsecretsecret42"
N_OBSERVED, N_THEORETICAL, PAGE = 110, 30, 40
LIST = "materials/summary"


def rock_salt(i: int) -> dict:
    lattice = Lattice.from_parameters(*[4 + i / 1000] * 3, 60, 60, 60)
    return Structure(lattice, ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]).as_dict()


class Api(ThreadingHTTPServer):
    """The routes ``heartbeat`` and ``materials/summary``; `faults` are (path, kind), each served once."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.version = "2026.01.01"
        self.materials = {
            f"mp-{i}": {"theoretical": i > N_OBSERVED, "deprecated": False}
            for i in range(1, N_OBSERVED + N_THEORETICAL + 1)
        }
        self.broken_ids: set[str] = set()
        self.faults: list[tuple[str, str]] = []
        self.requests: list[dict] = []
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def asked_structures(self) -> Counter:
        return Counter(
            material_id
            for query in self.requests
            if "structure" in query.get("_fields", "") and query["answered"]
            for material_id in query["material_ids"].split(",")
        )


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        kind = "structures" if "structure" in query.get("_fields", "") else url.path.strip("/")
        with self.server.lock:
            fault = self.take_fault(kind)
            if kind != "heartbeat":
                self.server.requests.append(query | {"answered": fault is None})
        if kind == "heartbeat":
            version = {
                "version": "0.86.3",
                "db_version": self.server.version,
                "access_controlled_batch_ids": [],
            }
            return self.answer({"detail": "busy"} if fault else version, int(fault or 200))
        assert url.path == "/materials/summary/"
        if self.headers["x-api-key"] != KEY:
            return self.answer({"detail": f"Invalid key {self.headers['x-api-key']}"}, 401)
        if fault and fault.isdigit():
            echo = {"detail": f"busy, asked with key {self.headers['x-api-key']}"}
            return self.answer(echo, int(fault), {"Retry-After": "0"})
        return self.answer(self.documents(query), truncated=fault)

    def take_fault(self, kind: str) -> str | None:
        for fault in self.server.faults:
            if fault[0] == kind:
                self.server.faults.remove(fault)
                return fault[1]
        return None

    def documents(self, query: dict) -> dict:
        wanted = [
            i
            for i, material in self.server.materials.items()
            if all(str(material[name]) == query.get(name, str(material[name])) for name in material)
        ]
        if "material_ids" in query:
            wanted = [i for i in query["material_ids"].split(",") if i in wanted]
        start, size = int(query.get("_skip", 0)), min(int(query.get("_limit", 100)), 1000)
        page = [self.document(i, query.get("_fields", "material_id")) for i in wanted[start : start + size]]
        return {"data": page, "meta": {"total_doc": len(wanted)}}

    def document(self, material_id: str, fields: str) -> dict:
        document = {"material_id": material_id}
        if "structure" in fields.split(","):
            structure = rock_salt(int(material_id.removeprefix("mp-")))
            if material_id in self.server.broken_ids:
                structure["sites"][0]["abc"] = [None, 0, 0]
                structure["sites"][0]["xyz"] = [None, 0, 0]
            document["structure"] = structure
        return document

    def answer(self, document: dict, status: int = 200, headers: dict | None = None, truncated=None):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if truncated != "no length":
            self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if truncated else body)
        self.close_connection = True


@pytest.fixture
def api(monkeypatch):
    server = Api()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("MP_API_ENDPOINT", server.address)
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(materials_project, "IDS_PER_REQUEST", PAGE)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def collect(folder, limit=None, chunk_size=500, retries=3):
    settings = StructuresSettings(limit=limit, chunk_size=chunk_size, retries=retries)
    materials = folder / "materials.parquet"
    collect_structures(settings, materials, folder / "unreadable.csv", folder / "cache")
    return read_materials(materials)


def test_all_observed_materials_come_despite_faults(api, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    api.faults = [("heartbeat", "500"), (LIST, "429"), (LIST, "500"), ("structures", "length")]
    api.faults += [("structures", kind) for kind in ("no length", "503", "429")]
    api.broken_ids = {"mp-7"}

    frame = collect(tmp_path, chunk_size=50)

    observed = {f"mp-{i}" for i in range(1, N_OBSERVED + 1)}
    assert not api.faults
    assert set(frame.material_id) == observed - {"mp-7"}
    assert (frame.spacegroup_number == 225).all() and (frame.nsites == 2).all()
    row = frame[frame.material_id == "mp-100"].iloc[0]
    np.testing.assert_allclose(row.volume, 4.1**3 / np.sqrt(2), rtol=1e-6)
    assert (
        "mp-7,Na1 Cl1,the lattice or the coordinates are not finite"
        in (tmp_path / "unreadable.csv").read_text()
    )
    assert all(query["theoretical"] == "False" for query in api.requests)
    assert {query.get("_fields") for query in api.requests} <= {"material_id", "material_id,structure", None}
    assert set(api.asked_structures()) == observed
    assert read_metadata(tmp_path / "materials.parquet")["version"] == "2026.01.01"
    assert_no_key(tmp_path, caplog, capfd)


def test_interrupted_query_goes_on_and_a_new_version_starts_anew(api, tmp_path):
    collect(tmp_path, limit=20, chunk_size=10)
    first = api.asked_structures()
    assert len(first) == 20

    api.faults = [("structures", "500")]
    with pytest.raises(SourceError, match=r"500.*failed 1 times.*run again"):
        collect(tmp_path, limit=40, chunk_size=10, retries=0)
    frame = collect(tmp_path, limit=40, chunk_size=10)
    assert len(frame) == 40
    assert max(api.asked_structures().values()) == 1  # none of the fetched chunks was asked for again

    before = sum(api.asked_structures().values())
    collect(tmp_path, limit=40, chunk_size=10)
    assert sum(api.asked_structures().values()) == before

    other = Api()  # the client remembers the version of an address
    other.version = "2026.02.02"
    threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MP_API_ENDPOINT", other.address)
        collect(tmp_path, limit=40, chunk_size=10)
    other.shutdown()
    other.server_close()
    assert len(other.asked_structures()) == 40
    assert read_metadata(tmp_path / "materials.parquet")["version"] == "2026.02.02"


def test_limit_is_drawn_before_the_download_and_does_not_depend_on_the_chunks(api, tmp_path):
    small = collect(tmp_path / "a", limit=15, chunk_size=4)
    assert len(api.asked_structures()) == 15
    large = collect(tmp_path / "b", limit=15, chunk_size=1000)
    assert small.material_id.to_list() == large.material_id.to_list()


def test_refused_key_is_not_asked_again_nor_shown(api, tmp_path, monkeypatch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    wrong = KEY.replace("42", "43")
    monkeypatch.setenv("MP_API_KEY", wrong)
    with pytest.raises(InputError, match=r"the key in MP_API_KEY is refused \(HTTP 401\)") as caught:
        collect(tmp_path)
    assert len(api.requests) == 1
    assert wrong not in str(caught.value)
    assert_no_key(tmp_path, caplog, capfd, wrong)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", r"set the environment variable MP_API_KEY .* needs none: snapshot, cif or prototypes"),
        ("short-key", r"MP_API_KEY is not a key: .* 32 characters"),
    ],
)
def test_no_key_says_what_to_do(monkeypatch, tmp_path, key, message):
    monkeypatch.setenv("MP_API_KEY", key)
    with pytest.raises(InputError, match=message):
        collect(tmp_path)


def test_server_that_stays_down(api, tmp_path, caplog):
    api.faults = [(LIST, "500")] * 10
    with pytest.raises(SourceError, match="failed 4 times"):
        collect(tmp_path, retries=3)
    assert len(api.requests) == 4
    waits = [
        float(wait) for wait in re.findall(r"in ([\d.e-]+) seconds as it raised SourceError", caplog.text)
    ]
    np.testing.assert_allclose(waits, [0.01, 0.02, 0.04])


def assert_no_key(folder, caplog, capfd, key=KEY):
    printed = capfd.readouterr()
    assert key not in caplog.text + printed.out + printed.err
    written = [file for file in folder.rglob("*") if file.is_file()]
    assert all(key.encode() not in file.read_bytes() for file in written)
