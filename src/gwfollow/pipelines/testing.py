"""For authors of pipelines: a `Task` to give to a class, and a walk through its whole life with the local scheduler.

def test_it_runs(tmp_path):
    task = make_task(tmp_path, {"likelihood": {"sample rate": 4096}}, pipeline="mine", needed=[made("psd", psds={"H1": psd})])
    assert "samples" in walk(Mine(task))
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import PipelineError
from gwfollow.life.site import resources_of
from gwfollow.pipelines.base import AssetFile, Assets, NeededAnalysis, Pipeline, Task, Work
from gwfollow.schedulers.local import Local
from gwfollow.settings import Settings


def make_task(
    folder: Path,
    document: Mapping[str, Any] | None = None,
    *,
    pipeline: str,
    analysis: str = "test",
    event: str = "GW150914",
    gps: float = 1126259462.4,
    interferometers: Iterable[str] = ("H1", "L1"),
    needed: Iterable[NeededAnalysis] = (),
) -> Task:
    """The first attempt of an analysis below `folder`, for the local scheduler; its folder is there and empty."""
    merged = {**(document or {}), "scheduler": {"name": "local", **((document or {}).get("scheduler") or {})}}
    attempt = folder / event / analysis / "attempt-1"
    attempt.mkdir(parents=True)
    return Task(
        event=event,
        gps=gps,
        graceid=None,
        interferometers=tuple(interferometers),
        analysis=analysis,
        pipeline=pipeline,
        document=merged,
        attempt=1,
        folder=attempt,
        configs=Settings.read().configs_folder,
        needed=tuple(needed),
        resources=resources_of(merged["scheduler"]),
        own=dict(document or {}),
    )


def made(name: str, *, pipeline: str = "", input: bool = False, **assets: Path | Mapping[str, Path]) -> NeededAnalysis:
    """An analysis that has made these files: ``made("psd", psds={"H1": path}, samples=path)``."""
    files = {
        asset: {label: AssetFile(path) for label, path in (given.items() if isinstance(given, Mapping) else [("", given)])}
        for asset, given in assets.items()
    }
    return NeededAnalysis(name, pipeline or name, {}, files, status="finished", attempt=1, input=input)


def walk(pipeline: Pipeline, *, seconds: float = 60.0) -> Assets:
    """Build, submit to the local scheduler, wait for the end, and collect, in the order in which gwfollow calls the hooks.

    Raises `PipelineError` where the job leaves no result; `TimeoutError` after `seconds`, its job removed.
    """
    pipeline.before_config()
    pipeline.before_build()
    for name, path in pipeline.build_dag().items():
        if not path.exists():
            raise PipelineError(f"build_dag reports the input {name}, but {path} is not there")
    pipeline.before_submit()
    _run(pipeline, pipeline.submit_dag(), "main", seconds)
    if not pipeline.detect_completion():
        raise PipelineError("its job ended well and detect_completion says that there is no result")
    assets = pipeline.collect_assets()
    for name, files in assets.items():
        for label, file in files.items():
            if not file.path.exists():
                raise PipelineError(f"collect_assets reports {name} {label}".rstrip() + f", but {file.path} is not there")
    post = pipeline.after_completion()
    if post is not None:
        _run(pipeline, post, "post", seconds)
        if not pipeline.detect_completion_processing():
            raise PipelineError("its post-processing ended well and detect_completion_processing says that it did not")
    pipeline.after_processing()
    return assets


def _run(pipeline: Pipeline, work: Work, purpose: str, seconds: float) -> None:
    scheduler = Local(pipeline.task.folder.parent / "scheduler")
    job_id = scheduler.submit(work, f"{pipeline.task.event}/{pipeline.task.analysis}/1.{purpose}").job_id
    scheduler.start(job_id)
    deadline = time.monotonic() + seconds
    while not (status := scheduler.query([job_id])[job_id]).state.ended:
        if time.monotonic() > deadline:
            scheduler.remove(job_id, "took too long")
            raise TimeoutError(f"{work.name} has not ended in {seconds:.0f} s ({status.describe()})")
        time.sleep(0.1)
    if not status.succeeded:
        raise PipelineError(pipeline.failure_reason(status))


__all__ = ["made", "make_task", "walk"]
