"""``make demo``: one event from its entry in GraceDB to posterior samples and result pages, on a real Airflow and a real HTCondor.

    python -m gwfollow.sandbox.demo run  [--out DIR] [--strain DIR] [--keep]
    python -m gwfollow.sandbox.demo stop [--out DIR]

Everything that it makes is below the output folder; ``demo-summary.json`` there says how it went.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from gwfollow.airflow_api import AirflowAPI
from gwfollow.errors import GWFollowError, PermanentError
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.ledger import open_ledger
from gwfollow.ledger.store import Ledger
from gwfollow.naming import DATA_QUALITY, OMEGA_SCAN
from gwfollow.report.site import write_report
from gwfollow.sandbox.airflow import LocalAirflow
from gwfollow.sandbox.auxiliary import DISTURBED
from gwfollow.sandbox.demo_data import DemoEvent, make_event, register, site_defaults
from gwfollow.sandbox.demo_report import (
    Watch,
    alert_stages,
    chirp_mass,
    print_summary,
    summarise,
)
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.sandbox.kafka import LocalKafka
from gwfollow.settings import Settings

CHECKOUT = Path(__file__).parents[3]
#: seconds that the analyses may take before the demo gives up
PATIENCE = 1500.0
#: seconds that an alert may take to the first job
ALERT_PATIENCE = 120.0
#: seconds between two looks at the ledger
LOOK = 1.0
MARKER = ".gwfollow-demo"


@dataclass
class Demo:
    """The running demo: its services, and what it learns on the way."""

    out: Path
    strain: Path | None
    keep: bool
    begun: float = field(default_factory=time.monotonic)
    created: float = 0.0  # when GraceDB had the superevent
    alert_seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.out = self.out.expanduser().absolute()
        self.pool = PersonalPool(self.out / "condor")
        self.kafka = LocalKafka(self.out / "kafka")
        self.gracedb = LocalGraceDB(self.out / "gracedb")
        self.home = self.out / "ledger"

    # ---- the way -------------------------------------------------------------------------------------------------------
    def run(self) -> int:
        """All of it; the exit code."""
        self._fresh_folder()
        try:
            with ThreadPoolExecutor(3) as threads:
                condor = threads.submit(self._start_condor)
                gracedb = threads.submit(self._start_gracedb)
                made = threads.submit(make_event, self.out / "data", self.strain)
                condor.result(), gracedb.result()
                event = made.result()
            self.say(f"strain of {event.label}: {event.text}")
            airflow = self._start_airflow()
            self._apply(site_defaults(event, self.out / "data"))
            event = self._announce(event)
            ok = self._until_it_is_known(event) and self._follow(event, airflow)
        except (GWFollowError, requests.RequestException) as error:
            self.say(f"failed: {error}")
            ok = False
        finally:
            if self.keep:
                self.say(f"everything is left running; 'make demo-stop OUT={self.out}' ends it")
            else:
                self.stop()
        return 0 if ok else 1

    def stop(self) -> None:
        """Stop whatever of this demo runs, also from another process than the one that started it."""
        self.say("stopping Airflow, HTCondor, GraceDB and Kafka")
        LocalAirflow(self.out / "airflow", CHECKOUT).stop()
        for service in (self.pool, self.gracedb, self.kafka):
            try:
                service.stop()
            except GWFollowError as error:
                self.say(str(error))

    def gracedb_client(self) -> GraceDBClient:
        return GraceDBClient(self.gracedb.url, ca=self.gracedb.ca, token=self.gracedb.token())

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.begun:6.1f} s] {text}", flush=True)

    # ---- the services --------------------------------------------------------------------------------------------------
    def _fresh_folder(self) -> None:
        """An empty output folder; only one that a demo made before is emptied."""
        if (self.out / MARKER).exists():
            self.say(f"{self.out} holds an earlier demo: it is stopped and replaced")
            self.stop()
            shutil.rmtree(self.out)
        elif self.out.exists() and any(self.out.iterdir()):
            raise SystemExit(f"{self.out} is not empty and no demo has made it: choose another folder with OUT=DIR")
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / MARKER).write_text("made by 'make demo', which may replace it\n")

    def _start_condor(self) -> None:
        self.say("HTCondor: looking for one, else installing a personal one (20 MB)")
        with self._timed("HTCondor pool started"):
            self.pool.start()

    def _start_gracedb(self) -> None:
        """GraceDB, and the Kafka broker to which it publishes every change of its objects."""
        self.kafka.start()
        self.gracedb = LocalGraceDB(self.out / "gracedb", kafka=self.kafka.address)
        self.gracedb.start()
        self.say(f"GraceDB (local) is at {self.gracedb.url} and publishes igwn-alerts by a Kafka broker at {self.kafka.address}")

    def _start_airflow(self) -> LocalAirflow:
        airflow = LocalAirflow(self.out / "airflow", CHECKOUT, environment={})
        airflow.environment.update(self._environment(airflow))
        os.environ.update({k: v for k, v in airflow.environment.items() if k != "PATH"})
        open_ledger(Settings.read(), create=True).close()
        self.say(
            "Airflow: making its database, then starting api-server, scheduler, dag-processor, triggerer (about half a minute)"
        )
        with self._timed(f"Airflow is up at {airflow.url}"):
            airflow.prepare()
            airflow.start(Repeated(self.say))
        self.say(f"log in to Airflow as {airflow.username} with the password {airflow.password}")
        self._store_gracedb_token(airflow)
        return airflow

    def _environment(self, airflow: LocalAirflow) -> dict[str, str]:
        return {
            **self.pool.env(),
            "GWFOLLOW_HOME": str(self.home),
            "GWFOLLOW_LEDGER": f"sqlite:///{self.home / 'ledger.db'}",
            "GWFOLLOW_SCHEDULER": "htcondor",
            "GWFOLLOW_POLL_SECONDS": "1",
            "GWFOLLOW_SETTLE_SECONDS": "10",
            "GWFOLLOW_AIRFLOW_URL": airflow.url,
            "GWFOLLOW_AIRFLOW_LOGIN_FILE": str(airflow.login_file),
            "GWFOLLOW_GRACEDB_URL": self.gracedb.url,
            "GWFOLLOW_GRACEDB_CA": self.gracedb.ca,
            "GWFOLLOW_IGWN_ALERT_SERVER": self.kafka.address,
            "GWFOLLOW_ALERT_POLICY": str(CHECKOUT / "include" / "configs" / "demo_alert_policy.yaml"),
        }

    def _store_gracedb_token(self, airflow: LocalAirflow) -> None:
        """The token goes into an Airflow connection, by the API: on no command line and in no environment."""
        api = AirflowAPI(airflow.url, airflow.username, airflow.password)
        api.store_connection(
            "gracedb_default", "gracedb", host=self.gracedb.url, password=self.gracedb.token(), extra={"ca": self.gracedb.ca}
        )

    # ---- the event -----------------------------------------------------------------------------------------------------
    def _apply(self, blueprints: Sequence[Path]) -> None:
        """What a site sets up once, as a person does it."""
        command = Path(sys.executable).parent / "gwfollow"
        for blueprint in blueprints:
            self.say(f"gwfollow apply -f {blueprint}")
            if subprocess.run([command, "apply", "-f", blueprint], check=False).returncode:
                raise PermanentError("the blueprint was refused")

    def _announce(self, event: DemoEvent) -> DemoEvent:
        """As a search pipeline and the superevent manager do it: an event, a superevent.  From here on nobody touches anything."""
        registered = register(self.gracedb_client(), event, self.out / "data")
        self.created = time.monotonic()
        self.say(f"GraceDB has a new superevent, {registered.graceid}: the rest happens by itself")
        return registered

    def _until_it_is_known(self, event: DemoEvent) -> bool:
        """The alert's way: inbox, ledger, run, first job; each said when it is seen."""
        ledger = open_ledger(Settings.read())
        for what, seen in alert_stages(ledger, event.graceid):
            if not self._until(seen, ALERT_PATIENCE, 0.1):
                self.say(
                    f"{ALERT_PATIENCE:.0f} s after its creation: not {what}; see the DAG alerts in Airflow, and gwfollow health"
                )
                return False
            self.alert_seconds[what] = round(time.monotonic() - self.created, 1)
            self.say(f"  {self.alert_seconds[what]:5.1f} s after its creation: {what}")
        return True

    def _follow(self, event: DemoEvent, airflow: LocalAirflow) -> bool:
        ledger = open_ledger(Settings.read())
        api = AirflowAPI(airflow.url, airflow.username, airflow.password)
        watch = Watch(ledger, event.graceid, self.say)
        ended = watch.until_done(PATIENCE, LOOK)
        run_ok = ended and self._until(lambda: _run_succeeded(api, event.graceid), 60)
        told = ended and self._until(lambda: self._announced(ledger, event), 90)
        labelled = told and self._until(lambda: "DQOK" in self.gracedb_client().labels(event.graceid), 30)
        checks = {"analyses": ended, "airflow run": run_ok, "gracedb entries": told, "label DQOK": labelled}
        return self._summary(ledger, event, airflow, checks)

    def _until(self, condition: Callable[[], bool], seconds: float, pause: float = 1.0) -> bool:
        deadline = time.monotonic() + seconds
        while not (found := condition()) and time.monotonic() < deadline:
            time.sleep(pause)
        return found

    def _announced(self, ledger: Ledger, event: DemoEvent) -> bool:
        """Every analysis' end, and the summary of the scans."""
        comments = " ".join(str(entry["comment"]) for entry in self.gracedb_client().logs(event.graceid))
        analyses = summarise(ledger, event.graceid)["analyses"]
        others = [name for name, row in analyses.items() if row["pipeline"] not in DATA_QUALITY]
        return all(f"analysis {name} (" in comments for name in others) and "automatic omega scans finished for" in comments

    def _summary(self, ledger: Ledger, event: DemoEvent, airflow: LocalAirflow, checks: dict[str, bool]) -> bool:
        summary: dict[str, Any] = summarise(ledger, event.graceid)
        summary["chirp_mass"] = chirp_mass(ledger, event.graceid)
        summary["seconds_after_creation"] = self.alert_seconds
        mass = summary["chirp_mass"]
        checks["chirp mass"] = mass is not None and event.plausible(mass)
        loud = [one["channel"].partition(":")[2] for one in summary["significant_channels"]]
        strain = event.strain.channels["H1"].partition(":")[2]
        checks["disturbed channels"] = {name for name in loud if name != strain} == DISTURBED
        summary["checks"] = checks
        pages = summary.pop("pages")
        summary["addresses"] = {
            "airflow": airflow.url,
            "pesummary": pages.get("pesummary", ""),
            "omega scan": pages.get(OMEGA_SCAN, ""),
            "report": str(write_report(ledger, Settings.read(), self.out / "report").folder / "index.html"),
            "ledger": Settings.read().ledger_url,
            "gracedb": self.gracedb.url,
        }
        summary["seconds_total"] = round(time.monotonic() - self.begun, 1)
        summary["ok"] = all(checks.values())
        (self.out / "demo-summary.json").write_text(json.dumps(summary, indent=2) + "\n")
        print_summary(summary, event.text)
        return bool(summary["ok"])

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.say(f"{what} ({time.monotonic() - begun:.1f} s)")


class Repeated:
    """Says a text only when it differs from the one before."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.last = say, ""

    def __call__(self, text: str) -> None:
        if text != self.last:
            self.last = text
            self.say(text)


def _run_succeeded(api: AirflowAPI, event: str) -> bool:
    from gwfollow.naming import event_dag_id

    runs = api.dag_runs(event_dag_id(event))
    return bool(runs) and all(run["state"] == "success" for run in runs)


def main(arguments: list[str] | None = None) -> int:
    """The command line of the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m gwfollow.sandbox.demo", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("action", choices=("run", "stop"))
    parser.add_argument("--out", type=Path, default=Path("demo-run"), help="folder for everything that the demo makes")
    parser.add_argument("--strain", type=Path, help="folder with GWOSC HDF5 files of GW150914 instead of simulated strain")
    parser.add_argument("--keep", action="store_true", help="leave all services running at the end")
    given = parser.parse_args(arguments)
    demo = Demo(given.out, given.strain, given.keep)
    if given.action == "stop":
        demo.stop()
        return 0
    # Ctrl-C and a closed terminal stop the services too
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        return demo.run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
