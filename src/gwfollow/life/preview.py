"""A look at an analysis' configuration before it costs anything: rendered beside the ledger, with no builder run and nothing changed."""

from __future__ import annotations

import os
from pathlib import Path

from gwfollow.errors import InputError, PipelineError, TransientError, explain
from gwfollow.ledger.schema import Attempt
from gwfollow.ledger.store import find_analysis
from gwfollow.life.site import Site, pipeline_for, task_for


def preview(site: Site, event: str, analysis: str, folder: Path) -> list[Path]:
    """Render what the next build would be given into `folder` (new or empty); returns the files, whatever the analysis' status is.

    Raises
    ------
    InputError : the folder holds something
    PipelineError : the pipeline refuses, with its reason; the analysis is not stuck by it
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("folder", str(folder), "a new or an empty one")
    with site.ledger.read() as session:
        row = find_analysis(session, event, analysis)
        # never added to the session: what it would be, not what is
        attempt = Attempt(analysis_id=row.id, number=row.attempt + 1, folder=str(folder), inputs={}, jobs=[])
        task = task_for(session, row, attempt, site.settings)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        pipeline = pipeline_for(task)
        pipeline.before_config(dryrun=True)
        pipeline.before_build(dryrun=True)
        pipeline.build_dag(dryrun=True)
    except TransientError:
        raise
    except Exception as error:
        raise PipelineError(f"{event}/{analysis} would be stuck: {explain(error)}") from error
    return sorted(Path(top) / name for top, _, names in os.walk(folder) for name in names)
