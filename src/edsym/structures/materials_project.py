"""Structures from the Materials Project, by its own client (mp-api).

Jain et al., APL Materials 1, 011002 (2013), doi:10.1063/1.4812323.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
from mp_api.client import MPRester
from mp_api.client.core.exceptions import MPRestError
from mp_api.client.core.utils import validate_api_key
from pymatgen.core import Structure

from edsym.errors import InputError
from edsym.files import write_text
from edsym.parquet import read_parquet, write_parquet
from edsym.structures.retry import Answer, retried
from edsym.structures.source import Material, Rejection, from_pymatgen

IDS_PER_REQUEST = 1000
"""The largest page that the API gives."""
_QUERY = {"theoretical": False, "deprecated": False}


class MaterialsProject:
    """The source ``materials_project``: all experimentally observed materials of the database.

    First the ids are asked for, then the structures, `chunk_size` at a time. Every answer is kept
    under ``cache/<database version>``, so that an interrupted query goes on where it was and
    another version of the database starts anew. The key is that of the environment variable
    ``MP_API_KEY``; it is written nowhere. ``MP_API_ENDPOINT`` may name another address of the API.

    Parameters
    ----------
    cache : Path
        Folder for the answers.
    chunk_size : int
        Materials a request, at most 1000.
    retries : int
        Repetitions of a failed request, each after twice the wait of the one before.

    Raises
    ------
    InputError
        If there is no key or the database refuses it.
    SourceError
        If the database does not answer.
    """

    reduces = False

    def __init__(self, cache: Path, chunk_size: int, retries: int):
        self._key = _key_of_environment()
        self._chunk_size = chunk_size
        self._retries = retries
        self._client = self._ask(lambda: _connect(self._key), "connecting to the database")
        self.version = self._client.db_version
        self._folder = Path(cache) / re.sub(r"[^A-Za-z0-9._-]", "_", self.version)

    def ids(self) -> list[str]:
        """Return the ids of all experimentally observed materials; asked for once a version."""
        return self._listing()["ids"]

    def read(self, ids: list[str]) -> Iterator[Material | Rejection]:
        """Yield the materials of these ids, fetched in chunks of this order."""
        for start in range(0, len(ids), self._chunk_size):
            chunk = ids[start : start + self._chunk_size]
            for material_id, text in self._structures(chunk).items():
                yield _material(material_id, text)

    def metadata(self) -> dict:
        """Return the version of the database and the day on which its materials were listed."""
        return {"version": self.version, "date": self._listing()["date"]}

    def _listing(self) -> dict:
        path = self._folder / "ids.json"
        if not path.is_file():
            ids = self._ask(self._list_ids, "listing materials")
            listing = {"date": datetime.now(UTC).date().isoformat(), "ids": ids}
            write_text(path, json.dumps(listing))
        return json.loads(path.read_text(encoding="utf-8"))

    def _list_ids(self) -> list[str]:
        summary = self._client.materials.summary
        documents = summary.search(fields=["material_id"], chunk_size=IDS_PER_REQUEST, **_QUERY)
        ids = sorted({str(document["material_id"]) for document in documents})
        # The client takes an empty page for the end of the list, so the list is counted.
        expected = summary.count(dict(_QUERY))
        if len(ids) != expected:
            raise ValueError(f"{len(ids)} of {expected} materials were listed")
        return ids

    def _structures(self, ids: list[str]) -> dict[str, str]:
        """Return the structures of a chunk as JSON, ``null`` for those that are not delivered."""
        name = sha256("\n".join(ids).encode()).hexdigest()[:16]
        path = self._folder / f"{name}.parquet"
        try:
            kept = read_parquet(path)
        except InputError:  # not there, or damaged
            found = self._ask(lambda: self._fetch(ids), f"fetching {len(ids)} structures")
            kept = pa.table({"material_id": ids, "structure": [found.get(i, "null") for i in ids]})
            write_parquet(kept, path)
        return dict(zip(*(kept[name].to_pylist() for name in ("material_id", "structure")), strict=True))

    def _fetch(self, ids: list[str]) -> dict[str, str]:
        documents = self._client.materials.summary.search(
            material_ids=ids, fields=["material_id", "structure"], chunk_size=len(ids), **_QUERY
        )
        return {str(document["material_id"]): json.dumps(document["structure"]) for document in documents}

    def _ask(self, request: Callable[[], Answer], what: str) -> Answer:
        return retried(request, self._retries, f"Materials Project: {what}", secret=self._key)


def _key_of_environment() -> str:
    key = os.environ.get("MP_API_KEY", "").strip()
    if not key:
        raise InputError(
            "structures.source materials_project needs a key of the Materials Project: set the environment "
            "variable MP_API_KEY to yours (https://next-gen.materialsproject.org/api), or choose a source "
            "that needs none: snapshot, cif or prototypes"
        )
    try:
        return validate_api_key(key)
    except MPRestError as error:
        raise InputError(f"MP_API_KEY is not a key: {error}".replace(key, "***")) from None


def _connect(key: str) -> MPRester:
    client = MPRester(
        api_key=key,
        endpoint=os.environ.get("MP_API_ENDPOINT"),
        use_document_model=False,
        mute_progress_bars=True,
    )
    if not client.db_version:
        raise ValueError("the database does not tell its version")
    return client


def _material(material_id: str, text: str) -> Material | Rejection:
    document = json.loads(text)
    if document is None:
        return Rejection(material_id, "", "listed by the database, but not delivered")
    try:
        return from_pymatgen(material_id, Structure.from_dict(document))
    except (KeyError, TypeError, ValueError) as error:
        return Rejection(material_id, "", f"malformed structure: {type(error).__name__}: {error}")
