"""gwdata: what is asked for is checked before a job starts, and what a job has left counts when it opens."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy
import pytest

import datafind_server
from datafind_server import DatafindServer
from gwfollow.data import metafiles
from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import gwdata_worker
from gwfollow.pipelines.gwdata import GWData
from gwfollow.sandbox.strain import write_frame
from gwfollow.schedulers.base import JobState, JobStatus

GPS = 1126259462.4


def noise_frame(folder: Path, ifo: str, start: int, seconds: int, bad: slice | None = None) -> Path:
    """Noise at 1024 Hz in a frame file; `bad` samples are no numbers."""
    samples = numpy.random.default_rng(start).normal(size=1024 * seconds) * 1e-21
    if bad is not None:
        samples[bad] = numpy.nan
    return write_frame(folder, ifo, samples, "NOISE", start=start, rate=1024)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of 16 s for H1 and L1 around the event, and for V1 with a gap and a stretch of bad data."""
    folder = tmp_path_factory.mktemp("archive")
    for ifo in ("H1", "L1"):
        for start in (1126259440, 1126259456):
            noise_frame(folder, ifo, start, 16)
    noise_frame(folder, "V1", 1126259440, 16)
    noise_frame(folder, "V1", 1126259462, 10, bad=slice(1024, 2048))
    return folder


def write_pe_file(path: Path, *, psds: bool = True, runs: tuple[str, ...] = ("C01:IMRPhenomXPHM",)) -> Path:
    """A file as PESummary writes it: samples, PSDs, and the calibration that was given as a prior."""
    frequencies = numpy.arange(0, 512.25, 0.25)
    band = numpy.geomspace(10, 1000, 30)
    envelope = numpy.column_stack([band, *(numpy.full(30, value) for value in (1, 0, 0.98, -0.02, 1.02, 0.02))])
    with h5py.File(path, "w") as file:
        for run in runs:
            file[f"{run}/posterior_samples"] = numpy.zeros(5, dtype=[("chirp_mass", float)])
            for ifo in ("H1", "L1"):
                if psds:
                    file[f"{run}/psds/{ifo}"] = numpy.column_stack([frequencies, numpy.full(len(frequencies), 1e-46)])
                file[f"{run}/priors/calibration_raw/{ifo}"] = envelope
                file[f"{run}/calibration_envelope/{ifo}"] = envelope * 7  # the posterior: never to be taken for it
        file["version/pesummary"] = [b"1.8.1"]
        file["history/creator"] = [b"test"]
    return path


def document(archive: Path, **keys: Any) -> dict[str, Any]:
    """The keys of a request for frames from the archive, for a document that names no data of its own."""
    return {
        "data": {"data files": None, "channels": None},
        "download": ["frames"],
        "locations": {"frames directory": str(archive)},
        **{name.replace("_", " "): value for name, value in keys.items()},
    }


def run(pipeline: GWData) -> int:
    """The job in this process, as the scheduler would start it: gwpy is imported once for all tests."""
    pipeline.before_config()
    pipeline.build_dag()
    job = pipeline.submit_dag()
    assert job.arguments[:2] == ("-m", "gwfollow.pipelines.gwdata_worker")
    return gwdata_worker.main([str(job.folder / job.arguments[2])])


def gwdata(make_task: Any, changes: Mapping[str, Any], **fields: Any) -> GWData:
    return GWData(make_task(changes, pipeline="gwdata", needed=(), **fields))


@pytest.mark.slow
def test_frames_are_found_linked_and_read(make_task: Any, archive: Path) -> None:
    pipeline = gwdata(make_task, document(archive, span={"before": 10}))
    assert not pipeline.detect_completion()
    assert run(pipeline) == 0
    assert pipeline.detect_completion()
    assets = pipeline.collect_assets()
    assert list(assets["data files"]) == ["H1.0", "H1.1", "L1.0", "L1.1"]
    assert [file.path.name for file in assets["data files"].values()][:2] == [
        "H-H1_NOISE-1126259440-16.gwf",
        "H-H1_NOISE-1126259456-16.gwf",
    ]
    assert assets["data files"]["H1.0"].path.is_symlink()
    line = assets["cache files"]["L1"].path.read_text().splitlines()[0].split()
    assert line[:4] == ["L", "L1_NOISE", "1126259440", "16"]
    assert line[4] == f"file://localhost{pipeline.task.folder}/frames/L-L1_NOISE-1126259440-16.gwf"
    assets["data files"]["L1.1"].path.unlink()
    assert not pipeline.detect_completion()


@pytest.mark.slow
def test_only_what_the_segment_needs_is_taken(make_task: Any, archive: Path) -> None:
    pipeline = gwdata(make_task, document(archive, copy_frames=True))
    assert run(pipeline) == 0
    (file,) = [f for label, f in pipeline.collect_assets()["data files"].items() if label.startswith("H1")]
    assert file.path.name == "H-H1_NOISE-1126259456-16.gwf"
    assert not file.path.is_symlink()


@pytest.mark.slow
def test_gaps_are_listed_for_each_detector(make_task: Any, archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = gwdata(make_task, document(archive, span={"before": 30, "after": 5}), interferometers=("H1", "V1"))
    assert run(pipeline) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "H1 has no frames for [1126259432.4, 1126259440)" in said
    assert "V1 has no frames for [1126259432.4, 1126259440) and [1126259456, 1126259462)" in said
    assert f"(in {archive})" in said
    (pipeline.task.folder / "gwdata.err").write_text(said + "\n")
    assert pipeline.failure_reason(JobStatus(JobState.COMPLETED, exit_code=1)) == said
    assert pipeline.resurrect(JobStatus(JobState.COMPLETED, exit_code=1)) is None


@pytest.mark.slow
def test_samples_that_are_no_numbers_are_told_with_their_time(
    make_task: Any, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = document(archive) | {"likelihood": {"segment start": 1126259462}}
    assert run(gwdata(make_task, changes, interferometers=("V1",))) == 1
    assert "1024 samples are not finite, the first at GPS 1126259463.0000" in capsys.readouterr().err


@pytest.mark.slow
def test_a_file_that_does_not_hold_what_its_name_says_is_told(
    make_task: Any, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short"
    short.mkdir()
    frame = noise_frame(short, "H1", 1126259456, 4)
    frame.rename(short / "H-H1_NOISE-1126259456-16.gwf")
    assert run(gwdata(make_task, document(short), interferometers=("H1",))) == 1
    assert "H-H1_NOISE-1126259456-16.gwf" in capsys.readouterr().err
    (short / "H-H1_NOISE-1126259456-16.gwf").write_bytes(b"IGWD is how a frame begins")
    pipeline = gwdata(make_task, document(short), interferometers=("H1",))
    assert run(pipeline) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert not pipeline.detect_completion()


@pytest.mark.slow
def test_frames_are_waited_for_at_a_real_server(
    make_task: Any, archive: Path, datafind: DatafindServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """H1's second frame comes while the job waits."""
    frames = sorted(path for path in archive.glob("*.gwf") if "V1" not in path.name)
    datafind.publish(frames[:1] + frames[2:])
    datafind.wait_for(frames[2:])
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        datafind.publish(frames)
        datafind.wait_for(frames)

    monkeypatch.setattr(gwdata_worker, "sleep", sleep)
    types = {"H1": "H1_NOISE", "L1": "L1_NOISE"}
    changes = document(archive, wait=60, pause=2, locations={"datafind server": datafind.url})
    changes["data"]["frame types"] = types
    pipeline = gwdata(make_task, changes)
    assert run(pipeline) == 0
    assert waits == [2.0]
    assert "waiting: H1 has no frames for [1126259460.4, 1126259464.4)" in capsys.readouterr().out
    assert pipeline.detect_completion()


@pytest.mark.slow
def test_public_psds_calibration_and_samples_come_out_of_a_pesummary_file(make_task: Any, tmp_path: Path) -> None:
    file = write_pe_file(tmp_path / "GW150914_pe.h5")
    changes = {"download": ["psds", "calibration", "samples"], "source": {"type": "pesummary", "location": str(file)}}
    pipeline = gwdata(make_task, changes)
    assert run(pipeline) == 0
    assert pipeline.detect_completion()
    assets = pipeline.collect_assets()
    assert set(assets) == {"psds", "calibration", "samples"}
    assert numpy.loadtxt(assets["psds"]["L1"].path).shape == (2049, 2)
    numpy.testing.assert_allclose(numpy.loadtxt(assets["calibration"]["H1"].path)[:, 3], 0.98)
    assert assets["samples"][""].path.read_bytes() == file.read_bytes()
    assert not assets["samples"][""].path.is_symlink()
    file.unlink()  # what it was taken from is not needed any more
    assert pipeline.detect_completion()
    assets["psds"]["H1"].path.write_text("half a")
    assert not pipeline.detect_completion()


def test_gwtc_1_holds_samples_only_and_that_is_said(shared: Path, tmp_path: Path) -> None:
    release = shared / "data" / "pe" / "GW170608_GWTC-1.hdf5"
    assert metafiles.analyses(release) == {"IMRPhenomPv2": 22641, "Overall": 6448, "SEOBNRv3": 3224}
    metafiles.check_samples(release, "Overall")
    with pytest.raises(InputError, match="found 'IMRPhenomXP', expected one of IMRPhenomPv2, Overall, SEOBNRv3"):
        metafiles.check_samples(release, "IMRPhenomXP")
    with pytest.raises(InputError, match=r"PSDs in .*GW170608.*none has"):
        metafiles.psds(release, None, ("H1",), tmp_path)


def test_which_analysis_of_several_is_asked_and_a_missing_detector_is_told(tmp_path: Path) -> None:
    file = write_pe_file(tmp_path / "two.h5", runs=("C01:A", "C01:B"))
    with pytest.raises(InputError, match=r"which one's PSDs are meant: C01:A, C01:B"):
        metafiles.psds(file, None, ("H1",), tmp_path / "psds")
    with pytest.raises(InputError, match=r"PSDs of C01:A .*\['H1', 'L1'\], expected V1 too"):
        metafiles.psds(file, "C01:A", ("H1", "V1"), tmp_path / "psds")
    for broken in (b"", b"\x89HDF\r\n\x1a\n", file.read_bytes()[:3000]):
        (tmp_path / "broken.h5").write_bytes(broken)
        with pytest.raises(PipelineError, match=r"broken\.h5"):
            metafiles.analyses(tmp_path / "broken.h5")


def envelope_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{frequency} 1 0 0.98 -0.02 1.02 0.02\n" for frequency in (10, 100, 1000))
    path.write_text(f"# {path.name}\n{rows}")
    return path


def test_the_envelope_that_is_valid_at_the_event_is_taken(
    make_task: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folders as LIGO's archive has them (O4), and names as those before (O3)."""
    top = tmp_path / "cal"
    for gps in (1126250000, 1126259000, 1126259470):
        envelope_file(top / "H1" / "uncertainty" / "v1" / "1126" / "2" / f"calibration_uncertainty_H1_{gps}.txt")
        envelope_file(top / "H1" / "uncertainty" / "v2" / "1126" / "2" / f"calibration_uncertainty_H1_{gps}.txt")
        envelope_file(top / "L1" / f"O3C01_LLO_GPSTime_{gps}_C01_RelativeResponseUncertainty_FinalResults.txt")
    changes = {"download": "calibration", "locations": {"calibration directory": str(top)}, "calibration version": {"H1": "v2"}}
    pipeline = gwdata(make_task, changes)
    assert run(pipeline) == 0
    said = capsys.readouterr().out
    assert "v2/1126/2/calibration_uncertainty_H1_1126259000.txt" in said
    assert "LLO_GPSTime_1126259000" in said
    assert pipeline.detect_completion()
    assert set(pipeline.collect_assets()["calibration"]) == {"H1", "L1"}
    early = GWData(make_task(changes, pipeline="gwdata", gps=1126240000.0))
    assert run(early) == 1
    assert "found '3 from GPS 1126250000 on', expected an envelope of version v2 with a GPS time at or before 1126240000" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10 1 0 1 0 1\n", "6 columns"),
        ("10 1 0 1 0 1 nan\n", "7 finite numbers"),
        ("20 1 0 1 0 1 0\n10 1 0 1 0 1 0\n", "10 Hz after 20 Hz"),
        ("20 1 0 1 0 1 0\n", "1 lines"),
        ("<html>", "not numbers"),
        ("30 1 0 1 0 1 0\n1000 1 0 1 0 1 0\n", "covers 30 to 1000 Hz, the analysis needs 20 to 500 Hz"),
    ],
)
def test_an_envelope_that_is_none_is_told(tmp_path: Path, text: str, reason: str) -> None:
    from gwfollow.data import envelopes

    path = tmp_path / "H1.txt"
    path.write_text(text)
    with pytest.raises(PipelineError, match=reason):
        envelopes.check(path, low=20, high=500)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"download": ["skymap"]}, r"download\[0\]"),
        ({"download": []}, "download"),
        ({"engine": "wget"}, "engine"),
        ({"engine": "gwdata", "environment": "/no/such"}, "environment"),
        ({"source": {"frames": "folder"}}, r"locations\.frames directory"),
        ({"source": {"frames": "datafind"}, "data": {"frame types": {"H1": "A", "L1": "B"}}}, r"locations\.datafind server"),
        ({"source": {"frames": "datafind"}}, r"data\.frame types\.H1"),
        ({"source": {"frames": "osdf"}, "data": {"frame types": {"H1": "A", "L1": "B"}}}, r"source\.frames.*engine: gwdata"),
        ({"source": {"frames": "gwosc", "sample rate": 1000}}, r"source\.sample rate"),
        ({"download": ["psds"]}, r"source\.location"),
        ({"download": ["samples"], "source": {"location": "/no/such/file.h5"}}, r"source\.location.*No such file"),
        ({"download": ["calibration"]}, r"locations\.calibration directory"),
        ({"download": ["calibration"], "source": {"type": "frame"}}, r"source\.type.*engine: gwdata"),
        ({"locations": {"datafind server": "https://alice:secret@host"}}, r"locations\.datafind server"),
        ({"wait": -1}, "wait"),
        ({"wait": "long"}, "wait"),
    ],
)
def test_what_cannot_be_done_is_refused_before_a_job_starts(
    make_task: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], place: str
) -> None:
    monkeypatch.delenv("GWDATAFIND_SERVER", raising=False)
    with pytest.raises(InputError, match=place):
        gwdata(make_task, changes).before_config()


def test_asimovs_own_blueprint_asks_gwosc(make_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``download: [frames]`` and nothing else, as in asimov's tests."""
    monkeypatch.delenv("GWDATAFIND_SERVER", raising=False)
    pipeline = gwdata(make_task, {"download": ["frames"], "likelihood": {"sample rate": 4096, "segment start": 1126259460.391}})
    pipeline.build_dag()
    said = GWData.read_ini(pipeline.task.folder / "gwdata.ini")
    assert said["source"]["frames"] == "gwosc"
    assert said["source"]["sample rate"] == 16384
    assert said["time"] == {"start": 1126259460.391, "end": 1126259464.391, "event": GPS, "duration": 32}
    assert "datafind server" not in said["locations"]


@pytest.mark.slow
def test_frames_that_asimov_gwdata_has_left_count_when_they_cover_and_open(make_task: Any, archive: Path) -> None:
    """The folder as its 0.7.1 leaves it, which ends with a NameError when the frames are there; laid out by hand."""
    keys = {"engine": "gwdata", "data": {"channels": None}, "span": {"before": 10}}
    pipeline = gwdata(make_task, keys, interferometers=("H1",))
    pipeline.build_dag()
    frames = pipeline.task.folder / "frames"
    frames.mkdir()
    second = frames / "H-H1_NOISE-1126259456-16.gwf"
    second.symlink_to(archive / second.name)
    with pytest.raises(PipelineError, match=r"H1 has no frames for \[1126259452\.4, 1126259456\)"):
        pipeline.check()
    (frames / "H-H1_NOISE-1126259440-16.gwf").symlink_to(archive / "H-H1_NOISE-1126259440-16.gwf")
    assert pipeline.detect_completion()
    second.unlink()
    second.write_bytes(b"IGWD")
    assert not pipeline.detect_completion()


peers = pytest.mark.skipif(not datafind_server.installed(), reason=datafind_server.HINT)


@peers
@pytest.mark.slow
@pytest.mark.system
def test_asimov_gwdata_reads_the_same_settings(make_task: Any, tmp_path: Path) -> None:
    """The real ``gwdata --settings`` of asimov-gwdata 0.7.1; PSDs, which work there offline."""
    file = write_pe_file(tmp_path / "GW150914_pe.h5")
    changes = {
        "engine": "gwdata",
        "environment": str(datafind_server.PEERS),
        "download": ["psds"],
        "source": {"type": "pesummary", "location": str(file)},
    }
    pipeline = gwdata(make_task, changes)
    pipeline.before_config()
    pipeline.build_dag()
    job = pipeline.submit_dag()
    assert job.arguments == ("--settings", "gwdata.ini")
    environment = {"PATH": f"{job.executable.parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run([job.executable, *job.arguments], cwd=job.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert pipeline.detect_completion()
    assert set(pipeline.collect_assets()["psds"]) == {"H1", "L1"}
