"""The files by which gwdetchar-omega 2.4 is asked and answers: its INI, LAL caches of frames, its log and its table."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gwfollow.data.names import FrameFile
from gwfollow.scans.model import Block, Primary, ScanConfig

#: lines that it prints: what it does with a channel, and the end of its work
_SCANNING = re.compile(r" -- Scanning channel (\S+)")
_PLOTTING = re.compile(r" -- Plotting Omega scan products for (\S+)")
_INSIGNIFICANT = " -- Channel not significant"
_SKIPPING = re.compile(r"Skipping (\S+): \[(<class '[^']+'>)\] (.*)")
_BLOCK = re.compile(r"Processing block (\S+)")
_INACTIVE = re.compile(r" -- (\S+) not active, skipping block")
_CHECKPOINT = re.compile(r" -- Checkpointing (\S+) from a previous")
_END = "index.html written, all done"


@dataclass(frozen=True)
class Section:
    """Channels of one block that are read at one rate: gwdetchar would resample up what is slower than it asks for."""

    key: str
    block: Block
    channels: tuple[str, ...]
    resample: int | None  # Hz


def sections(blocks: Iterable[Block], rates: Mapping[str, float]) -> list[Section]:
    """One section for each block, or several where some of its channels are slower than its `resample`; `rates` (Hz) has all that are there."""
    found = []
    for block in blocks:
        groups: dict[int | None, list[str]] = {}
        for channel in block.channels:
            if channel in rates:
                lower = block.resample is not None and block.resample < rates[channel]
                groups.setdefault(int(block.resample) if lower and block.resample else None, []).append(channel)
        for number, (resample, channels) in enumerate(groups.items()):
            found.append(Section(block.key + (f"-{number + 1}" if number else ""), block, tuple(channels), resample))
    return found


def ini(config: ScanConfig, wanted: Sequence[Section], caches: Mapping[str, Path], primary_rate: float | None) -> str:
    """The configuration; without a primary channel where `primary_rate` (Hz) is None."""
    parts = []
    if config.primary is not None and primary_rate is not None:
        parts.append(_primary(config.primary, caches[config.primary.frame_type], primary_rate))
    parts += [_section(section, caches[section.block.frame_type]) for section in wanted]
    return "\n".join(f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()) for name, lines in parts)


def _primary(primary: Primary, cache: Path, rate: float) -> tuple[str, dict[str, object]]:
    lines: dict[str, object] = {
        "channel": primary.channel,
        "source": _escaped(str(cache)),
        "duration": whole(primary.duration),
        "fftlength": whole(primary.fftlength),
        "matched-filter-length": primary.matched_filter_length,
    }
    if primary.f_low is not None:
        lines["f-low"] = primary.f_low
    if primary.resample is not None and primary.resample < rate:
        lines["resample"] = int(primary.resample)
    return "primary", lines


def _section(section: Section, cache: Path) -> tuple[str, dict[str, object]]:
    block = section.block
    low, high = block.frequency_range
    lines: dict[str, object] = {
        "name": _escaped(block.name),
        "q-range": f"{block.q_range[0]},{block.q_range[1]}",
        "frequency-range": f"{low},{'Inf' if high is None else high}",
        "source": _escaped(str(cache)),
        "duration": whole(block.duration),
        "fftlength": whole(block.fftlength),
        "search": block.search,
        "max-mismatch": block.max_mismatch,
        "snr-threshold": block.snr_threshold,
        "always-plot": block.always_plot,
        "plot-time-durations": ",".join(str(span) for span in plot_spans(block)),
        "channels": "\n\t".join(section.channels),
    }
    if section.resample is not None:
        lines["resample"] = section.resample
    if block.state_flag is not None:
        lines["state-flag"] = block.state_flag
    return section.key, lines


def whole(seconds: float) -> int:
    """gwdetchar reads whole seconds alone."""
    return max(1, round(seconds))


def plot_spans(block: Block) -> list[int]:
    """s, each once."""
    return list(dict.fromkeys(whole(span) for span in block.plot_time_durations))


def stretch(gps: float, duration: float) -> tuple[int, int]:
    """Whole GPS seconds that hold what gwdetchar reads for a block: its duration and one second on each side."""
    half = whole(duration) / 2 + 1
    return math.floor(gps - half), math.ceil(gps + half)


def lal_cache(files: Iterable[FrameFile]) -> str:
    """Observatory, description, start, duration, URL: a line for each file of this machine."""
    lines = ((file, file.path.absolute()) for file in files if file.path is not None)
    return "".join(f"{f.site} {f.description} {f.start} {f.duration} file://localhost{path}\n" for f, path in lines)


def figure_name(channel: str, span: int) -> str:
    """Its picture of the whitened Q transform over `span` seconds, relative to its folder."""
    return f"plots/{channel.replace('-', '_').replace(':', '-')}-qscan_whitened-{span}.png"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("%", "%%")


@dataclass
class Log:
    """What it says that it has done; of several runs in one folder the last word on each channel counts."""

    seen: dict[str, str] = field(default_factory=dict)  # channel -> scanning, drawn, insignificant, skipped
    why: dict[str, str] = field(default_factory=dict)  # channel -> why it was skipped
    inactive: dict[str, str] = field(default_factory=dict)  # section -> its state flag, which is off
    ended: bool = False


def read_log(text: str) -> Log:
    found = Log()
    channel = section = ""
    for line in text.splitlines():
        if match := _SCANNING.search(line):
            channel = match[1]
            found.seen[channel] = "scanning"
        elif match := _PLOTTING.search(line):
            found.seen[match[1]] = "drawn"
        elif _INSIGNIFICANT in line and channel:
            found.seen[channel] = "insignificant"
        elif match := _SKIPPING.search(line):
            found.seen[match[1]], found.why[match[1]] = "skipped", _plain(match[3])
        elif match := _CHECKPOINT.search(line):
            found.seen[match[1]] = "drawn"
        elif match := _BLOCK.search(line):
            section = match[1]
        elif match := _INACTIVE.search(line):
            found.inactive[section] = match[1]
        found.ended = _END in line or (found.ended and "Omega Scan" not in line)
    return found


def _plain(text: str) -> str:
    """The text of an exception, without the quotes that a KeyError puts round it."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else text


__all__ = ["Log", "Section", "figure_name", "ini", "lal_cache", "plot_spans", "read_log", "sections", "stretch", "whole"]
