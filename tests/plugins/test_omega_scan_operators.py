"""Launching a scan, telling of scans, and asking for one by the form: on a real ledger and the local scheduler."""

from __future__ import annotations

import runpy
from inspect import signature
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, ParamValidationError, TaskDeferred
from sqlalchemy import select
from tasks import context

from gwfollow.errors import LedgerBusy
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.scans.asked import read
from pe_operators.omega_scan import BeginScansOperator, OmegaScanOperator, RequestsScan, ScanSummaryOperator
from pe_operators.scan_request import RequestScanOperator
from sensors.analysis_end import AnalysisEndSensor

EVENT = "GW150914"
ABOUT = {"event": EVENT, "analysis": "echo"}
SET = """
ifo: H1
frame types: {H1_R: {look up: [{folder: /data/H1_R}]}}
blocks: {strain: {channels: ["H1:A", "H1:B"], frame type: H1_R}}
"""


@pytest.fixture(autouse=True)
def channel_sets(site: Site) -> None:
    folder = Path(site.settings.configs) / "channel_sets"
    folder.mkdir()
    (folder / "H1_strain.yaml").write_text(SET)


@pytest.fixture(autouse=True)
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[Site]:
    """Where somebody tries to deliver the outbox."""
    tried: list[Site] = []
    monkeypatch.setattr("gwfollow.provider.site.deliver", lambda site, **_: tried.append(site) or "nothing delivered")
    return tried


def status_of(site: Site, event: str = EVENT, name: str = "echo") -> str:
    with site.ledger.read() as session:
        return find_analysis(session, event, name).status


def set_status(site: Site, status: str, reason: str | None = None, event: str = EVENT, name: str = "echo") -> None:
    with site.ledger.change(who="test") as change:
        row = change.analysis(event, name)
        row.status, row.reason = status, reason


def test_a_dag_can_say_all_that_a_request_may_say() -> None:
    assert set(RequestsScan.ASKED) == set(signature(read).parameters) < set(signature(RequestsScan).parameters)


# ---- the scan ----------------------------------------------------------------------------------------------------------------
def test_a_scan_is_built_and_submitted_once_however_often_its_task_runs(site: Site) -> None:
    first = OmegaScanOperator(task_id="scan", **ABOUT).execute(context())
    again = OmegaScanOperator(task_id="scan", **ABOUT).execute(context(try_number=2, max_tries=30))
    assert first == again
    assert (first["event"], first["analysis"], first["attempt"], first["key"]) == (EVENT, "echo", 1, "GW150914/echo/1")
    assert first["folder"].endswith("/GW150914/echo/attempt-1")
    assert len(site.scheduler("local").find("GW150914/echo/1", Path(first["folder"]))) == 1


def test_clearing_the_scan_by_hand_asks_for_a_fresh_attempt_and_keeps_the_old_folder(site: Site) -> None:
    first = OmegaScanOperator(task_id="scan", **ABOUT).execute(context())
    fresh = OmegaScanOperator(task_id="scan", **ABOUT).execute(context(try_number=2, max_tries=31))
    assert (fresh["attempt"], fresh["key"]) == (2, "GW150914/echo/2")
    assert Path(first["folder"]).is_dir()


def test_in_a_dag_of_ones_own_the_ledger_is_made_to_have_the_scan(site: Site) -> None:
    asked: dict[str, Any] = {"channel_set": "H1_strain", "gps": "1126259462.4", "engine": "None", "scheduler": ""}
    made = OmegaScanOperator(task_id="scan", **asked).execute(context())
    assert (made["event"], made["analysis"]) == ("scan-1126259462.400", "scan-H1_strain")
    assert OmegaScanOperator(task_id="scan", **asked).execute(context())["job_id"] == made["job_id"]
    assert status_of(site, made["event"], made["analysis"]) == "running"
    # its event's own DAG takes it to its end
    with site.ledger.read() as session:
        runs = session.scalars(select(Outbox.payload).where(Outbox.destination == "airflow")).all()
    assert [run["event"] for run in runs].count(made["event"]) == 1


def test_several_channel_sets_are_one_mapped_task(site: Site) -> None:
    with DAG("mine", schedule=None):
        mapped = OmegaScanOperator.partial(task_id="scan", event=EVENT, scheduler="local").expand(
            channel_set=["H1_strain", "L1_strain"]
        )
    assert mapped.unmap({"channel_set": "L1_strain"}).channel_set == "L1_strain"


def test_what_is_refused_fails_at_once_and_what_has_no_leave_is_skipped(site: Site) -> None:
    with pytest.raises(AirflowFailException, match="H1_stain"):
        OmegaScanOperator(task_id="scan", event=EVENT, channel_set="H1_stain").execute(context())
    set_status(site, "cancelled", "skipped: H1_R misses 3 s")
    with pytest.raises(AirflowSkipException, match="misses 3 s"):
        OmegaScanOperator(task_id="scan", **ABOUT).execute(context())


# ---- telling of scans ----------------------------------------------------------------------------------------------------------
def test_the_announcement_holds_up_no_scan_but_waits_for_the_ledger(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[Exception] = [ValueError("a fault of ours"), LedgerBusy("locked")]

    def broken(*_: object) -> list[str]:
        raise raised[0]

    monkeypatch.setattr("gwfollow.life.scan_notes.begun", broken)
    begin = BeginScansOperator(task_id="begin", event=EVENT, analyses=["echo"])
    assert begin.execute(context()) == {"begun": []}
    del raised[0]
    with pytest.raises(LedgerBusy):
        begin.execute(context())


def test_begin_and_summary_say_what_the_ledger_says_and_deliver_it(site: Site, delivered: list[Site]) -> None:
    with site.ledger.change(who="test") as change:
        change.event(EVENT).graceid = "S150914a"
        change.analysis(EVENT, "echo").pipeline = "omegascan"
    about = {"event": EVENT, "analyses": ["echo"]}
    assert BeginScansOperator(task_id="begin", **about).execute(context()) == {"begun": ["echo"]}
    set_status(site, "cancelled", "skipped: H1_R misses 3 s")
    said = ScanSummaryOperator(task_id="summary", **about).execute(context())["summary"]
    assert "none finished; skipped: echo (H1_R misses 3 s)" in said
    assert len(delivered) == 2
    with site.ledger.read() as session:
        comments = [row.payload["comment"] for row in session.scalars(select(Outbox).where(Outbox.destination == "gracedb"))]
    assert comments == ["automatic omega scans begun for: echo", said]


def test_a_delivery_that_fails_is_no_failure_of_the_task(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def broken(*_: object, **__: object) -> str:
        tried.append(1)
        raise ValueError("no such connection")

    monkeypatch.setattr("gwfollow.provider.site.deliver", broken)
    BeginScansOperator(task_id="begin", event=EVENT).execute(context())
    ScanSummaryOperator(task_id="summary", event=EVENT).execute(context())
    RequestScanOperator(task_id="request", gps="1126259462.4", channel_set="H1_strain").execute(context())
    assert len(tried) == 3


def test_a_gracedb_that_hangs_holds_up_no_scan(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = Event(), Event()
    monkeypatch.setattr("pe_operators.omega_scan.PATIENCE", 0.05)
    monkeypatch.setattr("gwfollow.provider.site.deliver", lambda *_, **__: asked.set() or str(answers.wait(60)))
    BeginScansOperator(task_id="begin", event=EVENT).execute(context())
    assert asked.wait(60)
    assert not answers.is_set()
    answers.set()


# ---- on request ----------------------------------------------------------------------------------------------------------------
@pytest.fixture
def form(checkout: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> DAG:
    monkeypatch.setenv("GWFOLLOW_CONFIGS", site.settings.configs)
    found: DAG = runpy.run_path(str(checkout / "dags" / "omega_scan.py"))["request"].dag
    return found


def filled_in(form: DAG, **values: Any) -> RequestScanOperator:
    """The task with the form's values as Airflow renders them."""
    task = form.task_dict["request"].prepare_for_execution()
    task.render_template_fields({"params": form.params.dump() | values})  # type: ignore[typeddict-item]
    return task  # type: ignore[return-value]


def test_the_form_offers_the_channel_sets_of_the_site_and_says_what_each_field_is(form: DAG) -> None:
    sets = form.params.get_param("channel_set").schema["enum"]
    assert sets == ["H1_strain", None]
    for name in form.params:
        schema = form.params.get_param(name).schema
        assert schema["title"]
        assert schema["description_md"].endswith(".")
    form.params.validate()  # empty, as it is opened


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gps", -1),
        ("gps", "soon"),
        ("channel_set", "H1_stain"),
        ("engine", "cWB"),
        ("frames", "datafind:elsewhere.example.org"),
        ("channels", [1]),
        ("again", "x"),
    ],
)
def test_the_form_itself_refuses_what_it_can(form: DAG, name: str, value: object) -> None:
    param = form.params.get_param(name)
    with pytest.raises(ParamValidationError):
        param.resolve(value=value)


def test_a_filled_in_form_becomes_a_scan_and_the_same_form_again_the_same_one(
    site: Site, form: DAG, delivered: list[Site]
) -> None:
    asked = {
        "gps": 1126259462.4,
        "channels": ["H1:A", "H1:B"],
        "frame_type": "H1_R",
        "frames": "/data/H1_R",
        "scheduler": "local",
    }
    made = filled_in(form, **asked, title="it's a {{ loud }} noise").execute(context())
    again = filled_in(form, **asked).execute(context())
    assert made | {"work": False} == again
    assert made["work"]
    with site.ledger.read() as session:
        row = find_analysis(session, made["event"], made["analysis"])
    assert row.comment == "it's a {{ loud }} noise"
    look_up = {"H1_R": {"look up": [{"folder": "/data/H1_R"}]}}
    assert row.document["scan"] == {"ifo": "H1", "channels": ["H1:A", "H1:B"], "frame types": look_up}
    assert len(delivered) == 2


def test_a_form_with_an_event_and_a_utc_time(site: Site, form: DAG) -> None:
    made = filled_in(form, event=EVENT, utc="2015-09-14T09:50:45.400Z", channel_set="H1_strain").execute(context())
    assert (made["event"], made["analysis"]) == (EVENT, "scan-H1_strain")


def test_an_empty_form_is_refused_with_what_is_missing(site: Site, form: DAG) -> None:
    with pytest.raises(AirflowFailException, match="a channel set, or channels"):
        filled_in(form).execute(context())


def test_who_follows_ends_as_the_scan_does_with_its_reason(site: Site) -> None:
    follow = AnalysisEndSensor(task_id="follow", **ABOUT)
    with pytest.raises(TaskDeferred) as deferred:
        follow.execute(context())
    assert deferred.value.trigger.serialize()[0] == "sensors.analysis_end.AnalysisEndTrigger"
    set_status(site, "stuck", "the job ended without a result (exit code 3)")
    with pytest.raises(AirflowFailException, match="is stuck: the job ended without a result"):
        follow.resume(context(), {})
    set_status(site, "restart")  # somebody asks for another attempt at this moment
    with pytest.raises(TaskDeferred):
        follow.resume(context(), {})
    set_status(site, "uploaded")
    assert follow.resume(context(), {}) == {"status": "uploaded", "attempt": 0}


async def first_of(trigger: Any) -> Any:
    async for event in trigger.run():
        return event
    raise AssertionError("it fired nothing")


def test_all_who_follow_share_one_look_at_the_ledger(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from gwfollow.life import request
    from sensors.analysis_end import AnalysisEndTrigger

    looks: list[int] = []
    ends = request.ends
    monkeypatch.setattr("gwfollow.life.request.ends", lambda ledger, keys: looks.append(len(keys)) or ends(ledger, keys))
    monkeypatch.setattr("pe_operators.triggers.open_site", lambda who, **_: site.acting(who))
    connections = {"ledger_conn_id": "shared", "htcondor_conn_id": None}
    triggers = [AnalysisEndTrigger(**ABOUT, period=0.05, settle=0.0, **connections) for _ in range(50)]  # type: ignore[arg-type]

    async def everybody() -> list[Any]:
        waiting = asyncio.gather(*(first_of(trigger) for trigger in triggers))
        while not looks:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(set_status, site, "uploaded")
        return await waiting

    assert [event.payload for event in asyncio.run(everybody())] == [{"status": "uploaded"}] * 50
    assert set(looks) == {1}  # one question about the one analysis, however many wait for it
    assert len(looks) < 50
