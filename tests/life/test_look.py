"""Looking at an analysis: nothing is changed, and a plugin's fault hides nothing but its own words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from memory import MemoryScheduler

from gwfollow.errors import NotFound, PipelineError
from gwfollow.ledger.schema import Asset
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.look import look, page_of
from gwfollow.life.site import current_attempt
from gwfollow.life.submit import submit
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Pipeline, Progress

EVENT = "GW150914"


@pytest.fixture
def submitted(site: Site, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an analysis whose job runs."""
    monkeypatch.setenv("GWFOLLOW_CONFIGS", str(site.settings.configs_folder))
    folder = build(site, EVENT, "psd").folder
    submit(site, EVENT, "psd")
    return folder


def install(monkeypatch: pytest.MonkeyPatch, **hooks: object) -> None:
    """The pipeline with these hooks in place of its own."""
    changed = type("Changed", (registry.find("onefile"),), hooks)
    monkeypatch.setattr(registry, "find", lambda name: changed)


def fails(error: Exception) -> object:
    def hook(self: Pipeline) -> None:
        raise error

    return hook


def logs(self: Pipeline) -> Mapping[Path, str]:
    return {Path("/work/bilby.err"): "Killed"}


def test_before_the_first_attempt_there_is_the_status_alone(site: Site) -> None:
    seen = look(site.ledger, EVENT, "psd")
    assert (seen.pipeline, seen.status, seen.attempt, seen.folder, seen.jobs) == ("onefile", "ready", 0, "", ())


def test_status_job_progress_and_logs_are_shown(site: Site, submitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, check_progress=lambda self: Progress(0.42, "dlogz 3.1"), collect_logs=logs)
    seen = look(site.ledger, EVENT, "psd")
    assert (seen.status, seen.attempt, seen.folder, seen.jobs) == ("running", 1, str(submitted), ("1 (memory, submitted)",))
    assert (seen.progress, seen.logs) == ("42% dlogz 3.1", {"/work/bilby.err": "Killed"})


@pytest.mark.parametrize(
    ("error", "words"),
    [(ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"), (PipelineError("no nlive"), "no nlive")],
)
def test_a_plugin_that_cannot_tell_its_progress_does_not_hide_the_logs(
    site: Site, submitted: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    install(monkeypatch, check_progress=fails(error), collect_logs=logs)
    seen = look(site.ledger, EVENT, "psd")
    assert words in seen.progress
    assert seen.logs == {"/work/bilby.err": "Killed"}
    assert seen.folder == str(submitted)


def test_a_plugin_that_cannot_find_its_logs_does_not_hide_the_progress(
    site: Site, submitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, check_progress=lambda self: Progress(0.42), collect_logs=fails(PermissionError("log_data_analysis")))
    seen = look(site.ledger, EVENT, "psd")
    assert seen.progress.startswith("42%")
    assert "PermissionError: log_data_analysis" in seen.progress
    assert seen.logs == {}


def test_a_pipeline_that_is_not_installed_here_does_not_hide_the_rest(
    site: Site, submitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("GWFOLLOW_CONFIGS", str(site.settings.configs_folder))
    seen = look(site.ledger, EVENT, "psd")
    assert "onefile" in seen.progress
    assert (seen.status, seen.jobs) == ("running", ("1 (memory, submitted)",))


def test_what_is_not_in_the_ledger_is_named(site: Site) -> None:
    with pytest.raises(NotFound, match="GW150914 has no analysis 'psb'"):
        look(site.ledger, EVENT, "psb")


def test_the_page_is_the_one_that_the_ledger_has_among_the_assets(site: Site, submitted: Path) -> None:
    page = submitted / "home.html"
    page.write_text("<html>")
    with site.ledger.change(who="test") as change:
        attempt = current_attempt(change.session, find_analysis(change.session, EVENT, "psd"))
        assert attempt is not None
        change.session.add(Asset(attempt_id=attempt.id, name="pages", label="", path=str(page), sha256="0" * 64, size=6))
    assert page_of(site.ledger, EVENT, "psd") == page
    page.unlink()
    with pytest.raises(NotFound, match="has made no page"):
        page_of(site.ledger, EVENT, "psd")


def test_an_analysis_without_a_page_says_so(site: Site) -> None:
    with pytest.raises(NotFound, match="GW150914/pe is ready and has made no page"):
        page_of(site.ledger, EVENT, "pe")
