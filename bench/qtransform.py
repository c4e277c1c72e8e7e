"""What conditioning and transform of a channel cost gwfollow, beside gwdetchar's conditioner and gwpy's q_scan on the same samples.

    .venv/bin/python bench/qtransform.py [--channels 16] [--repeat 3]

Both in this process, one after the other, with one thread; milliseconds of processor for each channel, medians of the repetitions.
Both must find the same tiles (energy, Q, frequency and time to 1%), or there is no number.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from measure import BenchError, Cost, Row

GPS = 1126259462.4
Range = tuple[float, float | None]


@dataclass(frozen=True)
class Setting:
    title: str
    rate: int
    duration: int
    frequencies: Range
    mismatch: float
    q_range: tuple[float, float] = (3.3166, 150.0)
    resample: int | None = None

    @property
    def transformed(self) -> int:
        """Hz"""
        return self.resample or self.rate


SETTINGS = (
    Setting("64 s at 2048 Hz, 10-500 Hz, mismatch 0.35", 2048, 64, (10.0, 500.0), 0.35),
    Setting("66 s at 2048 Hz, from 4 Hz, mismatch 0.2", 2048, 66, (4.0, None), 0.2),
    Setting("66 s at 4096 Hz, from 4 Hz, mismatch 0.2", 4096, 66, (4.0, None), 0.2),
    Setting("66 s at 256 Hz, from 4 Hz, mismatch 0.2", 256, 66, (4.0, None), 0.2),
    Setting("66 s at 4096 Hz brought to 1024 Hz", 4096, 66, (4.0, None), 0.2, resample=1024),
)


def measured(work: Callable[[], Any], channels: int) -> tuple[Any, Cost]:
    """Its answer, and seconds for each channel."""
    cpu, wall = time.process_time(), time.perf_counter()
    answer = work()
    return answer, Cost((time.process_time() - cpu) / channels, (time.perf_counter() - wall) / channels)


def noise(setting: Setting, channels: int) -> Any:
    """A glitch each in noise of f^-1 below 60 Hz."""
    import numpy as np

    count, random = setting.rate * setting.duration, np.random.default_rng(1)
    times = np.arange(count) / setting.rate - setting.duration / 2
    colour = np.maximum(1, 60 / np.maximum(np.fft.rfftfreq(count, 1 / setting.rate), 0.5))
    made = []
    for number in range(channels):
        samples = np.fft.irfft(np.fft.rfft(random.standard_normal(count)) * colour, count)
        frequency, amplitude = 20 + (number * 17) % 80, (number % 4) * 4
        made.append(samples + amplitude * np.exp(-((times * frequency / 3) ** 2)) * np.cos(2 * np.pi * frequency * times))
    return np.array(made, np.float32)


def compare(setting: Setting, channels: int, repeat: int) -> list[Row]:
    from gwdetchar.omega.core import conditioner
    from gwpy.segments import Segment
    from gwpy.signal.qtransform import q_scan
    from gwpy.timeseries import TimeSeries

    from gwfollow.scans.conditioning import condition
    from gwfollow.scans.qtransform import peaks
    from gwfollow.scans.tiling import plan

    samples, start = noise(setting, channels), GPS - setting.duration / 2
    low, high = setting.frequencies
    few = samples[: max(2, channels // 4)]  # gwpy's cost of a channel does not depend on how many there are
    series = [TimeSeries(each.astype(float), sample_rate=setting.rate, t0=start) for each in few]
    window = (GPS - 0.25, GPS + 0.25)
    asked = {"mismatch": setting.mismatch, "qrange": setting.q_range, "frange": (low, high or float("inf"))}
    conditioning, transform = Row("conditioning"), Row("transform")
    tiling = plan(setting.duration, setting.transformed, setting.q_range, setting.frequencies, setting.mismatch)
    for _ in range(repeat):
        white, cost = measured(
            lambda: [conditioner(each, 8, resample=setting.resample, f_low=low)[0] for each in series], len(few)
        )
        conditioning.add("gwpy", cost)
        theirs, cost = measured(lambda: [q_scan(each, search=Segment(*window), **asked)[0] for each in white], len(few))  # noqa: B023
        transform.add("gwpy", cost)
        own, cost = measured(
            lambda: condition(samples, setting.rate, fftlength=8, f_low=low, resample=setting.resample), channels
        )
        conditioning.add("gwfollow", cost)
        ours, cost = measured(lambda: peaks(own, tiling, start, window), channels)  # noqa: B023
        transform.add("gwfollow", cost)
        for one, other in zip(theirs, ours, strict=False):
            agree(one, other)
    return [conditioning, transform]


def agree(theirs: Any, ours: Any) -> None:
    pairs = [
        (theirs.plane.q, ours.q),
        (theirs.peak["frequency"], ours.frequency),
        (theirs.peak["energy"], ours.energy),
        (theirs.peak["time"] - GPS + 1, ours.time - GPS + 1),
    ]
    if any(abs(one / other - 1) > 0.01 for one, other in pairs):
        raise BenchError(f"gwpy's tile {theirs.plane.q} {theirs.peak} is not ours {ours}")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--channels", type=int, default=16)
    asked.add_argument("--repeat", type=int, default=3)
    options = asked.parse_args()
    warnings.simplefilter("ignore")
    print(f"{'CPU of a channel':<60}{'gwpy':>10}{'gwfollow':>12}{'ratio':>8}")
    for setting in SETTINGS:
        for row in compare(setting, options.channels, options.repeat):
            one, other = row.median("gwpy").cpu, row.median("gwfollow").cpu
            title = f"{row.title}, {setting.title}"
            print(f"{title:<60}{one * 1000:>7.1f} ms{other * 1000:>9.1f} ms{one / other:>8.1f}", flush=True)


if __name__ == "__main__":
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    main()
