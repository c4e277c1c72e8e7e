"""The ledger's tables.

`events` 1-n `analyses` 1-n `attempts` 1-n `jobs`; `needs` are edges between analyses of one event, or from a project analysis to
those of its events; `assets` are files that an attempt made, `results` those that were copied into the results store; `progress` and
`reviews` belong to analyses, `checks` of the data to events; `journal` has a row for every change; `inbox` and `outbox` are the doors to
the outside world.

Rows that several processes write carry ``version``: the mapper raises `StaleDataError` when the row is no longer the one that was
read (compare-and-set).  All times are aware UTC; GPS times are float seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def now() -> datetime:
    """The present time, aware UTC."""
    return datetime.now(UTC)


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; SQLite, which knows no zones, holds it naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, datetime: UTCDateTime}


class Configuration(Base):
    """Project-wide defaults: the row named ``project``; its document has asimov's keys (data, priors, ..., pipelines, postprocessing).

    The row ``upkeep`` has how far upkeep has read the journal (`gwfollow.life.missed`).
    """

    __tablename__ = "configurations"
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}


class Event(Base):
    """A GraceDB superevent or a catalogued event."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    gps: Mapped[float | None] = mapped_column(doc="GPS time of the event, s")
    graceid: Mapped[str | None] = mapped_column(String(50), index=True, doc="GraceDB id of the superevent or event")
    kind: Mapped[str] = mapped_column(
        String(10),
        default="event",
        server_default=text("'event'"),
        doc="event; project: the one row that stands for the project and holds the analyses that span events",
    )
    source: Mapped[str] = mapped_column(String(30), default="blueprint", doc="blueprint or gracedb")
    category: Mapped[str] = mapped_column(
        String(20),
        default="Production",
        server_default=text("'Production'"),
        doc="Production, Test or MDC; only Production is published",
    )
    alert: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=text("'{}'"), doc="what the alerts of this event say together (gwfollow.alerts.history)"
    )
    active: Mapped[bool] = mapped_column(default=True, doc="archived events cost nothing at parse, poll or query")
    revision: Mapped[int] = mapped_column(default=0, doc="counts the changes that gave work; names the Airflow run")
    document: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created: Mapped[datetime] = mapped_column(default=now)
    updated: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    version: Mapped[int] = mapped_column(default=1)
    analyses: Mapped[list[Analysis]] = relationship(back_populates="event", order_by="Analysis.id")
    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("ix_events_active", "active"),)


class Analysis(Base):
    """One pipeline run for an event (asimov's older word: production)."""

    __tablename__ = "analyses"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    pipeline: Mapped[str] = mapped_column(String(60))
    status: Mapped[str] = mapped_column(String(20), index=True)
    status_since: Mapped[datetime] = mapped_column(default=now)
    reason: Mapped[str | None] = mapped_column(Text, doc="why it is stuck, or what a person said at the last change")
    comment: Mapped[str | None] = mapped_column(Text)
    attempt: Mapped[int] = mapped_column(default=0, doc="number of the present attempt; 0 = none yet")
    origin: Mapped[str] = mapped_column(
        String(100),
        default="",
        server_default=text("''"),
        doc="the rule of the alert policy that asked for it; empty for a person's",
    )
    review_first: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        doc="its document (all defaults merged in) asks that a person approves before it is published",
    )
    document: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created: Mapped[datetime] = mapped_column(default=now)
    updated: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    version: Mapped[int] = mapped_column(default=1)
    event: Mapped[Event] = relationship(back_populates="analyses")
    needs: Mapped[list[Need]] = relationship(
        back_populates="analysis", foreign_keys="Need.analysis_id", order_by="Need.position", cascade="all, delete-orphan"
    )
    attempts: Mapped[list[Attempt]] = relationship(back_populates="analysis", order_by="Attempt.number")
    #: as it was when the row was read; `gwfollow.life.site.current_attempt` says which it is now
    present: Mapped[Attempt | None] = relationship(
        primaryjoin="and_(foreign(Attempt.analysis_id) == Analysis.id, Attempt.number == Analysis.attempt)", viewonly=True
    )
    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (UniqueConstraint("event_id", "name"),)


class Need(Base):
    """One edge: `analysis` waits for `needed`.

    ``needed_id`` is null where nothing in the event meets the condition (it dangles), and where the condition speaks of status,
    review and labels alone: that one is looked at when somebody asks.
    """

    __tablename__ = "needs"
    id: Mapped[int] = mapped_column(primary_key=True)
    analysis_id: Mapped[int] = mapped_column(ForeignKey("analyses.id"), index=True)
    position: Mapped[int]
    condition: Mapped[str] = mapped_column(Text, doc="as the blueprint says it, for people")
    needed_id: Mapped[int | None] = mapped_column(ForeignKey("analyses.id"), index=True)
    role: Mapped[str] = mapped_column(
        String(10),
        default="needs",
        server_default=text("'needs'"),
        doc="needs; analyses: it also works on the results of this one",
    )
    optional: Mapped[bool] = mapped_column(default=False)
    dynamic: Mapped[bool] = mapped_column(
        default=False, doc="makes no edge in the DAG: about status, review and labels alone, or one of `minimum`"
    )
    analysis: Mapped[Analysis] = relationship(back_populates="needs", foreign_keys=[analysis_id])
    needed: Mapped[Analysis | None] = relationship(foreign_keys=[needed_id])


class Attempt(Base):
    """One build of an analysis in a folder of its own, written once."""

    __tablename__ = "attempts"
    id: Mapped[int] = mapped_column(primary_key=True)
    analysis_id: Mapped[int] = mapped_column(ForeignKey("analyses.id"), index=True)
    number: Mapped[int]
    folder: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20), default="building", doc="building, built, submitted, collected, failed, left")
    inputs: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="path or name -> SHA-256 of everything that the build read")
    owner: Mapped[str | None] = mapped_column(
        String(200), doc="who may act on it: task instance and try; compared before any effect"
    )
    created: Mapped[datetime] = mapped_column(default=now)
    built: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    analysis: Mapped[Analysis] = relationship(back_populates="attempts")
    jobs: Mapped[list[Job]] = relationship(back_populates="attempt", order_by="Job.number")
    assets: Mapped[list[Asset]] = relationship(back_populates="attempt", order_by="Asset.id")
    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (UniqueConstraint("analysis_id", "number"),)


class Job(Base):
    """What a scheduler runs for an attempt; number 0 is the first, later ones are resurrections (rescue DAGs) in the same folder."""

    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    number: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(10), default="main", doc="main, or post for post-processing")
    key: Mapped[str] = mapped_column(String(300), unique=True, doc="carried by the job as the ClassAd attribute GWFollowKey")
    scheduler: Mapped[str] = mapped_column(String(60))
    job_id: Mapped[str | None] = mapped_column(String(100), doc="the scheduler's id; null while only the intent is recorded")
    state: Mapped[str] = mapped_column(String(20), default="intent", doc="intent, submitted, ended, removed")
    adopted: Mapped[bool] = mapped_column(default=False, doc="found by its key after a crash, not submitted again")
    outcome: Mapped[dict[str, Any]] = mapped_column(default=dict, doc="exit code or signal, reason, host, as the scheduler told")
    waiters: Mapped[list[Any]] = mapped_column(default=list, doc="tasks that wait for it, by identity and try")
    created: Mapped[datetime] = mapped_column(default=now)
    submitted: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    attempt: Mapped[Attempt] = relationship(back_populates="jobs")
    __mapper_args__ = {"version_id_col": version}


class Asset(Base):
    """A file that an attempt made and others take."""

    __tablename__ = "assets"
    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    name: Mapped[str] = mapped_column(String(60), doc="psds, samples, config, pages, ...")
    label: Mapped[str] = mapped_column(
        String(60), default="", doc="which of them: a detector, a run label; empty when there is one"
    )
    path: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger, doc="bytes")
    created: Mapped[datetime] = mapped_column(default=now)
    attempt: Mapped[Attempt] = relationship(back_populates="assets")
    __table_args__ = (UniqueConstraint("attempt_id", "name", "label"),)


class Result(Base):
    """A file of an attempt in the results store, which keeps each content once, under its SHA-256 (`gwfollow.results.store`)."""

    __tablename__ = "results"
    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    name: Mapped[str] = mapped_column(
        String(60), doc="samples, config, psds, ...: the asset's name, or the pipeline's for a published file"
    )
    label: Mapped[str] = mapped_column(String(60), default="", server_default=text("''"))
    filename: Mapped[str] = mapped_column(String(255), doc="under which it is fetched")
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int] = mapped_column(BigInteger, doc="bytes")
    summary: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=text("'{}'"), doc="of posterior files: what `gwfollow.results.posterior` read"
    )
    stored: Mapped[datetime] = mapped_column(default=now)
    attempt: Mapped[Attempt] = relationship()
    __table_args__ = (UniqueConstraint("attempt_id", "name", "label", "filename"),)


class ProgressMark(Base):
    """How far a running analysis was when somebody last looked; one row for each analysis, written over."""

    __tablename__ = "progress"
    analysis_id: Mapped[int] = mapped_column(ForeignKey("analyses.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(doc="number of the attempt that it speaks of")
    fraction: Mapped[float | None] = mapped_column(doc="0 to 1, where it can be said")
    line: Mapped[str] = mapped_column(Text, default="", server_default=text("''"), doc="for people")
    values: Mapped[dict[str, Any]] = mapped_column(
        default=dict, server_default=text("'{}'"), doc="samples, dlogz, nodes_done, ..."
    )
    time: Mapped[datetime] = mapped_column(default=now)


class Review(Base):
    """A person's verdict on an analysis: approved, rejected, deprecated, preferred."""

    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(primary_key=True)
    analysis_id: Mapped[int] = mapped_column(ForeignKey("analyses.id"), index=True)
    verdict: Mapped[str] = mapped_column(String(20))
    person: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(Text, default="")
    time: Mapped[datetime] = mapped_column(default=now)


class Check(Base):
    """A question about an event's data and its present answer; one row for each question, written over when it is asked again."""

    __tablename__ = "checks"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int] = mapped_column(ForeignKey("events.id"), index=True)
    name: Mapped[str] = mapped_column(String(120), doc="H1 HOFT_OK, L1 iDQ, ...: unique within the event")
    ifo: Mapped[str] = mapped_column(String(10), default="", server_default=text("''"))
    process: Mapped[str] = mapped_column(String(40), doc="who asks: state vector, iDQ, omega scan, ...")
    verdict: Mapped[str] = mapped_column(String(10), doc="pass, fail or unknown; unknown is never pass")
    summary: Mapped[str] = mapped_column(Text, default="", server_default=text("''"), doc="for people")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    analysis_id: Mapped[int | None] = mapped_column(
        ForeignKey("analyses.id"), index=True, doc="whose job answered; null: another's"
    )
    attempt: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    time: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("event_id", "name"),)


class Journal(Base):
    """Who changed what, when and why.  Rows are never changed."""

    __tablename__ = "journal"
    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(default=now)
    who: Mapped[str] = mapped_column(String(200))
    event: Mapped[str | None] = mapped_column(String(100), index=True)
    analysis: Mapped[str | None] = mapped_column(String(100))
    what: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text, default="")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Inbox(Base):
    """Messages from outside, stored before they are acknowledged: one row for each different message.

    The message itself lies in the alert archive, byte for byte; `payload` is what a person wants to see of it (long parts, such as a
    sky map, are replaced by their checksums).
    """

    __tablename__ = "inbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(100), doc="igwn-alert, gcn, gracedb (found by a query), file")
    key: Mapped[str] = mapped_column(String(200), unique=True, doc="the same message twice has the same key")
    topic: Mapped[str] = mapped_column(String(200), default="", server_default=text("''"), doc="Kafka topic, or the file's name")
    event: Mapped[str | None] = mapped_column(String(100), index=True, doc="superevent id, or GraceDB id where there is none")
    kind: Mapped[str] = mapped_column(String(40), default="", server_default=text("''"), doc="gwfollow.alerts.alert.KINDS")
    issued: Mapped[datetime | None] = mapped_column(doc="when the sender says, or Kafka's own time of the message")
    received: Mapped[datetime] = mapped_column(default=now)
    size: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"), doc="bytes of the message")
    archive: Mapped[str | None] = mapped_column(Text, doc="file with the message as it came; null for one too large to keep")
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20), default="new", doc="new, done, ignored, refused, failed")
    verdict: Mapped[str | None] = mapped_column(Text, doc="one sentence: what became of it, and why")
    decision: Mapped[list[Any]] = mapped_column(
        default=list, server_default=text("'[]'"), doc="what each rule of the policy said"
    )
    tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    processed: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("ix_inbox_state", "state"),)


class Listener(Base):
    """The life signs of one listener on one topic."""

    __tablename__ = "listeners"
    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(100), doc="igwn-alert, gcn, gracedb")
    topic: Mapped[str] = mapped_column(String(200))
    host: Mapped[str] = mapped_column(String(200), default="")
    pid: Mapped[int] = mapped_column(default=0)
    started: Mapped[datetime] = mapped_column(default=now)
    heartbeat: Mapped[datetime] = mapped_column(default=now, doc="when it last asked the broker and was answered")
    last_message: Mapped[datetime | None]
    messages: Mapped[int] = mapped_column(BigInteger, default=0, doc="stored since the row was made")
    restarts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text, doc="why it is not listening at present")
    __table_args__ = (UniqueConstraint("source", "topic"),)


class Outbox(Base):
    """Messages to the outside world, stored with the change that causes them."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id"), index=True)
    destination: Mapped[str] = mapped_column(String(30), doc="gracedb, airflow, ...")
    kind: Mapped[str] = mapped_column(String(30), doc="what the destination does with it: log, label, run, ...")
    key: Mapped[str] = mapped_column(String(300), unique=True, doc="de-duplication: the same message is stored once")
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20), default="pending", doc="pending, delivered, superseded, poisoned")
    tries: Mapped[int] = mapped_column(default=0, doc="how often it was sent or might have been")
    refusals: Mapped[int] = mapped_column(default=0, doc="how often it was refused; silence does not count")
    next_try: Mapped[datetime] = mapped_column(default=now)
    claimed: Mapped[datetime | None] = mapped_column(doc="until when another deliverer leaves it alone")
    error: Mapped[str | None] = mapped_column(Text)
    result: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created: Mapped[datetime] = mapped_column(default=now)
    delivered: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (Index("ix_outbox_state_next_try", "state", "next_try"),)
