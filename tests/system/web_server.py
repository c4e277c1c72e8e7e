"""A real Airflow api-server below a sub-path, with gwfollow's pages on a ledger that tells a story, and a browser that looks at it."""

from __future__ import annotations

import json
import secrets
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_server import AirflowServer
from gwfollow.alerts import inbox
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.history import fold
from gwfollow.alerts.reading import read
from gwfollow.ledger.schema import Analysis, Attempt, Check, Event, Inbox, Listener
from gwfollow.ledger.store import Ledger
from scan_results import GPS, channel, scan
from sky import write_skymap

SUB_PATH = "/sub"
#: what somebody who controls an alert's texts would like to run
ATTACK = "<script>parent.document.title='taken'</script><img src=x onerror=\"parent.document.title='taken'\">"
EVENT, QUIET = "S230101ab", "S230102cd"
SCAN = "scan-H1"
NOW = datetime(2023, 1, 1, 0, 0, 20, tzinfo=UTC)


class WebServer(AirflowServer):
    """With an admin and a viewer, the DAGs of two events, the DAG ``alerts`` and one DAG that is none of ours."""

    def __init__(self, folder: Path, checkout: Path) -> None:
        # ids in the ledger that all fall into one file: the others need not be parsed
        super().__init__(folder, {EVENT: (8, 1), QUIET: (16, 1)})
        for file in (folder / "dags" / "events").iterdir():
            if file.name != "file_0.py":
                file.unlink()
        (folder / "dags" / "alerts.py").symlink_to(checkout / "dags" / "alerts.py")
        foreign = "from airflow.sdk import DAG\ndag = DAG('cooking', schedule=None)\n"
        (folder / "dags" / "foreign.py").write_text(foreign)
        self.checkout, self.viewer = checkout, secrets.token_hex(8)
        (folder / "passwords.json").write_text(json.dumps({"admin": self.password, "victor": self.viewer}))
        self.web = self.url + SUB_PATH
        self.ledger_url, self.data = f"sqlite:///{folder / 'ledger.db'}", folder / "data"

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {
            "AIRFLOW__API__BASE_URL": self.web,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,victor:viewer",
            "GWFOLLOW_LEDGER": self.ledger_url,
            "GWFOLLOW_DATA": str(self.data),
            "GWFOLLOW_IGWN_ALERT_SERVER": "kafka.example:9092",
            "GWFOLLOW_IGWN_ALERT_TOPICS": "superevent,mdc_superevent",
            "GWFOLLOW_GRACEDB_URL": "https://gracedb.example/api/",
            "PYTHONPATH": str(self.checkout / "plugins"),
        }

    def token(self, name: str, password: str) -> str:
        body = json.dumps({"username": name, "password": password}).encode()
        request = urllib.request.Request(f"{self.web}/auth/token", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return str(json.load(answer)["access_token"])

    def has_dags(self, *dag_ids: str) -> bool:
        return set(dag_ids) <= {dag["dag_id"] for dag in self._get("dags")["dags"]}

    def runs(self, dag_id: str) -> list[tuple[str, str]]:
        """State and maker of each run."""
        return [(run["state"], run["triggering_user_name"]) for run in self._get(f"dags/{dag_id}/dagRuns")["dag_runs"]]

    def _get(self, path: str) -> Any:
        request = urllib.request.Request(f"{self.web}/api/v2/{path}", headers={"Authorization": f"Bearer {self._admin()}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def _admin(self) -> str:
        self._token = getattr(self, "_token", "") or self.token("admin", self.password)
        return self._token


def tell_story(url: str, data: Path) -> Ledger:
    """A ledger with two events, their alerts as processing leaves them, listeners, and a sky map."""
    ledger, folders = Ledger.open(url, create=True), Folders(data)
    messages = [
        (0, _superevent("new", far=3e-9)),
        (20, _label("ADVREQ")),
        (65, _superevent("update", far=2.4e-14, preferred="G2")),
    ]
    messages += [(70, _log(f"Sky map made {ATTACK}")), (400, _label("ADVOK"))]
    stored = [_store(ledger, folders, after, message) for after, message in messages]
    stored += [_store(ledger, folders, 4000, _superevent("new", far=1e-8, event=QUIET))]
    # refused at the door, and shown all the same
    stored += [
        _store(ledger, folders, 5000, message)
        for message in (_label(ATTACK), _superevent("new", far=1, pipeline=ATTACK), {"what": ATTACK})
    ]
    write_skymap(folders.event(EVENT) / "bayestar.multiorder.fits,0")
    with ledger.change(who="test") as change:
        alerts = [
            replace(read(json.dumps(message).encode(), "story"), issued=NOW + timedelta(seconds=s)) for s, message in messages
        ]
        state = fold(alerts).as_json()
        event = Event(
            id=8, name=EVENT, graceid=EVENT, gps=state["t_0"], source="gracedb", category="Production", alert=state, revision=1
        )
        event.analyses = [
            Analysis(name=SCAN, pipeline="omegascan", status="running", attempt=1),
            Analysis(name="psd", pipeline="psd", status="uploaded", origin="loud compact binaries"),
            Analysis(name="bilby-fast", pipeline="bilby", status="running", origin="loud compact binaries"),
            Analysis(name="bilby-xphm", pipeline="bilby", status="stuck", reason=f"exit code 1: cannot read the PSD {ATTACK}"),
            Analysis(name="pesummary", pipeline="pesummary", status="wait", origin="loud compact binaries"),
        ]
        withdrawn = {
            **state,
            "retracted": True,
            "retracted_why": "the label ADVNO",
            "labels": ["ADVNO", ATTACK],
            "gracedb": "javascript:alert(1)",
        }
        withdrawn["retracted_when"] = "2023-01-02T01:00:00+00:00"
        quiet = Event(id=16, name=QUIET, graceid=QUIET, gps=None, source="gracedb", category="MDC", alert=withdrawn, revision=1)
        change.session.add_all([event, quiet])
        change.session.flush()
        event.analyses[0].attempts = [Attempt(number=1, folder=str(scan_folder(data)), inputs={})]
        unknown = Check(
            event_id=event.id, name="H1 iDQ", ifo="H1", process="iDQ", verdict="unknown", summary=f"no frames {ATTACK}"
        )
        change.session.add(unknown)
    scan_so_far(data, waiting=2)
    with ledger.change(who="test") as change:
        for number, (state_, verdict, matched) in zip(stored, _verdicts(), strict=True):
            row = change.session.get_one(Inbox, number)
            if row.state != "refused":
                row.state, row.verdict, row.processed = state_, verdict, row.received + timedelta(seconds=0.4)
                why = "far 2.4e-14 < 1e-6, group CBC" if matched else "no label EM_COINC"
                row.decision = [
                    {
                        "rule": "loud compact binaries",
                        "matched": matched,
                        "why": why,
                        "actions": ["event", "blueprint cbc"] if matched else [],
                    },
                    {"rule": "coincidences", "matched": False, "why": "no label EM_COINC", "actions": []},
                ]
        beat = NOW + timedelta(seconds=6000)
        change.session.add_all(
            [
                Listener(
                    source="igwn-alert",
                    topic="gracedb.superevent",
                    host="alerts1",
                    pid=4711,
                    heartbeat=beat,
                    last_message=beat,
                    messages=81234,
                ),
                Listener(
                    source="igwn-alert",
                    topic="gracedb.mdc_superevent",
                    host="alerts1",
                    pid=4711,
                    heartbeat=beat,
                    restarts=2,
                    error=f"broker down {ATTACK}",
                ),
            ]
        )
    return ledger


def scan_folder(data: Path) -> Path:
    return data.parent / "run" / EVENT / SCAN / "attempt-1"


def scan_so_far(data: Path, *, waiting: int) -> None:
    """What the scan's worker has found, with figures."""
    import numpy as np

    from gwfollow.scans import figure, schema

    folder = scan_folder(data)
    folder.mkdir(parents=True, exist_ok=True)
    series = figure.Series(GPS - 1, 64.0, np.zeros(128))
    panels = figure.Panels(GPS, series, series, [figure.Spectrogram((GPS - 1, GPS + 1), (4.0, 32.0), np.ones((20, 30)))])
    names = ["H1:PEM-LOUD", ATTACK, "H1:PEM-LATE"][: 3 - waiting + 1]
    found = [channel(name, snr=20.0 - number) for number, name in enumerate(names)]
    drawn = [one.model_copy(update={"plot": figure.draw(folder, one, panels)}) for one in found]
    schema.write(scan(*drawn, channel("H1:GONE", message=ATTACK), state="running", waiting=waiting), folder / "scan.json")


def _verdicts() -> list[tuple[str, str, bool]]:
    return [
        ("done", "loud compact binaries: event made, 3 analyses; run rev-1 asked for", True),
        ("done", "loud compact binaries: nothing else changed", True),
        ("done", "loud compact binaries: preferred event changed, 2 analyses run again; run rev-2 asked for", True),
        ("ignored", "a log message changes nothing", False),
        ("done", "loud compact binaries: nothing else changed", True),
        ("failed", f"the blueprint cannot be read: {ATTACK}", True),
        *[("refused", "", False)] * 3,
    ]


def _store(ledger: Ledger, folders: Folders, after: float, message: dict[str, Any]) -> int:
    published = NOW + timedelta(seconds=after)
    found = inbox.store(
        ledger, folders, json.dumps(message).encode(), source="igwn-alert", topic="gracedb.superevent", published=published
    )
    with ledger.change(who="test") as change:
        row = change.session.get_one(Inbox, found.id)
        row.received = published + timedelta(seconds=0.7)
    return found.id


def _superevent(kind: str, *, far: float, event: str = EVENT, preferred: str = "G1", pipeline: str = "gstlal") -> dict[str, Any]:
    found = {
        "superevent_id": event, "category": "Production", "created": "2023-01-01 00:00:20 UTC", "t_0": 1356566418.5,
        "t_start": 1356566417.5, "t_end": 1356566419.5, "far": far, "labels": [], "preferred_event": preferred, "gw_events": ["G1"],
        "preferred_event_data": {"group": "CBC", "pipeline": pipeline, "search": "AllSky", "far": far, "instruments": "H1,L1"},
    }  # fmt: skip
    return {"uid": event, "alert_type": kind, "data": found, "object": found}


def _label(name: str) -> dict[str, Any]:
    return {"uid": EVENT, "alert_type": "label_added", "data": {"name": name, "creator": "advocate"}}


def _log(comment: str) -> dict[str, Any]:
    return {"uid": EVENT, "alert_type": "log", "data": {"comment": comment, "filename": "bayestar.multiorder.fits", "N": 4}}


__all__ = ["ATTACK", "EVENT", "QUIET", "SCAN", "SUB_PATH", "WebServer", "scan_so_far", "tell_story"]
