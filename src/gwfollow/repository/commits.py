"""One commit on the branch of a remote repository, whoever else writes there.

Commits are made from trees, without a work tree: no hook, filter or attribute of anybody has a say.  A commit carries the key of its
message, by which it is found again: after a crash between push and record nothing is committed twice.  Ours is always made on the
newest commit of the branch, and pushed without force: when somebody else was quicker it is made anew.  A file that a person has
changed since is left alone; ours goes beside it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from gwfollow.errors import RemoteRefused, RemoteSilent
from gwfollow.repository.address import local_path, ssh_place
from gwfollow.repository.git import Git, Raced, call, run

#: the line of a commit's message that names the message of the outbox
TRAILER = "GWFollow-Message"
#: of commits into a folder that somebody works in: its own branch stays untouched there
OWN_BRANCH = "gwfollow"
NEW_BRANCH = "main"
#: how often a commit is made anew because others were quicker
TRIES = 8
_AUTHOR = {
    f"GIT_{role}_{what}": text
    for role in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "gwfollow"), ("EMAIL", "gwfollow@localhost"))
}
_NOT_THERE = (
    "not found",
    "does not appear to be a git repository",
    "could not be found",
    "does not exist",
    "not a git repository",
)


@dataclass(frozen=True)
class File:
    target: str  # path in the repository
    content: bytes


@dataclass(frozen=True)
class Wanted:
    """What is to be committed."""

    key: str  # of the message: the same key is committed once
    subject: str  # first line of the commit's message
    attempt: int
    time: datetime
    files: Sequence[File] = field(default_factory=tuple)


class Remote:
    """A repository at an address, seen through a bare copy of ours.

    Parameters
    ----------
    create : it may be made where it is not there
    copies : folder of our copies
    seconds : s, for everything that is done with it
    """

    def __init__(self, address: str, *, create: bool, copies: Path, seconds: float) -> None:
        self.address, self.create = address, create
        self.deadline = time.monotonic() + seconds
        self.copy = copies / f"{hashlib.sha256(address.encode()).hexdigest()[:24]}.git"
        self.git = Git(self.copy, self.deadline)

    def find(self, key: str) -> dict[str, Any] | None:
        """The commit with this key, None where there is none.  Raises `RemoteSilent`, `RemoteRefused`."""
        with self._locked():
            branch, tip = self._fetch()
            found = self._search(tip, key)
        return {"commit": found, "branch": branch, "new": False} if found else None

    def commit(self, wanted: Wanted) -> dict[str, Any]:
        """Ensure that it is committed and pushed.  Raises `RemoteSilent`, `RemoteRefused`."""
        with self._locked():
            for _ in range(TRIES):
                branch, tip = self._fetch()
                if found := self._search(tip, wanted.key):
                    return {"commit": found, "branch": branch, "new": False}
                places = {file.target: self._place(tip, file, wanted.attempt) for file in wanted.files}
                blobs = {place: self._blob(file) for file in wanted.files if (place := places[file.target]) is not None}
                if not blobs:
                    return {"commit": tip, "branch": branch, "new": False}
                made = self._make(tip, blobs, wanted)
                try:
                    push(self.git, self.address, made, branch)
                except Raced:
                    continue
                beside = {target: place for target, place in places.items() if place not in (None, target)}
                return {"commit": made, "branch": branch, "new": True, "files": sorted(blobs)} | (
                    {"beside": beside} if beside else {}
                )
        raise RemoteSilent(f"{self.address}: others were quicker {TRIES} times")

    # ---- the far side --------------------------------------------------------------------------------------------------
    def _fetch(self) -> tuple[str, str | None]:
        """The branch to write to, and its newest commit; none while the repository or the branch is empty."""
        heads, default = self._heads()
        branch, base = self._branch(default), default
        source = branch if branch in heads else base
        if source not in heads:
            return branch, None
        self.git(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--",
            self.address,
            f"+refs/heads/{source}:refs/far/{source}",
        )
        return branch, self.git("rev-parse", "--verify", f"refs/far/{source}^{{commit}}").strip()

    def _heads(self) -> tuple[set[str], str]:
        path = local_path(self.address)
        if path is not None and not path.exists():
            if not self.create:
                raise RemoteSilent(f"the repository {path} is not there (is its disk mounted?)")
            _make_bare(path, self.deadline)
        try:
            lines = run(["ls-remote", "--symref", "--", self.address, "HEAD", "refs/heads/*"], self.deadline).splitlines()
        except RemoteSilent as error:
            if not self.create or not any(text in str(error) for text in _NOT_THERE):
                raise
            self._create_far(error)
            lines = []
        default = NEW_BRANCH
        if path is not None:
            head = Git(_git_dir(path), self.deadline).ask("symbolic-ref", "--quiet", "HEAD")
            default = (head or "").strip().removeprefix("refs/heads/") or NEW_BRANCH
        heads = set()
        for line in lines:
            left, _, name = line.partition("\t")
            if left.startswith("ref: refs/heads/") and name == "HEAD":
                default = left.removeprefix("ref: refs/heads/")
            elif name.startswith("refs/heads/"):
                heads.add(name.removeprefix("refs/heads/"))
        return heads, default

    def _branch(self, default: str) -> str:
        path = local_path(self.address)
        if path is not None and Git(_git_dir(path), self.deadline).ask("config", "--bool", "core.bare") != "true\n":
            return OWN_BRANCH  # somebody's checkout: git refuses to move the branch under their hands
        return default

    def _create_far(self, why: RemoteSilent) -> None:
        """Over ssh, where the far side has a shell."""
        advice = "make it by hand (GitLab makes one by its page or its API, which gwfollow does not use)"
        place = ssh_place(self.address)
        if place is None:
            raise RemoteRefused(f"{self.address} is not there ({why}); {advice}")
        host, path = place
        command = f"git init --quiet --bare --initial-branch={NEW_BRANCH} {shlex.quote(path)}"
        try:
            call(["ssh", "-oBatchMode=yes", "-oConnectTimeout=20", "--", host, command], self.deadline)
        except RemoteSilent as error:
            raise RemoteRefused(f"{self.address} is not there, and its server makes none for us ({error}); {advice}") from error

    # ---- our copy ------------------------------------------------------------------------------------------------------
    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with our copy; the kernel frees it when the process dies."""
        self.copy.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{self.copy}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > self.deadline:
                        raise RemoteSilent(f"another process has worked on {self.copy} for too long") from None
                    time.sleep(0.1)
            if not (self.copy / "HEAD").is_file():
                shutil.rmtree(self.copy, ignore_errors=True)
                _make_bare(self.copy, self.deadline)
            yield
        finally:
            os.close(lock)

    def _search(self, tip: str | None, key: str) -> str | None:
        if tip is None:
            return None
        line = f"{TRAILER}: {key}"
        for entry in self.git("log", "-z", "--fixed-strings", f"--grep={line}", "--format=%H%n%B", tip, "--").split("\0"):
            commit, _, body = entry.partition("\n")
            if line in body.splitlines():
                return commit
        return None

    def _blob(self, file: File) -> str:
        return self.git("hash-object", "-w", "--no-filters", "--stdin", stdin=file.content).strip()

    def _place(self, tip: str | None, file: File, attempt: int) -> str | None:
        """Where the file goes: its target, or beside what a person has put there; None where it is there already."""
        if tip is None:
            return file.target
        blob = self._blob(file)
        path = PurePosixPath(file.target)
        names = [
            path,
            *(
                path.with_name(f"{path.stem}.attempt-{attempt}{extra}{path.suffix}")
                for extra in ("", *(f".{n}" for n in range(2, 100)))
            ),
        ]
        for name in names:
            there = self.git("ls-tree", tip, "--", str(name)).split()
            if not there:
                return str(name)
            if there[2] == blob:
                return None
            if f"\n{TRAILER}: " in self.git("log", "-1", "--format=%B", tip, "--", str(name)):
                return str(name)
        raise RemoteRefused(f"{self.address}: there are a hundred other files called {path}")

    def _make(self, tip: str | None, blobs: dict[str, str], wanted: Wanted) -> str:
        with tempfile.TemporaryDirectory(prefix="gwfollow-git-") as folder:
            env = {"GIT_INDEX_FILE": f"{folder}/index"}
            self.git("read-tree", tip or "--empty", env=env)
            lines = "".join(f"100644 {blob}\t{place}\0" for place, blob in blobs.items())
            self.git("update-index", "-z", "--index-info", stdin=lines.encode(), env=env)
            tree = self.git("write-tree", env=env).strip()
        text = f"{wanted.subject}\n\n{TRAILER}: {wanted.key}\n"
        date = f"{int(wanted.time.timestamp())} +0000"
        env = _AUTHOR | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        parents = ["-p", tip] if tip else []
        return self.git("commit-tree", tree, *parents, stdin=text.encode(), env=env).strip()


def push(git: Git, address: str, commit: str, branch: str) -> None:
    """Never by force."""
    git("push", "--quiet", "--no-verify", "--", address, f"{commit}:refs/heads/{branch}")


def _git_dir(path: Path) -> Path:
    return path / ".git" if (path / ".git").exists() else path


def _make_bare(path: Path, deadline: float) -> None:
    """An empty bare repository, there as a whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            made.chmod(0o755)
            run(["init", "--quiet", "--bare", "--template=", f"--initial-branch={NEW_BRANCH}", "--", str(made)], deadline)
            made.rename(path)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        if not path.is_dir():  # else another process has made it meanwhile
            raise RemoteSilent(f"the repository {path} cannot be made: {error.strerror}") from error


__all__ = ["OWN_BRANCH", "TRAILER", "File", "Remote", "Wanted", "push"]
