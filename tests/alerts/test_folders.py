"""Every path is decided in one place, and an archived event's folder moves once, whatever happens in between."""

from __future__ import annotations

import errno
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gwfollow.alerts import folders as module
from gwfollow.alerts.folders import Folders, file_away, write_once
from gwfollow.alerts.observing_runs import run_of, run_of_event
from gwfollow.errors import InputError

EVENT = "S260301ab"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "data")


def fill(folder: Path, **files: str) -> None:
    for name, text in files.items():
        write_once(folder / name, text.encode())


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".hidden", "x" * 101, "a\n", "a\0b"])
def test_no_name_leaves_its_folder(folders: Folders, name: str) -> None:
    for path in (lambda: folders.event(name), lambda: folders.event(EVENT, name), lambda: folders.find(name)):
        with pytest.raises(InputError):
            path()
    assert not folders.has(name)


def test_a_folder_moves_to_the_run(folders: Folders) -> None:
    fill(folders.event(EVENT), alert="1", skymap="2")
    target = file_away(folders, EVENT, "O4")
    assert target == folders.top / "past_runs" / "O4" / EVENT
    assert contents(target) == {"alert": "1", "skymap": "2"}
    assert folders.find(EVENT) == target
    assert not folders.event(EVENT).exists()


def test_moving_again_changes_nothing(folders: Folders) -> None:
    assert file_away(folders, EVENT, "O4") is None
    fill(folders.event(EVENT), alert="1")
    first = file_away(folders, EVENT, "O4")
    # another run's name, from a setting that has changed since, does not tear the event apart
    assert file_away(folders, EVENT, "O5") == first
    assert contents(folders.top / "past_runs") == {f"O4/{EVENT}/alert": "1"}


def test_what_came_after_the_move_joins_it(folders: Folders) -> None:
    fill(folders.event(EVENT), alert="1", info="old")
    file_away(folders, EVENT, "O4")
    fill(folders.event(EVENT), late="2", info="new")
    target = file_away(folders, EVENT, "O4")
    assert target is not None
    assert contents(target) == {"alert": "1", "info": "new", "late": "2"}
    assert not folders.event(EVENT).exists()


def test_a_crash_in_the_middle_of_joining_is_made_good(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folders.event(EVENT), alert="1")
    file_away(folders, EVENT, "O4")
    fill(folders.event(EVENT), a="2", b="3")
    real, moved = Path.replace, []

    def once(self: Path, target: Path) -> Path:
        if moved:
            raise OSError(errno.EIO, "crash")
        moved.append(self.name)
        return real(self, target)

    monkeypatch.setattr(Path, "replace", once)
    with pytest.raises(OSError, match="crash"):
        file_away(folders, EVENT, "O4")
    assert moved == ["a"]
    monkeypatch.undo()
    target = file_away(folders, EVENT, "O4")
    assert target is not None
    assert contents(target) == {"alert": "1", "a": "2", "b": "3"}


def test_a_past_run_on_another_disk_gets_it_whole_or_not_at_all(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folders.event(EVENT), alert="1", skymap="2")
    real = Path.rename
    copies: list[str] = []

    def rename(self: Path, target: Path) -> Path:
        if self == folders.event(EVENT):
            raise OSError(errno.EXDEV, "another disk")
        return real(self, target)

    def copytree(source: Path, target: Path, **_: object) -> None:
        copies.append(target.name)
        target.mkdir(parents=True)
        (target / "alert").write_text("1")
        if len(copies) == 1:
            raise OSError(errno.ENOSPC, "disk full")
        (target / "skymap").write_text("2")

    monkeypatch.setattr(Path, "rename", rename)
    monkeypatch.setattr(module.shutil, "copytree", copytree)
    with pytest.raises(OSError, match="disk full"):
        file_away(folders, EVENT, "O4")
    assert folders.find(EVENT) == folders.event(EVENT)

    target = file_away(folders, EVENT, "O4")
    assert target is not None
    assert contents(target.parent) == {f"{EVENT}/alert": "1", f"{EVENT}/skymap": "2"}
    assert not folders.event(EVENT).exists()
    assert copies == [f".{EVENT}.part"] * 2


def test_two_who_change_a_folder_wait_for_each_other(folders: Folders) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(10)
        with folders.locked(EVENT):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with folders.locked(EVENT):
        inside.set()
        thread.join(0.2)  # it has to wait; a machine so slow that it has not begun yet proves nothing, and hurts nothing
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("day", "run"),
    [
        ("2015-09-14", "O1"),  # GW150914
        ("2017-08-17", "O2"),  # GW170817
        ("2018-11-01", "between-runs-2018"),
        ("2019-08-14", "O3"),
        ("2020-03-28", "between-runs-2020"),
        ("2023-05-29", "O4"),
        ("2025-11-19", "between-runs-2025"),
    ],
)
def test_the_run_of_a_day(day: str, run: str) -> None:
    assert run_of(datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)) == run


def test_the_run_of_an_event_is_that_of_its_time_or_its_name() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert run_of_event("GW150914", 1126259462.4, now) == "O1"
    assert run_of_event("S190814bv", None, now) == "O3"
    assert run_of_event("MS250101a", None, now) == "O4"
    assert run_of_event("S991399a", None, now) == "between-runs-2026"
    assert run_of_event("G184098", None, now) == "between-runs-2026"
