"""A pipeline that raises in any of its hooks: its analysis is stuck with the traceback's last line, and the others of its event go on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from memory import MemoryScheduler

from gwfollow.errors import PipelineError
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Analysis
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect, process, publish
from gwfollow.life.site import current_attempt, last_job
from gwfollow.life.stop import stop
from gwfollow.life.submit import submit
from gwfollow.life.wait import settle
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Pipeline, Task
from gwfollow.schedulers.base import JobState

EVENT = "GW150914"
#: hook -> the step in which it is called
HOOKS = {
    "__init__": "build",
    "before_config": "build",
    "before_build": "build",
    "build_dag": "build",
    "before_submit": "submit",
    "submit_dag": "submit",
    "detect_completion": "wait",
    "resurrect": "lost",
    "collect_assets": "collect",
    "after_completion": "process",
    "detect_completion_processing": "wait for post",
    "after_processing": "publish",
    "store_results": "publish",
    "eject_job": "stop",
}


def raising(base: type[Pipeline], hook: str) -> type[Pipeline]:
    """The pipeline with a hook that raises for the analysis called *bad*."""
    original: Callable[..., Any] = getattr(base, hook)

    def raises(self: Pipeline, *args: Any, **kwargs: Any) -> Any:
        task = args[0] if args and isinstance(args[0], Task) else self.task
        if task.analysis == "bad":
            raise ArithmeticError(f"first words\nthe reason stands in {hook}")
        return original(self, *args, **kwargs)

    return type("Raising", (base,), {hook: raises})


def row(site: Site, analysis: str) -> Analysis:
    with site.ledger.read() as session:
        return find_analysis(session, EVENT, analysis)


def finish_job(site: Site, scheduler: MemoryScheduler, analysis: str, *, result: bool, purpose: str = "main") -> None:
    """The scheduler's job of the analysis ends, with or without its result."""
    with site.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, EVENT, analysis))
        job = last_job(attempt, purpose)
        assert attempt is not None
        folder = attempt.folder
    if result:
        with open(f"{folder}/result.json", "w") as stream:  # noqa: PTH123
            stream.write("[1]")
    if job is not None and job.job_id is not None:
        scheduler.set(job.job_id, JobState.COMPLETED, exit_code=0 if result else 1)


def live(site: Site, scheduler: MemoryScheduler, analysis: str, *, lost: bool = False, stopped: bool = False) -> None:
    """All steps of an analysis, in the order of its tasks."""
    build(site, EVENT, analysis)
    submit(site, EVENT, analysis)
    if stopped:
        site.ledger.run(lambda change: change.set_status(change.analysis(EVENT, analysis), "stop"), who="test")
        assert stop(site, EVENT, analysis)  # a fault of the pipeline does not hold up what else is to be stopped
        return
    finish_job(site, scheduler, analysis, result=not lost)
    settle(site, EVENT, analysis)
    collect(site, EVENT, analysis)
    process(site, EVENT, analysis)
    finish_job(site, scheduler, analysis, result=True, purpose="post")
    settle(site, EVENT, analysis, purpose="post")
    publish(site, EVENT, analysis)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_analysis_is_stuck_with_the_last_line_and_the_others_go_on(
    site: Site, scheduler: MemoryScheduler, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "---\n".join(
        f"kind: analysis\nname: {name}\npipeline: onefile\nevent: {EVENT}\npost: true\nresurrect: true\n"
        for name in ("bad", "good")
    )
    site.ledger.run(lambda change: apply(change, read_text(text, "two.yaml").blueprints), who="test")
    broken = raising(registry.find("onefile"), hook)
    monkeypatch.setattr(registry, "find", lambda name: broken)

    told = pytest.raises(PipelineError, match=f"ArithmeticError: the reason stands in {hook}")
    with nullcontext() if hook == "eject_job" else told:
        live(site, scheduler, "bad", lost=HOOKS[hook] == "lost", stopped=HOOKS[hook] == "stop")
    bad = row(site, "bad")
    assert bad.status == "stuck"
    assert bad.reason is not None
    assert bad.reason.endswith(f"ArithmeticError: the reason stands in {hook}")

    live(site, scheduler, "good")
    assert row(site, "good").status == "uploaded"


@pytest.mark.parametrize("hook", ["check_progress", "collect_logs", "failure_reason"])
def test_a_hook_that_only_tells_people_something_takes_nothing_down(
    site: Site, scheduler: MemoryScheduler, hook: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gwfollow.life.look import look

    text = f"kind: analysis\nname: bad\npipeline: onefile\nevent: {EVENT}\n"
    site.ledger.run(lambda change: apply(change, read_text(text, "one.yaml").blueprints), who="test")
    broken = raising(registry.find("onefile"), hook)
    monkeypatch.setattr(registry, "find", lambda name: broken)
    build(site, EVENT, "bad")
    submit(site, EVENT, "bad")
    if hook == "failure_reason":
        finish_job(site, scheduler, "bad", result=False)
        with pytest.raises(
            PipelineError, match=r"its logs could not be read: ArithmeticError: the reason stands in failure_reason"
        ):
            settle(site, EVENT, "bad")
    else:
        assert f"ArithmeticError: the reason stands in {hook}" in look(site.ledger, EVENT, "bad").progress
        assert row(site, "bad").status == "running"
