"""What a scan has found, in a few words and numbers: for log entries, checks and summaries.

Reads ``scan.json`` as plain JSON, so that who only tells of a scan need not import its model.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

#: channels that a sentence names
LOUDEST = 5
#: the file, and what it is called among a scan's assets and publications
RESULT, ASSET = "scan.json", "scan"
#: who asks the check of a scan
PROCESS = "omega scan"


@dataclass(frozen=True)
class Told:
    """One scan's result."""

    channel_set: str
    ifo: str
    engine: str
    state: str  # complete, partial, failed, running
    lacking: str  # what is missing, for people; empty where the scan is complete
    asked: int  # channels
    unscanned: Mapping[str, int]  # how many ended in another state than `scanned`, or have not ended
    significant: int
    loudest: tuple[str, ...]  # of those that are significant
    missing: Mapping[str, str]  # frame type -> its missing segments

    @property
    def scanned(self) -> int:
        return self.asked - sum(self.unscanned.values())

    @property
    def whole(self) -> bool:
        """Every channel was looked at over the whole stretch; one that never moves has nothing to show."""
        return self.state == "complete" and not self.unscanned.keys() - {"constant"}

    @property
    def found(self) -> str:
        """``3 of 28 scanned channels significant (30 asked for: 2 absent), loudest H1:PEM-MAG (SNR 15.2 at 61 Hz), ...``"""
        text = f"{self.significant} of {self.scanned} scanned channels significant"
        if self.unscanned:
            text += f" ({self.asked} asked for: {', '.join(f'{count} {state}' for state, count in self.unscanned.items())})"
        return text + (f", loudest {', '.join(self.loudest)}" if self.loudest else "")


def read(path: Path) -> Told:
    """Raises `OSError` or `ValueError` for a file that is not there or no result."""
    document = json.loads(path.read_bytes())
    try:
        return tell(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no result of a scan: {error!r}") from error


def tell(result: Mapping[str, Any]) -> Told:
    """The same of a result that has been read; the order of its channels is its ranking."""
    from gwfollow.data.segments import told as segments_told  # its library is for those who have something to tell

    channels = result["channels"]
    significant = [channel for channel in channels if channel["significant"]]
    missing = {one["frame_type"]: segments_told(one["segments"]) for one in result["missing"]}
    unscanned = Counter(channel["state"] for channel in channels if channel["state"] != "scanned")
    unscanned.update({"not reached": result["waiting"]} if result["waiting"] else {})
    lacking = "" if result["state"] == "complete" else result["reason"] or _counted(missing, unscanned)
    return Told(
        channel_set=result["channel_set"],
        ifo=result["ifo"],
        engine=result["engine"],
        state=result["state"],
        lacking=str(lacking),
        asked=len(channels) + result["waiting"],
        unscanned=dict(unscanned.most_common()),
        significant=len(significant),
        loudest=tuple(map(_loud, significant[:LOUDEST])),
        missing=missing,
    )


def is_strain(channel: str) -> bool:
    """By the names that strain has: H1:GDS-CALIB_STRAIN, H1:GWOSC-4KHZ_R1_STRAIN, V1:Hrec_hoft_16384Hz."""
    name = channel.partition(":")[2].upper()
    return "STRAIN" in name or "HOFT" in name


def called(asked: Mapping[str, Any], analysis: str) -> str:
    """What an analysis' scan is called: its channel set; the analysis itself where channels are named one by one."""
    name = asked.get("channel set")
    return PurePath(name).stem if isinstance(name, str) and name else analysis


def check_name(ifo: str, asked: Mapping[str, Any], analysis: str) -> str:
    """``H1 omega scan H1_strain``; with the engine where the analysis asks for another than ours, so that both may be asked."""
    engine = asked.get("engine") or "gwfollow"
    return f"{ifo} {PROCESS} {called(asked, analysis)}{f' by {engine}' if engine != 'gwfollow' else ''}".strip()[:120]


def _counted(missing: Mapping[str, str], unscanned: Mapping[str, int]) -> str:
    """What is missing where the scan itself has no words for it."""
    parts = [f"no {kind} of {segments}" for kind, segments in missing.items() if segments]
    return "; ".join([*parts, *(f"{count} channels {state}" for state, count in unscanned.items())])


def _loud(channel: Mapping[str, Any]) -> str:
    peak = channel["peak"]
    return f"{channel['channel']} (SNR {peak['snr']:.1f} at {peak['frequency']:.0f} Hz)" if peak else str(channel["channel"])


__all__ = ["ASSET", "LOUDEST", "PROCESS", "RESULT", "Told", "called", "check_name", "is_strain", "read", "tell"]
