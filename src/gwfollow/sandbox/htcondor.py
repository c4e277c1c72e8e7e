"""A personal HTCondor pool: real daemons on the loopback interface, for one user, gone without a trace when it stops."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from types import TracebackType

from gwfollow.errors import InputError, PermanentError
from gwfollow.sandbox.htcondor_install import Condor, find_or_install

#: as root, the daemons see themselves as this user while the kernel sees root: HTCondor refuses to run jobs of root
NAMESPACE_USER = "daemon"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
#: HTCondor makes Unix sockets below EXECUTE, whose whole path the kernel limits to 107 bytes
LONGEST_FOLDER = 45


class PoolError(PermanentError):
    """The pool did not start; the text says what the daemons wrote."""


class PersonalPool:
    """One pool in one folder.  A pool that already runs in the folder is taken over by `start`.

    Parameters
    ----------
    folder : where configuration, logs and queue live; the queue survives `stop`
    prefix : where HTCondor is installed, or will be; see `htcondor_install.find_or_install`
    cpus, memory_mb : what the pool says that it has; numbers in its configuration, whatever the machine really has
    extra : lines of HTCondor configuration to add
    """

    def __init__(
        self, folder: Path, prefix: Path | None = None, *, cpus: int = 16, memory_mb: int = 65536, extra: str = ""
    ) -> None:
        self.folder = folder.expanduser().absolute()
        if any(character in str(self.folder) for character in "\n$"):
            raise InputError("folder of the pool", str(folder), "a path without $ and newline")
        self._prefix, self._cpus, self._memory_mb, self._extra = prefix, cpus, memory_mb, extra
        self._condor: Condor | None = None

    @property
    def config(self) -> Path:
        """The configuration file: the value of CONDOR_CONFIG."""
        return self.folder / "condor_config"

    @property
    def condor(self) -> Condor:
        """The installation; made at first use."""
        if self._condor is None:
            self._condor = find_or_install(self._prefix)
        return self._condor

    def env(self) -> dict[str, str]:
        """What a process needs in its environment to use this pool."""
        path = [str(place) for place in self.condor.path]
        rest = [place for place in os.environ.get("PATH", os.defpath).split(os.pathsep) if place not in path]
        return {"CONDOR_CONFIG": str(self.config), "PATH": os.pathsep.join(path + rest)}

    def __enter__(self) -> PersonalPool:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # ---- start ---------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Start the daemons and wait until a job could run.  Raises `PoolError`, `InstallError`."""
        if self._master() is not None:
            return
        namespace = _namespace()
        for attempt in range(3):  # another process may take the port between our look and the daemon's start
            self._configure(bool(namespace))
            self._launch(namespace)
            if self._wait_until_ready():
                return
            said = self._last_words()
            self.stop()
            if attempt == 2:
                raise PoolError(f"HTCondor in {self.folder} did not start within {START_SECONDS:.0f} s:\n{said}")

    def _configure(self, in_namespace: bool) -> None:
        for name in ("etc", "run", "log", "lock", "spool", "execute", "passwords.d", "tokens.d"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            (self.folder / name).chmod(0o700 if name.endswith(".d") else 0o755)
        password = self.folder / "passwords.d" / "POOL"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_hex(32))
        user = NAMESPACE_USER if in_namespace else pwd.getpwuid(os.getuid()).pw_name
        from jinja2 import StrictUndefined, Template

        template = resources.files("gwfollow.sandbox").joinpath("htcondor_config.j2").read_text()
        text = Template(template, undefined=StrictUndefined).render(
            condor=self.condor,
            folder=self.folder,
            execute=self._short("execute"),
            ids="0.0" if in_namespace else f"{os.getuid()}.{os.getgid()}",
            user=user,
            port=_free_port(),
            cpus=self._cpus,
            memory_mb=self._memory_mb,
            extra=self._extra,
        )
        self.config.write_text(text + "\n")

    def _short(self, name: str) -> Path:
        """`name` in the pool's folder, or where that path is too long for a Unix socket a folder in /tmp that it points to."""
        place = self.folder / name
        if len(os.fsencode(place)) <= LONGEST_FOLDER:
            return place
        pointer = self.folder / f"{name}.short"
        if not (pointer.is_symlink() and pointer.is_dir()):
            pointer.unlink(missing_ok=True)
            pointer.symlink_to(tempfile.mkdtemp(prefix="gwf-", dir="/tmp"))
            pointer.resolve().chmod(0o755)
        return pointer.resolve()

    def _launch(self, namespace: list[str]) -> None:
        for stale in (self.folder / "run").glob("*_address"):
            stale.unlink()
        master = next(place / "condor_master" for place in self.condor.path if (place / "condor_master").exists())
        with (self.folder / "log" / "master.out").open("ab") as out:
            subprocess.run(  # condor_master leaves for the background by itself
                [*namespace, str(master), "-pidfile", str(self._pid_file)],
                env=os.environ | self.env(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                timeout=START_SECONDS,
                check=False,
            )

    def _wait_until_ready(self) -> bool:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if (self.folder / "run" / "schedd_address").exists() and self._lists("-schedd") and self._lists("-startd"):
                return True
            if self._master() is None:
                return False
            time.sleep(0.1)
        return False

    def _lists(self, kind: str) -> bool:
        try:
            answer = subprocess.run(
                ["condor_status", kind, "-af", "Name"],
                env=os.environ | self.env(),
                capture_output=True,
                timeout=20,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return bool(answer.stdout.strip())

    def _last_words(self, lines: int = 8) -> str:
        logs = [self.folder / "log" / name for name in ("master.out", "MasterLog")]
        return "\n".join(
            f"{log}: {line}" for log in logs if log.exists() for line in log.read_text(errors="replace").splitlines()[-lines:]
        )

    # ---- stop ----------------------------------------------------------------------------------------------------------
    def stop(self) -> None:
        """Stop jobs and daemons and wait until they are gone; the queue stays in the folder."""
        master = self._master()
        if master is not None:
            os.kill(master, signal.SIGQUIT)  # HTCondor's fast shutdown
            _wait_for(lambda: self._master() is None, STOP_SECONDS)
        left = self._daemons()
        for pid in left:
            _kill(pid)
        _wait_for(lambda: not self._daemons(), 5.0)
        self._pid_file.unlink(missing_ok=True)
        pointer = self.folder / "execute.short"
        if pointer.is_symlink():
            shutil.rmtree(pointer.resolve(), ignore_errors=True)
            pointer.unlink()

    @property
    def _pid_file(self) -> Path:
        return self.folder / "run" / "master.pid"

    def _master(self) -> int | None:
        """Process id of the running master; a stale file may name some other program."""
        try:
            pid = int(self._pid_file.read_text())
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid, "condor_master") else None

    def daemon(self, name: str) -> int:
        """Process id of a running daemon by its short name, e.g. ``schedd``.  Raises `PoolError`."""
        for pid in self._daemons():
            if self._is_ours(pid, f"condor_{name}"):
                return pid
        raise PoolError(f"no condor_{name} runs in {self.folder}")

    def _daemons(self) -> list[int]:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._is_ours(int(entry.name))]

    def _is_ours(self, pid: int, name: str = "condor_") -> bool:
        """Whether it is a live daemon of this pool: by its name, and by the configuration in its environment."""
        process = Path("/proc") / str(pid)
        try:
            comm = (process / "comm").read_text().strip()
            if not comm.startswith(name) or (process / "stat").read_text().rpartition(") ")[2].startswith("Z"):
                return False
            return f"CONDOR_CONFIG={self.config}".encode() in (process / "environ").read_bytes().split(b"\0")
        except OSError:
            return False


def _namespace() -> list[str]:
    """The command to put before HTCondor's so that root can run jobs; nothing for a plain user.  Raises `PoolError`."""
    if os.getuid() != 0:
        return []
    user = pwd.getpwnam(NAMESPACE_USER)
    command = ["unshare", "--user", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}"]
    cure = "start it as a plain user, or set GWFOLLOW_SCHEDULER=local"
    if shutil.which("unshare") is None:
        raise PoolError(f"as root a personal HTCondor needs the program unshare (package util-linux): install it, {cure}")
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise PoolError(
            f"as root a personal HTCondor needs user namespaces, which are refused here ({tried.stderr.strip()}): {cure}"
        )
    return command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


__all__ = ["PersonalPool", "PoolError"]
