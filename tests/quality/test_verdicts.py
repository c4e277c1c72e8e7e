"""One verdict out of many, the words for it, and the labels that follow: unknown is never pass, and never hides a fail."""

from __future__ import annotations

from typing import Any

import pytest

from gwfollow.quality.document import document
from gwfollow.quality.labels import Labels, wanted
from gwfollow.quality.verdicts import IDQ, INJECTION, STATE_VECTOR, told, worst


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ([], "unknown"),
        (["pass"], "pass"),
        (["pass", "unknown"], "unknown"),
        (["unknown", "fail", "pass"], "fail"),
        (["PASS"], "unknown"),
    ],
)
def test_the_worst_counts_and_nothing_asked_is_unknown(given: list[str], verdict: str) -> None:
    assert worst(given) == verdict


def check(ifo: str, name: str, state: str, summary: str = "") -> dict[str, Any]:
    return {"ifo": ifo, "name": f"{ifo} {name}", "state": state, "summary": summary}


def test_the_worst_detector_is_told_first_and_each_with_its_reasons() -> None:
    entries = [
        check("H1", "HOFT_OK", "pass"),
        check("L1", "HOFT_OK", "fail", "off"),
        check("L1", "NO_CBC_HW_INJ", "pass"),
        check("V1", "HOFT_OK", "unknown", "no frames"),
    ]
    assert told(entries) == "L1 FAIL: HOFT_OK (off); pass: NO_CBC_HW_INJ. V1 unknown: HOFT_OK (no frames). H1 pass: HOFT_OK."


def test_a_detector_that_took_no_part_is_recorded_and_does_not_count() -> None:
    entries = [check("H1", "HOFT_OK", "pass"), check("V1", "HOFT_OK", "fail")]
    found = document("S1", 1.0, ["H1"], entries)
    assert (found["state"], len(found["checks"])) == ("pass", 2)
    assert document("S1", 1.0, ["V1"], entries)["dqr_state"] == "fail"
    assert document("S1", 1.0, ["L1"], entries)["dqr_state"] == "error"


@pytest.mark.parametrize(
    ("verdicts", "labels"),
    [
        ([(STATE_VECTOR, "pass")], [("DQOK", True, False), ("DQV", False, False)]),
        ([(STATE_VECTOR, "pass"), (STATE_VECTOR, "fail"), (STATE_VECTOR, "unknown")], [("DQV", True, False), ("DQOK", False, False)]),
        ([(STATE_VECTOR, "pass"), (STATE_VECTOR, "unknown")], [("DQOK", False, True)]),
        ([(STATE_VECTOR, "pass"), (IDQ, "fail")], [("DQOK", True, False), ("DQV", False, False)]),
        ([(INJECTION, "fail")], [("INJ", True, False)]),
        ([(INJECTION, "pass"), (IDQ, "fail")], []),
        ([], []),
    ],
    ids=["pass", "fail", "unknown", "idq does not count", "injection alone", "nothing that counts", "nothing"],
)  # fmt: skip
def test_labels_follow_the_verdicts_that_count(verdicts: list[tuple[str, str]], labels: list[tuple[str, bool, bool]]) -> None:
    assert list(wanted(Labels(), verdicts)) == labels


def test_idq_vetoes_where_the_site_says_so() -> None:
    policy = Labels(counts=(STATE_VECTOR, IDQ))
    assert ("DQV", True, False) in wanted(policy, [(STATE_VECTOR, "pass"), (IDQ, "fail")])
