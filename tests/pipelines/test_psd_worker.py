"""The estimate itself, on noise whose spectrum is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from gwfollow.errors import PipelineError
from gwfollow.pipelines import psd_worker
from gwfollow.pipelines.psd import check_psd
from gwfollow.sandbox.strain import write_frame

pytestmark = pytest.mark.slow  # gwpy's import
START, RATE, SIGMA = 1000000000, 1024, 3e-21


def noise(seconds: int = 64, seed: int = 1) -> Any:
    """White noise; its one-sided density is 2 sigma^2 / rate."""
    return numpy.random.default_rng(seed).normal(0, SIGMA, seconds * RATE)


def configuration(path: Path, **changes: Any) -> dict[str, Any]:
    detector = {"files": [str(path)], "channel": "H1:SIM-STRAIN", "output": "H1-psd.dat", "low": 20, "high": 400}
    return {
        "event time": START + 40,
        "psd length": 2,
        "exclude": [3, 1],
        "format": "gwf",
        "detectors": {"H1": detector},
    } | changes


def frame(folder: Path, samples: Any, start: int = START) -> Path:
    return write_frame(folder, "H1", samples, "SIM", start=start, rate=RATE)


def test_white_noise_comes_out_white_at_its_level(tmp_path: Path) -> None:
    psd_worker.work(configuration(frame(tmp_path, noise())), tmp_path)
    check_psd(tmp_path / "H1-psd.dat", spacing=0.5, low=20, high=400)
    frequency, power = numpy.loadtxt(tmp_path / "H1-psd.dat", unpack=True)
    inside = (frequency > 20) & (frequency < 400)
    # the median of 58 segments scatters by about 16% a bin, and there are 760 bins
    assert power[inside].mean() == pytest.approx(2 * SIGMA**2 / RATE, rel=0.03)
    assert power[inside].std() / power[inside].mean() < 0.3


def test_the_event_is_left_out(tmp_path: Path) -> None:
    quiet, loud = noise(), noise()
    loud[37 * RATE : 41 * RATE] *= 1000
    for name, samples in (("quiet", quiet), ("loud", loud)):
        (tmp_path / name).mkdir()
        psd_worker.work(configuration(frame(tmp_path / name, samples)), tmp_path / name)
    tables = [numpy.loadtxt(tmp_path / name / "H1-psd.dat") for name in ("quiet", "loud")]
    numpy.testing.assert_allclose(*tables)


def test_several_files_are_joined(tmp_path: Path) -> None:
    samples = noise()
    whole = frame(tmp_path / "whole", samples)
    first = frame(tmp_path / "parts", samples[: 30 * RATE])
    second = frame(tmp_path / "parts", samples[30 * RATE :], START + 30)
    joined = psd_worker.read_strain([str(first), str(second)], "gwf", "H1:SIM-STRAIN", "H1")
    numpy.testing.assert_allclose(joined.value, psd_worker.read_strain([str(whole)], "gwf", "H1:SIM-STRAIN", "H1").value)
    third = frame(tmp_path / "parts", samples[:RATE], START + 100)
    with pytest.raises(PipelineError, match="do not join"):
        psd_worker.read_strain([str(first), str(third)], "gwf", "H1:SIM-STRAIN", "H1")


def test_one_side_of_the_event_is_enough_and_none_is_not(tmp_path: Path) -> None:
    path = frame(tmp_path, noise(20))
    psd_worker.work(configuration(path, **{"event time": START + 19}), tmp_path)
    assert (tmp_path / "H1-psd.dat").is_file()
    with pytest.raises(PipelineError, match="no 2 s of strain outside"):
        psd_worker.work(configuration(path, **{"event time": START + 10, "exclude": [9, 9]}), tmp_path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda samples: samples.__setitem__(5 * RATE, numpy.nan), r"1 samples are not finite, the first at GPS 1000000005\.000"),
        (
            lambda samples: samples.__setitem__(slice(0, 10), numpy.inf),
            r"10 samples are not finite, the first at GPS 1000000000\.000",
        ),
    ],
)
def test_gaps_are_told_with_their_time(tmp_path: Path, spoil: Any, reason: str) -> None:
    samples = noise()
    spoil(samples)
    with pytest.raises(PipelineError, match=reason):
        psd_worker.work(configuration(frame(tmp_path, samples)), tmp_path)


def test_the_program_says_why_it_failed_in_its_last_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "psd.json"
    path = frame(tmp_path, noise())
    config.write_text(json.dumps(configuration(path)))
    assert psd_worker.main([str(config)]) == 0
    broken = configuration(path)
    broken["detectors"]["H1"]["channel"] = "H1:OTHER"
    config.write_text(json.dumps(broken))
    assert psd_worker.main([str(config)]) == 1
    assert "cannot be read" in capsys.readouterr().err.splitlines()[-1]
    broken = configuration(path)
    broken["detectors"]["H1"]["high"] = 600
    config.write_text(json.dumps(broken))
    assert psd_worker.main([str(config)]) == 1
    assert "strain reaches 512 Hz, the analysis goes to 600 Hz" in capsys.readouterr().err
    assert psd_worker.main([]) == 2
