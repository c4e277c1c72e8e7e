"""``gwfollow status``"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gwfollow.commands.common import age
from gwfollow.commands.status import table
from gwfollow.errors import NotFound
from gwfollow.ledger.glance import StatusRow
from gwfollow.ledger.store import Ledger

Run = Callable[..., str]
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_json_has_the_documented_keys(gwfollow: Run) -> None:
    psd, bilby = json.loads(gwfollow("status", "--json"))
    assert set(psd) == {*("event", "analysis", "pipeline", "status", "since", "attempt", "reason"), "progress", "progress_since"}
    assert (bilby["event"], bilby["analysis"], bilby["status"], bilby["attempt"]) == ("GW1", "bilby", "ready", 0)
    assert datetime.fromisoformat(psd["since"]).tzinfo is not None


def test_one_event_is_shown_and_an_unknown_one_refused(gwfollow: Run) -> None:
    assert gwfollow("status", "GW1").splitlines()[0].split() == [
        "event",
        "analysis",
        "pipeline",
        "status",
        "since",
        "attempt",
        "progress",
        "reason",
    ]
    with pytest.raises(NotFound, match="no event 'GW2'"):
        gwfollow("status", "GW2")


def test_without_events_it_says_how_to_add_one(gwfollow: Run, ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        change.event("GW1").active = False
    assert "'gwfollow apply -f BLUEPRINT' adds one" in gwfollow("status")
    assert gwfollow("status", "--json") == "[]\n"


def test_every_line_of_a_pipe_names_its_event_and_columns_are_straight() -> None:
    rows = [
        StatusRow(
            "GW1", "psd", "psd", "running", NOW - timedelta(hours=3, minutes=12), 1, None, "nodes 1/4", NOW - timedelta(0, 840)
        ),
        StatusRow("GW1", "bilby", "bilby", "stuck", NOW - timedelta(seconds=3), 12, "held:\n no such executable"),
    ]
    assert table(rows, NOW, colours=False) == (
        "event  analysis  pipeline  status   since       attempt  progress               reason\n"
        "GW1    psd       psd       running  3 h 12 min  1        nodes 1/4, 14 min ago\n"
        "GW1    bilby     bilby     stuck    3 s         12                              held: no such executable\n"
    )


def test_a_reason_cannot_speak_to_the_terminal() -> None:
    row = StatusRow("GW1", "psd", "psd", "stuck", NOW, 1, "\x1b]0;title\x07 red")
    assert table([row], NOW, colours=False).splitlines()[1].endswith("?]0;title? red")


@pytest.mark.parametrize(
    ("elapsed", "text"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=12, seconds=40), "12 min"),
        (timedelta(hours=3, minutes=12), "3 h 12 min"),
        (timedelta(days=12, hours=4, minutes=59), "12 d 4 h"),
    ],
)
def test_ages_are_for_people(elapsed: timedelta, text: str) -> None:
    assert age(NOW - elapsed, NOW) == text


def test_a_terminal_gets_colours_and_a_pipe_does_not(gwfollow: Run) -> None:
    master, slave = pty.openpty()
    subprocess.run([sys.executable, "-m", "gwfollow.cli", "status"], stdout=slave, check=True)
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    assert "\x1b[36mready \x1b[0m" in shown
    assert shown.count("GW1") == 1
    assert "\x1b" not in gwfollow("status")
