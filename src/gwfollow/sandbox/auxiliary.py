"""Auxiliary channels for demonstrations and tests: coloured noise with slow drifts, and glitches (sine-Gaussians) where one asks for them.

Frames of `length` seconds with all channels in each, named as frames are (LIGO-T050017).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: stands in frame types and file names, so that nobody takes them for data of a detector
SOURCE = "SIM"


@dataclass(frozen=True)
class Glitch:
    """A sine-Gaussian: ``amplitude`` in standard deviations of the channel's white noise at its own rate."""

    time: float  # GPS s
    frequency: float  # Hz
    q: float = 8.0
    amplitude: float = 5.0


@dataclass(frozen=True)
class Auxiliary:
    """One channel; `slope` is the exponent of its amplitude spectrum below 60 Hz."""

    name: str  # H1:PEM-EX_SEIS_1
    rate: int = 1024  # Hz, a power of two
    glitches: Sequence[Glitch] = ()
    slope: float = -1.0


#: the demonstration's channels by rate in Hz: names as LIGO has them, samples that no detector has seen
_DEMO = {
    256: (
        "PEM-CS_SEIS_LVEA_VERTEX_Z PEM-EX_SEIS_VEA_FLOOR_X PEM-EY_SEIS_VEA_FLOOR_Y PEM-EX_WIND_ROOF_WEATHER PEM-CS_TILT_LVEA_VERTEX_X "
        "HPI-HAM1_BLND_L4C_Z HPI-HAM2_BLND_L4C_Z ISI-ITMX_ST1_BLND_X_T240 ISI-ITMY_ST1_BLND_Y_T240 SUS-ETMX_M0_DAMP_L"
    ),
    1024: (
        "PEM-CS_ACC_BEAMTUBE_MCTUBE_Y PEM-CS_ACC_PSL_TABLE1_X PEM-CS_ACC_HAM6_OMC_Z PEM-CS_MIC_LVEA_BS PEM-EX_MIC_VEA_MINUSX "
        "PEM-CS_MAG_LVEA_VERTEX_Z PEM-EX_MAG_VEA_FLOOR_X PEM-EY_MAG_VEA_FLOOR_Y ASC-CHARD_P_OUT ASC-DHARD_Y_OUT IMC-F_OUT IMC-PWR_IN_OUT"
    ),
    2048: "LSC-MICH_OUT LSC-PRCL_OUT LSC-SRCL_OUT LSC-REFL_A_LF_OUT OMC-LSC_I_OUT PSL-ISS_PDA_REL_OUT PSL-FSS_FAST_MON TCS-ITMX_CO2_ISS_OUT",
}
#: those that were disturbed with the event: seconds after it, Hz, amplitude
_DISTURBED = {
    "PEM-CS_MAG_LVEA_VERTEX_Z": (0.010, 60.0, 9.0),
    "PEM-CS_ACC_HAM6_OMC_Z": (-0.020, 140.0, 7.0),
    "LSC-SRCL_OUT": (0.005, 90.0, 6.0),
}
DISTURBED = frozenset(_DISTURBED)


def demo_channels(ifo: str, gps: float) -> list[Auxiliary]:
    """Thirty channels, three of them with a glitch at GPS time `gps`."""
    found = []
    for rate, names in _DEMO.items():
        for name in names.split():
            glitches = (
                [Glitch(gps + after, frequency, 8.0, high) for after, frequency, high in [_DISTURBED[name]]]
                if name in _DISTURBED
                else []
            )
            found.append(Auxiliary(f"{ifo}:{name}", rate, glitches))
    return found


def write_state_vector(
    folder: Path, ifo: str, *, start: int, end: int, channel: str = "", bits: int = 0b111100111, rate: int = 16
) -> Path:
    """A frame of type ``H1_SIM_DQ`` with the calibration's state vector: the bits that are set, at every sample."""
    import numpy
    from gwpy.timeseries import StateVector

    name = channel or f"{ifo}:GDS-CALIB_STATE_VECTOR"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.absolute() / f"{ifo[0]}-{ifo}_{SOURCE}_DQ-{start}-{end - start}.gwf"
    path.unlink(missing_ok=True)
    samples = numpy.full((end - start) * rate, bits, dtype=numpy.uint32)
    StateVector(samples, t0=start, sample_rate=rate, channel=name, name=name).write(str(path), format="gwf", backend="lalframe")
    return path


def write_auxiliary(
    folder: Path,
    ifo: str,
    channels: Iterable[Auxiliary],
    *,
    start: int,
    end: int,
    length: int = 64,
    frame_type: str = "",
    seed: int = 1,
) -> list[Path]:
    """Frame files of type `frame_type` (``H1_SIM_AUX``) that cover ``[start, end)`` GPS s; needs gwpy."""
    import numpy
    from gwpy.timeseries import TimeSeriesDict

    kind = frame_type or f"{ifo}_{SOURCE}_AUX"
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        each.name: _series(each, start, end, numpy.random.default_rng([seed, number])) for number, each in enumerate(channels)
    }
    paths = []
    for begin in range(start, end, length):
        stop = min(begin + length, end)
        path = folder.absolute() / f"{ifo[0]}-{kind}-{begin}-{stop - begin}.gwf"
        path.unlink(missing_ok=True)
        parts: Mapping[str, Any] = {name: series.crop(begin, stop, copy=True) for name, series in made.items()}
        TimeSeriesDict(parts).write(str(path), format="gwf", backend="lalframe")
        paths.append(path)
    return paths


def _series(channel: Auxiliary, start: int, end: int, random: Any) -> Any:
    """float32, as most auxiliary channels are recorded."""
    import numpy
    from gwpy.timeseries import TimeSeries

    count = (end - start) * channel.rate
    white = random.standard_normal(count)
    spectrum = numpy.fft.rfft(white)
    frequencies = numpy.fft.rfftfreq(count, 1 / channel.rate)
    samples = numpy.fft.irfft(spectrum * numpy.maximum(1.0, (numpy.maximum(frequencies, 0.5) / 60) ** channel.slope), count)
    times = start + numpy.arange(count) / channel.rate
    for glitch in channel.glitches:
        tau = glitch.q / (2**0.5 * numpy.pi * glitch.frequency)
        at = times - glitch.time
        samples += glitch.amplitude * numpy.exp(-((at / tau) ** 2)) * numpy.cos(2 * numpy.pi * glitch.frequency * at)
    return TimeSeries(
        samples.astype(numpy.float32), t0=start, sample_rate=channel.rate, channel=channel.name, name=channel.name, unit="counts"
    )


__all__ = ["DISTURBED", "SOURCE", "Auxiliary", "Glitch", "demo_channels", "write_auxiliary", "write_state_vector"]
