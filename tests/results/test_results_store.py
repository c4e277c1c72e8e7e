"""The results store: each content once, whole or not at all, whoever writes at the same time and however they end."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.results.store import Altered, Store, StoreFault

#: a writer that stops in the middle of its copy, says so, and waits
SLOW = """
import os, sys, time
from pathlib import Path
from gwfollow.results import store
def slow(source, out, count):
    out_stream = os.fdopen(os.dup(out), "wb")
    out_stream.write(b"half")
    out_stream.close()
    print("half", flush=True)
    time.sleep(60)
os.copy_file_range = slow
store.Store(Path(sys.argv[1])).put(Path(sys.argv[2]))
"""
PUT = """
import sys
from pathlib import Path
from gwfollow.results.store import Store
sys.stdin.readline()
for _ in range(5):
    print(Store(Path(sys.argv[1])).put(Path(sys.argv[2]), anew=True).sha256)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "samples.h5"
    path.write_bytes(os.urandom(3_000_000))
    return path


def files_in(store: Store) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file()]


def test_a_file_lies_read_only_under_its_checksum(store: Store, file: Path) -> None:
    stored = store.put(file)
    assert stored.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    path = store.path(stored.sha256)
    assert path == store.folder / "sha256" / stored.sha256[:2] / stored.sha256
    assert path.read_bytes() == file.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o444
    assert files_in(store) == [path]


def test_the_same_content_is_kept_once_and_is_no_hard_link(store: Store, file: Path, tmp_path: Path) -> None:
    twin = tmp_path / "other name"
    twin.write_bytes(file.read_bytes())
    assert store.put(file) == store.put(twin) == store.put(file)
    (only,) = files_in(store)
    assert only.stat().st_nlink == 1
    assert only.stat().st_ino != file.stat().st_ino


def test_an_object_that_was_cut_short_is_written_anew(store: Store, file: Path) -> None:
    path = store.path(store.put(file).sha256)
    path.chmod(0o644)
    os.truncate(path, 10)
    store.put(file)
    assert path.read_bytes() == file.read_bytes()


def test_a_file_system_that_cannot_copy_by_itself_is_copied_by_hand(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refused)
    assert store.check(store.put(file).sha256, 3_000_000) == ""


def test_a_folder_is_one_tar_that_depends_on_names_and_contents_alone(store: Store, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, order in ((one, ("b.html", "a/x.png")), (two, ("a/x.png", "b.html"))):
        for name in order:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
    os.utime(two / "b.html", (1, 1))
    stored = store.put(one)
    assert store.put(two) == stored
    with tarfile.open(store.path(stored.sha256)) as tar:
        assert tar.getnames() == ["a/x.png", "b.html"]


def test_a_link_that_leads_out_of_a_folder_is_refused(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "home.html").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match=r"home\.html.*symbolic link"):
        store.put(folder)
    assert files_in(store) == []


def test_what_is_no_file_is_refused(store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing"):
        with pytest.raises(InputError, match=name):
            store.put(tmp_path / name)
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        store.path("../../etc/passwd")


# ---- out ---------------------------------------------------------------------------------------------------------------------
def test_fetching_copies_and_never_overwrites_unless_told(store: Store, file: Path, tmp_path: Path) -> None:
    stored, target = store.put(file), tmp_path / "out.h5"
    store.fetch(stored.sha256, target)
    assert target.read_bytes() == file.read_bytes()
    target.write_text("mine")
    with pytest.raises(InputError, match="--force"):
        store.fetch(stored.sha256, target)
    assert target.read_text() == "mine"
    store.fetch(stored.sha256, target, overwrite=True)
    assert target.read_bytes() == file.read_bytes()


def test_an_altered_object_is_told_and_not_handed_out(store: Store, file: Path, tmp_path: Path) -> None:
    sha256 = store.put(file).sha256
    path = store.path(sha256)
    path.chmod(0o644)
    with path.open("r+b") as stream:
        stream.write(b"other bytes")
    assert store.check(sha256, 3_000_000).startswith("altered: 3000000 bytes")
    with pytest.raises(Altered, match="has been altered"):
        store.fetch(sha256, tmp_path / "out.h5")
    path.unlink()
    with pytest.raises(Altered, match="missing"):
        store.fetch(sha256, tmp_path / "out.h5")
    assert not [p for p in tmp_path.iterdir() if "out.h5" in p.name]


# ---- others at the same time -------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_many_processes_may_store_one_content_at_once(store: Store, file: Path) -> None:
    command = [sys.executable, "-c", PUT, str(store.folder), str(file)]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [word for writer in writers for word in writer.communicate(timeout=60)[0].split()]
    assert len(said) == 30
    (sha256,) = set(said)
    assert files_in(store) == [store.path(sha256)]
    assert store.check(sha256, 3_000_000) == ""


@pytest.mark.slow
def test_a_writer_killed_in_the_middle_leaves_no_object_and_what_it_left_is_swept(store: Store, file: Path) -> None:
    command = [sys.executable, "-c", SLOW, str(store.folder), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        (half,) = files_in(store)
        assert half.parent.name == "incoming"
        assert store.sweep(grace=0) == 0, "a living writer's file was swept"
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    assert files_in(store) == [half]
    assert store.sweep() == 0, "a young file may be one whose writer has not locked it yet"
    assert store.sweep(grace=0) == 1
    assert files_in(store) == []
    assert store.check(store.put(file).sha256, 3_000_000) == ""


def test_what_nobody_knows_is_discarded_unless_it_is_young(store: Store, file: Path) -> None:
    path = store.path(store.put(file).sha256)
    assert not store.discard(path)
    os.utime(path, (1, 1))
    store.put(file)  # somebody is about to use it
    assert not store.discard(path)
    os.utime(path, (1, 1))
    assert store.discard(path)
    assert files_in(store) == []


def test_a_store_that_cannot_be_made_is_told(tmp_path: Path, file: Path) -> None:
    (tmp_path / "plain file").write_text("")
    blocked = Store(tmp_path / "plain file" / "store")
    assert blocked.sweep() == 0
    with pytest.raises(StoreFault, match=r"results store .*Not a directory; nothing was stored"):
        blocked.put(file)
