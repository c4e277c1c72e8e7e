"""The program git as a child process: a clean environment, no hooks, no questions, no other protocols, time limits.

Credentials are those of the user's ssh agent and credential helpers, which git and ssh find by HOME; none passes through here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from gwfollow.errors import RemoteRefused, RemoteSilent

#: s for one call of git
CALL_SECONDS = 60.0
#: how ssh and git find the user's credentials, and nothing else of the environment (GIT_* least of all)
_PASSED = (
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "KRB5CCNAME",
    "SSL_CERT_FILE",
)
_OPTIONS = (
    *("protocol.allow=never", "protocol.https.allow=always", "protocol.ssh.allow=always", "protocol.file.allow=always"),
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null", "commit.gpgSign=false"),
    *("gc.auto=0", "maintenance.auto=false", "advice.detachedHead=false", "submodule.recurse=false", "push.gpgSign=false"),
    *("push.followTags=false", "fetch.recurseSubmodules=false", "http.followRedirects=initial"),
)
#: the far side has read it and said no; everything else may be otherwise in a minute
_REFUSALS = ("hook declined", "protected branch", "remote rejected", "refusing to", "file size limit")
#: somebody else was quicker: fetch, and once more
_RACES = (
    "fetch first",
    "non-fast-forward",
    "cannot lock ref",
    "failed to update ref",
    "reference already exists",
    "incorrect old value",
)


class Raced(RemoteSilent):
    """Another writer pushed first."""


class Git:
    """git in one (bare) repository.

    Parameters
    ----------
    folder : the repository
    deadline : `time.monotonic()` after which no call runs on
    """

    def __init__(self, folder: Path, deadline: float) -> None:
        self.folder, self.deadline = folder, deadline

    def __call__(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """What git prints.  Raises `RemoteSilent`, `RemoteRefused`."""
        return call(["git", *_flags(), f"--git-dir={self.folder}", *words], self.deadline, stdin=stdin, env=env)

    def ask(self, *words: str) -> str | None:
        """The same, None where git says no."""
        try:
            return self(*words)
        except (RemoteSilent, RemoteRefused):
            return None


def _flags() -> list[str]:
    return [flag for option in _OPTIONS for flag in ("-c", option)]


def run(words: Sequence[str], deadline: float) -> str:
    """git outside a repository (``ls-remote``, ``init``)."""
    return call(["git", *_flags(), *words], deadline)


def call(command: Sequence[str], deadline: float, *, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
    """Run to the end within the time that is left; the whole group of processes ends with it."""
    left = min(CALL_SECONDS, deadline - time.monotonic())
    if shutil.which(command[0]) is None:
        raise RemoteSilent(f"the program {command[0]} is not installed here")
    if left <= 0:
        raise RemoteSilent("no time was left for git")
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment() | dict(env or {}),
        cwd="/",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(stdin, timeout=left)
    except subprocess.TimeoutExpired:
        raise RemoteSilent(f"git did not end in {left:.0f} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        raise _fault(err.decode(errors="replace"), process.returncode)
    return out.decode(errors="replace")


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return passed | {
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=20 -oClearAllForwardings=yes",
        "GIT_OPTIONAL_LOCKS": "0",
    }


def _fault(text: str, code: int) -> RemoteSilent | RemoteRefused:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    told = next(
        (line for line in lines if line.startswith(("fatal:", "error:", "remote: error", "remote: GitLab", "ERROR"))), None
    )
    said = "; ".join(dict.fromkeys([*([told] if told else []), *lines[-2:]])) or f"git ended with {code}"
    if any(word in text for word in _RACES):
        return Raced(said)
    if any(word in text for word in _REFUSALS):
        return RemoteRefused(said)
    return RemoteSilent(said)


__all__ = ["CALL_SECONDS", "Git", "Raced", "call", "run"]
