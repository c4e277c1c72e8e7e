"""The work of one process of the crew: some channels of a block read, whitened, transformed, correlated and drawn.

Peaks are reported before the figures are drawn, so that the ranking does not wait for them.  A fault in one channel is that channel's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gwfollow.data.coverage import Coverage, cover
from gwfollow.data.crew import Report
from gwfollow.data.segments import Segment
from gwfollow.scans import conditioning, frames, pictures, qtransform, significance, tiling
from gwfollow.scans.arrival import window
from gwfollow.scans.correlation import Template, against_primary
from gwfollow.scans.frames import Series, Unread
from gwfollow.scans.memory import at_once
from gwfollow.scans.model import Block, ChannelResult, Peak, Primary, ScanConfig
from gwfollow.scans.pictures import PRIMARY, Scanned
from gwfollow.scans.record import Key

Floats = NDArray[np.floating[Any]]


@dataclass
class ChunkJob:
    """Some channels of a block.  `open` are those without an end, which the engine keeps."""

    config: ScanConfig
    block: Block
    channels: list[str]
    coverage: Coverage
    folder: Path
    share: int  # bytes
    bad: dict[str, str]
    template: Template | None = None
    open: set[Key] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.open = {(self.block.key, name) for name in self.channels}

    def of(self, channels: list[str], bad: dict[str, str]) -> ChunkJob:
        """The same for some of the channels."""
        return ChunkJob(self.config, self.block, channels, self.coverage, self.folder, self.share, dict(bad), self.template)

    def run(self, report: Report) -> None:
        series = _read(self.config, self.block, self.coverage, self.channels, self.bad, report)
        ended = [_unscanned(self.block, one) for one in series if isinstance(one, Unread)]
        if ended:
            report(("final", ended))
        for group in _alike([one for one in series if isinstance(one, Series)], self.share):
            self._scan(group, report)

    def _scan(self, group: Sequence[Series], report: Report) -> None:
        """Channels of one rate and stretch; one by one where something goes wrong with all of them."""
        try:
            scanned = scan_alike(self.config, self.block, group, self.template)
        except Exception as error:  # a fault must not take the channels beside it
            if len(group) > 1:
                for one in group:
                    self._scan([one], report)
                return
            sentence = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            report(("final", [_unscanned(self.block, Unread(group[0].channel, "failed", sentence))]))
            return
        report(("peaks", [one.result for one in scanned if one.drawn]))
        report(("final", [one.result for one in scanned if not one.drawn]))
        for drawn in (one for one in scanned if one.drawn):
            report(("final", [pictures.draw(self.folder, self.config, self.block, drawn)]))


@dataclass
class PrimaryJob:
    """The channel that all others are correlated with: its template, and a scan of its own."""

    config: ScanConfig
    coverage: Coverage
    folder: Path
    bad: dict[str, str]

    def run(self, report: Report) -> None:
        primary = self.config.primary
        assert primary is not None
        block = as_block(primary)
        (series,) = _read(self.config, block, self.coverage, [primary.channel], self.bad, report)
        if isinstance(series, Unread):
            report((PRIMARY, _unscanned(block, series), None))
            return
        (scanned,) = scan_alike(self.config, block, [series], None)
        template = Template.of(
            scanned.whitened, scanned.plan.sample_rate, series.start, self.config.gps, primary.matched_filter_length
        )
        report((PRIMARY, pictures.draw(self.folder, self.config, block, scanned), template))


def scan_alike(config: ScanConfig, block: Block, group: Sequence[Series], template: Template | None) -> list[Scanned]:
    """Channels of one rate and stretch.  Raises `ValueError` where they cannot be transformed as the block says."""
    first = group[0]
    # gwdetchar's high-pass: without it energies near the lowest frequency differ by up to a factor
    f_low = block.frequency_range[0] or None
    rate = conditioning.output_rate(first.rate, block.resample)
    plan = plan_of(block, conditioning.output_samples(len(first.values), first.rate, block.resample) / rate, rate)
    whitened = conditioning.condition(
        np.stack([one.values for one in group]), first.rate, fftlength=block.fftlength, f_low=f_low, resample=block.resample
    )
    tiles = qtransform.peaks(whitened, plan, first.start, _searched(config, block))
    results = [_result(config, block, series, plan, tile) for series, tile in zip(group, tiles, strict=True)]
    if template is not None and config.correlate:
        results = _correlated(config, results, whitened, plan, first.start, template)
    return [
        Scanned(series, white, plan, result, result.peak is not None and (result.significant or block.always_plot))
        for series, white, result in zip(group, whitened, results, strict=True)
    ]


def plan_of(block: Block, duration: float, rate: float) -> tiling.Tiling:
    """Raises `TilingError`."""
    return tiling.plan(duration, rate, block.q_range, block.frequency_range, block.max_mismatch)


def plan_ahead(config: ScanConfig) -> None:
    """Before the crew is born: the tilings that can be known, libraries, fonts; every process has them without making them again."""
    import lalframe  # type: ignore[import-untyped,unused-ignore]  # noqa: F401

    pictures.warm(config.colormap)
    for block in config.blocks:
        if block.resample:
            begin, end = window(config.gps, block.duration)
            try:
                plan_of(block, end - begin, block.resample)
            except ValueError:
                continue  # told with the channels


def as_block(primary: Primary) -> Block:
    return Block(
        key=PRIMARY,
        name="Primary channel",
        channels=(primary.channel,),
        frame_type=primary.frame_type,
        duration=primary.duration,
        fftlength=primary.fftlength,
        resample=primary.resample,
        frequency_range=(primary.f_low or 4.0, None),
        always_plot=True,
    )


def _read(
    config: ScanConfig, block: Block, coverage: Coverage, channels: Sequence[str], bad: dict[str, str], report: Report
) -> list[Series | Unread]:
    """Its own stretch of the type's files."""
    begin, end = window(config.gps, block.duration)
    own = cover((*coverage.files, *coverage.spare), (begin, end))
    least = max(2 * block.fftlength, conditioning.FILTER_LENGTH) + 2 * conditioning.PAD
    if config.incomplete == "skip":
        least = end - begin
    low, high = _searched(config, block)
    around = (low - conditioning.PAD, high + conditioning.PAD)
    found = frames.read(
        own,
        channels,
        ifo=config.ifo,
        around=around,
        shortest=least,
        bad=bad,
        opening=lambda file: report(("opening", file.url)),
    )
    report(("read", bad))
    return list(found.values())


def _alike(series: Iterable[Series], share: int) -> Iterator[list[Series]]:
    """Groups of one rate and stretch, as large as memory allows."""
    groups: dict[tuple[float, float, int], list[Series]] = {}
    for one in series:
        groups.setdefault((one.start, one.rate, len(one.values)), []).append(one)
    for (_, _, samples), group in groups.items():
        size = at_once(share, samples)
        for first in range(0, len(group), size):
            yield group[first : first + size]


def _searched(config: ScanConfig, block: Block) -> Segment:
    return (config.gps - block.search / 2, config.gps + block.search / 2)


def _result(config: ScanConfig, block: Block, series: Series, plan: tiling.Tiling, tile: qtransform.Tile | None) -> ChannelResult:
    if tile is None:
        return _unscanned(
            block, Unread(series.channel, "failed", "no row of tiles has a median: almost all samples are the same")
        )
    loud = significance.significant(tile.energy, plan, far_threshold=config.far_threshold, snr_threshold=block.snr_threshold)
    return ChannelResult(
        channel=series.channel,
        block=block.key,
        frame_type=block.frame_type,
        state="scanned",
        message=series.message,
        sample_rate=plan.sample_rate,
        peak=Peak(time=tile.time, frequency=tile.frequency, q=tile.q, energy=tile.energy, snr=tile.snr),
        significant=loud,
    )


def _correlated(
    config: ScanConfig, results: list[ChannelResult], whitened: Floats, plan: tiling.Tiling, start: float, template: Template
) -> list[ChannelResult]:
    """Those that are significant, as gwdetchar does: for the others there is nothing to be told."""
    loud = [number for number, result in enumerate(results) if result.significant]
    if not loud:
        return results
    found = against_primary(whitened[loud], plan.sample_rate, start, config.gps, template)
    for number, one in zip(loud, found, strict=True):
        if one is not None:
            results[number] = results[number].model_copy(
                update={
                    "correlation": one.largest,
                    "standard_deviation": one.standard_deviation,
                    "delay_ms": one.delay_ms,
                }
            )
    return results


def _unscanned(block: Block, unread: Unread) -> ChannelResult:
    return ChannelResult(
        channel=unread.channel, block=block.key, frame_type=block.frame_type, state=unread.state, message=unread.message
    )


__all__ = ["PRIMARY", "ChunkJob", "PrimaryJob", "as_block", "plan_ahead", "plan_of", "scan_alike"]
