"""The small files of the local scheduler."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from gwfollow.schedulers.local_state import JobFolder, Process


def test_a_process_is_not_taken_for_a_later_one_with_its_number() -> None:
    me = Process.of(os.getpid())
    assert me.alive()
    assert not Process(me.pid, me.started + 1, me.boot).alive()
    assert not Process(me.pid, me.started, "another boot").alive()


def test_a_zombie_counts_as_gone() -> None:
    child = subprocess.Popen(["sleep", "600"])
    process = Process.of(child.pid)
    assert process.alive()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, but not yet collected
    assert not process.alive()
    child.wait()


def test_the_lock_has_one_owner_and_a_look_does_not_take_it(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    assert not folder.locked
    lock = folder.lock()
    assert lock is not None
    assert folder.locked
    assert folder.lock() is None
    os.close(lock)
    assert not folder.locked
    again = folder.lock()
    assert again is not None
    os.close(again)


def test_documents_are_replaced_whole(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    assert folder.read("end") is None
    folder.write("end", {"exit_code": 0})
    folder.write("end", {"exit_code": 1})
    assert folder.read("end") == {"exit_code": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["end.json"]
    folder.drop("end")
    folder.drop("end")
    assert folder.read("end") is None
