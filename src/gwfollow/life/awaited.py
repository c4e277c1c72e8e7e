"""The step before *build* of analyses that say how the data were: which frames they wait for, what has come, and the end without any."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.orm import Session

from gwfollow.data.arrival import Arrival, Awaited, Wanted, judged
from gwfollow.errors import InputError, PipelineError, RemoteRefused, RemoteSilent, TransientError, explain
from gwfollow.ledger.schema import Analysis, Attempt
from gwfollow.ledger.states import STARTABLE
from gwfollow.ledger.store import Change, find_analysis
from gwfollow.life import scan_notes
from gwfollow.life.build import stick
from gwfollow.life.site import NoWork, Site, attempt_folder, current_attempt, pipeline_for, task_for
from gwfollow.life.stop import leave_attempt
from gwfollow.pipelines.base import AwaitedData, Task
from gwfollow.times import gps_to_utc

#: begins the reason of an analysis that was not run for want of data
SKIPPED = "skipped: "
#: its build has been given leave already: what it waited for is its job's business now
_BEGUN = frozenset({"running", "finished", "processing", "uploaded", "finalised"})


def look(site: Site, event: str, analysis: str) -> Awaited:
    """What the analysis waits for, as it is now: one look at everything, side by side.  One that has begun waits for nothing.

    A stretch that has not ended is not looked at: nobody can have it whole.

    Raises
    ------
    NoWork : the ledger gives no leave to begin
    PipelineError : the pipeline cannot say what it waits for; the analysis is stuck with the reason
    """
    wanted = wants(site, event, analysis)
    with ThreadPoolExecutor(max(1, len(wanted)), thread_name_prefix="frames") as threads:
        found = list(threads.map(_arrival, wanted))
    return judged(found, time.time(), None)


def wants(site: Site, event: str, analysis: str) -> list[Wanted]:
    """What the pipeline awaits for the attempt that is to be built, with deadlines; raises as `look`."""
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        if row.status in _BEGUN:
            return []
        if row.status not in STARTABLE:
            raise NoWork(f"{event}/{analysis} is {row.status}" + (f": {row.reason}" if row.reason else ""))
        task = task_for(session, row, _attempt_to_come(site, session, row), site.settings)
    try:
        return [_wanted(each) for each in _awaits(task)]
    except TransientError:
        raise
    except Exception as error:
        reason = explain(error)
        stick(site, event, analysis, reason)
        raise PipelineError(f"{event}/{analysis}: {reason}") from error


def skip(site: Site, event: str, analysis: str, reason: str) -> bool:
    """Cancel an analysis that is not worth a run without its data, with the reason; False where it has begun or ended meanwhile.

    A person can set it ready again.  What an earlier attempt has left running is removed first; raises `TransientError` while the
    scheduler has not confirmed that.
    """
    leave_attempt(site, event, analysis)

    def action(change: Change) -> bool:
        row = change.analysis(event, analysis)
        if row.status not in STARTABLE:
            return False
        change.set_status(row, "cancelled", reason=SKIPPED + reason)
        scan_notes.skipped(change, row, reason)
        return True

    return site.ledger.run(action, who=site.who)


def await_again(site: Site, event: str, analysis: str, *, why: str) -> bool:
    """A person asks to wait once more for an analysis that was skipped; False for any other."""

    def action(change: Change) -> bool:
        row = change.analysis(event, analysis)
        if row.status != "cancelled" or not (row.reason or "").startswith(SKIPPED):
            return False
        change.set_status(row, "ready", reason=None)
        return True

    return site.ledger.run(action, who=site.who, why=why)


def _attempt_to_come(site: Site, session: Session, row: Analysis) -> Attempt:
    """The attempt that *build* will take, as `gwfollow.life.build` chooses it; it is not stored."""
    present = current_attempt(session, row)
    if present is not None and present.state in {"building", "built"} and row.status == "ready":
        return present
    number = row.attempt + 1
    folder = str(attempt_folder(site.settings, row, number))
    return Attempt(analysis_id=row.id, number=number, folder=folder, state="building", inputs={})


def _awaits(task: Task) -> Sequence[AwaitedData]:
    return pipeline_for(task).awaits()


def _wanted(awaited: AwaitedData) -> Wanted:
    end = gps_to_utc(awaited.wanted[1]).timestamp()
    return Wanted(awaited.look_up, awaited.wanted, end, end + awaited.look_up.timeout, awaited.need, awaited.core)


def _arrival(wanted: Wanted) -> Arrival:
    from gwfollow.data.lookup import find

    now, everything = time.time(), (wanted.stretch,)
    if now < wanted.end:
        return Arrival(wanted, everything, since=now)
    try:
        coverage = find(wanted.look_up, wanted.stretch)
    except RemoteSilent as error:
        return Arrival(wanted, everything, since=now, silent=str(error))
    except (RemoteRefused, InputError) as error:
        return Arrival(wanted, everything, looked=now, since=now, refused=str(error))
    looked = 0.0 if coverage.silent else now
    return Arrival(wanted, coverage.gaps, looked, now, "; ".join(coverage.silent), "; ".join(coverage.refused))


__all__ = ["SKIPPED", "await_again", "look", "skip", "wants"]
