"""asimov's ledgers as plain data: a YAML file, a SQLite file, the URL of another SQL database, or the folder of a project.

Nothing is written, and asimov need not be installed.  Formats: YAML as all versions to 0.8 write it (``events``, each with its
``productions``); SQL as 0.8 has it (tables events, productions, project_analyses, ledger_config; what is not a column is in ``meta``).
"""

from __future__ import annotations

import configparser
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, LedgerBusy
from gwfollow.ledger.yamlfile import read_documents

#: values in one ledger: about 20,000 analyses
MOST_VALUES = 5_000_000
_EXPECTED = "asimov's ledger.yml, its ledger.db, a SQLAlchemy URL, or the folder of an asimov project"
_TABLES = {"events", "productions"}


@dataclass
class Contents:
    """One ledger of asimov."""

    source: str  # for messages
    root: Path | None  # the project's folder: relative paths begin there
    config: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)  # without their productions
    productions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # by event; each has its name
    project_analyses: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was seen and is not handed on


def read(where: str, root: Path | None = None) -> Contents:
    """The ledger at `where`; `root` overrules the project's folder.  Raises `InputError`."""
    if "://" in where:
        return _sql(where, where, root)
    path = Path(where).expanduser().absolute()
    if path.is_dir():
        return _project(path, root)
    if not path.is_file():
        raise InputError("asimov ledger", where, f"{_EXPECTED}; there is no such file")
    root = root or (path.parent.parent if path.parent.name == ".asimov" else path.parent)
    with path.open("rb") as file:
        if file.read(16) == b"SQLite format 3\x00":
            return _sql(f"sqlite:///file:{_quoted(path)}?mode=ro&uri=true", str(path), root)
    return _yaml(path, root)


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))


def _project(folder: Path, root: Path | None) -> Contents:
    """The ledger that the project's own configuration names."""
    hidden = folder if folder.name == ".asimov" else folder / ".asimov"
    file = hidden / "asimov.conf"
    if not file.is_file():
        raise InputError("asimov ledger", str(folder), f"{_EXPECTED}; {file} is not there")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
        location = parser.get("ledger", "location", fallback=".asimov/ledger.yml")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise InputError(str(file), str(error).partition("\n")[0], "asimov's configuration") from None
    root = root or hidden.parent
    return read(location if "://" in location else str(root / location), root)


# ---- YAML ------------------------------------------------------------------------------------------------------------


def _yaml(path: Path, root: Path) -> Contents:
    name = f"asimov ledger {path.name}"
    try:
        documents = list(read_documents(path.read_text(encoding="utf-8-sig"), name, most=MOST_VALUES))
    except UnicodeDecodeError:
        raise InputError(f"{name}: not text in UTF-8; expected {_EXPECTED}") from None
    if len(documents) != 1 or not isinstance(documents[0], dict) or not isinstance(documents[0].get("events"), list):
        raise InputError(
            name, f"{len(documents)} documents" if len(documents) != 1 else "another one", "one with a list of 'events'"
        )
    data = documents[0]
    found = Contents(str(path), root)
    for index, event in enumerate(data.pop("events")):
        add_event(found, event, f"{name}, events[{index}]")
    analyses = data.pop("project analyses", None) or []
    place = f"{name}, project analyses"
    found.project_analyses = [flat(one, f"{place}[{index}]") for index, one in enumerate(_list(analyses, place))]
    _add_config(found, data)
    return found


def add_event(found: Contents, event: Any, place: str) -> None:
    """One event with its ``productions``, at `place` for messages."""
    if not isinstance(event, Mapping) or not isinstance(event.get("name"), str):
        raise InputError(place, event if not isinstance(event, Mapping) else sorted(event), "a mapping with a name")
    name = event["name"]
    if name in found.productions:
        raise InputError(f"{place}, name", name, "each event once")
    found.events.append({key: value for key, value in event.items() if key not in ("productions", "ledger")})
    productions = _list(event.get("productions"), f"{place}, productions")
    found.productions[name] = [flat(one, f"{place} ({name}), productions[{i}]") for i, one in enumerate(productions)]
    _once(found.productions[name], f"{place} ({name}), productions")


def flat(production: Any, place: str) -> dict[str, Any]:
    """``{Prod0: {pipeline: ...}}``, the same with a list of one-key mappings (olivaw), or ``{name: Prod0, pipeline: ...}``."""
    expected = "{name: {pipeline: ..., ...}}"
    if not isinstance(production, Mapping):
        raise InputError(place, production, expected)
    if len(production) == 1 and "name" not in production:
        ((name, settings),) = production.items()
        if isinstance(settings, list) and all(isinstance(part, Mapping) for part in settings):
            settings = {key: value for part in settings for key, value in part.items()}
        if not isinstance(settings, Mapping):
            raise InputError(f"{place}.{name}", settings, expected)
        production = {"name": name, **settings}
    if not isinstance(production.get("name"), str):
        raise InputError(f"{place}, name", production.get("name"), "a name")
    return dict(production)


def _once(productions: list[dict[str, Any]], place: str) -> None:
    names = [one["name"] for one in productions]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(place, twice, "each analysis once")


def _list(value: Any, place: str) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise InputError(place, value, "a list")
    return value or []


def _add_config(found: Contents, data: Mapping[str, Any]) -> None:
    """All that is neither event nor analysis.  What only asimov itself looks at is told and left."""
    for key, value in data.items():
        if key == "asimov":
            version = value.get("version") if isinstance(value, Mapping) else value
            found.notes.append(f"written by asimov {version}")
        elif key == "trash":
            trashed = sorted((value or {}).get("events") or {}) if isinstance(value, Mapping) else []
            found.notes.append(f"left behind: events that were deleted in asimov ({', '.join(trashed) or 'none'})")
        elif value not in (None, {}, []):
            found.config[key] = value


# ---- SQL -------------------------------------------------------------------------------------------------------------


def _sql(url: str, shown: str, root: Path | None) -> Contents:
    from sqlalchemy import create_engine, inspect, make_url
    from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.password:
            raise InputError("asimov ledger", "(not shown)", "a URL without a password: the server's client reads ~/.pgpass")
        engine = create_engine(parsed)
    except (ArgumentError, ImportError):
        raise InputError("asimov ledger", "(not shown)", _EXPECTED) from None
    try:
        missing = _TABLES - set(inspect(engine).get_table_names())
        if missing:
            raise InputError(f"asimov ledger {shown}", f"no table {' and '.join(sorted(missing))}", "a SQL ledger of asimov 0.8")
        with engine.connect() as connection:
            return _tables(connection, Contents(shown, root))
    except OperationalError as error:
        raise LedgerBusy(f"asimov ledger {shown} does not answer: {str(error.orig).partition(chr(10))[0]}") from error
    except DatabaseError as error:
        raise InputError(f"asimov ledger {shown}", str(error.orig).partition("\n")[0], "a SQL ledger of asimov 0.8") from error
    finally:
        engine.dispose()


def _tables(connection: Any, found: Contents) -> Contents:
    from sqlalchemy import inspect

    for row in _rows(connection, "events", ("name", "repository", "working_directory", "meta")):
        known = {"name": row["name"], "repository": row["repository"], "working directory": row["working_directory"]}
        found.events.append({key: value for key, value in known.items() if value is not None} | _meta(row, found.source))
        found.productions[row["name"]] = []
    columns = ("name", "event_name", "pipeline", "status", "comment", "meta")
    seen: set[tuple[str, str]] = set()
    for row in _rows(connection, "productions", columns):
        name, event = row["name"], row["event_name"]
        if event not in found.productions:
            raise InputError(f"{found.source}, analysis {name}, event", event, "an event of the same ledger")
        if (event, name) in seen:  # asimov takes the oldest of them too
            found.notes.append(f"left behind: a second row of {event}/{name}, which asimov does not look at either")
            continue
        seen.add((event, name))
        found.productions[event].append(_analysis(row, found.source))
    tables = set(inspect(connection).get_table_names())
    if "project_analyses" in tables:
        rows = _rows(connection, "project_analyses", ("name", "pipeline", "status", "comment", "meta"))
        found.project_analyses = [_analysis(row, found.source) for row in rows]
    if "ledger_config" in tables:
        for row in _rows(connection, "ledger_config", ("data",)):
            _add_config(found, _json(row["data"], f"{found.source}, ledger_config"))
    return found


def _rows(connection: Any, table: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    from sqlalchemy import column, select
    from sqlalchemy import table as sql_table

    query: Any = select(*(column(name) for name in columns)).select_from(sql_table(table)).order_by(column("id"))
    return [dict(row) for row in connection.execute(query).mappings()]


def _analysis(row: Mapping[str, Any], source: str) -> dict[str, Any]:
    known = {key: row[key] for key in ("name", "pipeline", "status", "comment") if row[key] is not None}
    # a value in `meta` is what asimov wrote first; the columns are what it keeps up to date
    return _meta(row, source) | known


def _meta(row: Mapping[str, Any], source: str) -> dict[str, Any]:
    meta = _json(row["meta"], f"{source}, {row['name']}, meta")
    return {key: value for key, value in meta.items() if key not in ("ledger", "productions", "event", "event_name")}


def _json(value: Any, place: str) -> dict[str, Any]:
    try:
        found = json.loads(value) if isinstance(value, str | bytes) else value
    except ValueError:
        found = value
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(place, found, "a JSON object")
    return found


__all__ = ["Contents", "add_event", "flat", "read"]
