"""Clean: what the pipeline can make again goes, everything else stays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from gwfollow.errors import InputError, PipelineError
from gwfollow.ledger.schema import Asset, Attempt, Job
from gwfollow.ledger.store import Change
from gwfollow.life import Site
from gwfollow.life.clean import clean
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Pipeline

E = "GW150914"


@pytest.fixture
def attempts(site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[int, Path]:
    """psd is uploaded at attempt 2; both attempts have a result, which is recorded, and a cache."""

    def named(pipeline: Pipeline) -> Iterable[Path]:
        yield pipeline.task.folder / "cache"
        yield from pipeline.task.folder.glob("*.json")

    monkeypatch.setattr(registry.find("onefile"), "clean", named)
    folders = {n: site.settings.home_folder / "events" / E / "psd" / f"attempt-{n}" for n in (1, 2)}

    def action(change: Change) -> None:
        row = change.analysis(E, "psd")
        row.status, row.attempt = "uploaded", 2
        for number, folder in folders.items():
            (folder / "cache" / "deep").mkdir(parents=True)
            (folder / "cache" / "deep" / "a.pickle").write_bytes(b"x" * 1000)
            (folder / "cache" / "b.pickle").write_bytes(b"x" * 500)
            (folder / "result.json").write_text("[1]")
            attempt = Attempt(analysis_id=row.id, number=number, folder=str(folder), state="collected")
            attempt.assets.append(Asset(name="samples", path=str(folder / "result.json"), sha256="0" * 64, size=3))
            change.session.add(attempt)

    site.ledger.run(action, who="test")
    return folders


def test_checkpoints_go_and_recorded_assets_stay(site: Site, attempts: dict[int, Path]) -> None:
    (found,) = clean(site, E, "psd")
    assert (found.attempt, found.size, len(found.files)) == (2, 1500, 2)
    assert found.kept == (attempts[2] / "result.json",)
    assert sorted(path.name for path in attempts[2].iterdir()) == ["result.json"]
    assert (attempts[1] / "cache" / "b.pickle").exists()
    assert clean(site, E, "psd")[0].size == 0, "again, there is nothing left"


def test_a_dry_run_only_says(site: Site, attempts: dict[int, Path]) -> None:
    (found,) = clean(site, E, "psd", dry_run=True)
    assert found.size == 1500
    assert (attempts[2] / "cache" / "deep" / "a.pickle").exists()


def test_old_attempts_are_cleaned_without_the_present_one(site: Site, attempts: dict[int, Path]) -> None:
    assert [one.attempt for one in clean(site, E, "psd", old=True)] == [1]
    assert not (attempts[1] / "cache").exists()
    assert (attempts[2] / "cache").exists()


@pytest.mark.parametrize(("number", "words"), [(3, "found 3, expected one that it has \\(1, 2\\)")])
def test_an_attempt_that_is_none_is_refused(site: Site, attempts: dict[int, Path], number: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        clean(site, E, "psd", attempt=number)


def test_nothing_is_cleaned_while_a_job_is_with_its_scheduler(site: Site, attempts: dict[int, Path]) -> None:
    with site.ledger.change(who="test") as change:
        attempt = change.analysis(E, "psd").attempts[0]
        attempt.jobs.append(Job(number=0, key="k", scheduler="memory", job_id="7.0", state="submitted"))
    with pytest.raises(InputError, match=r"job 7\.0 of attempt 1 is with its scheduler; stop it first"):
        clean(site, E, "psd", old=True)
    assert (attempts[1] / "cache").exists()


@pytest.mark.parametrize("status", ["ready", "running", "processing", "restart"])
def test_an_attempt_in_use_is_left_alone(site: Site, attempts: dict[int, Path], status: str) -> None:
    with site.ledger.change(who="test") as change:
        change.analysis(E, "psd").status = status
    with pytest.raises(InputError, match=f"is {status}: its present attempt is in use"):
        clean(site, E, "psd")
    assert clean(site, E, "psd", old=True)[0].size == 1500


def test_a_plugin_that_names_what_is_not_its_own_deletes_nothing(
    site: Site, attempts: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "precious").write_text("mine")
    (attempts[2] / "link").symlink_to(tmp_path)
    for path in (
        tmp_path / "precious",
        attempts[2] / ".." / "attempt-1",
        attempts[2] / "link" / "precious",
        attempts[2],
    ):
        monkeypatch.setattr(registry.find("onefile"), "clean", lambda self, path=path: [self.task.folder / "cache", path])
        with pytest.raises(PipelineError, match="is not inside of the attempt's folder"):
            clean(site, E, "psd")
    assert (tmp_path / "precious").exists()
    assert (attempts[2] / "cache" / "b.pickle").exists()


def test_a_link_is_deleted_and_never_what_it_leads_to(
    site: Site, attempts: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "precious").write_text("mine")
    (attempts[2] / "cache" / "far").symlink_to(tmp_path)
    (attempts[2] / "near").symlink_to(tmp_path / "precious")
    monkeypatch.setattr(registry.find("onefile"), "clean", lambda self: [self.task.folder / "cache", Path("near")])
    clean(site, E, "psd")
    assert (tmp_path / "precious").read_text() == "mine"
    assert sorted(path.name for path in attempts[2].iterdir()) == ["result.json"]


def test_a_plugin_that_raises_is_named(site: Site, attempts: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Pipeline) -> list[Path]:
        raise ValueError("no such stage")

    monkeypatch.setattr(registry.find("onefile"), "clean", fails)
    with pytest.raises(PipelineError, match="GW150914/psd, attempt 2: clean: ValueError: no such stage"):
        clean(site, E, "psd")


def test_a_folder_that_is_away_is_no_fault(site: Site, attempts: dict[int, Path]) -> None:
    attempts[1].rename(attempts[1].with_name("elsewhere"))
    assert clean(site, E, "psd", old=True)[0].files == ()
