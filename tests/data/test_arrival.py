"""When awaited data are settled, and what follows for who waits: pure questions of time."""

from __future__ import annotations

import json

import pytest

from gwfollow.data.arrival import GRACE, PATIENCE, Arrival, Need, Wanted, judged
from gwfollow.data.lookup import Folder, LookUp

GAP = ((4.0, 5.0),)
ALL = ((0.0, 8.0),)


def wanted(
    kind: str = "H1_R", *, deadline: float = 100.0, need: Need = "some", core: tuple[float, float] | None = None
) -> Wanted:
    return Wanted(LookUp(ifo="H1", frame_type=kind, ways=(Folder(path="/shm"),)), (0.0, 8.0), 40.0, deadline, need, core)


def test_a_type_is_settled_by_an_answer_to_a_question_put_after_its_deadline() -> None:
    assert not Arrival(wanted(), GAP).settled(1000)
    assert not Arrival(wanted(), GAP, looked=99).settled(1000), "the last look was before the deadline: there must be one more"
    assert Arrival(wanted(), GAP, looked=100).settled(100)
    assert Arrival(wanted(), (), looked=50).settled(50)


def test_silence_is_waited_for_beyond_the_deadline_but_not_for_ever() -> None:
    silent = Arrival(wanted(), GAP, looked=99, since=90, silent="no answer")
    assert not silent.settled(100 + PATIENCE - 1)
    assert silent.settled(100 + PATIENCE)
    late = Arrival(wanted(), GAP, since=5000, silent="no answer")
    assert not late.settled(5000 + PATIENCE - 1), "however late we are, it is asked for as long"
    assert late.settled(5000 + PATIENCE)
    assert late.sentence() == "H1_R: [4, 5) not known to be there (no answer)"


def test_each_type_has_its_own_deadline_and_one_that_is_late_holds_nobody_for_more_than_the_grace() -> None:
    types = [Arrival(wanted("H1_llhoft"), ()), Arrival(wanted("H1_T", deadline=1e4), GAP, looked=50)]
    first = judged(types, 50, None)
    assert (first.over, first.first_complete, first.seconds_left()) == (False, 50, GRACE)
    later = judged(types, 50 + GRACE, first.first_complete)
    assert later.over
    assert not later.settled
    assert later.lack() == ""


@pytest.mark.parametrize("need", ["all", "none"])
def test_who_must_know_all_does_not_begin_early(need: Need) -> None:
    types = [Arrival(wanted(need=need), ()), Arrival(wanted("H1_T", need="some"), GAP, looked=50)]
    assert not judged(types, 90, 50).over
    types[1] = Arrival(wanted("H1_T"), GAP, looked=100)
    assert judged(types, 100, 50).over


def test_an_analysis_is_not_worth_a_run_where_nothing_of_use_is_there() -> None:
    nothing, some, everything = (Arrival(wanted(), missing, looked=100) for missing in (ALL, GAP, ()))
    assert judged([nothing, nothing], 100, None).lack() == "H1_R: [0, 8) missing; H1_R: [0, 8) missing"
    assert judged([nothing, some], 100, None).lack() == ""
    assert judged([nothing, everything], 100, None).lack() == ""
    assert judged([], 100, None).over
    assert judged([], 100, None).lack() == ""
    core = wanted(core=(4.5, 5.5))
    assert judged([Arrival(core, GAP, looked=100)], 100, None).lack() == "H1_R: [4, 5) missing"
    assert judged([Arrival(core, ((5.5, 8.0),), looked=100)], 100, None).lack() == ""
    assert judged([Arrival(wanted(), ALL, looked=99)], 100, None).lack() == "", "not yet settled"


def test_a_set_that_says_skip_needs_all_and_an_unknown_is_an_answer_to_a_check() -> None:
    there = Arrival(wanted(), (), looked=100)
    assert judged([there, Arrival(wanted("H1_T", need="all"), GAP, looked=100)], 100, None).lack() == "H1_T: [4, 5) missing"
    assert judged([Arrival(wanted("H1_T", need="none"), ALL, looked=100)], 100, None).lack() == ""


def test_what_is_awaited_survives_being_stored() -> None:
    for one in (wanted(), wanted(core=(1.0, 2.0), need="all")):
        assert Wanted.from_dict(json.loads(json.dumps(one.as_dict()))) == one


def test_the_report_says_what_is_missing_of_each_type() -> None:
    gaps = tuple((float(start), start + 0.5) for start in range(8))
    report = judged([Arrival(wanted(), ()), Arrival(wanted("H1_T"), gaps, looked=100)], 100, None).report()
    assert json.loads(json.dumps(report)) == report
    assert [(each["frame_type"], each["complete"], each["settled"]) for each in report["frames"]] == [
        ("H1_R", True, True),
        ("H1_T", False, True),
    ]
    assert report["frames"][1]["missing"] == [list(gap) for gap in gaps]
    assert report["frames"][1]["text"].endswith("[5, 5.5) and 2 more missing")
    assert not report["complete"]
