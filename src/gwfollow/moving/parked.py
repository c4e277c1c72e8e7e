"""Looking at what an imported analysis claims: that a job runs, or that there are results."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from gwfollow.errors import GWFollowError, PipelineError, SchedulerSilent, SubmitRefused, explain
from gwfollow.ledger import reviews
from gwfollow.ledger.schema import Analysis, Job, now
from gwfollow.ledger.store import Change, find_analysis
from gwfollow.life import Site
from gwfollow.life.finish import collect
from gwfollow.life.site import attempt_folder, current_attempt, job_key, pipeline_for, scheduler_name, task_for
from gwfollow.moving.translate import Past

#: begins the reason of an analysis that has not been looked at
PARKED = "imported as "
#: the person of verdicts that asimov keeps without one
REVIEWER = "asimov"


@dataclass(frozen=True)
class Settled:
    text: str = ""  # for the report, where a person should know
    later: bool = False  # could not be looked at now: it stays parked


def settle(site: Site, past: Past) -> Settled:
    """Look at one parked analysis, and give it the status that what was seen bears out."""
    if past.rundir is None:
        return _without_folder(site, past)
    _lay_out(site, past)
    return _job(site, past) if past.claim.about == "job" else _results(site, past)


def _without_folder(site: Site, past: Past) -> Settled:
    what = f"was {past.claim.word!r} in the imported ledger, which names no run folder"
    if past.claim.about == "job":
        _set(site, past, "stopped" if past.claim.status == "stop" else "manual", what)
        return Settled(f"{what}: it is {'stopped' if past.claim.status == 'stop' else 'manual'} here, nobody watches a job")
    if past.claim.status == "finished":
        _set(site, past, "stuck", what)
        return Settled(f"{what}: it is stuck here")
    _set(site, past, past.claim.status, f"{what}: its results have not been seen")
    _review(site, past)
    return Settled(f"{what}: its results have not been seen")


# ---- the folder ------------------------------------------------------------------------------------------------------


def _lay_out(site: Site, past: Past) -> None:
    """Where the pipeline expects its builder's files in a folder of their own: an attempt's folder whose one of that name is a link.

    asimov's run folder is that inner one.  Nothing is written in it, and nothing is moved.
    """
    with site.ledger.read() as session:
        row = find_analysis(session, past.event, past.name)
        attempt = current_attempt(session, row)
        if attempt is None or attempt.folder != str(past.rundir):
            return
        folder = attempt_folder(site.settings, row, 1)
        try:
            inner = getattr(pipeline_for(task_for(session, row, attempt, site.settings)), "run", None)
        except GWFollowError:
            return  # not installed: that is told when the results are looked at
    if past.rundir is None or not past.rundir.is_dir() or not isinstance(inner, Path) or inner.parent != past.rundir:
        return
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / inner.name
    if not link.is_symlink() and not link.exists():
        link.symlink_to(past.rundir, target_is_directory=True)
    _copy_configuration(past, folder)

    def action(change: Change) -> None:
        present = current_attempt(change.session, change.analysis(past.event, past.name))
        assert present is not None
        present.folder = str(folder)
        change.journal("run folder linked", event=past.event, analysis=past.name, folder=str(folder), rundir=str(past.rundir))

    site.ledger.run(action, who=site.who)


def _copy_configuration(past: Past, folder: Path) -> None:
    assert past.rundir is not None
    for source in (past.configuration, *sorted(past.rundir.glob("*_config_complete.ini"))):
        if source is not None and source.is_file():
            shutil.copyfile(source, folder / f"{past.name}.ini")
            return


# ---- results ---------------------------------------------------------------------------------------------------------


def _results(site: Site, past: Past) -> Settled:
    try:
        collect(site, past.event, past.name)
    except PipelineError as error:
        reason = str(error).removeprefix(f"{past.event}/{past.name}: ")
        if past.claim.status == "finished":
            _set(site, past, "stuck", f"was {past.claim.word!r} in the imported ledger, but: {reason}")
            return Settled(f"was {past.claim.word!r}; it is stuck here: {reason}")
        _set(site, past, past.claim.status, f"as in the imported ledger; its results have not been seen: {reason}")
        _review(site, past)
        return Settled(f"is {past.claim.status} as it was, but its results have not been seen: {reason}")
    except GWFollowError as error:
        return Settled(f"could not be looked at now: {error}", later=True)
    _set(site, past, past.claim.status, None)
    _review(site, past)
    return Settled()


def _review(site: Site, past: Past) -> None:
    def action(change: Change) -> None:
        row = change.analysis(past.event, past.name)
        given = [review for review in past.reviews if review.verdict]
        for review in given:
            reviews.record(change, row, review.verdict, message=review.message, person=REVIEWER, time=review.time)
        if past.claim.preferred and (not given or given[-1].verdict != "preferred"):
            reviews.record(change, row, "preferred", message=f"was {past.claim.word!r}", person=REVIEWER)

    site.ledger.run(action, who=site.who, why="imported")


# ---- jobs ------------------------------------------------------------------------------------------------------------


def _job(site: Site, past: Past) -> Settled:
    if not past.job:
        what = f"was {past.claim.word!r} in the imported ledger, which names no job"
        status = "stopped" if past.claim.status == "stop" else "manual"
        _set(site, past, status, what)
        return Settled(f"{what}: it is {status} here")
    job_id = past.job if "." in past.job else f"{past.job}.0"
    key = job_key(past.event, past.name, 1, 0)
    with site.ledger.read() as session:
        row = find_analysis(session, past.event, past.name)
        attempt = current_attempt(session, row)
        assert attempt is not None
        where = scheduler_name(task_for(session, row, attempt, site.settings))
    try:
        ours = site.scheduler(where).claim(job_id, key)
    except (SchedulerSilent, SubmitRefused) as error:
        return Settled(f"job {job_id} could not be taken over ({explain(error)}); import again", later=True)
    if ours:
        site.ledger.run(lambda change: _watched(change, past, key, where, job_id), who=site.who, why="imported")
        return Settled(f"job {job_id} of {where} is watched from now on")
    gone = f"job {job_id}, which the imported ledger names, is not in the queue of {where}"
    if past.claim.status == "stop":
        _set(site, past, "stopped", gone)
        return Settled(f"{gone}: it is stopped here")
    try:
        collect(site, past.event, past.name)
    except PipelineError as error:
        reason = f"{gone}, and {str(error).removeprefix(f'{past.event}/{past.name}: ')}"
        _set(site, past, "stuck", reason)
        return Settled(f"{reason}: it is stuck here")
    except GWFollowError as error:
        return Settled(f"could not be looked at now: {error}", later=True)
    _set(site, past, "finished", None)
    return Settled(f"{gone}; its results are whole: it is finished here")


def _watched(change: Change, past: Past, key: str, where: str, job_id: str) -> None:
    row = change.analysis(past.event, past.name)
    attempt = current_attempt(change.session, row)
    assert attempt is not None
    job = Job(attempt_id=attempt.id, number=0, key=key, scheduler=where, job_id=job_id, state="submitted", outcome={})
    job.adopted, job.submitted = True, now()
    change.session.add(job)
    change.journal(f"job {job_id} adopted", event=past.event, analysis=past.name, key=key, scheduler=where)
    _to(change, row, past.claim.status, None)


# ---- statuses --------------------------------------------------------------------------------------------------------

#: from *stuck* (parked) or *finished* (collected) to where it belongs, along the table of transitions
_WAYS = {
    "stopped": ("stop", "stopped"),
    "uploaded": ("finished", "uploaded"),
    "finalised": ("finished", "uploaded", "finalised"),
}


def _set(site: Site, past: Past, status: str, reason: str | None) -> None:
    site.ledger.run(
        lambda change: _to(change, change.analysis(past.event, past.name), status, reason), who=site.who, why="imported"
    )


def _to(change: Change, row: Analysis, status: str, reason: str | None) -> None:
    for step in _WAYS.get(status, (status,)):
        if step != row.status or reason is not None:
            change.set_status(row, step, reason=reason)


__all__ = ["PARKED", "Settled", "settle"]
