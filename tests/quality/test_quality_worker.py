"""The worker on real frames: every answer that frames can give, and a truthful unknown where they give none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
from vector_frames import FIRST, GOOD, GPS, MONITOR, VECTOR, Answers, states, with_bits_off, write_frame

from gwfollow.errors import RemoteSilent
from gwfollow.quality import reading, worker
from gwfollow.quality.bits import questions
from gwfollow.quality.samples import read


def good(frames: Path, ifo: str = "H1", **more: Any) -> None:
    """A frame of 20 s with good states; `more` are other channels, or others of them."""
    channels = {f"{ifo}:GDS-CALIB_STATE_VECTOR": (16.0, GOOD), f"{ifo}:DMT-DQ_VECTOR": (16.0, 0b110)}
    write_frame(frames, f"{ifo}_T", FIRST, 20, channels | more)


def test_good_data_pass_bit_by_bit(answers: Answers, frames: Path) -> None:
    good(frames)
    found = answers(pipeline=None)
    assert set(states(found)) == {
        "H1 HOFT_OK", "H1 OBSERVATION_INTENT", "H1 NO_STOCH_HW_INJ", "H1 NO_CBC_HW_INJ", "H1 NO_BURST_HW_INJ", "H1 NO_DETCHAR_HW_INJ",
        "H1 NO_OMC_DCPD_ADC_OVERFLOW", "H1 NO_DMT-ETMY_ESD_DAC_OVERFLOW",
    }  # fmt: skip
    assert set(states(found).values()) == {"pass"} == {found[""]["state"]}
    assert found["H1 HOFT_OK"]["details"]["samples"] == 65  # 4 s at 16 Hz that do not begin with a sample


def test_a_bit_off_for_one_sample_fails_alone(answers: Answers, frames: Path) -> None:
    good(frames, **{VECTOR: (16.0, with_bits_off(20, 16, 1, 140, 141))})
    found = answers()
    assert states(found) == dict.fromkeys(states(found), "pass") | {"H1 OBSERVATION_INTENT": "fail"}
    assert found["H1 OBSERVATION_INTENT"]["details"]["first_bad"] == FIRST + 140 / 16
    assert found[""]["state"] == "fail"


@pytest.mark.parametrize(("first", "last"), [(0, 132), (197, 320)], ids=["before", "after"])
def test_what_is_off_outside_the_pads_does_not_matter(answers: Answers, frames: Path, first: int, last: int) -> None:
    good(frames, **{VECTOR: (16.0, with_bits_off(20, 16, 0, first, last))})
    assert states(answers())["H1 HOFT_OK"] == "pass"
    assert states(answers(window={"before": 2.2, "after": 2.2}))["H1 HOFT_OK"] == "fail"


def test_a_hardware_injection_is_told_as_such(answers: Answers, frames: Path) -> None:
    good(frames, **{VECTOR: (16.0, with_bits_off(20, 16, 6, 160, 180))})
    found = answers()["H1 NO_CBC_HW_INJ"]
    assert (found["process_name"], found["state"]) == ("hardware injection", "fail")


def test_a_gated_search_is_not_asked_about_overflows_that_would_fail(answers: Answers, frames: Path) -> None:
    good(frames, **{MONITOR: (16.0, 0b100)})
    assert answers(pipeline="oLIB")["H1 NO_OMC_DCPD_ADC_OVERFLOW"]["state"] == "fail"
    gated = answers(pipeline="gstlal")
    assert not any("OVERFLOW" in name for name in gated)
    assert gated[""]["not_asked"][0] == "H1:DMT-DQ_VECTOR: gstlal takes gated strain"
    assert gated[""]["state"] == "pass"


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("rate", [1, 16])
def test_vectors_as_other_frames_have_them_are_read(answers: Answers, frames: Path, dtype: str, rate: int) -> None:
    good(frames, **{VECTOR: (float(rate), numpy.full(20 * rate, GOOD, dtype=dtype))})
    assert set(states(answers()).values()) == {"pass"}


def test_not_a_number_is_unknown_and_does_not_hide_a_fail(answers: Answers, frames: Path) -> None:
    samples = with_bits_off(20, 16, 0, 150, 151).astype("float64")
    samples[170] = numpy.nan
    good(frames, **{VECTOR: (16.0, samples)})
    found = answers()
    assert (found["H1 HOFT_OK"]["state"], found["H1 OBSERVATION_INTENT"]["state"]) == ("fail", "unknown")
    assert found["H1 OBSERVATION_INTENT"]["details"]["unknown"] == [[FIRST + 170 / 16, FIRST + 171 / 16]]


def second_by_second(frames: Path, *without: int, **at: Any) -> None:
    """Frames of 1 s as low latency has them, some left out, some with another state: ``s9=0``."""
    for second in range(7, 14):
        if second not in without:
            write_frame(frames, "H1_T", FIRST + second, 1, {VECTOR: (16.0, at.get(f"s{second}", GOOD))})


def test_frames_missing_in_the_middle_are_unknown_and_named(answers: Answers, frames: Path) -> None:
    second_by_second(frames, 10, 11)
    found = answers()
    assert set(states(found).values()) == {"unknown"} == {found[""]["state"]}
    assert "H1_T: no frames for [1000000010, 1000000012)" in found["H1 HOFT_OK"]["summary"]


def test_a_fail_beside_missing_frames_stays_a_fail(answers: Answers, frames: Path) -> None:
    second_by_second(frames, 10, 11, s9=GOOD & ~1)
    found = states(answers())
    assert (found["H1 HOFT_OK"], found["H1 OBSERVATION_INTENT"]) == ("fail", "unknown")


def test_frames_twice_and_overlapping_are_no_trouble(answers: Answers, frames: Path) -> None:
    second_by_second(frames)
    write_frame(frames, "H1_T", FIRST + 6, 4, {VECTOR: (16.0, GOOD)})
    assert set(states(answers()).values()) == {"pass"}


def test_no_frames_at_all_are_unknown(answers: Answers, frames: Path) -> None:
    frames.mkdir()
    found = answers()
    assert set(states(found).values()) == {"unknown"}
    assert "no frames for" in found["H1 HOFT_OK"]["summary"]


def test_a_channel_that_is_in_no_frame_is_unknown_and_told(answers: Answers, frames: Path) -> None:
    write_frame(frames, "H1_T", FIRST, 20, {"H1:OTHER": (16.0, 1)})
    found = answers()
    assert set(states(found).values()) == {"unknown"}
    assert found["H1 HOFT_OK"]["summary"] == f"{VECTOR} is not in the frames (H1_T)"


def damage(path: Path) -> None:
    """Other bytes in the samples; its end, which says what is in it, stays."""
    content = bytearray(path.read_bytes())
    vector = content.index(
        VECTOR.encode(), content.index(VECTOR.encode()) + 1
    )  # FrVect: name, compression, type, two lengths, samples
    at = vector + len(VECTOR) + 1 + 20
    content[at : at + 4] = bytes(byte ^ 0xFF for byte in content[at : at + 4])
    path.write_bytes(content)


def test_a_file_that_is_cut_off_leaves_its_time_unknown(answers: Answers, frames: Path) -> None:
    second_by_second(frames)
    path = frames / f"H-H1_T-{FIRST + 10}-1.gwf"
    path.write_bytes(path.read_bytes()[:300])
    found = answers()["H1 HOFT_OK"]
    assert (found["state"], found["details"]["unknown"]) == ("unknown", [[FIRST + 10, FIRST + 11]])


def test_a_damaged_file_is_not_believed_and_named(answers: Answers, frames: Path) -> None:
    second_by_second(frames)
    path = frames / f"H-H1_T-{FIRST + 10}-1.gwf"
    damage(path)
    found = answers()["H1 HOFT_OK"]
    assert (found["state"], found["details"]["unknown"]) == ("unknown", [[FIRST + 10, FIRST + 11]])
    assert path.name in found["summary"]


def test_a_spare_copy_takes_the_place_of_a_damaged_file(answers: Answers, frames: Path) -> None:
    second_by_second(frames)
    damage(write_frame(frames, "H1_T", FIRST, 20, {VECTOR: (16.0, GOOD)}))  # is chosen: it covers all
    assert set(states(answers()).values()) == {"pass"}


def test_each_detector_has_its_own_vector_and_one_without_is_unknown(answers: Answers, frames: Path) -> None:
    good(frames)
    write_frame(frames, "V1_T", FIRST, 20, {"V1:DQ_ANALYSIS_STATE_VECTOR": (1.0, numpy.full(20, GOOD, dtype="float32"))})
    found = answers("H1", "V1", "G1")
    assert (found["V1 HOFT_OK"]["state"], found["V1 GOOD_DATA_QUALITY_CAT1"]["state"]) == ("pass", "fail")
    assert found["G1 state vector"]["state"] == "unknown"


@pytest.mark.parametrize(("fap", "ok", "state"), [(0.5, 1, "pass"), (0.001, 1, "fail"), (0.001, 0, "unknown"), (None, 1, None)])
def test_idq_is_asked_where_it_is_there(answers: Answers, frames: Path, fap: float | None, ok: int, state: str | None) -> None:
    more = {} if fap is None else {"H1:IDQ-FAP_OVL_10_2048": (128.0, numpy.full(2560, fap, dtype="float32"))}
    good(frames, **more, **{"H1:IDQ-OK_OVL_10_2048": (16.0, numpy.full(320, ok, dtype="float32"))})
    found = answers()
    assert states(found).get("H1 iDQ") == state
    assert ("H1:IDQ-FAP_OVL_10_2048: not in the frames" in found[""]["not_asked"]) == (state is None)


def test_a_site_may_want_idq_to_be_there(answers: Answers, frames: Path) -> None:
    good(frames)
    wanted = [{"channel": "IDQ-FAP_OVL_10_2048", "detectors": ["H1"], "frames": "low latency", "absent": "unknown"}]
    assert states(answers(idq=wanted))["H1 iDQ"] == "unknown"


def test_a_configuration_that_is_wrong_is_a_failure_with_a_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / worker.CONFIG).write_text("{}")
    assert worker.main([str(tmp_path)]) == 1
    assert "ValidationError" in capsys.readouterr().err
    assert not (tmp_path / worker.RESULT).exists()


# ---- waiting -----------------------------------------------------------------------------------------------------------
def test_frames_that_come_late_are_waited_for_until_their_deadline(checkout: Path, frames: Path) -> None:
    asked = late_questions(checkout, frames)
    clock = Clock(FIRST + 13)
    second_by_second(frames, 12)

    def sleep(seconds: float) -> None:
        clock.now += seconds
        if clock.now >= FIRST + 25:
            second_by_second(frames)

    found = reading.frames(asked.look_ups, (FIRST + 8.0, FIRST + 13.0), clock=clock, sleep=sleep)["H1", "H1_T"]
    assert found.coverage is not None
    assert (found.coverage.complete, clock.now < FIRST + 30) == (True, True)


def test_frames_that_never_come_are_given_up_at_their_deadline(checkout: Path, frames: Path) -> None:
    asked = late_questions(checkout, frames)
    clock = Clock(FIRST + 13)
    second_by_second(frames, 12)
    found = reading.frames(asked.look_ups, (FIRST + 8.0, FIRST + 13.0), clock=clock, sleep=clock.pass_by)["H1", "H1_T"]
    assert list(found.gaps) == [(FIRST + 12, FIRST + 13)]
    assert FIRST + 43 <= clock.now < FIRST + 43 + 2 * reading.PAUSE


def test_who_does_not_answer_is_asked_on_after_the_deadline_and_is_no_gap(
    checkout: Path, frames: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any) -> None:
        raise RemoteSilent("gwdatafind does not answer")

    monkeypatch.setattr("gwfollow.data.lookup.find", silent)
    asked = late_questions(checkout, frames)
    clock = Clock(FIRST + 100)  # long after the deadline
    found = reading.frames(asked.look_ups, (FIRST + 8.0, FIRST + 13.0), clock=clock, sleep=clock.pass_by)
    assert found["H1", "H1_T"].coverage is None
    assert clock.now >= FIRST + 100 + reading.PATIENCE
    samples = read(found, asked.questions).samples(VECTOR, ["H1_T"])
    assert not samples.absent
    assert samples.notes == ("H1_T: nobody answered", "gwdatafind does not answer")


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def late_questions(checkout: Path, frames: Path) -> Any:
    """H1, a deadline 30 s after the window."""
    ways = [{"way": "folder", "path": str(frames)}]
    over = {"frames": {"low latency": {"H1": [{"frame_type": "H1_T", "ways": ways, "timeout": 30}]}}}
    return questions(checkout / "include" / "configs", over, event="S1", gps=GPS, interferometers=("H1",))
