"""The plugin does once, in the process from which Airflow forks its workers, what each task would do again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("airflow.sdk")

SCRIPT = """
import sys
from gwfollow.provider.plugin import GWFollowPlugin
GWFollowPlugin.on_load()
before = set(sys.modules)
import pe_operators.base, sensors.scheduler_job
from gwfollow.life.wait import settle
from gwfollow.ledger.schema import Base
assert all(mapper.configured for mapper in Base.registry.mappers)
print("new:", *sorted(set(sys.modules) - before))
"""


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["plugins", None])
def test_a_loaded_plugin_leaves_a_task_nothing_to_import(folder: str | None, checkout: Path, tmp_path: Path) -> None:
    """Without the plugins folder the package loads too (and the task's own imports fail, as they must)."""
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(checkout / folder) if folder else ""}

    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=120)

    if folder:
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == "new:"
    else:
        assert "No module named 'pe_operators'" in done.stderr
