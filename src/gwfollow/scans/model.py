"""What a scan is asked (`ScanConfig`) and what it answers (`ScanResult`): both are files in the scan's folder, JSON with a schema.

Times are GPS seconds, frequencies Hz, delays seconds unless a name says otherwise.  An unknown key is an error, so that a slip of the pen is not
a default.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gwfollow.data.lookup import LookUp

#: raised when a reader of the files would have to change
VERSION = 1

#: files of a scan's folder
CONFIG, RESULT, TABLE, PAGE, DONE = "scan-config.json", "scan.json", "summary.csv", "index.html", "channels.jsonl"
PLOTS = "plots"

Engine = Literal["gwfollow", "gwdetchar"]
Span = tuple[float, float]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Block(Strict):
    """Channels that are transformed alike: one section of a scan's configuration."""

    key: str = Field(description="section of the configuration, without spaces")
    name: str = Field(description="for people")
    channels: tuple[str, ...] = Field(min_length=1)
    frame_type: str = Field(description="which of the look-ups has them")
    duration: Annotated[float, Field(gt=0)] = Field(description="data transformed, s, centred on the event's time")
    fftlength: Annotated[float, Field(gt=0)] = Field(description="of the whitening's PSD, s")
    resample: float | None = Field(default=None, gt=0, description="Hz; None or above a channel's own rate: its own rate")
    frequency_range: tuple[float, float | None] = Field(default=(4.0, None), description="Hz; no upper end: the highest possible")
    q_range: Span = (3.3166, 150.0)
    max_mismatch: Annotated[float, Field(gt=0, lt=1)] = 0.2
    search: Annotated[float, Field(gt=0)] = Field(
        default=0.5, description="length of the window around the time that is searched, s"
    )
    snr_threshold: float = Field(default=5.5, description="a peak below it is not significant")
    always_plot: bool = False
    plot_time_durations: tuple[float, ...] = (1.0, 4.0, 16.0)
    state_flag: str | None = Field(
        default=None, description="data-quality flag without which the channels of the block mean nothing"
    )


class Primary(Strict):
    """The channel that all others are correlated with, usually the strain."""

    channel: str
    frame_type: str
    f_low: float | None = Field(default=None, description="Hz; high-pass before the correlation")
    resample: float | None = None
    duration: float = 64.0
    fftlength: float = 8.0
    matched_filter_length: float = Field(default=2.0, description="length of the template around the time, s")


class ScanConfig(Strict):
    """Everything that a scan's worker reads."""

    version: int = VERSION
    title: str = Field(description="the event's name, or what a person called it")
    gps: float
    ifo: str
    channel_set: str
    engine: Engine = "gwfollow"
    blocks: tuple[Block, ...]
    primary: Primary | None = None
    look_ups: tuple[LookUp, ...] = Field(description="one for each frame type")
    incomplete: Literal["scan", "skip"] = Field(
        default="scan", description="a frame type of which data are missing after its deadline"
    )
    far_threshold: float = Field(
        3.171e-8, description="Hz; false-alarm rate of a tile in white noise above which nothing is significant"
    )
    correlate: bool = True
    ignore_state_flags: bool = False
    colormap: str = "viridis"
    workers: int = Field(default=0, ge=0, description="processes that read and draw; 0: as many as the job has cores")
    memory_mb: int = Field(default=1500, gt=0, description="what the engine plans with, all processes together")
    time_limit: float = Field(default=3600.0, gt=0, description="s; what has not been scanned then is said to be missing")


#: why a channel has no peak; `scanned` has one
ChannelState = Literal["scanned", "absent", "no data", "not finite", "constant", "state off", "failed", "not reached"]


class Peak(Strict):
    """The loudest tile in the search window (Chatterji et al. 2004, CQG 21, S1809; energies as gwpy's)."""

    time: float
    frequency: float
    q: float
    energy: float = Field(description="over the median of its row, so that the median in white noise is 1")
    snr: float = Field(description="sqrt(2 energy), as gwpy")


class ChannelResult(Strict):
    channel: str
    block: str
    frame_type: str
    state: ChannelState
    message: str = Field(default="", description="why it is not scanned, or what is odd about it, for people")
    sample_rate: float | None = Field(default=None, description="Hz, as it was transformed")
    peak: Peak | None = None
    significant: bool = False
    correlation: float | None = Field(default=None, description="largest matched-filter SNR against the primary channel")
    standard_deviation: float | None = Field(default=None, description="of that SNR's series")
    delay_ms: float | None = Field(default=None, description="of the largest correlation after the time of the scan, ms")
    plot: str = Field(default="", description="the figure, relative to the scan's folder; empty where none was drawn")


class MissingData(Strict):
    frame_type: str
    segments: tuple[Span, ...]
    message: str = ""


#: `complete`: every channel has an end of its own and no data were missing; `partial`: results are kept, something is missing, and
#: `reason` says what; `failed`: no channel could be scanned
ScanState = Literal["running", "complete", "partial", "failed"]


class ScanResult(Strict):
    """What a scan has found so far; ranked: the loudest significant channel first."""

    version: int = VERSION
    title: str
    gps: float
    ifo: str
    channel_set: str
    engine: Engine
    engine_version: str
    state: ScanState
    reason: str = ""
    host: str
    begun: str = Field(description="UTC, ISO 8601")
    updated: str = Field(description="UTC, ISO 8601")
    far_threshold: float
    missing: tuple[MissingData, ...] = ()
    primary: ChannelResult | None = None
    channels: tuple[ChannelResult, ...] = ()
    waiting: int = Field(default=0, description="channels without an end yet")
