"""A small GraceDB for this machine: what stands in for the real one in the demo and in tests.

    with LocalGraceDB(folder) as gracedb:
        GraceDBClient(gracedb.url, ca=gracedb.ca, token=gracedb.token())

It speaks TLS with a certificate of its own CA, and knows people by a bearer token or a client certificate; its data survive restarts.  With a
Kafka server it publishes what changes, as the real one does.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from gwfollow.errors import InputError, RemoteSilent
from gwfollow.sandbox.processes import Service

#: seconds that a start may take on a busy machine
START_SECONDS = 60.0


class LocalGraceDB:
    """The server as a process of its own."""

    def __init__(
        self, folder: Path, port: int = 0, *, kafka: str = "", group: str = "gracedb", faults: bool = False, old: bool = False
    ) -> None:
        """
        Parameters
        ----------
        folder : keeps data, files and credentials
        port : 0 takes a free one, and the same again after a restart
        kafka : HOST:PORT where it publishes igwn-alert messages; empty for nowhere
        group : what their topics begin with (gracedb, gracedb-playground, gracedb-test)
        faults : obey `fail` (tests only)
        old : be as servers before 2.36, which made VOEvents and kept EM observations
        """
        self.folder, self.port = Path(folder).absolute(), port
        self._options = ["--kafka", kafka, "--group", group] if kafka else []
        self._options += [option for option, wanted in (("--faults", faults), ("--old", old)) if wanted]
        self._server = Service(self.folder, "server")

    # ---- where it is, how to get in ------------------------------------------------------------------------------------
    @property
    def url(self) -> str:
        """Its API, ``https://localhost:PORT/api/``."""
        return str(self._service()["url"])

    @property
    def ca(self) -> str:
        """File with the CA of its certificate."""
        return str(self.folder / "ca.pem")

    @property
    def user_certificate(self) -> str:
        """File with key and certificate of the user gwfollow, for the variable X509_USER_PROXY."""
        return str(self.folder / "user.pem")

    def env(self) -> dict[str, str]:
        """The variables by which gwfollow, and IGWN's own tools, find it and log in."""
        return {"GWFOLLOW_GRACEDB_URL": self.url, "GWFOLLOW_GRACEDB_CA": self.ca, "X509_USER_PROXY": self.user_certificate}

    def token(self, user: str = "gwfollow", seconds: float = 86400.0) -> str:
        """A bearer token: what would be a SciToken of the real one."""
        from gwfollow.sandbox.gracedb.certificates import Credentials

        return Credentials(self.folder).token(user, seconds)

    # ---- its life ------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Returns when it answers.  Raises `InputError` for a port that is taken, `RemoteSilent` where it does not start."""
        if self.port and _answers(self.port):
            raise InputError("port of the local GraceDB", self.port, "one that nobody else listens on")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-m", "gwfollow.sandbox.gracedb.server", str(self.folder), str(self.port)]
        (self.folder / "service.json").unlink(missing_ok=True)
        self._server.start([*command, *self._options], env=os.environ)
        end = time.monotonic() + START_SECONDS
        while not self._listens():
            if not self._server.alive() or time.monotonic() > end:
                self.stop()
                raise RemoteSilent(f"the local GraceDB did not start; see {self.folder / 'server.log'}")
            time.sleep(0.05)
        self.port = int(self._service()["port"])

    def stop(self) -> None:
        """End it, also from another process than the one that started it; nothing where it does not run."""
        self._server.stop()

    def fail(self, *faults: dict[str, Any]) -> None:
        """The faults of the next requests, see `gwfollow.sandbox.gracedb.faults`; none takes back what is left."""
        part = self.folder / "faults.new"
        part.write_text(json.dumps(faults))
        part.replace(self.folder / "faults.json")

    def fired(self) -> int:
        """How many requests met one of the faults that `fail` named last."""
        return sum(fault.get("fired", 0) for fault in json.loads((self.folder / "faults.json").read_text()))

    def __enter__(self) -> LocalGraceDB:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _service(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "service.json").read_text())
        except (OSError, ValueError):
            raise InputError(f"no local GraceDB has run in {self.folder}") from None
        return found

    def _listens(self) -> bool:
        try:
            service = self._service()
        except InputError:
            return False
        return _answers(service["port"])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


__all__ = ["LocalGraceDB"]
