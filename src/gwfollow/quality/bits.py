"""What is asked of the detectors' own channels: ``state_checks.yaml`` (`StateChecks`), and what of it an event is asked (`Questions`).

Times are GPS seconds.  An unknown key is an error, so that a slip of the pen is not a default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from gwfollow.data.lookup import LookUp, Way
from gwfollow.errors import InputError
from gwfollow.ledger.suggest import nearly
from gwfollow.quality.labels import Labels
from gwfollow.quality.verdicts import IDQ

#: the site's file under include/configs
FILE = "state_checks.yaml"
#: raised when a worker could not read an older configuration
VERSION = 1

#: s between an event's time and its begin or end: whoever says more has another time in mind
_FAR = 3600.0

Detector = Annotated[str, Field(pattern=r"^[A-Z][0-9]$")]
#: bits 0 to 52: floats, as some frames have them, hold no larger integers
BitNumber = Annotated[int, Field(ge=0, le=52)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Window(Strict):
    """s before and after the event that must be good too."""

    before: Annotated[float, Field(ge=0, le=3600)] = 2.0
    after: Annotated[float, Field(ge=0, le=3600)] = 2.0


class Search(Strict):
    """What is particular about a search pipeline."""

    gated: bool = False
    window: Window | None = None


class Frames(Strict):
    """One frame type of a detector, as `gwfollow.data.lookup.LookUp` without the detector."""

    frame_type: str
    ways: tuple[Way, ...] = Field(min_length=1)
    timeout: Annotated[float, Field(ge=0)] = 60.0


class Bit(Strict):
    name: Annotated[str, Field(pattern=r"^\S{1,80}$")]
    means: str = Field(default="", description="what it says while it is on")
    injection: bool = Field(default=False, description="on while no signal is put in by hardware")
    groups: tuple[str, ...] = Field(default=(), description="groups of GraceDB whose events are asked; none named: all")


class Vector(Strict):
    channel: str = Field(description="without the detector: GDS-CALIB_STATE_VECTOR")
    detectors: tuple[Detector, ...]
    frames: str = Field(description="which of the `frames`")
    gated: Literal["ask", "skip"] = Field(default="ask", description="skip: not asked of events whose search takes gated strain")
    bits: dict[BitNumber, Bit] = Field(min_length=1)


class FAP(Strict):
    """iDQ's false-alarm probability."""

    channel: str
    ok: str | None = Field(default=None, description="channel that is 1 while iDQ works")
    detectors: tuple[Detector, ...]
    frames: str
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.01
    absent: Literal["unknown", "not asked"] = "not asked"


class StateChecks(Strict):
    """The file."""

    window: Window = Window()
    pipelines: dict[str, Search] = {}
    frames: dict[str, dict[Detector, tuple[Frames, ...]]]
    vectors: tuple[Vector, ...]
    idq: tuple[FAP, ...] = ()
    labels: Labels = Labels()

    @field_validator("frames", mode="before")
    @classmethod
    def _as_in_channel_sets(cls, value: Any) -> Any:
        """A detector's frame types are written as a channel set writes them, or as a list of `Frames`."""
        if not isinstance(value, Mapping) or not all(isinstance(detectors, Mapping) for detectors in value.values()):
            return value  # what is wrong with it is said by its type
        return {
            name: {ifo: _read_types(types, str(ifo), f"frames.{name}.{ifo}") for ifo, types in detectors.items()}
            for name, detectors in value.items()
        }

    @model_validator(mode="after")
    def _whole(self) -> StateChecks:
        asked = {f"{ifo} {IDQ}": fap.channel for fap in self.idq for ifo in fap.detectors}
        if len(asked) < sum(len(fap.detectors) for fap in self.idq):
            raise ValueError("idq: one channel for each detector")
        sources: list[Vector | FAP] = [*self.vectors, *self.idq]
        for source in sources:
            for ifo in source.detectors:
                if not self.frames.get(source.frames, {}).get(ifo):
                    raise ValueError(f"{source.channel}: frames {source.frames!r} name no frame type of {ifo}")
        for vector in self.vectors:
            for ifo in vector.detectors:
                for bit in vector.bits.values():
                    name = f"{ifo} {bit.name}"
                    if name in asked:
                        raise ValueError(
                            f"{name} is asked of {asked[name]} and of {vector.channel}: checks have names of their own"
                        )
                    asked[name] = vector.channel
        return self

    def search(self, pipeline: str | None) -> Search:
        named = {name.lower(): search for name, search in self.pipelines.items()}
        return named.get((pipeline or "").lower(), Search())


class Question(Strict):
    """A channel of a detector and what is asked of it: its bits, or iDQ's threshold."""

    ifo: Detector
    channel: str = Field(description="with the detector")
    frame_types: tuple[str, ...] = Field(description="that may hold it, the best first")
    bits: dict[BitNumber, Bit] = {}
    threshold: float | None = None
    ok: str | None = None
    absent: Literal["unknown", "not asked"] = "unknown"


class Questions(Strict):
    """Everything that the worker reads."""

    version: int = VERSION
    event: str
    gps: float
    window: tuple[float, float]
    interferometers: tuple[str, ...]
    group: str | None = None
    pipeline: str | None = None
    questions: tuple[Question, ...]
    look_ups: tuple[LookUp, ...]
    not_asked: tuple[str, ...] = Field(default=(), description="for people: what the file would ask and why it is not asked")


class Request(Strict):
    """What an analysis says in its ``checks``; all else there is laid over the file."""

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = FILE
    group: str | None = Field(default=None, description="of GraceDB: CBC, Burst")
    pipeline: str | None = Field(default=None, description="the search that found the event")
    start: float | None = Field(default=None, description="begin of the event, GPS s; none: its time")
    end: float | None = None


def _read_types(types: Any, ifo: str, place: str) -> Any:
    from gwfollow.scans import frame_types

    if not isinstance(types, Mapping):
        return types
    return [look_up.model_dump(exclude={"ifo"}) for look_up in frame_types.read(types, ifo, place).values()]


def load(configs: Path, file: str = FILE, overrides: Mapping[str, Any] | None = None) -> StateChecks:
    """The site's file with an analysis' own words over it.  Raises `InputError` with the path of the first wrong value."""
    from gwfollow.ledger.merge import deep_merge
    from gwfollow.ledger.yamlfile import read_documents

    path = configs / file
    try:
        found = list(read_documents(path.read_text(encoding="utf-8"), str(path)))
    except FileNotFoundError:
        raise InputError("checks, file", file, f"a file of the folder {configs}") from None
    if len(found) != 1 or not isinstance(found[0], dict):
        raise InputError(str(path), f"{len(found)} documents", "one mapping")
    place = f"{path} with the analysis' checks" if overrides else str(path)
    over = dict(overrides or {})
    merged = deep_merge(found[0], over)
    if isinstance(over.get("frames"), Mapping):
        merged["frames"] = _laid_over(found[0].get("frames"), over["frames"])
    checked: StateChecks = _checked(StateChecks, merged, place, tuple(Request.model_fields) if overrides else ())
    return checked


def _laid_over(frames: Any, over: Mapping[str, Any]) -> dict[str, Any]:
    """The frame types of a detector are replaced, not joined: who names others does not mean the old ones too."""
    found = dict(frames) if isinstance(frames, Mapping) else {}
    for name, detectors in over.items():
        old = found.get(name)
        found[name] = {**old, **detectors} if isinstance(old, Mapping) and isinstance(detectors, Mapping) else detectors
    return found


def questions(
    configs: Path, document: Mapping[str, Any], *, event: str, gps: float, interferometers: tuple[str, ...]
) -> Questions:
    """What an event is asked; `document` is the ``checks`` of its analysis.  Raises `InputError`."""
    request, over = request_of(document)
    file = load(configs, request.file, over)
    start, end = window_of(file, request, over, gps)
    asked, left_out = [], []
    for question, why_not in _asked(file, request, interferometers):
        if why_not:
            left_out.append(f"{question.channel}: {why_not}")
        else:
            asked.append(question)
    types = {name for question in asked for name in question.frame_types}
    return Questions(
        event=event, gps=gps, window=(start, end), interferometers=interferometers, group=request.group, pipeline=request.pipeline,
        questions=tuple(asked), look_ups=tuple(_look_ups(file, interferometers, types)), not_asked=tuple(left_out),
    )  # fmt: skip


def request_of(document: Mapping[str, Any]) -> tuple[Request, dict[str, Any]]:
    """What the ``checks`` of an analysis say of its event, and what they lay over the file.  Raises `InputError`."""
    own = {key: document[key] for key in Request.model_fields if key in document}
    request: Request = _checked(Request, own, "checks")
    over = {key: value for key, value in document.items() if key not in own}
    if "labels" in over:
        raise InputError("checks.labels", over["labels"], f"nothing: labels are the site's, in {FILE}")
    return request, over


def window_of(file: StateChecks, request: Request, over: Mapping[str, Any], gps: float) -> tuple[float, float]:
    """GPS s that must be good, of an event at `gps`.  Raises `InputError`."""
    of_search = None if "window" in over else file.search(request.pipeline).window
    window = of_search or file.window
    start = gps if request.start is None else request.start
    end = max(gps, start) if request.end is None else request.end
    if not gps - _FAR <= start <= end <= gps + _FAR:
        raise InputError("checks.start and end", [start, end], f"the event's begin and end around its time, GPS {gps:.3f}")
    return start - window.before, end + window.after


def _asked(file: StateChecks, request: Request, interferometers: tuple[str, ...]) -> Iterator[tuple[Question, str]]:
    """Each question, and why it is not asked (empty: it is)."""
    gated = file.search(request.pipeline).gated
    for ifo in interferometers:
        for vector in (vector for vector in file.vectors if ifo in vector.detectors):
            types = tuple(frames.frame_type for frames in file.frames[vector.frames][ifo])
            bits = {number: bit for number, bit in vector.bits.items() if _concerns(bit, request.group)}
            question = Question(ifo=ifo, channel=f"{ifo}:{vector.channel}", frame_types=types, bits=bits)
            skipped = vector.gated == "skip" and gated
            yield (
                question,
                f"{request.pipeline} takes gated strain" if skipped else "" if bits else f"nothing for {request.group}",
            )
        for fap in (fap for fap in file.idq if ifo in fap.detectors):
            types = tuple(frames.frame_type for frames in file.frames[fap.frames][ifo])
            ok = f"{ifo}:{fap.ok}" if fap.ok else None
            yield (
                Question(
                    ifo=ifo, channel=f"{ifo}:{fap.channel}", frame_types=types, threshold=fap.threshold, ok=ok, absent=fap.absent
                ),
                "",
            )


def _concerns(bit: Bit, group: str | None) -> bool:
    return not bit.groups or group is None or group.lower() in {name.lower() for name in bit.groups}


def _look_ups(file: StateChecks, interferometers: tuple[str, ...], types: set[str]) -> Iterator[LookUp]:
    given: set[tuple[str, str]] = set()
    for detectors in file.frames.values():
        for ifo in interferometers:
            for frames in detectors.get(ifo, ()):
                if frames.frame_type in types and (ifo, frames.frame_type) not in given:
                    given.add((ifo, frames.frame_type))
                    yield LookUp(ifo=ifo, frame_type=frames.frame_type, ways=frames.ways, timeout=frames.timeout)


def _checked(model: type[Strict], document: Any, place: str, also: tuple[str, ...] = ()) -> Any:
    """The document as `model`; `also` are keys beside it that have been read already.  Raises `InputError`."""
    try:
        return TypeAdapter(model).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path, said = ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            raise InputError(f"{place}: no key is called {path!r}{_keys(model, first['loc'], also)}") from None
        if not path or first["type"] == "value_error":
            raise InputError(f"{place}{path and f', {path}'}: {said}") from None
        raise InputError(f"{place}, {path}", first["input"], said) from None


def _keys(model: Any, path: tuple[int | str, ...], also: tuple[str, ...]) -> str:
    """Which keys there are where the last one of `path` is none; nothing below lists and names."""
    for part in path[:-1]:
        model, also = getattr(model, "model_fields", {}).get(part), ()
        model = model.annotation if model is not None else None
    known = [*also, *getattr(model, "model_fields", ())]
    return f", expected one of {', '.join(known)}{nearly(str(path[-1]), known)}" if known else ""


__all__ = ["FILE", "Bit", "Question", "Questions", "StateChecks", "load", "questions", "request_of", "window_of"]
