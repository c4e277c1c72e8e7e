"""The documents of the ledger: asimov's keys, with units, as pydantic models.

What gwfollow itself reads is checked strictly; other keys are kept as they are, since a pipeline or its template may read them.
Keys are written with spaces; asimov's older spellings ``window-length`` and ``window_length`` are read as ``window length``, and its
older places (`gwfollow.ledger.forms.deprecated`) as the present ones.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from gwfollow.errors import InputError
from gwfollow.ledger.fields import (
    GPS,
    Count,
    Detector,
    FilesPerDetector,
    Flag,
    Hertz,
    HertzPerDetector,
    Kwargs,
    Labels,
    Memory,
    Name,
    Number,
    PriorBound,
    Seconds,
    Text,
    TextPerDetector,
    Word,
    check_plain,
    refused,
)
from gwfollow.ledger.forms import deprecated


class Document(BaseModel):
    """A mapping whose known keys are checked and whose other keys are kept."""

    model_config = ConfigDict(extra="allow", alias_generator=lambda field: field.replace("_", " "), validate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            raise refused("a mapping")
        known = _keys(cls)
        read: dict[str, Any] = {}
        for key, inner in value.items():
            spaced = key.replace("-", " ").replace("_", " ") if key not in known else key
            key = spaced if spaced in known else key
            if key in read:
                raise refused(f"the key {key!r} once, not in two spellings")
            read[key] = inner
        return read


@functools.cache
def _keys(model: type[Document]) -> frozenset[str]:
    return frozenset(str(field.alias) for field in model.model_fields.values())


class Data(Document):
    segment_length: Seconds | None = Field(None, description="s: length of the analysed stretch of strain")
    channels: TextPerDetector | None = Field(None, description="strain channel for each detector, e.g. H1:GWOSC-16KHZ_R1_STRAIN")
    frame_types: TextPerDetector | None = Field(None, description="frame type for each detector, as gwdatafind names it")
    data_files: FilesPerDetector | None = Field(None, description="frame files for each detector, where none are looked for")
    cache_files: FilesPerDetector | None = Field(None, description="LAL cache file for each detector")
    calibration: TextPerDetector | None = Field(None, description="calibration envelope file for each detector")


class Likelihood(Document):
    sample_rate: Hertz | None = Field(None, description="Hz: rate to which the strain is resampled")
    psd_length: Seconds | None = Field(None, description="s: length of one segment of the PSD estimate")
    window_length: Seconds | None = Field(None, description="s: length of the window")
    roll_off_time: Seconds | None = Field(None, description="s: rise of the Tukey window")
    segment_start: GPS | None = Field(None, description="GPS s: start of the analysed stretch")
    start_frequency: Hertz | None = Field(None, description="Hz: where the waveform starts")
    reference_frequency: Hertz | None = Field(None, description="Hz: where spins and phase are defined")
    minimum_frequency: HertzPerDetector | None = Field(None, description="Hz for each detector: lower end of the likelihood")
    maximum_frequency: HertzPerDetector | None = Field(None, description="Hz for each detector: upper end of the likelihood")
    iterations: Count | None = Field(None, description="BayesWave: steps of each chain")
    chains: Count | None = Field(None, description="BayesWave: parallel-tempered chains")
    threads: Count | None = Field(None, description="BayesWave: threads")

    @field_validator("maximum_frequency")
    @classmethod
    def _band(cls, highest: dict[str, float] | None, info: ValidationInfo) -> dict[str, float] | None:
        lowest, rate = info.data.get("minimum_frequency") or {}, info.data.get("sample_rate")
        for detector, high in (highest or {}).items():
            if not lowest.get(detector, 0.0) < high:
                raise refused(f"more than the minimum frequency ({lowest[detector]:g} Hz) for {detector}")
            if rate is not None and high > rate / 2:
                raise refused(f"at most half the sample rate ({rate / 2:g} Hz) for {detector}")
        return highest


class Prior(Document):
    minimum: PriorBound | None = Field(None, description="in the unit of the parameter (solar masses, Mpc, radians)")
    maximum: PriorBound | None = Field(None, description="in the unit of the parameter")
    type: Word | None = Field(None, description="class of the prior, e.g. Uniform or bilby.gw.prior.UniformSourceFrame")
    boundary: Word | None = Field(None, description="periodic or reflective")
    cosmology: Word | None = Field(None, description="e.g. Planck15_LAL")

    @field_validator("maximum")
    @classmethod
    def _above_minimum(cls, high: object, info: ValidationInfo) -> object:
        low = info.data.get("minimum")
        if isinstance(low, int | float) and isinstance(high, int | float) and not low < high:
            raise refused(f"more than the minimum ({low:g})")
        return high


def _bounds(value: object) -> object:
    if isinstance(value, list):
        numbers = [bound for bound in value if isinstance(bound, int | float)]
        if len(value) != 2 or len(numbers) != 2 or not numbers[0] < numbers[1]:
            raise refused("[minimum, maximum] with the minimum below the maximum")
    return value


#: a mapping, asimov's older list [minimum, maximum], or a plain setting.  `validate` leaves "[...]" out of the path of an error
PriorOrSetting = Annotated[
    Annotated[Prior, Tag("[prior]")] | Annotated[Any, AfterValidator(_bounds), Tag("[setting]")],
    Discriminator(lambda value: "[prior]" if isinstance(value, Mapping | Prior) else "[setting]"),
]


class Priors(Document):
    __pydantic_extra__: dict[str, PriorOrSetting]
    amplitude_order: Number | None = Field(None, description="order of the amplitude corrections")


class Quality(Document):
    state_vector: TextPerDetector | None = Field(None, description="data-quality state vector channel for each detector")


class Waveform(Document):
    approximant: Word | None = Field(None, description="e.g. IMRPhenomXPHM")
    reference_frequency: Hertz | None = Field(None, description="Hz: overrides the likelihood's")
    arguments: dict[str, Any] | None = Field(None, description="passed to the waveform generator")


class Sampler(Document):
    sampler: Word | None = Field(None, description="e.g. dynesty")
    sampler_kwargs: Kwargs | None = Field(None, description="options of the sampler: a mapping, or its text")
    parallel_jobs: Count | None = Field(None, description="independent runs whose samples are combined")


class Scheduler(Document):
    name: Word | None = Field(None, description="htcondor or local; else GWFOLLOW_SCHEDULER")
    accounting_group: Word | None = Field(None, description="e.g. ligo.dev.o4.cbc.pe.bilby")
    accounting_user: Word | None = Field(None, description="whose use of the pool it counts as")
    request_cpus: Count | None = Field(None, description="cores")
    request_memory: Memory | None = Field(
        None, description="MB, or with a unit; a bare number below 64 is GB, as bilby_pipe reads it"
    )
    request_post_memory: Memory | None = Field(None, description="MB, or with a unit: for the jobs after the sampling")
    request_disk: Memory | None = Field(None, description="MB, or with a unit")
    requirements: Text | None = Field(None, description="a ClassAd expression")
    priority: int | None = Field(None, description="among one user's jobs; higher is sooner")
    environment: dict[str, str | int | float] | None = Field(None, description="variables of the job")
    oauth_services: list[Word] | None = Field(None, description="credentials that HTCondor hands to the job, e.g. [igwn]")


class Common(Document):
    """What project, pipeline defaults, event and analysis may all say."""

    data: Data | None = None
    likelihood: Likelihood | None = None
    priors: Priors | None = None
    quality: Quality | None = None
    sampler: Sampler | None = None
    scheduler: Scheduler | None = None
    waveform: Waveform | None = None
    review_before_publishing: Flag | None = Field(None, description="publishing waits for a person's approval")


class EventDocument(Common):
    name: Name
    event_time: GPS | None = Field(None, description="GPS s")
    gid: Word | None = Field(None, description="GraceDB id of the superevent or event")
    interferometers: list[Detector] | None = Field(None, description="detectors with data, e.g. [H1, L1]")
    working_directory: Text | None = Field(None, description="absolute folder for the analyses; else GWFOLLOW_HOME/events")
    repository: Text | None = None
    webdir: Text | None = None
    comment: Text | None = None


class AnalysisDocument(Common):
    name: Name
    pipeline: Annotated[Word, Field(max_length=60)]
    event: Name | None = None
    status: str | None = None
    comment: Text | None = None
    needs: list[Any] | None = Field(None, description="what it waits for, see gwfollow.ledger.needs")
    needs_settings: Any = Field(None, description="minimum, logic and condition of its needs")
    analyses: list[Any] | None = Field(None, description="the analyses that it works on, in the words of `needs`")
    refreshable: Flag | None = Field(None, description="made anew when what it works on changes")
    labels: Labels | None = Field(None, description="words and numbers that the needs of others may ask for")
    clean: Any = Field(None, description="asks that attempts are cleaned: present, old, or the number of one")
    review: Any = Field(None, description="verdicts that it brings: one, or a list of them")
    postprocessing: Any = Field(None, description="names of post-processings; or, as a mapping, settings of their pipelines")
    interferometers: list[Detector] | None = Field(None, description="detectors to use; else the event's")

    @field_validator("clean")
    @classmethod
    def _attempts(cls, said: object) -> object:
        word = said.strip().lower() if isinstance(said, str) else said
        if word is None or word in ("present", "old") or (type(word) is int and word > 0):
            return word
        raise refused("present, old, or the number of an attempt")


class ProjectAnalysisDocument(AnalysisDocument):
    subjects: Annotated[list[Name], Field(min_length=1)] = Field(description="names of the events that it spans")

    @field_validator("subjects")
    @classmethod
    def _once(cls, subjects: list[str]) -> list[str]:
        if len(set(subjects)) < len(subjects):
            raise refused("each event once")
        return subjects


class ConfigurationDocument(Common):
    pipelines: dict[str, Common | None] | None = Field(None, description="defaults for each pipeline, by name")
    postprocessing: dict[str, Any] | None = None


def validate(model: type[Document], document: Mapping[str, Any], place: str) -> tuple[dict[str, Any], list[str]]:
    """A document with canonical keys and checked values, and warnings for a person.

    Raises `InputError` that names `place`, the path of the first wrong value, what was found and what was expected.
    """
    check_plain(document, place)
    document, moved = deprecated.move(document)
    try:
        read = model.model_validate(document)
    except ValidationError as error:
        raise _input_error(error, place) from None
    # an empty section says nothing: it must not hide the defaults below it
    plain = {
        key: value
        for key, value in read.model_dump(by_alias=True, exclude_unset=True, warnings=False).items()
        if value is not None
    }
    return plain, [f"{place}: {text}" for text in (*moved, *_misspelt(model, plain))]


def _input_error(error: ValidationError, place: str) -> InputError:
    first = error.errors(include_url=False)[0]
    path = ".".join(str(step) for step in first["loc"] if not str(step).startswith("["))
    if first["type"] == "missing":
        return InputError(f"{place}, {path}", None, "a value")
    expected = first["msg"].removeprefix("Input should be ").removeprefix("String should ")
    return InputError(f"{place}, {path}" if path else place, first["input"], expected)


def _misspelt(model: type[Document], document: Mapping[str, Any]) -> list[str]:
    """Keys that nothing here knows and that look like one that is known; they are kept."""
    found = []
    for key in document.keys() - _keys(model):
        if guess := _near(key, _keys(model)):
            found.append(f"key {key!r} is kept, but nothing here reads it; is {guess!r} meant?")
    return found


@functools.lru_cache(1000)
def _near(key: str, known: frozenset[str]) -> str | None:
    return next(iter(difflib.get_close_matches(key, known, 1, 0.8)), None)
