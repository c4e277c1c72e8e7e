"""An event's results, or one analysis', as an RO-Crate 1.1: files with checksums, what made them from what, people, software, licence.

<analysis>/<file>       results of the store
inputs/<analysis>/…     results of other analyses that these were made from
ledger.yaml             the event as a blueprint that `gwfollow apply` reads
event.json              what the report says of it
provenance.json         W3C PROV
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gwfollow import __version__
from gwfollow.errors import InputError, NotFound, PermanentError
from gwfollow.ledger.export import documents
from gwfollow.ledger.schema import Attempt, Review
from gwfollow.ledger.store import Ledger, find_analysis, find_event
from gwfollow.ledger.yamlfile import write_documents
from gwfollow.report.facts import some_events
from gwfollow.report.pages import as_json
from gwfollow.results.fetch import targets
from gwfollow.results.keep import Row, rows
from gwfollow.results.provenance import as_text, provenance
from gwfollow.results.store import Store
from gwfollow.settings import Settings

#: science codes whose versions are told where they are installed beside us
_SOFTWARE = ("bilby", "bilby_pipe", "pesummary", "lalsuite", "gwpy", "asimov")


@dataclass(frozen=True)
class Packed:
    """A file of the crate."""

    path: str  # within the crate
    row: Row
    needed: bool  # of another analysis, as an input


@dataclass(frozen=True)
class Package:
    path: Path
    files: int  # results in it
    size: int  # bytes of the results


def package(ledger: Ledger, settings: Settings, event: str, analysis: str | None, target: Path, licence: str = "") -> Package:
    """Write the crate to a new folder, or a file that ends in ``.zip``; read back and checked before it has its name.

    Raises
    ------
    NotFound : no such event or analysis, or nothing of it is in the store
    InputError : `target` is there already
    PermanentError : an object of the store is missing or altered, or the crate cannot be written
    """
    if target.exists() or target.is_symlink():
        raise InputError(str(target), "something that is there already", "a new folder, or a new file .zip")
    store = Store(settings.results_folder)
    with ledger.read() as session:
        packed = _packed(session, event, analysis)
        texts = _texts(session, settings, event)
        made = _Crate(session, store, event, analysis, licence, packed)
        crate = made.build()
    target = target.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _draft(target) as draft:
            for name, text in texts.items():
                made.add_text(draft.with_name("texts") / name, name, text)
            _write(crate, draft)
            _check(draft, packed)
            draft.rename(target)
    except OSError as error:
        raise PermanentError(f"{target} cannot be written: {error.strerror or error}") from error
    return Package(target, len(packed), sum(one.row.result.size for one in packed))


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A path in a folder of our own beside the target, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        yield Path(folder) / f"draft{target.suffix}"


def _packed(session: Session, event: str, analysis: str | None) -> list[Packed]:
    """Results of present attempts, and what they were made from."""
    if analysis is not None:
        find_analysis(session, event, analysis)
    find_event(session, event)
    mine = rows(session, event, analysis)
    name = f"{event}/{analysis}" if analysis else event
    if not mine:
        raise NotFound(f"{name} has no results in the store; publishing stores them, or 'gwfollow results add'")
    used = {str(value) for attempt in _attempts(session, mine).values() for value in attempt.inputs.values()}
    own = {row.result.id for row in mine}
    needed = [row for row in rows(session, event) if row.result.id not in own and row.result.sha256 in used]
    found = []
    for group, folder in ((mine, ""), (needed, "inputs/")):
        for maker in dict.fromkeys(row.analysis for row in group):
            of_maker = {row.result.id: row for row in group if row.analysis == maker}
            for path, result in targets([row.result for row in of_maker.values()], Path(folder) / maker).items():
                found.append(Packed(path.as_posix(), of_maker[result.id], bool(folder)))
    return found


def _attempts(session: Session, found: Sequence[Row]) -> dict[int, Attempt]:
    ids = {row.result.attempt_id for row in found}
    return {attempt.id: attempt for attempt in session.scalars(select(Attempt).where(Attempt.id.in_(ids)))}


def _texts(session: Session, settings: Settings, event: str) -> dict[str, bytes]:
    row = find_event(session, event)
    (facts,) = some_events(session, settings, [row.id])
    own = [document for document in documents(session, event) if document["kind"] != "configuration"]
    return {
        "ledger.yaml": write_documents(own).encode(),
        "event.json": as_json(facts),
        "provenance.json": as_text(provenance(session, event), "json").encode(),
    }


class _Crate:
    """The crate's entities."""

    def __init__(
        self, session: Session, store: Store, event: str, analysis: str | None, licence: str, packed: list[Packed]
    ) -> None:
        from rocrate.rocrate import ROCrate

        self._session, self._store, self._packed = session, store, packed
        self._event, self._analysis, self._licence = event, analysis, licence
        self._crate: Any = ROCrate()
        self._people: dict[str, Any] = {}
        self._by_content: dict[str, Any] = {}

    def build(self) -> Any:
        crate = self._crate
        crate.name = f"gwfollow: {self._event}" + (f", analysis {self._analysis}" if self._analysis else "")
        crate.description = f"Results of the follow-up of {self._event} with their inputs and provenance"
        if self._licence:
            crate.license = self._licence_of(self._licence)
        for one in self._packed:
            self._file(one)
        self._actions()
        self._reviews()
        if self._people:
            crate.root_dataset["contributor"] = list(self._people.values())
        return crate

    def add_text(self, file: Path, name: str, text: bytes) -> None:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text)
        form = {"yaml": "application/yaml", "json": "application/json"}[name.rpartition(".")[2]]
        about = {"name": name, "encodingFormat": form, "sha256": hashlib.sha256(text).hexdigest(), "contentSize": len(text)}
        self._crate.add_file(str(file), name, properties=about)

    def _licence_of(self, text: str) -> Any:
        from rocrate.model.contextentity import ContextEntity

        address = text if text.startswith(("http://", "https://")) else f"https://spdx.org/licenses/{text}"
        return self._crate.add(ContextEntity(self._crate, address, properties={"@type": "CreativeWork", "name": text}))

    def _file(self, one: Packed) -> None:
        result = one.row.result
        if what := self._store.check(result.sha256, result.size):
            raise PermanentError(f"{self._store.path(result.sha256)} ({one.path}): {what}")
        about = {
            "name": result.filename,
            "description": " ".join(filter(None, (result.name, result.label, f"of analysis {one.row.analysis}"))),
            "sha256": result.sha256,
            "contentSize": result.size,
            "dateModified": result.stored.isoformat(),
        }
        entity = self._crate.add_file(str(self._store.path(result.sha256)), one.path, properties=about)
        self._by_content.setdefault(result.sha256, entity)

    def _actions(self) -> None:
        """A CreateAction for each attempt whose results are here: with what, from what, when."""
        from rocrate.model.contextentity import ContextEntity

        made = {one.row.result.attempt_id: one.row for one in self._packed}
        for attempt in _attempts(self._session, list(made.values())).values():
            row = made[attempt.id]
            results = [self._by_content[one.row.result.sha256] for one in self._packed if one.row.result.attempt_id == attempt.id]
            about = {
                "@type": "CreateAction",
                "name": f"{row.event}/{row.analysis}, " + (f"attempt {attempt.number}" if attempt.number else "brought by hand"),
                "startTime": attempt.created.isoformat(),
                "instrument": [self._software("gwfollow", __version__), self._pipeline(attempt.analysis.pipeline)],
            } | ({"endTime": attempt.ended.isoformat()} if attempt.ended else {})
            action = self._crate.add(ContextEntity(self._crate, f"#attempt-{row.analysis}-{attempt.number}", properties=about))
            action["result"] = results
            action["object"] = [self._input(str(name), str(sha256)) for name, sha256 in attempt.inputs.items()]
            self._crate.root_dataset.append_to("mentions", action)

    def _input(self, name: str, sha256: str) -> Any:
        """The file where it is in the crate; else what is known of it."""
        from rocrate.model.contextentity import ContextEntity

        if sha256 not in self._by_content:
            about = {"@type": "CreativeWork", "name": name, "sha256": sha256, "description": "an input that is not in this crate"}
            self._by_content[sha256] = self._crate.add(ContextEntity(self._crate, f"#sha256-{sha256}", properties=about))
        return self._by_content[sha256]

    def _pipeline(self, name: str) -> Any:
        known = {package.replace("_", "").lower(): package for package in _SOFTWARE}
        package_name = known.get(name.replace("_", "").lower(), "")
        return self._software(name, _version_of(package_name))

    def _software(self, name: str, version: str) -> Any:
        from rocrate.model.contextentity import ContextEntity

        identifier = f"#software-{name.replace(' ', '-')}"
        if (there := self._crate.get(identifier)) is not None:
            return there
        about = {"@type": "SoftwareApplication", "name": name}
        if version:
            about |= {"softwareVersion": version, "description": "the version installed where this crate was written"}
        return self._crate.add(ContextEntity(self._crate, identifier, properties=about))

    def _reviews(self) -> None:
        from rocrate.model.contextentity import ContextEntity

        analyses = {
            attempt.analysis_id: attempt.analysis for attempt in _attempts(self._session, [o.row for o in self._packed]).values()
        }
        for review in self._session.scalars(select(Review).where(Review.analysis_id.in_(analyses)).order_by(Review.id)):
            about = {
                "@type": "Review",
                "name": f"{analyses[review.analysis_id].name}: {review.verdict}",
                "reviewBody": review.message or review.verdict,
                "dateCreated": review.time.isoformat(),
            }
            entity = self._crate.add(ContextEntity(self._crate, f"#review-{review.id}", properties=about))
            entity["author"] = self._person(review.person)
            self._crate.root_dataset.append_to("mentions", entity)

    def _person(self, name: str) -> Any:
        from rocrate.model.person import Person

        if name not in self._people:
            identifier = f"#person-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
            self._people[name] = self._crate.add(Person(self._crate, identifier, properties={"name": name}))
        return self._people[name]


def _version_of(package_name: str) -> str:
    try:
        return metadata.version(package_name) if package_name else ""
    except metadata.PackageNotFoundError:
        return ""


def _write(crate: Any, draft: Path) -> None:
    if draft.suffix == ".zip":
        crate.write_zip(str(draft))
        return
    crate.write(str(draft))
    for path in draft.rglob("*"):
        if path.is_file():
            path.chmod(0o644)  # the store's own are read-only


def _check(draft: Path, packed: Sequence[Packed]) -> None:
    """The crate read back: each file that it names is there with its checksum.  Raises `PermanentError`."""
    from rocrate.rocrate import ROCrate

    with tempfile.TemporaryDirectory(dir=draft.parent) as folder:
        read = ROCrate(str(_unpacked(draft, Path(folder))))
        named = {entity.id: entity.get("sha256") for entity in read.data_entities if entity.get("sha256")}
        for one in packed:
            if one.path not in {identifier.removeprefix("./") for identifier in named}:
                raise PermanentError(f"the crate that was written does not name {one.path}")
        for entity in read.data_entities:
            expected = named.get(entity.id)
            if expected and _sha256(Path(str(entity.source))) != expected:
                raise PermanentError(f"{entity.id} in the crate that was written has another SHA-256 than {expected}")


def _unpacked(draft: Path, folder: Path) -> Path:
    if draft.suffix != ".zip":
        return draft
    with zipfile.ZipFile(draft) as archive:
        archive.extractall(folder)
    return folder


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


__all__ = ["Package", "package"]
