"""``gwfollow set``"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from sqlalchemy import select

from gwfollow.errors import IllegalTransition, InputError, NotFound
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.states import ALIASES, TRANSITIONS
from gwfollow.ledger.store import Ledger, find_analysis, find_event

Run = Callable[..., str]


def put(ledger: Ledger, status: str) -> None:
    with ledger.change(who="test") as change:
        change.analysis("GW1", "psd").status = status


def revision(ledger: Ledger) -> int:
    with ledger.read() as session:
        return find_event(session, "GW1").revision


@pytest.mark.parametrize(
    ("old", "word", "gives_work"),
    [
        ("ready", "wait", False),
        ("wait", "Ready", True),
        ("uploaded", "restart", True),
        ("running", "stop", True),
        ("stuck", "manual", False),
        ("wait", "start", True),
        ("manual", "finished", True),
        ("manual", "uploaded", True),
        ("ready", "cancelled", False),
        ("uploaded", "finalised", False),
    ],
)
def test_a_person_may_ask_for_it_and_work_is_given_where_there_is_some(
    gwfollow: Run, ledger: Ledger, old: str, word: str, gives_work: bool
) -> None:
    put(ledger, old)
    before, new = revision(ledger), ALIASES.get(word, word.lower())
    assert gwfollow("set", "GW1/psd", word, "--why", "because") == f"GW1/psd: {old} -> {new}\n"
    with ledger.read() as session:
        row = find_analysis(session, "GW1", "psd")
        assert (row.status, row.reason) == (new, "because")
        runs = session.scalars(select(Outbox.payload).order_by(Outbox.id)).all()
    assert revision(ledger) == before + gives_work == len(runs)


@pytest.mark.parametrize(
    "word", sorted(set(TRANSITIONS) - {"wait", "ready", "restart", "stop", "manual", "cancelled", "finalised"})
)
def test_words_that_are_for_those_who_know_are_refused(gwfollow: Run, ledger: Ledger, word: str) -> None:
    put(ledger, "ready")
    with pytest.raises(InputError):
        gwfollow("set", "GW1/psd", word)
    with ledger.read() as session:
        assert find_analysis(session, "GW1", "psd").status == "ready"


def test_running_names_the_verb_that_does_it(gwfollow: Run, ledger: Ledger) -> None:
    put(ledger, "stuck")
    with pytest.raises(InputError, match="'gwfollow resurrect' sends a stuck analysis on"):
        gwfollow("set", "GW1/psd", "running")


def test_several_are_set_together_or_none_is(gwfollow: Run, ledger: Ledger) -> None:
    assert gwfollow("set", "GW1/psd", "GW1/bilby", "wait") == "GW1/psd: ready -> wait\nGW1/bilby: ready -> wait\n"
    put(ledger, "running")
    with pytest.raises(IllegalTransition, match="GW1/psd: status 'running' may not become 'ready'"):
        gwfollow("set", "GW1/bilby", "GW1/psd", "ready")
    with ledger.read() as session:
        assert find_analysis(session, "GW1", "bilby").status == "wait"


def test_resurrect_is_for_stuck_analyses_that_had_a_job(gwfollow: Run, ledger: Ledger) -> None:
    with pytest.raises(IllegalTransition, match="status 'ready' may not become 'running"):
        gwfollow("resurrect", "GW1/psd")
    put(ledger, "stuck")
    with pytest.raises(InputError, match="no job of it is there to be resurrected; 'restart' asks for a fresh attempt"):
        gwfollow("resurrect", "GW1/psd")


def test_an_illegal_change_names_both_statuses(gwfollow: Run, ledger: Ledger) -> None:
    put(ledger, "finalised")
    with pytest.raises(IllegalTransition, match="GW1/psd: status 'finalised' may not become 'ready'"):
        gwfollow("set", "GW1/psd", "ready")


def test_the_same_status_again_says_so_and_gives_no_work(gwfollow: Run, ledger: Ledger) -> None:
    assert gwfollow("set", "GW1/psd", "ready") == "GW1/psd is ready already\n"
    assert revision(ledger) == 1


@pytest.mark.parametrize(
    ("name", "error"), [("GW1", InputError), ("GW1/a/b", InputError), ("/psd", InputError), ("GW1/pdf", NotFound)]
)
def test_a_name_that_is_none_is_refused(gwfollow: Run, name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        gwfollow("set", name, "ready")


def test_the_journal_has_the_person_and_the_reason(gwfollow: Run) -> None:
    gwfollow("set", "GW1/psd", "wait", "--why", "no frames yet")
    entry = json.loads(gwfollow("journal", "GW1/psd", "--json"))[-1]
    assert (entry["what"], entry["why"]) == ("ready -> wait", "no frames yet")
    assert "@" in entry["who"]
