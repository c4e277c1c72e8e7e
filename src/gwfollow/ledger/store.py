"""Opening the ledger, reading it, and changing it: one transaction with its journal entries for every change.

    ledger = Ledger.open(settings.ledger_url)
    with ledger.change(who="alice", why="new calibration") as change:
        analysis = change.analysis("GW150914", "bilby-xphm")
        change.set_status(analysis, "restart")

A change that loses a compare-and-set raises `StaleVersion` and leaves nothing behind; `Ledger.run` tries it again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Engine, Select, Table, bindparam, insert, inspect, select, text
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session, contains_eager
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.exc import StaleDataError

from gwfollow.errors import InputError, LedgerBusy, NotFound, StaleVersion
from gwfollow.ledger.engine import make_engine, parsed_url, writing
from gwfollow.ledger.merge import PROJECT, keep_project
from gwfollow.ledger.revision import HEAD
from gwfollow.ledger.schema import Analysis, Attempt, Configuration, Event, Job, Journal, Outbox, now
from gwfollow.ledger.states import check_transition
from gwfollow.ledger.suggest import nearly
from gwfollow.naming import is_mock

T = TypeVar("T")

#: destinations that are our own: a test event has its runs like any other, and its folders are cleaned
INSIDE = frozenset({"airflow", "disk"})


class Ledger:
    """The one source of truth.  Cheap to hold; every call uses a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str, *, password: str | None = None, create: bool = False) -> Ledger:
        """Connect.

        Parameters
        ----------
        url : SQLAlchemy URL (``sqlite:////path``, ``postgresql+psycopg://user@host/db``)
        password : kept out of the URL by those who read it from a connection or a file
        create : make or migrate the tables instead of asking for them

        Raises
        ------
        InputError : not a URL, or no ledger there (the text says which command makes one)
        LedgerBusy : the server does not answer
        """
        parsed = parsed_url(url, password)
        shown = parsed.render_as_string(hide_password=True)
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite and parsed.database and not create and not Path(parsed.database).is_file():
            raise NotFound(f"no ledger at {shown}; 'gwfollow init' makes one")
        if sqlite and parsed.database and create:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = make_engine(parsed, shown)
        ledger = cls(engine)
        try:
            if create:
                from gwfollow.ledger.migrate import upgrade

                upgrade(engine)
            else:
                ledger._check_revision(shown)
        except OperationalError as error:
            raise LedgerBusy(f"ledger {shown} does not answer: {_first_line(error)}") from error
        except DatabaseError as error:
            raise InputError(f"ledger {shown}: {_first_line(error)}") from error
        return ledger

    @cached_property
    def _writer(self) -> Engine:
        return writing(self.engine)

    def _check_revision(self, shown: str) -> None:
        with self.engine.connect() as connection:
            try:
                found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            except DatabaseError:
                # the inspector takes longer than the question: it is only asked why
                connection.rollback()
                if inspect(connection).has_table("alembic_version"):
                    raise
                raise NotFound(f"no ledger at {shown}; 'gwfollow init' makes one") from None
        if found != HEAD:
            raise InputError(f"ledger {shown}", f"revision {found}", f"revision {HEAD} ('gwfollow init' migrates)")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read-only session: nothing that is done in it is stored."""
        with _translated(), Session(self.engine) as session:
            # closing rolls back, and leaves what was read usable
            yield session

    @contextmanager
    def change(self, *, who: str, why: str = "") -> Iterator[Change]:
        """One transaction.  It is stored whole when the block ends, or not at all.

        Raises `StaleVersion` where another writer was first and `LedgerBusy` where the database did not let us in.
        """
        with _translated(), _WritingSession(self._writer, expire_on_commit=False) as session:
            change = Change(session, who=who, why=why)
            yield change
            session.flush()  # a commit by itself does not, where the journal alone has something new
            session.commit()

    def run(self, action: Callable[[Change], T], *, who: str, why: str = "", tries: int = 20) -> T:
        """`action` in a transaction, again from the start when another writer was first."""
        for left in range(tries - 1, -1, -1):
            try:
                with self.change(who=who, why=why) as change:
                    return action(change)
            except StaleVersion:
                if not left:
                    raise
                time.sleep(random.uniform(0.005, 0.05))
        raise AssertionError("unreachable")

    def close(self) -> None:
        self.engine.dispose()


class _WritingSession(Session):
    """The session of a change.  Its entries of the journal go to the database in one statement with whatever else is flushed: as objects
    of the session each would be a statement of its own, that asks for an id which nobody wants."""

    def __init__(self, engine: Engine, **options: Any) -> None:
        super().__init__(engine, **options)
        self.entries: list[dict[str, Any]] = []

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        super().flush(objects)
        if self.entries:
            entries, self.entries = self.entries, []
            self.execute(_ENTER, entries)


_ENTER = insert(cast(Table, Journal.__table__))


class Change:
    """What may be done inside one transaction.  Each call that changes something writes its journal entry."""

    def __init__(self, session: _WritingSession, *, who: str, why: str) -> None:
        self.session, self.who, self.why = session, who, why

    # ---- finding -------------------------------------------------------------------------------------------------------
    def event(self, name: str) -> Event:
        return find_event(self.session, name)

    def analysis(self, event: str, name: str) -> Analysis:
        return find_analysis(self.session, event, name)

    # ---- changing ------------------------------------------------------------------------------------------------------
    def journal(self, what: str, *, event: str | None = None, analysis: str | None = None, **details: Any) -> None:
        entry = {"time": now(), "who": self.who, "why": self.why, "what": what, "event": event, "analysis": analysis}
        self.session.entries.append(entry | {"details": details})

    def set_status(self, analysis: Analysis, status: str, *, reason: str | None = None) -> None:
        """Move an analysis along the table of transitions; the same status again changes nothing but a new reason.

        Raises `IllegalTransition`.
        """
        name, event_name = analysis.name, analysis.event.name
        old = analysis.status
        if old == status:
            if reason is not None and reason != analysis.reason:
                analysis.reason = reason
                self.journal(f"still {status}", event=event_name, analysis=name, reason=reason)
            return
        check_transition(f"{event_name}/{name}", old, status)
        analysis.status, analysis.status_since, analysis.reason = status, now(), reason
        details = {"old": old, "new": status} | ({"reason": reason} if reason else {})
        self.journal(f"{old} -> {status}", event=event_name, analysis=name, **details)

    def give_work(self, event: Event, *, everything: bool = False) -> int:
        """A change that a run must look at: the next revision, and the message that asks Airflow for its run.

        With `everything` the run also takes up what is in hand already (no other run is left to do it).
        """
        event.revision += 1
        if event in self.session.new:
            self.session.flush()
        # this request takes the place of those that have not been delivered, so it must not ask for less
        everything = everything or (event.revision > 1 and self._waits_for_everything(event))
        run_id = f"rev-{event.revision}"
        # no look for a twin first, as in `send`: the event's version lets one writer alone have this revision
        self.session.add(
            Outbox(
                destination="airflow",
                kind="run",
                key=f"run:{event.name}:{run_id}",
                payload={"event": event.name, "run_id": run_id} | ({"everything": True} if everything else {}),
                event_id=event.id,
            )
        )
        return event.revision

    def _waits_for_everything(self, event: Event) -> bool:
        waiting = select(Outbox.payload).where(Outbox.event_id == event.id, Outbox.destination == "airflow", Outbox.kind == "run")
        return any(payload.get("everything") for payload in self.session.scalars(waiting.where(Outbox.state == "pending")))

    def send(self, destination: str, kind: str, payload: dict[str, Any], *, key: str, event: Event | None = None) -> bool:
        """Store a message for the outside world; False when one with this key is there already.

        Nothing goes out for an event that is a test (`is_test`): that is noted in the journal, and False comes back.
        """
        if event is not None and destination not in INSIDE and is_test(event):
            self.journal(f"{destination} {kind} not sent: {event.name} is a test", event=event.name, key=key)
            return False
        if self.session.scalar(select(Outbox.id).where(Outbox.key == key)) is not None:
            return False
        self.session.add(
            Outbox(destination=destination, kind=kind, key=key, payload=payload, event_id=event.id if event else None)
        )
        return True


def is_test(event: Event) -> bool:
    """Whether nothing of this event may leave the house: its category says so, or its name or GraceDB id is that of a mock event."""
    return event.category != "Production" or is_mock(event.name) or is_mock(event.graceid or "")


def find_event(session: Session, name: str) -> Event:
    """Raises `NotFound`."""
    found = session.scalar(select(Event).where(Event.name == name))
    if found is None:
        raise NotFound(f"no event {name!r} in the ledger{nearly(name, session.scalars(select(Event.name)))}")
    return found


# Put together once: that takes longer than the answer.  Every step asks for its event and its present attempt next, and one that only
# reads for that one's jobs and the project's defaults as well: in the same question.


@cache
def _to_change() -> Select[Any]:
    wanted = Event.name == bindparam("event"), Analysis.name == bindparam("analysis")
    loaded = contains_eager(Analysis.event), contains_eager(Analysis.present)
    return select(Analysis).join(Analysis.event).outerjoin(Analysis.present).where(*wanted).options(*loaded)


@cache
def _to_look_at() -> Select[Any]:
    query = select(Analysis, Event, Attempt, Job, Configuration.document).join(Analysis.event)
    query = query.outerjoin(Analysis.present).outerjoin(Attempt.jobs).outerjoin(Configuration, Configuration.name == PROJECT)
    return query.where(Event.name == bindparam("event"), Analysis.name == bindparam("analysis")).order_by(Job.number)


def _look(session: Session, names: dict[str, str]) -> Analysis | None:
    rows = session.execute(_to_look_at(), names).all()  # one for each job
    if not rows:
        return None
    found, event_row, attempt, _, project = rows[0]
    # by hand: the mapper takes half as long again for what is joined
    set_committed_value(found, "event", event_row)
    set_committed_value(found, "present", attempt)
    if attempt is not None:
        set_committed_value(attempt, "jobs", [job for _, _, _, job, _ in rows if job is not None])
    keep_project(session, project or {})
    return cast(Analysis, found)


def find_analysis(session: Session, event: str, name: str) -> Analysis:
    """Raises `NotFound`, which says whether the event or the analysis is missing."""
    names = {"event": event, "analysis": name}
    writes = isinstance(session, _WritingSession)
    found: Analysis | None = session.scalars(_to_change(), names).one_or_none() if writes else _look(session, names)
    if found is None:
        others = [analysis.name for analysis in find_event(session, event).analyses]
        raise NotFound(f"event {event} has no analysis {name!r}{nearly(name, others)}")
    return found


@contextmanager
def _translated() -> Iterator[None]:
    """SQLAlchemy's errors as ours."""
    try:
        yield
    except StaleDataError as error:
        raise StaleVersion("the ledger's row was changed by another writer") from error
    except IntegrityError as error:
        if not _was_beaten(error):
            raise  # a fault of ours: it would fail again
        raise StaleVersion(f"another writer stored the same row first: {_first_line(error)}") from error
    except OperationalError as error:
        if _serialization(error):
            raise StaleVersion("two writers met on the same rows") from error
        raise LedgerBusy(f"the ledger does not answer: {_first_line(error)}") from error


def _was_beaten(error: IntegrityError) -> bool:
    """Whether another writer made the row, or removed what it refers to; not for a value that is missing or not allowed."""
    state = getattr(error.orig, "sqlstate", None)  # PostgreSQL: unique_violation, foreign_key_violation
    return state in {"23505", "23503"} if state else str(error.orig).startswith(("UNIQUE", "FOREIGN KEY"))


def _serialization(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in {"40001", "40P01"}


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().partition("\n")[0]


__all__ = ["HEAD", "Change", "Ledger", "find_analysis", "find_event", "is_test"]
