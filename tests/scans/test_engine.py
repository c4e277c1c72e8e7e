"""A scan of real frames: what is loud comes out on top, and what is wrong with files, channels, data or time is a sentence in its result."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lalframe", reason="reads frames with lalframe (gwfollow[scans])")

from deadly_frames import Impatient, flipped
from gwfollow.data.lookup import Folder, LookUp
from gwfollow.errors import InputError
from gwfollow.scans import chunk, engine, flags
from gwfollow.scans.model import DONE, PAGE, RESULT, TABLE, ChannelResult, ScanResult
from scan_frames import GPS, KIND, START, configuration, noise, write_frame


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three frames of 8 s with six channels of noise."""
    folder = tmp_path_factory.mktemp("plain")
    for number in range(3):
        write_frame(folder, START + 8 * number, 8, {f"H1:N-{k}": noise(8, seed=10 * number + k) for k in range(6)})
    return folder


@pytest.fixture
def frames(plain: Path, tmp_path: Path) -> Path:
    """The same, to be spoilt."""
    return Path(shutil.copytree(plain, tmp_path / "frames"))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., ScanResult]:
    folder = tmp_path / "scan"
    folder.mkdir()

    def scan(*arguments: Any, said: list[str] | None = None, **changed: Any) -> ScanResult:
        heard: list[str] = [] if said is None else said
        return engine.scan(configuration(*arguments, **changed), folder, heard.append)

    return scan


def states(result: ScanResult) -> dict[str, str]:
    return {one.channel: one.state for one in result.channels}


def of(result: ScanResult, channel: str) -> ChannelResult:
    return next(one for one in result.channels if one.channel == channel)


N = tuple(f"H1:N-{number}" for number in range(6))


@pytest.mark.slow
def test_glitches_come_out_on_top_with_figures_and_their_delay(tmp_path: Path) -> None:
    from gwfollow.sandbox.auxiliary import Auxiliary, Glitch, write_auxiliary

    loud = {3: (GPS, 40.0, 20.0), 5: (GPS + 0.05, 60.0, 12.0), 8: (GPS + 0.01, 30.0, 8.0)}
    channels = [
        Auxiliary(f"H1:AUX-{k}", 256, [Glitch(loud[k][0], loud[k][1], amplitude=loud[k][2])] if k in loud else ())
        for k in range(10)
    ]
    write_auxiliary(tmp_path / "frames", "H1", channels, start=START, end=START + 24, length=8)
    primary = {"channel": "H1:AUX-3", "frame_type": KIND, "duration": 20, "fftlength": 2, "f_low": 16}
    config = configuration(tmp_path / "frames", *(one.name for one in channels), primary=primary)
    folder = tmp_path / "scan"
    folder.mkdir()
    result = engine.scan(config, folder, lambda text: None)

    assert (result.state, result.reason, result.waiting) == ("complete", "", 0)
    assert [one.channel for one in result.channels[:3]] == ["H1:AUX-3", "H1:AUX-5", "H1:AUX-8"]
    assert [one.significant for one in result.channels] == [True] * 3 + [False] * 7
    for number, (time, frequency, _) in loud.items():
        peak = of(result, f"H1:AUX-{number}").peak
        assert peak is not None
        assert peak.time == pytest.approx(time, abs=0.05)
        assert peak.frequency == pytest.approx(frequency, rel=0.25)
    assert {one.plot for one in result.channels[3:]} == {""}
    assert all((folder / one.plot).read_bytes()[:4] == b"\x89PNG" for one in result.channels[:3])
    assert result.channels[0].delay_ms == pytest.approx(0, abs=4.5)  # about a sample
    assert result.channels[0].correlation > result.channels[2].correlation > 3  # type: ignore[operator]
    assert ScanResult.model_validate_json((folder / RESULT).read_bytes()) == result
    assert len((folder / TABLE).read_text().splitlines()) == 4
    assert "H1:AUX-5" in (folder / PAGE).read_text()
    assert (folder / "H1_omegascan.png").is_file()


def test_faults_of_channels_are_theirs_alone(frames: Path, run: Callable[..., ScanResult]) -> None:
    """Missing, not finite, constant, too slow for its block, of a rate that changes: the others are scanned."""
    hurt = noise(24)
    hurt[3000] = np.inf
    odd = {
        "H1:NAN": hurt,
        "H1:FLAT": np.zeros(24 * 256, np.float32),
        "H1:SLOW": noise(24, 16),
        "H1:INT": noise(24, kind="i4"),
    }
    for number in range(3):
        more = {name: np.split(samples, 3)[number] for name, samples in odd.items()}
        changing = {"H1:CHANGES": noise(8, 256 if number else 128)}
        good = {name: noise(8, seed=number) for name in N[:1]}
        write_frame(frames, START + 8 * number, 8, more | changing | good)
    result = run(frames, *odd, "H1:NONE", "H1:CHANGES", N[0])
    assert states(result) == {
        N[0]: "scanned",
        "H1:INT": "scanned",
        "H1:NONE": "absent",
        "H1:NAN": "not finite",
        "H1:FLAT": "constant",
        "H1:SLOW": "failed",
        "H1:CHANGES": "failed",
    }
    assert "no frequencies" in of(result, "H1:SLOW").message
    assert (result.state, result.reason) == ("partial", "2 channels failed")


def test_a_gap_beside_the_event_is_scanned_and_the_result_partial(frames: Path, run: Callable[..., ScanResult]) -> None:
    (frames / f"H-{KIND}-{START}-8.gwf").unlink()
    result = run(frames, *N[:2])
    assert set(states(result).values()) == {"scanned"}
    assert result.state == "partial"
    assert result.missing[0].segments == ((START + 1, START + 8),)
    assert f"missing [{START + 1}, {START + 8})" in result.reason
    assert of(result, N[0]).message.startswith("scanned only 15 of 22 s")


def test_where_whole_data_are_asked_for_a_gap_leaves_nothing(frames: Path, run: Callable[..., ScanResult]) -> None:
    (frames / f"H-{KIND}-{START}-8.gwf").unlink()
    result = run(frames, *N[:2], incomplete="skip")
    assert (result.state, set(states(result).values())) == ("failed", {"no data"})


def test_frames_that_are_missing_in_the_middle_leave_nothing_to_scan(frames: Path, run: Callable[..., ScanResult]) -> None:
    (frames / f"H-{KIND}-{START + 8}-8.gwf").unlink()
    result = run(frames, *N[:2])
    assert (result.state, set(states(result).values())) == ("failed", {"no data"})
    assert f"missing [{START + 8}, {START + 16})" in of(result, N[0]).message


@pytest.mark.parametrize(
    ("begin", "end", "signs"), [(450, 400, "SIGSEGV"), pytest.param(400, 350, "SIGKILL", marks=pytest.mark.slow)]
)
def test_a_file_that_kills_its_reader_or_holds_it_for_ever_is_left_out(
    frames: Path, run: Callable[..., ScanResult], monkeypatch: pytest.MonkeyPatch, begin: int, end: int, signs: str
) -> None:
    monkeypatch.setattr(engine, "Blame", Impatient)
    path = write_frame(frames, START, 24, {"H1:A": noise(24), "H1:B": noise(24, 128)})
    flipped(path, begin, end)
    said: list[str] = []
    result = run(frames, "H1:A", *N[:3], said=said)
    assert any(f"ended by {signs}" in text for text in said)
    assert [states(result)[name] for name in N[:3]] == ["scanned"] * 3  # from the frames of 8 s
    assert states(result)["H1:A"] == "absent"


def test_a_file_that_is_cut_off_is_missing_data(frames: Path, run: Callable[..., ScanResult]) -> None:
    path = frames / f"H-{KIND}-{START}-8.gwf"
    path.write_bytes(path.read_bytes()[:3000])
    os.utime(path, (1e9, 1e9))  # nobody is writing it any more
    result = run(frames, *N[:2])
    assert result.state == "partial"
    assert path.name in result.missing[0].message
    assert "cut off" in result.missing[0].message


def test_duplicates_change_nothing(frames: Path, run: Callable[..., ScanResult], tmp_path: Path) -> None:
    once = run(frames, *N[:2])
    shutil.copytree(frames, frames / "again")
    (tmp_path / "scan" / DONE).unlink()
    twice = run(frames, *N[:2])
    assert (once.state, once.channels) == (twice.state, twice.channels)


def test_a_channel_that_kills_its_process_is_found_out(
    plain: Path, run: Callable[..., ScanResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = chunk.scan_alike

    def deadly(config: Any, block: Any, group: Any, template: Any) -> Any:
        if any(one.channel == N[4] for one in group):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(config, block, group, template)

    monkeypatch.setattr(chunk, "scan_alike", deadly)
    result = run(plain, *N)
    assert states(result) == dict.fromkeys(N, "scanned") | {N[4]: "failed"}
    assert of(result, N[4]).message == "the process that scanned it was ended by SIGKILL"


@pytest.mark.slow
def test_late_frames_are_waited_for_while_others_are_scanned(plain: Path, run: Callable[..., ScanResult], tmp_path: Path) -> None:
    """One type is there, one comes late, one never: each ends at its own time."""
    from lal import GPSTimeNow

    now = int(GPSTimeNow())
    there, late = tmp_path / "there", tmp_path / "late"
    late.mkdir()
    base = {"name": "x", "duration": 20, "fftlength": 2, "frequency_range": (16, 100), "q_range": (4, 32), "max_mismatch": 0.35}
    blocks = [base | {"key": kind, "channels": [f"H1:{kind}"], "frame_type": kind} for kind in ("THERE", "LATE", "NEVER")]
    look_ups = [
        LookUp(ifo="H1", frame_type=kind, ways=(Folder(path=str(folder)),), timeout=timeout)
        for kind, folder, timeout in (("THERE", there, 0), ("LATE", late, 300), ("NEVER", late, 3))
    ]
    write_frame(there, now - 24, 24, {"H1:THERE": noise(24)}, "THERE")
    said: list[str] = []

    def scanned() -> int | None:
        return next((number for number, words in enumerate(said) if "1 scanned" in words), None)

    def arrive() -> None:
        while scanned() is None and not over.wait(0.05):
            pass
        write_frame(tmp_path / "draft", now - 24, 24, {"H1:LATE": noise(24)}, "LATE").rename(late / f"H-LATE-{now - 24}-24.gwf")

    over, arrival = threading.Event(), threading.Thread(target=arrive)
    arrival.start()
    try:
        result = run(plain, "H1:X", gps=float(now - 12), blocks=blocks, look_ups=look_ups, said=said)
    finally:
        over.set()
        arrival.join()
    assert states(result) == {"H1:THERE": "scanned", "H1:LATE": "scanned", "H1:NEVER": "no data"}
    assert (scanned() or 0) < said.index("LATE: complete")
    assert (result.state, [one.frame_type for one in result.missing]) == ("partial", ["NEVER"])


@pytest.mark.slow
def test_channels_that_are_scanned_before_the_primary_comes_are_correlated_afterwards(
    frames: Path, run: Callable[..., ScanResult], tmp_path: Path
) -> None:
    from lal import GPSTimeNow

    now = int(GPSTimeNow())
    samples = noise(24)
    samples[int(11.9 * 256) : int(12.1 * 256)] *= 30
    write_frame(frames, now - 24, 24, {"H1:LOUD": samples})
    late = tmp_path / "late"
    late.mkdir()
    look_ups = [
        LookUp(ifo="H1", frame_type=kind, ways=(Folder(path=str(folder)),), timeout=300)
        for kind, folder in ((KIND, frames), ("PRIMARY", late))
    ]
    primary = {"channel": "H1:STRAIN", "frame_type": "PRIMARY", "duration": 20, "fftlength": 2}
    said: list[str] = []

    def hear(text: str) -> None:
        said.append(text)
        if text.startswith("1 of 1 channels") and not any(late.iterdir()):
            write_frame(tmp_path / "draft", now - 24, 24, {"H1:STRAIN": samples}, "PRIMARY").rename(
                late / f"H-PRIMARY-{now - 24}-24.gwf"
            )

    config = configuration(frames, "H1:LOUD", gps=float(now - 12), look_ups=look_ups, primary=primary)
    result = engine.scan(config, tmp_path / "scan", hear)
    assert said.count("1 of 1 channels: 1 scanned") == 2
    assert result.state == "complete"
    assert (result.channels[0].correlation or 0) > 5


def test_without_the_primary_channel_the_scan_is_partial(plain: Path, run: Callable[..., ScanResult]) -> None:
    result = run(plain, N[0], primary={"channel": "H1:NONE", "frame_type": KIND, "duration": 20, "fftlength": 2})
    assert result.state == "partial"
    assert result.reason.startswith("no correlation: H1:NONE is absent")


@pytest.mark.slow
def test_what_is_not_reached_in_time_is_said(
    plain: Path, run: Callable[..., ScanResult], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, record = chunk.scan_alike, tmp_path / "scan" / DONE

    def clock() -> float:
        """An hour is over as soon as the quick channel has its end."""
        return monotonic() + (3600 if record.exists() and N[0] in record.read_text() else 0)

    def slow(config: Any, block: Any, group: Any, template: Any) -> Any:
        if any(one.channel == N[5] for one in group):
            threading.Event().wait(600)
        return real(config, block, group, template)

    monkeypatch.setattr(chunk, "scan_alike", slow)
    monkeypatch.setattr(engine, "time", SimpleNamespace(monotonic=clock))
    result = run(plain, N[0], N[5], time_limit=3600)
    assert states(result) == {N[0]: "scanned", N[5]: "not reached"}
    assert result.state == "partial"
    assert "the time limit of 3600 s is over" in result.reason


def test_a_second_scan_transforms_only_what_the_first_left(
    plain: Path, run: Callable[..., ScanResult], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run(plain, *N[:3])
    record = tmp_path / "scan" / DONE
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(lines[0] + lines[1] + lines[2][:40])  # as a kill leaves it
    left = json.loads(lines[2])["channel"]
    said: list[str] = []
    result = run(plain, *N[:3], time_limit=100, said=said)
    assert said[0] == "2 channels were scanned before, and are not scanned again"
    assert [json.loads(line)["channel"] for line in record.read_bytes().splitlines()][2:] == [left]
    assert (result.state, len(result.channels)) == ("complete", 3)
    run(plain, *N[:3], snr_threshold=7.0, said=said)  # another question
    assert len(record.read_bytes().splitlines()) == 3
    assert said.count("2 channels were scanned before, and are not scanned again") == 1


def test_a_state_flag_decides_and_unknown_is_not_active(
    plain: Path, run: Callable[..., ScanResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = (float(START), float(START + 24))
    answers = {"H1:ON:1": {"known": [segment], "active": [segment]}, "H1:OFF:1": {"known": [segment], "active": []}}

    def query(flag: str, *rest: Any, **options: Any) -> Any:
        if flag not in answers:
            raise ConnectionError("no route")
        return answers[flag]

    monkeypatch.setattr("dqsegdb2.query.query_segments", query)
    base = {"name": "x", "duration": 20, "fftlength": 2, "frame_type": KIND, "frequency_range": (16, 100), "q_range": (4, 32)}
    blocks = [
        base | {"key": f"B{number}", "channels": [N[number]], "state_flag": flag}
        for number, flag in enumerate(("H1:ON:1", "H1:OFF:1", "H1:SILENT:1"))
    ]
    result = run(plain, "H1:X", blocks=blocks)
    assert states(result) == {N[0]: "scanned", N[1]: "state off", N[2]: "failed"}
    assert "unknown: ConnectionError: no route" in of(result, N[2]).message
    assert result.state == "partial"
    again = run(plain, "H1:X", blocks=blocks, ignore_state_flags=True)
    assert (again.state, set(states(again).values())) == ("complete", {"scanned"})


def test_a_flag_of_which_a_part_is_not_known_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"known": [(0.0, 5.0)], "active": [(0.0, 5.0)]}
    monkeypatch.setattr("dqsegdb2.query.query_segments", lambda *rest, **options: answer)
    found = flags.state("H1:A:1", (0.0, 10.0))
    assert (found.active, found.message) == (None, "whether H1:A:1 was active is unknown in [5, 10)")
    answer["known"] = [(0.0, 10.0)]
    assert flags.state("H1:A:1", (0.0, 10.0)).active is False


def test_a_type_that_nobody_looks_up_is_refused(plain: Path, run: Callable[..., ScanResult]) -> None:
    with pytest.raises(InputError, match="how frames of type H1_OTHER are looked up"):
        run(plain, N[0], frame_type="H1_OTHER")


@pytest.mark.slow
def test_gw150914_comes_out_as_with_gwpy(shared: Path, tmp_path: Path) -> None:
    """The peak of both detectors' real strain, with gwpy's own whitening and transform of the same stretch."""
    from gwpy.segments import Segment
    from gwpy.signal.qtransform import q_scan
    from gwpy.timeseries import TimeSeries

    gps = 1126259462.4
    for ifo, least in (("H1", 100), ("L1", 60)):
        folder = tmp_path / ifo
        folder.mkdir()
        kind = f"{ifo[0]}1_LOSC_4_V2"
        block = {
            "key": "GW", "name": "Strain", "channels": [f"{ifo}:LOSC-STRAIN"], "frame_type": kind, "duration": 30, "fftlength": 4,
            "frequency_range": (10, 500), "q_range": (4, 64),
        }  # fmt: skip
        look_up = LookUp(ifo=ifo, frame_type=kind, ways=(Folder(path=str(shared / "data/strain")),), timeout=0)
        config = configuration(tmp_path, "x", gps=gps, ifo=ifo, blocks=[block], look_ups=[look_up])
        peak = engine.scan(config, folder, lambda text: None).channels[0].peak
        assert peak is not None
        strain = TimeSeries.read(next((shared / "data/strain").glob(f"{ifo[0]}-*.hdf5")), format="hdf5.gwosc")
        gram, _ = q_scan(
            strain.whiten(4, 2).detrend("linear"),
            mismatch=0.2,
            qrange=(4, 64),
            frange=(10, 500),
            search=Segment(gps - 0.25, gps + 0.25),
        )
        assert peak.energy == pytest.approx(gram.peak["energy"], rel=0.01)
        assert peak.energy > least
        assert (peak.q, peak.frequency) == pytest.approx((gram.plane.q, gram.peak["frequency"]), rel=0.01)
        assert peak.time == pytest.approx(gram.peak["time"], abs=0.002)
