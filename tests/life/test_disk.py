"""What a blueprint asks to clean is deleted after its change is stored, once, by a process that may hang; a refusal is told in words."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.delivery import destinations
from gwfollow.errors import PermanentError, RemoteSilent
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.outbox import Message, Report, deliver, retry_poisoned
from gwfollow.ledger.schema import Asset, Attempt, Job, Journal, Outbox, now
from gwfollow.ledger.store import Ledger
from gwfollow.life.clean_worker import answer
from gwfollow.life.disk import DiskCleaner
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Pipeline
from gwfollow.pipelines.bilby import Bilby
from gwfollow.settings import Settings

#: a plugin as a site has it, for the process that deletes; the document says how its hook behaves
PLUGIN = """
import os, time
from gwfollow.pipelines.bilby import Bilby

class Cleanable(Bilby):
    name = "cleanable"

    def clean(self):
        (self.task.folder / "asked.txt").write_text(str(os.getpid()))
        print("a hook that talks")
        if self.task.get("hook") == "hangs":
            time.sleep(600)
        if self.task.get("hook") == "ends":
            os._exit(0)
        return [self.task.folder / "cache", self.task.folder / "result.json"]
"""
EVENT = "kind: event\nname: E\nevent time: 1126259462.4\ninterferometers: [H1]\n---\n"
PAYLOAD = {"event": "E", "analysis": "a", "attempts": [1], "who": "alice"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    plugins = tmp_path / "plugins"
    (plugins / "cleanable-1.0.dist-info").mkdir(parents=True)
    (plugins / "cleanable_pipeline.py").write_text(PLUGIN)
    (plugins / "cleanable-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: cleanable\nVersion: 1.0\n")
    points = "[gwfollow.pipelines]\ncleanable = cleanable_pipeline:Cleanable\n"
    (plugins / "cleanable-1.0.dist-info" / "entry_points.txt").write_text(points)
    monkeypatch.setenv("PYTHONPATH", str(plugins))
    return Settings(home=str(tmp_path / "home"), scheduler="local")


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    found = Ledger.open(sqlite_url)
    yield found
    found.close()


@pytest.fixture
def folder(ledger: Ledger, settings: Settings, tmp_path: Path) -> Path:
    """E/a is uploaded at attempt 1, with a cache of 1000 bytes and a recorded result."""
    put(ledger, "")
    made = tmp_path / "E" / "a" / "attempt-1"
    (made / "cache" / "deep").mkdir(parents=True)
    (made / "cache" / "deep" / "a.pickle").write_bytes(b"x" * 1000)
    (made / "result.json").write_text("[1]")

    def action(change):  # type: ignore[no-untyped-def]
        row = change.analysis("E", "a")
        row.status, row.attempt = "uploaded", 1
        attempt = Attempt(analysis_id=row.id, number=1, folder=str(made), state="collected")
        attempt.assets.append(Asset(name="samples", path=str(made / "result.json"), sha256="0" * 64, size=3))
        change.session.add(attempt)

    ledger.run(action, who="test")
    return made


def put(ledger: Ledger, keys: str) -> None:
    text = f"{EVENT}kind: analysis\nname: a\npipeline: cleanable\n{keys}\n"
    ledger.run(lambda change: apply(change, read_text(text, "a.yaml").blueprints, update=True), who="alice")


def send(ledger: Ledger, settings: Settings, hours: float = 0) -> Report:
    disk = {"disk": destinations(settings, ledger)["disk"]}
    return deliver(ledger, disk, who="upkeep", clock=lambda: now() + timedelta(hours=hours))


def cleaned(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.read() as session:
        rows = session.scalars(select(Journal).where(Journal.what == "attempt 1 cleaned")).all()
        return [(row.who, row.details["bytes"]) for row in rows]


def message(ledger: Ledger) -> Outbox:
    with ledger.read() as session:
        return session.scalars(select(Outbox).where(Outbox.destination == "disk")).one()


def test_a_file_that_is_applied_twice_deletes_once_and_in_the_name_of_who_asked(
    ledger: Ledger, settings: Settings, folder: Path
) -> None:
    put(ledger, "clean: present")
    assert (folder / "cache" / "deep" / "a.pickle").exists(), "nothing goes within the transaction"
    assert send(ledger, settings).delivered == 1
    assert sorted(path.name for path in folder.iterdir()) == ["asked.txt", "result.json"]
    assert cleaned(ledger) == [("alice", 1000)]
    assert message(ledger).result == {"files": 1, "bytes": 1000}

    (folder / "cache").mkdir()
    (folder / "cache" / "new.pickle").write_text("made again")
    put(ledger, "clean: present")
    assert send(ledger, settings).delivered == 0
    assert (folder / "cache" / "new.pickle").exists()


def test_a_living_job_is_a_refusal_in_words_that_a_person_can_have_tried_again(
    ledger: Ledger, settings: Settings, folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger.change(who="test") as change:
        attempt = change.analysis("E", "a").attempts[0]
        attempt.jobs.append(Job(number=0, key="E/a/1", scheduler="local", job_id="7.0", state="submitted"))
    put(ledger, "clean: present")
    with monkeypatch.context() as here:  # the refusal is the ledger's: the process that would tell it thrice is spared
        here.setattr(DiskCleaner, "_ask", lambda self, payload: answer(sqlite_url, settings, payload))
        for hours in range(3):
            (failure,) = [*(report := send(ledger, settings, hours)).failed, *report.poisoned]
            assert failure.reason == "E/a: job 7.0 of attempt 1 is with its scheduler; stop it first"
    assert message(ledger).state == "poisoned"
    assert (folder / "cache" / "deep" / "a.pickle").exists()

    with ledger.change(who="test") as change:
        change.session.scalars(select(Job)).one().state = "removed"
    assert retry_poisoned(ledger, who="bob") == 1
    assert send(ledger, settings).delivered == 1
    assert not (folder / "cache").exists()


class KilledAfter(DiskCleaner):
    """Dies between the deed and its record."""

    def send(self, message: Message) -> dict[str, Any]:
        super().send(message)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")


def start_deliverer(url: str, settings: Settings, cleaner: type[DiskCleaner] = DiskCleaner) -> int:
    """A process of its own that delivers; its id."""
    if pid := os.fork():
        return pid
    try:
        ledger = Ledger.open(url)
        deliver(ledger, {"disk": cleaner(ledger, settings)}, who="upkeep")
    finally:
        os._exit(1)


@pytest.mark.slow
def test_a_deliverer_killed_between_the_deed_and_its_record_is_followed_by_one_that_finds_nothing_left(
    ledger: Ledger, settings: Settings, folder: Path, sqlite_url: str
) -> None:
    put(ledger, "clean: present")
    _, status = os.waitpid(start_deliverer(sqlite_url, settings, KilledAfter), 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert (message(ledger).state, (folder / "cache").exists()) == ("pending", False), "the fault fired between the two"
    assert send(ledger, settings).delivered == 0, "its claim stands"
    assert send(ledger, settings, hours=1).delivered == 1
    assert (message(ledger).tries, cleaned(ledger)) == (2, [("alice", 1000)])


@pytest.mark.slow
def test_a_hook_that_hangs_is_silence_and_does_not_outlive_who_asked(
    ledger: Ledger, settings: Settings, folder: Path, sqlite_url: str
) -> None:
    put(ledger, "hook: hangs\nclean: present")
    deliverer = start_deliverer(sqlite_url, settings)
    pid = _pid(folder)
    os.kill(deliverer, signal.SIGKILL)
    os.waitpid(deliverer, 0)
    _until_gone(pid)

    (folder / "asked.txt").unlink()
    with pytest.raises(RemoteSilent, match="did not answer within 3 s"):
        DiskCleaner(ledger, settings, seconds=3).send(_asked())
    _until_gone(_pid(folder))
    assert (folder / "cache").exists()


@pytest.mark.slow
def test_a_hook_that_ends_the_process_is_a_refusal(ledger: Ledger, settings: Settings, folder: Path) -> None:
    put(ledger, "hook: ends")
    with pytest.raises(PermanentError, match="ended without a word"):
        DiskCleaner(ledger, settings).send(_asked())
    assert (folder / "asked.txt").exists()


def test_only_an_error_of_the_disk_that_may_be_over_later_is_silence(
    ledger: Ledger, settings: Settings, folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {
        OSError(errno.ESTALE, "Stale file handle"): "silent",
        OSError(errno.EIO, "Input/output error"): "silent",
        PermissionError(errno.EACCES, "Permission denied"): "refused",
        ValueError("no such stage"): "refused",
    }
    for fault, word in faults.items():
        monkeypatch.setattr(registry, "find", lambda name, fault=fault: _raising(fault))
        said = answer(sqlite_url, settings, PAYLOAD)
        assert list(said) == [word]
        assert str(fault).splitlines()[-1] in said[word]
    with ledger.change(who="test") as change:
        change.analysis("E", "a").status = "running"
    assert "its present attempt is in use" in answer(sqlite_url, settings, PAYLOAD)["refused"]
    assert "expected one that it has" in answer(sqlite_url, settings, {**PAYLOAD, "attempts": [4]})["refused"]
    assert (folder / "cache").exists()


def test_folders_that_cannot_be_seen_from_here_are_not_called_cleaned(
    ledger: Ledger, settings: Settings, folder: Path, sqlite_url: str
) -> None:
    folder.rename(folder.with_name("elsewhere"))
    assert answer(sqlite_url, settings, PAYLOAD) == {"files": 0, "bytes": 0}, "one that was thrown away is no fault"
    folder.parent.rename(folder.parent.with_name("elsewhere"))
    assert answer(sqlite_url, settings, PAYLOAD) == {"refused": f"E/a: {folder.parent} is not there"}


def _raising(fault: Exception) -> type[Pipeline]:
    def clean(self: Pipeline) -> list[Path]:
        raise fault

    return type("Raising", (Bilby,), {"clean": clean})


def _asked() -> Message:
    return Message(id=1, event="E", destination="disk", kind="clean", key="k", payload=PAYLOAD)


def _pid(folder: Path) -> int:
    """Of the process whose hook has been called."""
    for _ in range(600):
        if (folder / "asked.txt").exists() and (text := (folder / "asked.txt").read_text()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError("the hook was never called")


def _until_gone(pid: int) -> None:
    for _ in range(600):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} lives on")
