"""``gwfollow ingest``: alerts by hand go the way of those that came by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gwfollow.alerts.inbox import LARGEST
from gwfollow.cli import group
from gwfollow.errors import InputError
from gwfollow.ledger import open_ledger
from gwfollow.ledger.schema import Event
from gwfollow.settings import Settings

POLICY = "rules: [{name: all, when: {superevent: true}, do: {event: true}}]\n"


def superevent(name: str) -> dict[str, object]:
    return {
        "superevent_id": name,
        "category": "Production",
        "t_0": 1e9,
        "far": 1e-12,
        "labels": [],
        "created": "2026-11-21 11:00:00 UTC",
    }


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.setenv("GWFOLLOW_ALERT_POLICY", str(tmp_path / "policy.yaml"))
    for name in ("LEDGER", "AIRFLOW_URL", "DATA", "GRACEDB_URL"):
        monkeypatch.delenv(f"GWFOLLOW_{name}", raising=False)
    open_ledger(create=True).close()


def ingest(*arguments: str, text: str = "") -> Result:
    return CliRunner().invoke(group, ["ingest", *arguments], input=text)


def events() -> list[str]:
    with open_ledger(Settings.read()).read() as session:
        return sorted(event.name for event in session.query(Event))


def test_a_file_is_stored_and_processed_and_a_second_time_nothing_happens(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(superevent("S261121a")))
    first = ingest(str(file))
    assert (first.exit_code, events()) == (0, ["S261121a"])
    assert f"{file}: S261121a: done" in first.stdout
    again = ingest(str(file))
    assert again.exit_code == 0
    assert "(was there before)" in again.stdout


def test_a_list_is_taken_apart_and_one_refusal_is_told_by_the_exit_code() -> None:
    found = ingest("--json", "-", text=json.dumps([superevent("S261121a"), superevent("../../x"), superevent("S261121b")]))
    assert found.exit_code == 2
    assert [row["state"] for row in json.loads(found.stdout)] == ["done", "refused", "done"]
    assert "standard input, 2 of 3" in found.stdout
    assert events() == ["S261121a", "S261121b"]


def test_no_process_leaves_it_to_others(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(superevent("S261121a")))
    assert "S261121a: new" in ingest("--no-process", str(file)).stdout
    assert events() == []


def test_a_file_of_50_megabytes_is_refused_with_its_size(tmp_path: Path) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as stream:
        stream.truncate(50_000_000)
    found = ingest(str(file))
    assert found.exit_code == 2
    assert str(LARGEST) in found.stdout.replace(",", "").replace("_", "")


def test_a_file_that_is_not_there_stops_before_anything_is_stored(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(superevent("S261121a")))
    found = ingest(str(tmp_path / "one.json"), str(tmp_path / "none.json"))
    assert isinstance(found.exception, InputError)
    assert "none.json cannot be read" in str(found.exception)
    assert events() == []
