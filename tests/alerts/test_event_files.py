"""The same alerts give the same folder, in whatever order they come and however often."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alert_messages import as_bytes, base64_text, internal, public, superevent, uniform_map, voevent

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.event_files import keep, skymaps
from gwfollow.alerts.folders import Folders, file_away
from gwfollow.alerts.reading import read, read_payload

EVENT = "S260301ab"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = uniform_map(date="2026-03-01T10:00:20.000000")
SECOND = uniform_map(creator="Bilby", date="2026-03-01T11:00:00.000000")


def alert(document: Any) -> Alert:
    return read(document.encode() if isinstance(document, str) else as_bytes(document), "test")


def history() -> list[Alert]:
    later = {"time_created": "2026-03-01T11:00:30Z"}
    return [
        alert(internal()),
        alert(public(event={"skymap": base64_text(FIRST)})),
        alert(voevent('<Param name="FAR" value="2e-9"/>')),
        alert({**public("UPDATE", event={"skymap": base64_text(SECOND), "far": 1e-12}), **later}),
        alert(internal("log", {"comment": "a remark", "created": "2026-03-01 10:30:00 UTC"})),
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def test_a_history_leaves_its_files(folders: Folders) -> None:
    for one in history():
        for path in keep(folders, one, NOW):
            assert path.is_file()
    folder = folders.event(EVENT)
    names = sorted(path.name.rpartition("-")[0] or path.name for path in folder.iterdir())
    assert names == [
        "Bilby",
        "bayestar",
        "lvc_alert-20260301T100010-new",
        "lvc_alert-20260301T100030-preliminary",
        "lvc_alert-20260301T100030-preliminary",
        "lvc_alert-20260301T103000-log",
        "lvc_alert-20260301T110030-update",
        "skymap_info.json",
    ]
    assert sum(path.suffix == ".xml" for path in folder.iterdir()) == 1
    newest = skymaps(folders, EVENT)
    assert [path.read_bytes() for path in newest] == [FIRST, SECOND]
    assert json.loads((folder / "skymap_info.json").read_text()) == {
        "graceid": EVENT,
        "event_time_iso": "2026-03-01T10:00:00.500000+00:00",
        "far": 1e-12,
        "notice_time_iso": "2026-03-01T11:00:30+00:00",
        "pipeline": "gstlal",
        "skymap_filename": newest[-1].name,
        "alert_type": "update",
    }


def test_every_order_gives_the_same_folder(tmp_path: Path) -> None:
    alerts = history()
    expected = None
    for number, order in enumerate(itertools.permutations(alerts, 5)):
        if number % 7:  # every seventh of 120, in all places
            continue
        folders = Folders(tmp_path / str(number))
        for one in (*order, *order[:2]):
            keep(folders, one, NOW + timedelta(seconds=number))
        found = contents(folders.event(EVENT))
        expected = expected or found
        assert found == expected


def test_what_a_notice_leaves_out_is_taken_from_internal_messages_in_every_order(tmp_path: Path) -> None:
    address = "https://g.example.org/api/superevents/S/files/bayestar.multiorder.fits,3"
    told = superevent(far=3e-9, preferred_event_data={"graceid": "G101", "pipeline": "pycbc"})
    update = alert(internal("update", object=told))
    assert update.issued is None
    alerts = [
        alert(voevent(f'<Param name="skymap_fits" value="{address}"/>')),
        alert(internal()),
        replace(update, issued=NOW),  # Kafka's time, which the message itself does not say
        alert(internal("update", object=superevent(far=4e-9))),  # without any time: before all others
    ]
    for number, order in enumerate(itertools.permutations(alerts)):
        folders = Folders(tmp_path / str(number))
        for one in order:
            keep(folders, one, NOW)
        info = json.loads((folders.event(EVENT) / "skymap_info.json").read_text())
        assert (info["far"], info["pipeline"], info["alert_type"]) == (3e-9, "pycbc", "preliminary")


def test_an_alert_without_its_sky_map_at_hand_names_none_that_is_not_there(folders: Folders) -> None:
    full = history()[1]
    short = read_payload(full.payload)
    keep(folders, short, NOW)
    assert skymaps(folders, EVENT) == []
    assert not (folders.event(EVENT) / "skymap_info.json").exists()
    keep(folders, full, NOW)
    assert len(skymaps(folders, EVENT)) == 1
    assert len(list(folders.event(EVENT).glob("lvc_alert-*"))) == 1
    assert (folders.event(EVENT) / "skymap_info.json").exists()


def test_a_sky_map_of_gracedb_is_named_by_its_version(folders: Folders) -> None:
    params = '<Param name="skymap_fits" value="https://g.example.org/api/superevents/S/files/bayestar.multiorder.fits,3"/>'
    keep(folders, alert(voevent(params)), NOW)
    info = json.loads((folders.event(EVENT) / "skymap_info.json").read_text())
    assert info["skymap_filename"] == "bayestar.multiorder.fits,3"


def test_before_any_notice_the_sky_map_of_a_log_entry_is_named(folders: Folders) -> None:
    log = {
        "filename": "bayestar.multiorder.fits",
        "file_version": 0,
        "tag_names": ["sky_loc"],
        "created": "2026-03-01 10:00:40 UTC",
    }
    for one in (
        internal("log", log),
        internal("log", {**log, "file_version": 1, "created": "2026-03-01 10:05:00 UTC"}),
        internal(),
    ):
        keep(folders, alert(one), NOW)
    info = json.loads((folders.event(EVENT) / "skymap_info.json").read_text())
    assert (info["skymap_filename"], info["alert_type"]) == ("bayestar.multiorder.fits,1", "new")
    assert info["notice_time_iso"] == "2026-03-01T10:05:00+00:00"


def test_a_retraction_is_seen_by_who_reads_the_summary(folders: Folders) -> None:
    keep(folders, history()[1], NOW)
    keep(folders, alert({**public("RETRACTION"), "event": None, "time_created": "2026-03-01T12:00:00Z"}), NOW)
    info = json.loads((folders.event(EVENT) / "skymap_info.json").read_text())
    assert (info["alert_type"], info["skymap_filename"][:8]) == ("retraction", "bayestar")


def test_the_choice_of_a_person_stands_until_a_newer_notice(folders: Folders) -> None:
    first, update = history()[1], history()[3]
    keep(folders, first, NOW)
    info = folders.event(EVENT) / "skymap_info.json"
    chosen = {**json.loads(info.read_text()), "far": 5.0, "chosen_by": "alice", "chosen_time_iso": "2026-03-01T10:30:00+00:00"}
    info.write_text(json.dumps(chosen))
    keep(folders, first, NOW)
    assert json.loads(info.read_text())["far"] == 5.0
    keep(folders, update, NOW)
    assert json.loads(info.read_text())["far"] == 1e-12


def test_a_late_alert_joins_its_event_in_the_past_run(folders: Folders) -> None:
    keep(folders, history()[1], NOW)
    target = file_away(folders, EVENT, "O4")
    keep(folders, history()[3], NOW)
    assert not folders.event(EVENT).exists()
    assert [path.parent for path in skymaps(folders, EVENT)] == [target, target]


def test_a_file_that_was_cut_off_is_written_again(folders: Folders) -> None:
    keep(folders, history()[1], NOW)
    [path] = skymaps(folders, EVENT)
    path.write_bytes(FIRST[:100])
    keep(folders, history()[1], NOW)
    assert path.read_bytes() == FIRST


def test_files_that_people_put_there_do_no_harm(folders: Folders) -> None:
    folder = folders.event(EVENT)
    folder.mkdir(parents=True)
    for name in ("lvc_alert-mine.json", "lvc_alert-mine.xml", "lvc_alert-list.json", "notes.txt", "x.fits.gz", "y.fits,1"):
        (folder / name).write_bytes(b"[]" if "list" in name else b"\x1f\x8bnothing")
    keep(folders, history()[1], NOW)
    assert json.loads((folder / "skymap_info.json").read_text())["far"] == 1e-9
    assert [path.name for path in skymaps(folders, EVENT)][:2] == ["x.fits.gz", "y.fits,1"]


def test_an_event_without_a_folder_has_no_sky_maps(folders: Folders) -> None:
    assert skymaps(folders, EVENT) == []
    keep(folders, alert(superevent()), NOW)
    [path] = folders.event(EVENT).iterdir()
    assert path.name.startswith("lvc_alert-undated-snapshot-")
    assert path.stat().st_mtime == NOW.timestamp()
