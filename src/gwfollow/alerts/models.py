"""The parts of alerts that gwfollow uses, as pydantic models: what is used is checked, the rest is let be.

Recorded messages are irregular (no `object`, no `data`, null where a list should be): nearly everything may be missing, nothing may be
wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from gwfollow.alerts.bounds import check_text
from gwfollow.errors import InputError

#: GraceDB's ids; also the names of folders, so nothing else may pass
SUPEREVENT = r"^(S|MS|TS)\d{6}[a-z]{1,8}$"
EVENT = r"^[GEHMT]\d{1,12}$"
_WORD = r"^[A-Za-z0-9][A-Za-z0-9_.+ -]{0,59}$"
_LABEL = r"^[A-Za-z0-9_.-]{1,60}$"
_ADDRESS = r"^https?://[^\s\"'<>]{1,300}$"
#: pattern -> what a person calls it
_MEANT = {
    SUPEREVENT: "a superevent id like S190814bv",
    EVENT: "an event id like G184098",
    f"{SUPEREVENT}|{EVENT}": "an id of GraceDB like S190814bv or G184098",
    _WORD: "at most 60 letters, digits, spaces and _ . + -",
    _LABEL: "a label of letters, digits and _ . -",
    _ADDRESS: "an address that begins with https://",
}


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number, not true or false")
    return value


def utc(text: object) -> datetime:
    """Aware UTC of the ways in which GraceDB, GCN and VOEvents write times.  Raises ValueError.

    ``2024-07-16 15:11:12 UTC``, ``2018-11-01T22:34:49Z``, ``2017-08-11T03:16:11`` (VOEvent 2.0, section 3.2.5: UTC) and with an offset.
    """
    if not isinstance(text, str) or not 19 <= len(text) <= 40:
        raise ValueError("a time like 2018-11-01T22:34:49Z")
    try:
        moment = datetime.fromisoformat(text.removesuffix(" UTC").strip())
    except ValueError:
        raise ValueError("a time like 2018-11-01T22:34:49Z") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not 1980 < moment.year < 2200:
        raise ValueError("a time between 1981 and 2199")
    return moment.astimezone(UTC)


def _list(value: object) -> object:
    """``H1,L1`` and null are lists too."""
    if value is None:
        return []
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _left_out(value: object) -> object:
    """A long text of which only the checksum was kept."""
    return f"({value['bytes']} bytes, left out)" if isinstance(value, Mapping) and "bytes" in value else value


def _text(value: str) -> str:
    return check_text(value, "text")


Number = Annotated[float, BeforeValidator(_no_flag), Field(allow_inf_nan=False)]
Rate = Annotated[float, BeforeValidator(_no_flag), Field(ge=0, allow_inf_nan=False)]  # Hz
Probability = Annotated[float, BeforeValidator(_no_flag), Field(ge=0, le=1, allow_inf_nan=False)]
Gps = Annotated[float, BeforeValidator(_no_flag), Field(ge=0, lt=1e10, allow_inf_nan=False)]  # s
Moment = Annotated[datetime, BeforeValidator(utc)]
SupereventId = Annotated[str, Field(pattern=SUPEREVENT)]
EventId = Annotated[str, Field(pattern=EVENT)]
AnyId = Annotated[str, Field(pattern=f"{SUPEREVENT}|{EVENT}")]
Word = Annotated[str, Field(pattern=_WORD)]
Words = Annotated[list[Word], BeforeValidator(_list), Field(max_length=200)]
Label = Annotated[str, Field(pattern=_LABEL)]
Probabilities = Annotated[dict[Word, Probability], Field(max_length=50)]
Text = Annotated[str, BeforeValidator(_left_out), Field(max_length=20_000), AfterValidator(_text)]
Address = Annotated[str, Field(pattern=_ADDRESS)]
Category = Literal["Production", "Test", "MDC"]


class Part(BaseModel):
    """A part of a message; keys that are not named are not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Links(Part):
    self: Address | None = None


class Member(Part):
    """An event of GraceDB: one trigger of one pipeline."""

    graceid: EventId | None = None
    superevent: SupereventId | None = None
    created: Moment | None = None
    group: Word | None = None
    pipeline: Word | None = None
    search: Word | None = None
    gpstime: Gps | None = None
    far: Rate | None = None
    instruments: Words = []
    labels: list[Label] | None = None
    links: Links | None = None


class Superevent(Part):
    superevent_id: SupereventId
    category: Category | None = None
    created: Moment | None = None
    preferred_event: EventId | None = None
    t_start: Gps | None = None
    t_0: Gps | None = None
    t_end: Gps | None = None
    gw_events: Annotated[list[EventId], Field(max_length=10_000)] | None = None
    far: Rate | None = None
    em_type: AnyId | None = None
    time_coinc_far: Rate | None = None
    space_coinc_far: Rate | None = None
    labels: list[Label] | None = None
    preferred_event_data: Member | None = None
    links: Links | None = None


class Internal(Part):
    """An igwn-alert message."""

    uid: AnyId
    alert_type: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,60}$")]
    data: Any = None
    object: Any = None


class LogEntry(Part):
    comment: Text | None = None
    filename: Text | None = None
    file_version: Annotated[int, Field(ge=0)] | None = None
    tag_names: list[Text] | None = None


class LabelName(Part):
    name: Label | None = None


class Signoff(Part):
    signoff_type: Word | None = None
    instrument: Annotated[str, Field(pattern=r"^([A-Z]\d)?$")] | None = None
    status: Literal["OK", "NO"] | None = None
    comment: Text | None = None


class Created(Part):
    created: Moment | None = None


class PublicEvent(Part):
    time: Moment
    far: Rate | None = None
    significant: bool | None = None
    instruments: Words = []
    group: Word | None = None
    pipeline: Word | None = None
    search: Word | None = None
    classification: Probabilities | None = None
    properties: Probabilities | None = None
    duration: Rate | None = None  # s
    central_frequency: Rate | None = None  # Hz
    skymap: Any = None


class External(Part):
    """A coincidence with another observatory."""

    gcn_notice_id: int | Text | None = None
    ivorn: Text | None = None
    observatory: Text | None = None
    search: Text | None = None
    time_difference: Number | None = None
    time_coincidence_far: Rate | None = None
    time_sky_position_coincidence_far: Rate | None = None
    combined_skymap: Any = None


class Public(Part):
    """A public notice."""

    alert_type: Literal["EARLYWARNING", "EARLY_WARNING", "PRELIMINARY", "INITIAL", "UPDATE", "RETRACTION"]
    time_created: Moment
    superevent_id: SupereventId
    urls: dict[str, Any] | None = None
    event: PublicEvent | None = None
    external_coinc: External | None = None


class Replaced(Part):
    """What stands in a payload for a sky map."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}$")] | None = None
    problem: Text | None = None


M = TypeVar("M", bound=Part)


def check(model: type[M], document: Mapping[str, Any], place: str) -> M:
    """The checked part.  Raises `InputError` with the path of the first wrong value, what was found and what was expected."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _input_error(error, place) from None


def check_value(kind: Any, value: object, place: str) -> Any:
    """One checked value; `kind` is an annotated type of this module.  Raises `InputError`."""
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        raise _input_error(error, place) from None


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _input_error(error: ValidationError, place: str) -> InputError:
    first = error.errors(include_url=False)[0]
    path = ".".join(str(step)[:60] for step in first["loc"])  # keys of the message are in it
    where = f"{place}, {path}" if path else place
    if first["type"] == "missing":
        return InputError(f"{where}: is missing")
    expected = _MEANT.get(first.get("ctx", {}).get("pattern", ""), first["msg"])
    for words in ("Value error, ", "Input should be ", "String should "):
        expected = expected.removeprefix(words)
    return InputError(where, first["input"], expected)


__all__ = ["EVENT", "SUPEREVENT", "check", "check_value", "utc"]
