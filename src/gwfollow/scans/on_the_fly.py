"""A scan's configuration made from what the frames hold: any channel and time, without a channel set.

The file that holds the time is opened: its table of contents says which channels there are, the channels themselves say their rates.  Slow
channels are looked at over a longer stretch, at lower frequencies; where the frames hold less, over what they hold.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gwfollow.data.lookup import LookUp
from gwfollow.data.segments import told
from gwfollow.errors import InputError
from gwfollow.ledger.suggest import nearly
from gwfollow.scans.channel_sets import PAD, check_gps
from gwfollow.scans.fields import of_detector
from gwfollow.scans.frame_contents import LONGEST, Held, contents
from gwfollow.scans.model import Block, Primary, ScanConfig

NAME = "on the fly"
#: Hz: slower channels (settings, temperatures) have no transients that a scan could show
SLOWEST = 16.0
#: Hz to which faster channels are resampled
FASTEST = 4096.0
#: not series but words of bits, or marks
_NO_SERIES = ("*STATE_VECTOR*", "*DQ_VECTOR*", "*-ODC_*", "*_MASK", "*DQMASK", "*INJMASK", "*GPS_TIME*")
#: s: what is transformed, the first that the frames hold
_DURATIONS = (64.0, 48.0, 32.0, 24.0, 16.0, 12.0, 8.0, 6.0, 4.0)
#: Hz: below it the strain is not calibrated
STRAIN_F_LOW = 10.0
STRAIN = "Strain"
#: channels that are named, not found by a pattern, have their picture in any case: so many of them
MOST_SHOWN = 20


@dataclass(frozen=True)
class Alike:
    """How channels from some rate on are transformed: (Chatterji et al. 2004) lower frequencies need longer data."""

    rate: float  # Hz, at least
    duration: float  # s
    f_low: float  # Hz
    search: float  # s
    plots: tuple[float, ...]  # s


RATES = (
    Alike(512.0, 64.0, 4.0, 0.5, (1.0, 4.0, 16.0)),
    Alike(128.0, 128.0, 1.0, 1.0, (4.0, 16.0, 64.0)),
    Alike(SLOWEST, LONGEST, 0.25, 2.0, (8.0, 32.0, 128.0)),
)


def config(
    ifo: str,
    channels: Iterable[str],
    gps: float,
    look_ups: Iterable[LookUp],
    *,
    primary: str | None = None,
    title: str = "",
    downloads: Path | None = None,
    warn: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> ScanConfig:
    """The configuration of a scan of `channels` (names or patterns; none: every fast channel of the detector) at `gps`.

    Parameters
    ----------
    primary : the channel that the others are correlated with
    downloads : where a file that lies elsewhere is fetched to, to be looked into
    options : attributes of `ScanConfig`: engine, workers, ...

    Raises
    ------
    InputError : no frames hold the time, or none of them has a channel that is asked for
    RemoteSilent : a server that may have them does not answer
    """
    check_gps(gps, "--gps")
    held = contents(ifo, gps, look_ups, downloads=downloads, warn=warn)
    patterns = list(channels)
    chosen: dict[str, Held] = {}
    for one in held:
        for name in _matching(patterns, sorted(name for name in one.names if of_detector(name, ifo))):
            chosen.setdefault(name, one)
    _all_found(patterns, chosen, held, ifo)
    series = [(name, one, one.rate(name, gps)) for name, one in chosen.items()]
    blocks = _blocks(_fast_enough(series, patterns, warn), patterns[:MOST_SHOWN], gps)
    if not blocks:
        raise InputError(f"channels of {ifo}", patterns or "none that is fast enough", f"channels of {SLOWEST:g} Hz or more")
    first = _primary(primary, held, gps) if primary else None
    used = {block.frame_type for block in blocks} | ({first.frame_type} if first else set())
    return ScanConfig(
        title=title or ifo,
        gps=gps,
        ifo=ifo,
        channel_set=NAME,
        blocks=blocks,
        primary=first,
        look_ups=tuple(one.look_up for one in held if one.look_up.frame_type in used),
        **options,
    )


def _matching(patterns: list[str], names: list[str]) -> list[str]:
    """In the order of the patterns; without any all that can be series."""
    if not patterns:
        return [name for name in names if not any(fnmatch.fnmatchcase(name, mark) for mark in _NO_SERIES)]
    found: dict[str, None] = {}
    for pattern in patterns:
        for name in names:
            if fnmatch.fnmatchcase(name, pattern) and (
                name == pattern or not any(fnmatch.fnmatchcase(name, mark) for mark in _NO_SERIES)
            ):
                found[name] = None
    return list(found)


def _all_found(patterns: list[str], chosen: Mapping[str, Held], held: Iterable[Held], ifo: str) -> None:
    every = sorted({name for one in held for name in one.names})
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in chosen):
            expected = f"one of the {len(every)} channels of the frames, or a pattern of {ifo}'s{nearly(pattern, every)}"
            raise InputError("--channel", pattern, expected)


def _fast_enough(
    series: Iterable[tuple[str, Held, float]], patterns: list[str], warn: Callable[[str], None]
) -> list[tuple[str, Held, float]]:
    kept, slow = [], []
    for name, one, rate in series:
        if rate >= SLOWEST:
            kept.append((name, one, rate))
        else:
            slow.append(name)
    if slow and patterns:
        told_names = ", ".join(slow[:3]) + (f" and {len(slow) - 3} more" if len(slow) > 3 else "")
        warn(f"left out: {told_names}: not readable, or slower than {SLOWEST:g} Hz")
    return kept


def _blocks(series: Iterable[tuple[str, Held, float]], shown: Collection[str], gps: float) -> tuple[Block, ...]:
    """Channels of one subsystem, frame type and class of rates make a block; those that are `shown`, and strain, have their picture in any case."""
    groups: dict[tuple[str, str, Alike, bool], list[tuple[str, Held, float]]] = {}
    for name, one, rate in series:
        alike = next(found for found in RATES if rate >= found.rate)
        plotted = name in shown or is_strain(name)
        groups.setdefault((_subsystem(name), one.look_up.frame_type, alike, plotted), []).append((name, one, rate))
    blocks = []
    several = len({kind for _, kind, _, _ in groups}) > 1
    for (subsystem, kind, alike, plotted), members in groups.items():
        duration = _duration(members[0][1], gps, alike.duration)
        fastest = max(rate for _, _, rate in members)
        key = "-".join([subsystem, *([kind] if several else []), *([f"{alike.rate:g}Hz"] if alike is not RATES[0] else [])])
        key += "-named" if plotted and any(group[:3] == (subsystem, kind, alike) and not group[3] for group in groups) else ""
        blocks.append(
            Block(
                key=key,
                name=subsystem,
                channels=tuple(name for name, _, _ in members),
                frame_type=kind,
                duration=duration,
                fftlength=fft_length(duration),
                resample=FASTEST if fastest > FASTEST else None,
                frequency_range=(STRAIN_F_LOW if subsystem == STRAIN else alike.f_low, None),
                search=min(alike.search, duration),
                snr_threshold=5.5,
                always_plot=plotted,
                plot_time_durations=tuple(one for one in alike.plots if one <= duration) or (duration,),
                state_flag=None,
            )
        )
    return tuple(blocks)


def is_strain(channel: str) -> bool:
    """By the names that strain has: H1:GDS-CALIB_STRAIN, H1:GWOSC-4KHZ_R1_STRAIN, V1:Hrec_hoft_16384Hz."""
    name = channel.partition(":")[2].upper()
    return "STRAIN" in name or "HOFT" in name


def _subsystem(channel: str) -> str:
    """``H1:PEM-EX_MIC_DQ``: PEM; the strain by itself, wherever it comes from."""
    if is_strain(channel):
        return STRAIN
    return channel.partition(":")[2].partition("-")[0] or "channels"


def _duration(held: Held, gps: float, wanted: float) -> float:
    """The longest stretch, centred on the time, that the frames hold with the pad on both sides."""
    half = min(gps - held.span[0], held.span[1] - gps) - PAD
    # the ends of what is read are whole seconds
    fits = [one for one in (LONGEST, LONGEST / 2, *_DURATIONS) if one <= wanted and one / 2 <= half]
    if not fits:
        raise InputError(
            f"frames {held.look_up.frame_type}",
            told([held.span]),
            f"{_DURATIONS[-1]:g} s around GPS {gps:.3f} and {PAD:g} s more on each side",
        )
    return fits[0]


def fft_length(duration: float) -> float:
    """s: about an eighth of the data, a power of two: 8 for 64, enough pieces for a median."""
    return 2.0 ** math.floor(math.log2(duration / 8))


def _primary(channel: str, held: Iterable[Held], gps: float) -> Primary:
    every: list[str] = []
    for one in held:
        if channel in one.names:
            duration = _duration(one, gps, 64.0)
            rate = one.rate(channel, gps)
            return Primary(
                channel=channel,
                frame_type=one.look_up.frame_type,
                f_low=STRAIN_F_LOW if is_strain(channel) else 4.0,
                resample=FASTEST if rate > FASTEST else None,
                duration=duration,
                fftlength=fft_length(duration),
                matched_filter_length=min(2.0, duration / 2),
            )
        every += one.names
    raise InputError("--primary", channel, f"a channel of the frames{nearly(channel, every)}")


__all__ = ["NAME", "config", "fft_length"]
