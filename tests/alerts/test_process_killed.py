"""A processor that is killed at any moment leaves nothing half done, and nothing is done twice after it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gwfollow.ledger.schema import Inbox, Outbox
from gwfollow.ledger.store import Ledger
from stories import minute, notice, put, retracted_story, rows, site_of, statuses

PROCESSOR = """
import os, sys
from pathlib import Path
from gwfollow.alerts.process import process
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.settings import Settings
home, configs, url = sys.argv[1:]
os.nice(10)  # on a loaded machine it must not be done before the test comes to kill it
site = Site(Ledger.open(url), Settings(home=home, configs=configs), who="test")
process(site)
"""


def waiting(ledger: Ledger) -> int:
    with ledger.read() as session:
        return session.scalar(select(func.count()).select_from(Inbox).where(Inbox.state == "new")) or 0


@pytest.mark.slow
def test_a_processor_killed_at_random_moments_does_everything_once(sqlite_url: str, tmp_path: Path) -> None:
    site = site_of(Ledger.open(sqlite_url), tmp_path)
    names = [f"S250101{first}{second}" for first in "ab" for second in "abcdefghijkl"]
    for name in names:
        for message in [*retracted_story(name)[:2], (notice(name, "initial", minute(3)), minute(3))]:
            put(site, message)
    command = [sys.executable, "-c", PROCESSOR, site.settings.home, site.settings.configs, sqlite_url]
    left, chance = len(names) * 3, random.Random(5)
    for _ in range(3):
        enough = left - 3 * chance.randint(1, 5)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            while child.poll() is None and waiting(site.ledger) > enough:
                time.sleep(chance.uniform(0, 0.02))
            child.kill()
        assert child.returncode == -signal.SIGKILL
        left = waiting(site.ledger)
        assert left, "it was done before it was killed"
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert {row.state for row in rows(site.ledger)} == {"done"}
    assert {tuple(statuses(site.ledger, name).items()) for name in names} == {
        (("psd", "ready"), ("pe", "ready"), ("pages", "wait"))
    }
    with site.ledger.read() as session:
        sent = sorted(session.scalars(select(Outbox.key)))
    assert sent == sorted(key for name in names for key in (f"run:{name}:rev-1", f"alert:{name}:cbc"))
