"""``gwfollow review`` and ``gwfollow clean``"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.schema import Attempt
from gwfollow.ledger.store import Ledger

Run = Callable[..., str]


@pytest.fixture
def finished(gwfollow: Run, ledger: Ledger, tmp_path: Path) -> Path:
    """GW1/bilby is finished at attempt 1, with a checkpoint in its folder."""
    checkpoint = tmp_path / "attempt-1" / "run" / "result" / "bilby_resume.pickle"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"x" * 1500)
    with ledger.change(who="test") as change:
        row = change.analysis("GW1", "bilby")
        row.status, row.attempt, row.review_first = "finished", 1, True
        row.attempts.append(Attempt(number=1, folder=str(tmp_path / "attempt-1"), state="collected"))
    return checkpoint


def test_a_verdict_is_given_and_shown(gwfollow: Run, finished: Path) -> None:
    assert gwfollow("review", "GW1").splitlines()[1] == "GW1/bilby: waits for a person's approval"
    assert gwfollow("review", "GW1/bilby", "approve", "-m", "converged") == "GW1/bilby: approved\n"
    assert gwfollow("review", "GW1/bilby", "APPROVED", "-m", "converged") == "GW1/bilby was approved by you already\n"
    assert gwfollow("review", "GW1/bilby", "prefer") == "GW1/bilby: preferred\n"
    psd, bilby = json.loads(gwfollow("review", "GW1", "--json"))
    assert (psd["verdict"], psd["reviews"]) == (None, [])
    assert (bilby["verdict"], bilby["waits"]) == ("preferred", None)
    assert [(one["verdict"], one["message"], one["counts"]) for one in bilby["reviews"]] == [
        ("approved", "converged", False),
        ("preferred", "", True),
    ]
    text = gwfollow("review", "GW1/bilby").splitlines()
    assert text[0] == "GW1/bilby: preferred"
    assert "approved by " in text[1]
    assert text[1].endswith("converged (does not count any more)")
    entry = json.loads(gwfollow("journal", "GW1/bilby", "--json"))[-1]
    assert entry["what"] == "review: preferred"
    assert "@" in entry["who"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("GW1", "approve"), "expected EVENT/ANALYSIS"),
        (("GW1/bilby", "maybe"), "expected one of approved"),
        (("GW1/psd", "approve"), "has no results to review: it is 'ready'"),
        (("GW1/bilby", "-m", "so"), "a verdict that it goes with"),
    ],
)
def test_what_makes_no_sense_is_refused(gwfollow: Run, finished: Path, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        gwfollow("review", *arguments)


def test_clean_says_what_it_would_free_and_frees_it(gwfollow: Run, finished: Path) -> None:
    said = gwfollow("clean", "GW1/bilby", "--dry-run").splitlines()
    assert said == [f"   1.5 kB  {finished}", f"attempt 1: would free 1.5 kB in 1 files of {finished.parents[2]}"]
    assert finished.exists()
    assert gwfollow("clean", "GW1/bilby").startswith("attempt 1: freed 1.5 kB in 1 files")
    assert not finished.exists()
    assert gwfollow("clean", "GW1/bilby", "--old") == "GW1/bilby has no other attempt\n"
    with pytest.raises(InputError, match=r"found 0, expected one that it has \(none: it has not been built\)"):
        gwfollow("clean", "GW1/psd")
