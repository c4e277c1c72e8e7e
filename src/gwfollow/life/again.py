"""A person asks for an analysis once more, by clearing a task in the web UI."""

from __future__ import annotations

from gwfollow.ledger.states import STARTABLE, TRANSITIONS
from gwfollow.ledger.steering import RESURRECT, ask
from gwfollow.ledger.store import Change
from gwfollow.life.site import Site


def ask_again(site: Site, event: str, analysis: str, *, why: str) -> bool:
    """Ask for a fresh attempt where the status allows it; False where the analysis has not begun or may not be repeated."""

    def action(change: Change) -> bool:
        row = change.analysis(event, analysis)
        if row.status in STARTABLE or "restart" not in TRANSITIONS[row.status]:
            return False
        change.set_status(row, "restart", reason=why)
        return True

    return site.ledger.run(action, who=site.who, why=why)


def send_on(site: Site, event: str, analysis: str, *, why: str) -> bool:
    """Let an analysis that is stuck after its job go on where it was; False where it is not stuck."""

    def action(change: Change) -> bool:
        row = change.analysis(event, analysis)
        if row.status != "stuck":
            return False
        ask(change, row, RESURRECT)
        return True

    return site.ledger.run(action, who=site.who, why=why)
