"""The personal pool: jobs run in it, and nothing is left when it stops."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.sandbox.processes import start_time

pytestmark = [pytest.mark.slow, pytest.mark.system]


def _run_a_job(pool: PersonalPool, folder: Path) -> str:
    """What a 4 GB job wrote; pipelines' final steps ask for that much."""
    folder.mkdir(parents=True)
    (folder / "job.sub").write_text(
        f"executable = /bin/echo\narguments = it ran\ninitialdir = {folder}\noutput = out\nlog = log\nrequest_memory = 4GB\nqueue\n"
    )
    env = os.environ | pool.env()
    subprocess.run(["condor_submit", folder / "job.sub"], env=env, check=True, capture_output=True, timeout=60)
    subprocess.run(["condor_wait", "-wait", "60", folder / "log"], env=env, check=True, capture_output=True, timeout=90)
    return (folder / "out").read_text()


def test_a_pool_runs_a_job_stops_whole_and_keeps_its_queue(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gwp-", dir="/tmp") as short:
        pool = PersonalPool(Path(short) / "p")
        with pool:
            assert _run_a_job(pool, tmp_path / "one") == "it ran\n"
            schedd = pool.daemon("schedd")
        assert start_time(schedd) == "", "it still runs"
        assert pool._daemons() == []
        with pool:
            history = subprocess.run(
                ["condor_history", "-af", "ClusterId"],
                env=os.environ | pool.env(),
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
        assert history.stdout.split() == ["1"]


def test_a_pool_works_in_a_folder_whose_path_is_long(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "pool"
    with PersonalPool(folder) as pool:
        assert _run_a_job(pool, tmp_path / "work") == "it ran\n"
        short = (folder / "execute.short").resolve()
        assert short.is_dir()
    assert not short.exists()


def test_starting_twice_keeps_the_running_pool(pool: PersonalPool) -> None:
    before = pool.daemon("master")
    PersonalPool(pool.folder).start()
    assert pool.daemon("master") == before


def test_a_folder_that_the_configuration_cannot_say_is_refused() -> None:
    with pytest.raises(InputError, match="without"):
        PersonalPool(Path("/tmp/a\nb"))
