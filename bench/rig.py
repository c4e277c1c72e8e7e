"""A real Airflow on a real HTCondor with an empty ledger, for the measurements of Airflow's face."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from gwfollow.delivery import deliver_now
from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import Ledger, find_event
from gwfollow.sandbox.airflow import LocalAirflow
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.sandbox.processes import group_members
from gwfollow.settings import Settings
from measure import BenchError

HERE = Path(__file__).parent
AT_REST = frozenset({"uploaded", "finalised", "stuck", "stopped", "cancelled"})


@dataclass
class Rig:
    folder: Path
    pool: PersonalPool
    airflow: LocalAirflow
    ledger: Ledger
    settings: Settings

    def apply(self, text: str, source: str = "blueprint") -> None:
        """Apply blueprints and ask Airflow for the run, as ``gwfollow apply`` does; `source` is noted for every event in them."""
        with self.ledger.change(who="bench") as change:
            blueprints = read_text(text, "bench.yaml").blueprints
            apply(change, blueprints)
            for name in {b.name for b in blueprints if b.kind == "event"}:
                change.event(name).source = source
        for _ in range(30):
            report = deliver_now(self.ledger, self.settings, who="bench", seconds=30)
            if report is not None and not report.pending:
                return
            time.sleep(0.2)
        raise BenchError("Airflow took no run")

    def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise BenchError(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.25)

    def statuses(self, event: str) -> dict[str, str]:
        with self.ledger.read() as session:
            found = {a.name: (a.status, a.reason) for a in find_event(session, event).analyses}
        for name, (status, reason) in found.items():
            if status == "stuck":
                raise BenchError(f"{event}/{name} is stuck: {reason}")
        return {name: status for name, (status, _) in found.items()}

    def cpu(self) -> float:
        """Seconds of processor that Airflow's components and all that they started have used so far, those that ended included."""
        total = 0.0
        for service in self.airflow.services:
            for pid in group_members(int(service.pid_file.read_text().split()[0])):
                try:
                    used = psutil.Process(pid).cpu_times()
                except psutil.NoSuchProcess:
                    continue
                total += used.user + used.system + used.children_user + used.children_system
        return total


@contextmanager
def rig(poll_seconds: float = 1.0, settle_seconds: float = 10.0, more: Mapping[str, str] | None = None) -> Iterator[Rig]:
    """Services in a folder of their own below /tmp, gone at the end; `more` joins their environment."""
    with (
        tempfile.TemporaryDirectory(prefix="gwb-", dir="/tmp", ignore_cleanup_errors=True) as name,
        PersonalPool(Path(name) / "pool") as pool,
    ):
        folder = Path(name)
        airflow = LocalAirflow(folder / "airflow", HERE.parent)
        environment = {
            **pool.env(),
            "PYTHONPATH": os.pathsep.join([str(plugin(folder)), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "GWFOLLOW_HOME": str(folder / "home"),
            "GWFOLLOW_LEDGER": f"sqlite:///{folder / 'home' / 'ledger.db'}",
            "GWFOLLOW_SCHEDULER": "htcondor",
            "GWFOLLOW_POLL_SECONDS": str(poll_seconds),
            "GWFOLLOW_SETTLE_SECONDS": str(settle_seconds),
            "GWFOLLOW_AIRFLOW_URL": airflow.url,
            "GWFOLLOW_AIRFLOW_LOGIN_FILE": str(airflow.login_file),
            **(more or {}),
        }
        airflow.environment.update(environment)
        os.environ.update(environment)
        settings = Settings.read()
        ledger = open_ledger(settings, create=True)
        try:
            airflow.prepare()
            airflow.start()
            yield Rig(folder, pool, airflow, ledger, settings)
        finally:
            airflow.stop()
            ledger.close()


def plugin(folder: Path) -> Path:
    """A folder for PYTHONPATH in which the pipeline ``sleeper`` is installed, as any package gives gwfollow one."""
    home = folder / "plugin"
    metadata = home / "gwfollow_bench-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: gwfollow-bench\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text("[gwfollow.pipelines]\nsleeper = sleeper:Sleeper\n")
    (home / "sleeper.py").write_bytes((HERE / "plugin" / "sleeper.py").read_bytes())
    return home
