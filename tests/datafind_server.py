"""A real gwdatafind-server in a temporary folder, from .venv-peers, that knows the frames it is told of."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from gwfollow.sandbox.airflow import free_port
from gwfollow.sandbox.processes import Service

CHECKOUT = Path(__file__).parents[1]
PEERS = CHECKOUT / ".venv-peers"
HINT = "no .venv-peers here (sh scripts/peers.sh): no gwdatafind-server, no asimov-gwdata"


def installed() -> bool:
    return (PEERS / "installed").is_file() and (PEERS / "bin" / "gunicorn").is_file()


class DatafindServer:
    """Listens on a free port of this machine; `publish` says which frames there are; `stop` leaves nothing."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gwf-df-", dir="/tmp"))
        self.cache = self.folder / "frame_cache_dump"
        self.publish([])
        config = self.folder / "gwdatafind-server.toml"
        config.write_text(
            '[api]\nversions = ["v1"]\n[authorization]\nmethods = []\n'
            f'[[input.source]]\nname = "frames"\ntype = "diskcache"\npath = "{self.cache}"\ninterval = 1\n'
        )
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.service = Service(self.folder, "gunicorn")
        environment = {
            "PATH": f"{PEERS / 'bin'}{os.pathsep}{os.defpath}",
            "GWDATAFIND_SERVER_CONFIG": str(config),
            "HOME": str(self.folder),
        }
        command = [str(PEERS / "bin" / "gunicorn"), "-b", f"127.0.0.1:{self.port}", "gwdatafind_server:create_app()"]
        self.service.start(command, env=environment)
        deadline = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > deadline or not self.service.alive():
                said = self.service.log.read_text()[-2000:]
                self.stop()
                raise RuntimeError(f"gwdatafind-server did not start: {said}")
            time.sleep(0.1)

    def publish(self, frames: Iterable[Path]) -> None:
        """Make these the frames that the server knows (it looks every second)."""
        lines = ["# version: 0x0101\n"]
        for path in frames:
            site, description, start, rest = path.name.split("-")
            length, extension = rest.split(".")
            segment = f"{{{start} {int(start) + int(length)}}}"
            lines.append(f"{path.parent},{site},{description},.{extension},1,{length} {int(path.stat().st_mtime)} 1 {segment}\n")
        draft = self.cache.with_suffix(".draft")
        draft.write_text("".join(lines))
        draft.replace(self.cache)

    def knows(self, frame: Path) -> bool:
        """Whether it has taken the frame up."""
        site, description, start, rest = frame.name.split("-")
        around = f"{start},{int(start) + int(rest.split('.')[0])}"
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/gwf/{site}/{description}/{around}/file.json") as answer:
                return frame.name.encode() in answer.read()
        except urllib.error.HTTPError as error:
            if error.code not in (400, 404):  # it knows nothing of this site or type yet
                raise
            return False

    def wait_for(self, frames: Iterable[Path]) -> None:
        deadline = time.monotonic() + 30
        while not all(self.knows(frame) for frame in frames):
            if time.monotonic() > deadline:
                raise RuntimeError(f"gwdatafind-server does not take up the frames: {self.service.log.read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        self.service.stop(grace=2)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/version", timeout=5):
                return True
        except OSError:
            return False
