"""Files go from one analysis to the next by ledger and XCom alike: the same paths, the same checksums; the ledger decides."""

from __future__ import annotations

import copy
import hashlib
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from chain import ABOUT, EVENT, run_to_the_end, set_document
from tasks import context

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.handover import HandoverDiffers, compare
from pe_operators import BuildOperator, CollectOperator

SECOND = """
kind: analysis
name: second
pipeline: echo
event: GW150914
needs: [echo]
"""


@pytest.fixture
def second(site: Site) -> BuildOperator:
    """The build of an analysis that needs echo, in a DAG where it follows echo's collect."""
    with site.ledger.change(who="alice@test") as change:
        apply(change, read_text(SECOND, "second.yaml").blueprints)
    with DAG("event.GW150914", schedule=None):
        build = BuildOperator(task_id="second.build", event=EVENT, analysis="second")
        CollectOperator(task_id="echo.collect", **ABOUT) >> build
    return build


def given(pushed: Any) -> dict[str, Any]:
    """A task's context in a run whose echo.collect has pushed this."""
    found = context()
    found["ti"].xcom_pull = lambda task_ids: {"echo.collect": pushed}[task_ids]
    return found


def status(site: Site) -> str:
    with site.ledger.read() as session:
        return find_analysis(session, EVENT, "second").status


def test_what_collect_pushes_is_what_the_next_build_takes(site: Site, second: BuildOperator) -> None:
    pushed = run_to_the_end(site)
    built = second.execute(given(pushed))
    assert built["taken"] == {"echo": pushed}
    assert built["differs"] == []
    file = pushed["assets"]["words"][""]  # type: ignore[index]
    assert file["sha256"] == hashlib.sha256(Path(file["path"]).read_bytes()).hexdigest()
    assert built["inputs"]["from echo: words"] == file["sha256"]
    # once more, by a retry or another run: the same
    assert second.execute(given(pushed))["taken"] == {"echo": pushed}


def test_a_group_that_was_skipped_has_pushed_nothing_and_the_ledger_is_enough(site: Site, second: BuildOperator) -> None:
    pushed = run_to_the_end(site)
    assert second.execute(given(None))["taken"] == {"echo": pushed}


def test_nothing_is_built_on_files_about_which_xcom_and_ledger_disagree(site: Site, second: BuildOperator) -> None:
    pushed = copy.deepcopy(run_to_the_end(site))
    pushed["assets"]["words"][""]["sha256"] = "0" * 64  # type: ignore[index]
    with pytest.raises(
        AirflowFailException, match=r"echo, attempt 1: XCom and ledger say different things about words.*Clear echo's"
    ):
        second.execute(given(pushed))
    assert status(site) == "ready"  # it is not the analysis that is wrong
    with site.ledger.read() as session:
        assert find_analysis(session, EVENT, "second").attempt == 0


def test_a_ledger_that_has_gone_on_decides_and_that_is_said(site: Site, second: BuildOperator) -> None:
    first = run_to_the_end(site)
    set_document(site, command="echo other > said.txt")
    with site.ledger.change(who="alice@test") as change:
        change.set_status(change.analysis(EVENT, "echo"), "restart")
    newer = run_to_the_end(site)
    assert newer["attempt"] == 2
    built = second.execute(given(first))
    assert built["taken"] == {"echo": newer}
    assert built["differs"] == ["echo: this run collected attempt 1, the ledger is at attempt 2 and decides"]


def test_every_difference_is_named() -> None:
    file = {"path": "/a", "sha256": "1"}
    ledger = {"psd": {"attempt": 1, "assets": {"psds": {"H1": file, "L1": file}, "config": {"": file}}}}
    assert compare(ledger, ledger) == []
    assert "does not name it among what is needed" in compare({"other": ledger["psd"]}, ledger)[0]
    theirs = {"psd": {"attempt": 1, "assets": {"psds": {"H1": file}, "config": {"": {**file, "path": "/b"}}}}}
    with pytest.raises(HandoverDiffers, match=r"about config, psds L1; "):
        compare(theirs, ledger)
