"""Strain for the demonstration: made here, or GW150914's from files of GWOSC.

``simulate`` injects a signal like GW150914's into coloured Gaussian noise.  The noise follows the curve that LIGO published for
Advanced LIGO's first observing run at its better end (LIGO-P1200087, "early 2015-16, high"; bilby's ``aLIGO_early_high_psd.txt``),
close to what the detectors had on 14 September 2015.  The distance is set so that the signal's optimal network SNR is what is asked.

``python -m gwfollow.sandbox.strain FOLDER`` writes the simulated frames; with ``--gwosc DIR`` frames from the HDF5 files found there.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gwfollow.data.names import parse
from gwfollow.errors import InputError

GPS_START = 1126259446  # s
DURATION = 32  # s
SAMPLE_RATE = 4096  # Hz
EVENT_TIME = 1126259462.4  # GPS s, of GW150914
DETECTORS = ("H1", "L1")
LOW_FREQUENCY = 10.0  # Hz: the noise has no power below
_GWOSC = re.compile(r"([A-Z])-([A-Z]\d)_(?:LOSC|GWOSC)[A-Za-z0-9_]*-(\d{9,10})-(\d+)\.hdf5")


@dataclass(frozen=True)
class Strain:
    """Files that hold the strain around an event."""

    gps: float  # of the event, s
    files: dict[str, str]  # detector -> path
    channels: dict[str, str]  # detector -> channel with its prefix
    injected: dict[str, float] = field(default_factory=dict)  # bilby's parameter names; empty for real data

    @property
    def detectors(self) -> tuple[str, ...]:
        return tuple(self.files)


def signal_parameters() -> dict[str, float]:
    """A signal like GW150914's: masses in solar masses in the detector frame, angles in rad, times in GPS s; distance set later."""
    return {
        "chirp_mass": 31.0,
        "mass_ratio": 0.88,
        "chi_1": 0.05,
        "chi_2": -0.05,
        "luminosity_distance": 400.0,
        "theta_jn": 2.6,
        "psi": 1.2,
        "phase": 1.3,
        "ra": 1.95,
        "dec": -1.27,
        "geocent_time": EVENT_TIME + 0.0121,
    }


def simulate(folder: Path, *, seed: int = 150914, network_snr: float = 24.0) -> Strain:
    """Write 32 s of H1 and L1 strain with the signal as frame files.  The same seed gives the same samples.

    Needs bilby, lalsuite and gwpy (a few seconds).  Raises `InputError` for an SNR that is not positive.
    """
    if not network_snr > 0:
        raise InputError("network SNR", network_snr, "a number above 0")
    import bilby
    import numpy

    bilby.core.utils.logger.setLevel("WARNING")
    random = numpy.random.default_rng(seed)
    parameters = signal_parameters()
    interferometers = bilby.gw.detector.InterferometerList(list(DETECTORS))
    for interferometer in interferometers:
        interferometer.power_spectral_density = bilby.gw.detector.PowerSpectralDensity(psd_file="aLIGO_early_high_psd.txt")
        interferometer.minimum_frequency = 20
        interferometer.strain_data.set_from_zero_noise(SAMPLE_RATE, DURATION, start_time=GPS_START)
    polarizations = _polarizations(bilby, parameters)
    signals = {one.name: one.get_detector_response(polarizations, parameters) for one in interferometers}
    snr = sum(one.optimal_snr_squared(signals[one.name]).real for one in interferometers) ** 0.5
    parameters["luminosity_distance"] *= float(snr / network_snr)
    files = {}
    for interferometer in interferometers:
        noise = _noise(interferometer, random)
        spectrum = noise + signals[interferometer.name] * (network_snr / snr)
        samples = bilby.core.utils.infft(spectrum, SAMPLE_RATE)
        files[interferometer.name] = str(write_frame(folder, interferometer.name, samples, "SIM"))
    channels = {ifo: f"{ifo}:SIM-STRAIN" for ifo in DETECTORS}
    return Strain(EVENT_TIME, files, channels, parameters | {"network_snr": network_snr})


def from_gwosc(folder: Path, *, gps: float = EVENT_TIME, frames: Path | None = None) -> Strain:
    """GWOSC's HDF5 files in `folder` that hold the GPS time `gps`, by detector; written as frames where `frames` names a folder.

    Raises `InputError` where the folder has none, or several for one detector.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.hdf5")):
        name = _GWOSC.fullmatch(path.name)
        if name is None or not int(name[3]) <= gps < int(name[3]) + int(name[4]):
            continue
        ifo = name[2]
        if ifo in found:
            raise InputError(f"strain of {ifo} in {folder}", [found[ifo].name, path.name], f"one file that holds GPS {gps}")
        found[ifo] = path.absolute()
    if not found:
        have = sorted(path.name for path in folder.glob("*")) if folder.is_dir() else "no such folder"
        raise InputError(str(folder), have, f"files of GWOSC that hold GPS {gps}, such as H-H1_LOSC_4_V2-1126259446-32.hdf5")
    channels = {ifo: f"{ifo}:GWOSC-STRAIN" for ifo in found}
    if frames is None:
        return Strain(gps, {ifo: str(path) for ifo, path in found.items()}, channels)
    from gwpy.timeseries import TimeSeries

    files = {}
    for ifo, path in found.items():
        series = TimeSeries.read(path, format="hdf5.gwosc")
        start, rate = series.t0.value, series.sample_rate.value
        files[ifo] = str(write_frame(frames, ifo, series.value, "GWOSC", start=float(start), rate=float(rate)))
    return Strain(gps, files, channels)


def write_frame(
    folder: Path, ifo: str, samples: Any, source: str, *, start: float = GPS_START, rate: float = SAMPLE_RATE
) -> Path:
    """One frame file named as LIGO-T050017 says, with the channel ``<ifo>:<source>-STRAIN``; `start` in GPS s, `rate` in Hz."""
    from gwpy.timeseries import TimeSeries

    folder.mkdir(parents=True, exist_ok=True)
    channel = f"{ifo}:{source}-STRAIN"
    series = TimeSeries(samples, t0=start, sample_rate=rate, channel=channel, name=channel, unit="strain")
    path = folder.absolute() / f"{ifo[0]}-{ifo}_{source}-{int(start)}-{round(len(samples) / rate)}.gwf"
    path.unlink(missing_ok=True)
    series.write(str(path), format="gwf", backend="lalframe")
    return path


def write_surroundings(folder: Path, strain: Strain) -> None:
    """What the frames of a detector hold beside the strain, over the same time: H1's auxiliary channels, all state vectors."""
    from gwfollow.sandbox import auxiliary

    for ifo, path in strain.files.items():
        name = parse(path)
        if name is None:
            raise InputError(f"strain of {ifo}", path, "a name as frames have it")
        start, end = name.start, name.start + name.duration
        auxiliary.write_state_vector(folder, ifo, start=start, end=end)
        if ifo == "H1":
            channels = auxiliary.demo_channels(ifo, strain.gps)
            auxiliary.write_auxiliary(folder, ifo, channels, start=start, end=end, length=end - start)


def _polarizations(bilby: Any, parameters: dict[str, float]) -> Any:
    generator = bilby.gw.WaveformGenerator(
        duration=DURATION,
        sampling_frequency=SAMPLE_RATE,
        start_time=GPS_START,
        frequency_domain_source_model=bilby.gw.source.lal_binary_black_hole,
        waveform_arguments={
            "waveform_approximant": "IMRPhenomD",
            "reference_frequency": 20.0,
            "minimum_frequency": LOW_FREQUENCY,
        },
    )
    return generator.frequency_domain_strain(parameters)


def _noise(interferometer: Any, random: Any) -> Any:
    """The Fourier transform (1/Hz) of Gaussian noise with the detector's PSD: each part has variance T S / 4."""
    import numpy

    frequencies = interferometer.frequency_array
    density = numpy.nan_to_num(interferometer.power_spectral_density_array, posinf=0.0)
    density[(frequencies < LOW_FREQUENCY) | (frequencies >= SAMPLE_RATE / 2)] = 0.0
    white = random.standard_normal(len(frequencies)) + 1j * random.standard_normal(len(frequencies))
    return white * numpy.sqrt(density * DURATION / 4)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gwfollow.sandbox.strain", description="Write strain for the demonstration.")
    parser.add_argument("folder", type=Path, help="where the frame files go")
    parser.add_argument("--seed", type=int, default=150914)
    parser.add_argument(
        "--gwosc", type=Path, metavar="DIR", help="take GWOSC's HDF5 files of this folder instead of making strain"
    )
    parser.add_argument("--gps", type=float, default=EVENT_TIME, help="GPS time of the event in GWOSC's files, s")
    parser.add_argument("--auxiliary", action="store_true", help="auxiliary channels of H1 and all state vectors too")
    asked = parser.parse_args(arguments)
    try:
        strain = (
            from_gwosc(asked.gwosc, gps=asked.gps, frames=asked.folder)
            if asked.gwosc
            else simulate(asked.folder, seed=asked.seed)
        )
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    if asked.auxiliary:
        write_surroundings(asked.folder, strain)
    print(json.dumps(asdict(strain), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
