"""The scan's answer as it grows: results ranked, what is missing, and whether it is complete; written as ``scan.json``, table and page."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from gwfollow import __version__
from gwfollow.data.segments import told
from gwfollow.scans import page, table
from gwfollow.scans.arrival import FrameType
from gwfollow.scans.drafts import write_whole
from gwfollow.scans.frames import SHORTENED
from gwfollow.scans.model import RESULT, TABLE, ChannelResult, ChannelState, MissingData, ScanConfig, ScanResult, ScanState
from gwfollow.scans.record import Key, key

#: s between two writings, and how much of the time they may take
EVERY, PART = 3.0, 0.05
#: ends that leave a scan partial
_LACKING: tuple[ChannelState, ...] = ("no data", "failed", "not reached")


class Outcome:
    """`bad`: files that cannot be read, by URL, and why."""

    def __init__(
        self, config: ScanConfig, folder: Path, types: Mapping[str, FrameType], found: Mapping[Key, ChannelResult]
    ) -> None:
        self._config, self._folder, self._types = config, folder, types
        self._results = dict(found)  # provisional ones too: a peak whose figure is not drawn yet
        self._ended = set(found)
        self._asked = [(block, name) for block in config.blocks for name in dict.fromkeys(block.channels)]
        self._begun = _now()
        self._due = 0.0
        self._changed = True
        self.bad: dict[str, str] = {}
        self.primary: ChannelResult | None = None
        self.stopped = ""

    @property
    def asked(self) -> int:
        return len(self._asked)

    def provisional(self, results: Iterable[ChannelResult]) -> None:
        self._results.update((key(result), result) for result in results)
        self._changed = True

    def final(self, results: Iterable[ChannelResult]) -> None:
        ended = list(results)
        self.provisional(ended)
        self._ended.update(map(key, ended))

    def no_primary(self, why: str) -> None:
        primary = self._config.primary
        assert primary is not None
        self.primary = ChannelResult(
            channel=primary.channel, block="primary", frame_type=primary.frame_type, state="failed", message=why
        )

    def write_now_and_then(self) -> None:
        if self._changed and time.monotonic() >= self._due:
            self.write()

    def write(self, *, final: bool = False) -> ScanResult:
        """All three files, each whole.  Raises `NotWritten`."""
        begun = time.monotonic()
        result = self.result(final=final)
        write_whole(self._folder / RESULT, result.model_dump_json(indent=1).encode())
        table.write_csv(result, self._folder / TABLE, self._config)
        page.write(result, self._folder)
        self._changed = False
        self._due = time.monotonic() + max(EVERY, (time.monotonic() - begun) / PART)
        return result

    def result(self, *, final: bool) -> ScanResult:
        if final:
            self._end_all()
        channels = sorted(self._results.values(), key=_rank)
        missing = self._missing(final)
        reason = self._reason(channels, missing) if final else ""
        config = self._config
        return ScanResult(
            title=config.title,
            gps=config.gps,
            ifo=config.ifo,
            channel_set=config.channel_set,
            engine="gwfollow",
            engine_version=__version__,
            state=_state(channels, reason) if final else "running",
            reason=reason,
            host=socket.gethostname(),
            begun=self._begun,
            updated=_now(),
            far_threshold=config.far_threshold,
            missing=missing,
            primary=self.primary,
            channels=tuple(channels),
            waiting=0 if final else len(self._asked) - len(self._results),
        )

    def _end_all(self) -> None:
        """Channels without an end of their own get one; a peak is a result, also where its figure was not drawn any more."""
        why = self.stopped or "the scan ended before"
        for block, name in self._asked:
            known = self._results.get((block.key, name))
            if known is None:
                self._results[block.key, name] = ChannelResult(
                    channel=name, block=block.key, frame_type=block.frame_type, state="not reached", message=why
                )
        primary = self._config.primary
        if primary is not None and self.primary is None:
            self.primary = ChannelResult(
                channel=primary.channel, block="primary", frame_type=primary.frame_type, state="not reached", message=why
            )

    def _missing(self, final: bool) -> tuple[MissingData, ...]:
        """Before the end, of those types whose last word is spoken."""
        lacking = (kind.missing(self.bad) for kind in self._types.values() if kind.settled or final)
        return tuple(one for one in lacking if one is not None)

    def _reason(self, channels: list[ChannelResult], missing: tuple[MissingData, ...]) -> str:
        """What is missing, in one sentence; empty where nothing is."""
        why = [self.stopped] if self.stopped else []
        for one in missing:
            why.append(f"{one.frame_type} is missing {told(one.segments, 3)}" + (f" ({one.message})" if one.message else ""))
        counted = Counter(one.state for one in channels)
        why += [f"{_channels(counted[state])} {state}" for state in _LACKING if counted[state]]
        short = sum(one.state == "scanned" and one.message.startswith(SHORTENED) for one in channels)
        why += [f"{_channels(short)} scanned in less than was asked for"] if short else []
        undrawn = len(self._results.keys() - self._ended) - counted["not reached"]
        why += [f"{_channels(undrawn)} without figure"] if undrawn > 0 else []
        if self.primary is not None and self.primary.state != "scanned":
            why.append(f"no correlation: {self.primary.channel} is {self.primary.state} ({self.primary.message})")
        return "; ".join(why)


def _state(channels: list[ChannelResult], reason: str) -> ScanState:
    if not any(one.state == "scanned" for one in channels):
        return "failed"
    return "partial" if reason else "complete"


def _rank(one: ChannelResult) -> tuple[bool, float, str, str]:
    """Significant ones first, the loudest of them first; then the other peaks; then channels without."""
    return (not one.significant, -one.peak.energy if one.peak else 0.0, one.block, one.channel)


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


__all__ = ["EVERY", "Outcome"]
