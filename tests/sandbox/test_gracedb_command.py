"""``gwfollow sandbox gracedb`` prints how to reach it, and serves until it is interrupted."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gwfollow.gracedb.client import GraceDBClient
from gwfollow.settings import Settings


@pytest.mark.slow
def test_its_environment_is_enough_to_write_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "gwfollow.cli", "sandbox", "gracedb", "--dir", str(tmp_path / "gracedb")]
    command += ["--kafka", "127.0.0.1:9", "--group", "gracedb-test"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        monkeypatch.delenv("X509_USER_CERT", raising=False)
        for _ in range(3):
            export, assignment = shlex.split(process.stdout.readline())
            assert export == "export"
            monkeypatch.setenv(*assignment.split("=", 1))
        client = GraceDBClient.from_settings(Settings.read())
        assert client is not None
        assert client.whoami() == "gwfollow"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
