"""The demonstration's strain: the same every time, as loud as it says, and readable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest

from gwfollow.errors import InputError
from gwfollow.sandbox import strain

pytestmark = pytest.mark.slow  # bilby's and gwpy's imports


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> strain.Strain:
    return strain.simulate(tmp_path_factory.mktemp("strain"))


def read(made: strain.Strain, ifo: str) -> numpy.ndarray:
    from gwpy.timeseries import TimeSeries

    return TimeSeries.read(made.files[ifo], made.channels[ifo], format="gwf").value


def test_frames_are_named_as_frames_are(simulated: strain.Strain) -> None:
    assert [Path(path).name for path in simulated.files.values()] == ["H-H1_SIM-1126259446-32.gwf", "L-L1_SIM-1126259446-32.gwf"]
    assert simulated.detectors == ("H1", "L1")
    assert len(read(simulated, "H1")) == 32 * 4096


def test_the_seed_decides(simulated: strain.Strain, tmp_path: Path) -> None:
    again = strain.simulate(tmp_path / "again")
    other = strain.simulate(tmp_path / "other", seed=1)
    for ifo in ("H1", "L1"):
        numpy.testing.assert_array_equal(read(simulated, ifo), read(again, ifo))
        assert not numpy.array_equal(read(simulated, ifo), read(other, ifo))
    assert not numpy.array_equal(read(simulated, "H1"), read(simulated, "L1"))


def test_the_signal_is_as_loud_as_it_says(simulated: strain.Strain) -> None:
    """Matched filter of the data with the injected signal: SNR 24, within the scatter of 1 that noise gives each detector."""
    import bilby

    bilby.core.utils.logger.setLevel("WARNING")
    detectors = bilby.gw.detector.InterferometerList(["H1", "L1"])
    polarizations = strain._polarizations(bilby, simulated.injected)
    squared = 0.0
    for one in detectors:
        one.power_spectral_density = bilby.gw.detector.PowerSpectralDensity(psd_file="aLIGO_early_high_psd.txt")
        one.minimum_frequency = 20
        one.strain_data.set_from_time_domain_strain(read(simulated, one.name), 4096, 32, start_time=1126259446)
        one.strain_data.roll_off = 0.4
        squared += abs(one.matched_filter_snr(one.get_detector_response(polarizations, simulated.injected))) ** 2
    assert squared**0.5 == pytest.approx(24, abs=2.5)


def test_the_noise_has_the_published_level(simulated: strain.Strain) -> None:
    import bilby
    from gwpy.timeseries import TimeSeries

    series = TimeSeries.read(simulated.files["L1"], simulated.channels["L1"], format="gwf").crop(1126259446, 1126259461)
    measured = series.psd(1, 0.5, method="median", window="hann")
    curve = bilby.gw.detector.PowerSpectralDensity(psd_file="aLIGO_early_high_psd.txt")
    band = (measured.frequencies.value > 60) & (measured.frequencies.value < 450)
    expected = curve.get_power_spectral_density_array(measured.frequencies.value[band])
    assert numpy.median(measured.value[band] / expected) == pytest.approx(1, abs=0.1)


def test_no_signal_is_not_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="network SNR"):
        strain.simulate(tmp_path, network_snr=0)


def test_gwosc_files_are_found_as_they_are_or_made_frames(shared: Path, tmp_path: Path) -> None:
    from gwpy.timeseries import TimeSeries

    folder = shared / "data" / "strain"
    found = strain.from_gwosc(folder)
    assert {ifo: Path(path).name for ifo, path in found.files.items()} == {
        "H1": "H-H1_LOSC_4_V2-1126259446-32.hdf5",
        "L1": "L-L1_LOSC_4_V2-1126259446-32.hdf5",
    }
    frames = strain.from_gwosc(folder, frames=tmp_path)
    original = TimeSeries.read(found.files["H1"], format="hdf5.gwosc")
    numpy.testing.assert_array_equal(read(frames, "H1"), original.value)
    assert frames.gps == 1126259462.4


def test_a_folder_without_the_event_is_refused(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hold GPS"):
        strain.from_gwosc(tmp_path)
    with pytest.raises(InputError, match="hold GPS"):
        strain.from_gwosc(tmp_path / "nowhere")
    with pytest.raises(InputError, match="hold GPS 1000000000"):
        strain.from_gwosc(shared / "data" / "strain", gps=1000000000)
    for version in ("1", "2"):
        (tmp_path / f"H-H1_LOSC_4_V{version}-1126259446-32.hdf5").touch()
    with pytest.raises(InputError, match="one file that holds"):
        strain.from_gwosc(tmp_path)


def test_it_is_a_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert strain.main([str(tmp_path / "made"), "--seed", "3"]) == 0
    assert json.loads(capsys.readouterr().out)["channels"] == {"H1": "H1:SIM-STRAIN", "L1": "L1:SIM-STRAIN"}
    assert strain.main([str(tmp_path / "made"), "--gwosc", str(tmp_path / "none")]) == 2
