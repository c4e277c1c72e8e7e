"""What the local GraceDB remembers: SQLite for the facts, files beside it.  It survives restarts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, gw_id TEXT UNIQUE, parent TEXT REFERENCES objects (id),
    public INTEGER NOT NULL DEFAULT 0, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS logs (
    object TEXT NOT NULL REFERENCES objects (id), n INTEGER NOT NULL, comment TEXT NOT NULL, issuer TEXT NOT NULL,
    created TEXT NOT NULL, filename TEXT NOT NULL DEFAULT '', version INTEGER, PRIMARY KEY (object, n));
CREATE TABLE IF NOT EXISTS tags (
    object TEXT NOT NULL, n INTEGER NOT NULL, name TEXT NOT NULL, display TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (object, n, name), FOREIGN KEY (object, n) REFERENCES logs (object, n));
CREATE TABLE IF NOT EXISTS labels (
    object TEXT NOT NULL REFERENCES objects (id), name TEXT NOT NULL, creator TEXT NOT NULL, created TEXT NOT NULL,
    PRIMARY KEY (object, name));
CREATE TABLE IF NOT EXISTS preferred (
    superevent TEXT NOT NULL REFERENCES objects (id), pipeline TEXT NOT NULL, graceid TEXT NOT NULL REFERENCES objects (id),
    PRIMARY KEY (superevent, pipeline));
CREATE TABLE IF NOT EXISTS signoffs (
    object TEXT NOT NULL REFERENCES objects (id), type TEXT NOT NULL, instrument TEXT NOT NULL, status TEXT NOT NULL,
    comment TEXT NOT NULL, submitter TEXT NOT NULL, PRIMARY KEY (object, type, instrument));
CREATE TABLE IF NOT EXISTS records (
    object TEXT NOT NULL, type TEXT NOT NULL, n INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (object, type, n));
"""


def timestamp() -> str:
    """The present time as GraceDB writes it: ``2024-07-16 15:11:12 UTC``."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


class Store:
    """One connection: the server handles one request after the other."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.files.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.db = sqlite3.connect(folder / "gracedb.db", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA foreign_keys=ON")
        self.db.executescript(TABLES)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        return self.db.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.db.execute(query, values).fetchone()
        return found

    def run(self, query: str, *values: Any) -> int:
        """Change something; the number of rows that it changed."""
        return self.db.execute(query, values).rowcount

    # ---- events and superevents ----------------------------------------------------------------------------------------
    def object(self, kind: str, name: str) -> sqlite3.Row | None:
        """By its id; a superevent by its GW id too."""
        return self.row("SELECT * FROM objects WHERE kind = ? AND (id = ? OR gw_id = ?)", kind, name, name)

    def add_object(self, kind: str, name: str, document: dict[str, Any]) -> None:
        self.run("INSERT INTO objects (id, kind, document) VALUES (?, ?, ?)", name, kind, json.dumps(document))

    def set_document(self, name: str, document: dict[str, Any]) -> None:
        self.run("UPDATE objects SET document = ? WHERE id = ?", json.dumps(document), name)

    def labels(self, name: str) -> list[str]:
        return [row["name"] for row in self.rows("SELECT name FROM labels WHERE object = ? ORDER BY rowid", name)]

    def add_label(self, name: str, label: str, creator: str) -> bool:
        """False when it is there already."""
        return self.run("INSERT OR IGNORE INTO labels VALUES (?, ?, ?, ?)", name, label, creator, timestamp()) > 0

    def remove_label(self, name: str, label: str) -> None:
        self.run("DELETE FROM labels WHERE object = ? AND name = ?", name, label)

    # ---- logs and files ------------------------------------------------------------------------------------------------
    def add_log(self, name: str, comment: str, issuer: str, tags: dict[str, str], file: tuple[str, bytes] | None) -> int:
        """The new entry's number; `tags` are names with display names."""
        number = self.db.execute("SELECT COALESCE(MAX(n), 0) + 1 FROM logs WHERE object = ?", (name,)).fetchone()[0]
        filename, version = "", None
        if file is not None:
            filename, version = file[0], self._add_file(name, *file)
        values = (name, number, comment, issuer, timestamp(), filename, version)
        self.run("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?)", *values)
        for tag, display in tags.items():
            self.run("INSERT INTO tags VALUES (?, ?, ?, ?)", name, number, tag, display)
        return int(number)

    def tags(self, name: str, number: int) -> list[str]:
        query = "SELECT name FROM tags WHERE object = ? AND n = ? ORDER BY rowid"
        return [row["name"] for row in self.rows(query, name, number)]

    def _add_file(self, name: str, filename: str, contents: bytes) -> int:
        query = "SELECT COALESCE(MAX(version), -1) + 1 FROM logs WHERE object = ? AND filename = ?"
        version = int(self.db.execute(query, (name, filename)).fetchone()[0])
        self._path(name, filename, version).parent.mkdir(mode=0o700, exist_ok=True)
        self._path(name, filename, version).write_bytes(contents)
        return version

    def file(self, name: str, filename: str, version: int) -> Path:
        """Where its contents are."""
        return self._path(name, filename, version)

    # ---- numbered records: VOEvents, notices, EM observations, catalogues ----------------------------------------------
    def next_number(self, name: str, kind: str) -> int:
        query = "SELECT COALESCE(MAX(n), 0) + 1 FROM records WHERE object = ? AND type = ?"
        return int(self.db.execute(query, (name, kind)).fetchone()[0])

    def add_record(self, name: str, kind: str, document: dict[str, Any]) -> None:
        """`document` has its number as N."""
        self.run("INSERT INTO records VALUES (?, ?, ?, ?)", name, kind, document["N"], json.dumps(document))

    def records(self, kind: str, name: str | None = None) -> list[dict[str, Any]]:
        """Of one object, or of all."""
        query = "SELECT document FROM records WHERE type = ? AND (object = ? OR ? IS NULL) ORDER BY object, n"
        return [json.loads(row["document"]) for row in self.rows(query, kind, name, name)]

    def _path(self, name: str, filename: str, version: int) -> Path:
        return self.files / name / f"{filename},{version}"
