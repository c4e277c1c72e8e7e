"""A ledger that the commands find through their settings."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from gwfollow.cli import group
from gwfollow.errors import GWFollowError

BLUEPRINT = """
kind: event
name: GW1
event time: 1126259462.391
gid: G190047
interferometers: [H1, L1]
---
kind: analysis
name: psd
pipeline: psd
---
kind: analysis
name: bilby
pipeline: bilby
needs: [psd]
"""


@pytest.fixture
def gwfollow(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command on a ledger with the event GW1, on both databases; gives what it printed and raises what it raised."""
    for name in ("GWFOLLOW_AIRFLOW_URL", "GWFOLLOW_HOME", "GWFOLLOW_LEDGER_PASSWORD_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GWFOLLOW_LEDGER", ledger_url)

    def run(*arguments: str, text: str = "") -> str:
        done = CliRunner().invoke(group, arguments, input=text)
        if isinstance(done.exception, GWFollowError):
            raise done.exception
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    run("apply", "-f", "-", text=BLUEPRINT)
    return run
