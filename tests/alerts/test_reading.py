"""Every form of alert is read, and the short form that the inbox keeps says the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alert_messages import as_bytes, base64_text, internal, public, superevent, uniform_map, voevent

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.reading import read, read_payload, split
from gwfollow.errors import InputError


def reread(alert: Alert) -> Alert:
    """The same alert from what the ledger keeps."""
    return read_payload(json.loads(json.dumps(dict(alert.payload))))


def get(document: Any) -> Alert:
    alert = read(document.encode() if isinstance(document, str) else as_bytes(document), "test")
    assert reread(alert) == alert  # contents of a sky map are not compared
    return alert


#: file -> (form, kind, event), or the words of the refusal
RECORDED: dict[str, tuple[str, str, str] | str] = {
    "MS181101ab-2-Preliminary.xml": ("voevent", "preliminary", "MS181101ab"),
    "MS181101ab-5-Retraction.xml": ("voevent", "retraction", "MS181101ab"),
    "S250924di-1-Preliminary.xml": ("voevent", "preliminary", "S250924di"),
    "gracedb_public_superevents_20240716.json": "a list of 100 superevents, which are messages of their own",
    "gwcelery_coinc_small.xml": "a LIGO_LW document",
    "gwcelery_igwn_alert_detchar.json": ("igwn-alert", "log", "T250822"),
    "gwcelery_igwn_alert_exttrig_creation.json": ("igwn-alert", "new", "E1234"),
    "gwcelery_igwn_alert_exttrig_subgrb_targeted_creation.json": ("igwn-alert", "new", "E1234"),
    "gwcelery_igwn_alert_fits.json": ("igwn-alert", "log", "T250822"),
    "gwcelery_igwn_alert_label_dqv.json": ("igwn-alert", "label_added", "T251135"),
    "gwcelery_igwn_alert_psd.json": ("igwn-alert", "log", "T250822"),
    "gwcelery_igwn_alert_snews_creation.json": ("igwn-alert", "new", "E1235"),
    "gwcelery_igwn_alert_snews_test_creation.json": ("igwn-alert", "new", "E1236"),
    "gwcelery_igwn_alert_subgrb_creation.json": ("igwn-alert", "new", "E1234"),
    "gwcelery_igwn_alert_superevent_burst_bbh_creation.json": ("igwn-alert", "new", "S180616h"),
    "gwcelery_igwn_alert_superevent_creation.json": ("igwn-alert", "new", "S180616h"),
    "gwcelery_igwn_alert_superevent_label.json": ("igwn-alert", "label_added", "S180616h"),
    "gwcelery_igwn_alert_voevent.json": ("igwn-alert", "voevent", "M297123"),
    "gwcelery_lvalert_event_creation.json": ("igwn-alert", "new", "M394156"),
    "icecube_lvk_nu_track_search.example.json": "a notice of IceCube about neutrinos",
    "icecube_single_neutrino_alerts.gold_bronze_track_alerts.example.json": "a notice of IceCube about neutrinos",
    "userguide_MS181101ab-earlywarning_displayexample.json": ("public", "earlywarning", "MS181101ab"),
    "userguide_MS181101ab-ext-update_displayexample.json": ("public", "update", "MS181101ab"),
    "userguide_MS181101ab-initial_displayexample.json": ("public", "initial", "MS181101ab"),
    "userguide_MS181101ab-preliminary.json": ("public", "preliminary", "MS181101ab"),
    "userguide_MS181101ab-retraction.json": ("public", "retraction", "MS181101ab"),
    "userguide_MS181101ab-update.json": ("public", "update", "MS181101ab"),
}


def test_every_recorded_message_is_read_or_refused_with_a_reason(shared: Path) -> None:
    found = {path.name: outcome(path) for path in (shared / "data" / "alerts").iterdir()}
    assert found == RECORDED


def outcome(path: Path) -> tuple[str, str, str] | str:
    """As in the table; a refusal by the words that the table has, where it has them."""
    try:
        alert = get_raw(path.read_bytes(), path.name)
    except InputError as error:
        words = RECORDED.get(path.name)
        right = isinstance(words, str) and str(error).startswith(f"{path.name}: {words}")
        return words if isinstance(words, str) and right else str(error)
    return (alert.form, alert.kind, alert.event)


def get_raw(raw: bytes, place: str) -> Alert:
    alert = read(raw, place)
    assert reread(alert) == alert
    return alert


def test_a_recorded_list_of_superevents_is_split_into_messages(shared: Path) -> None:
    raw = (shared / "data" / "alerts" / "gracedb_public_superevents_20240716.json").read_bytes()
    alerts = [get_raw(part, "list") for part in split(raw)]
    assert len(alerts) == 100
    assert {alert.form for alert in alerts} == {"snapshot"}
    assert {alert.category for alert in alerts} == {"Production", "MDC"}
    assert all(alert.labels and alert.facts["far"] > 0 and alert.issued is None for alert in alerts)


def test_a_recorded_notice_over_one_megabyte_has_its_sky_map(shared: Path) -> None:
    raw = (shared / "data" / "alerts" / "userguide_MS181101ab-update.json").read_bytes()
    alert = read(raw, "GCN")
    assert len(raw) > 1_000_000
    assert alert.skymap is not None
    assert alert.skymap.contents is not None
    assert (alert.skymap.name, alert.skymap.size) == ("bayestar.multiorder.fits", len(alert.skymap.contents))
    assert len(json.dumps(dict(alert.payload))) < 2000


# ---- public notices --------------------------------------------------------------------------------------------------------
def test_a_public_notice_says_what_it_says() -> None:
    contents = uniform_map()
    alert = get(public(event={"skymap": base64_text(contents)}))
    assert (alert.form, alert.kind, alert.event, alert.superevent) == ("public", "preliminary", "S260301ab", True)
    assert (alert.category, alert.role, alert.test) == ("Production", "observation", False)
    assert alert.issued == datetime(2026, 3, 1, 10, 0, 30, tzinfo=UTC)
    assert alert.facts["t_0"] == pytest.approx(1456394418.5, abs=1e-6)
    assert alert.facts["classification"] == {"BBH": 0.9, "Terrestrial": 0.1}
    assert "duration" not in alert.facts  # not said is not there
    assert alert.skymap is not None
    assert read(as_bytes(public(event={"skymap": base64_text(contents)})), "test").skymap.contents == contents  # type: ignore[union-attr]
    assert (alert.labels, alert.retracted) == (None, None)


def test_a_retraction_has_no_event_and_withdraws() -> None:
    alert = get({**public("RETRACTION"), "event": None})
    assert (alert.kind, alert.retracted, alert.skymap) == ("retraction", True, None)


def test_a_notice_other_than_a_retraction_needs_its_event() -> None:
    with pytest.raises(InputError, match="event: is missing"):
        get({**public("UPDATE"), "event": None})


def test_a_coincidence_with_another_observatory_is_kept() -> None:
    external = {"observatory": "Fermi", "search": "GRB", "time_difference": -1.5, "time_coincidence_far": 1e-10}
    contents = uniform_map(creator="combined")
    alert = get(public(external_coinc={**external, "combined_skymap": base64_text(contents)}))
    assert alert.facts["external"].items() >= external.items()
    assert alert.facts["external"]["combined_skymap"]["name"] == "combined.multiorder.fits"


@pytest.mark.parametrize(
    ("skymap", "reason"),
    [
        ("U0lNUExFICA9...", "not base64"),
        (base64_text(b"this is not FITS"), "a FITS file"),
        (base64_text(uniform_map()[:5000]), "truncated"),
        (base64_text(b"\x1f\x8b\x08garbage"), "broken gzip"),
        ({"sha256": "0" * 64, "bytes": 5, "name": "forged.fits"}, "not base64 text but dict"),
        (17, "not base64 text but int"),
        ("", "a FITS file"),
    ],
)
def test_a_bad_sky_map_does_not_stop_the_alert(skymap: Any, reason: str) -> None:
    alert = get(public(event={"skymap": skymap}))
    assert alert.skymap is None
    assert reason in alert.facts["skymap_problem"]
    assert alert.facts["far"] == 1e-9


# ---- igwn-alert ------------------------------------------------------------------------------------------------------------
def test_a_new_superevent_is_read() -> None:
    alert = get(internal())
    assert (alert.form, alert.kind, alert.event, alert.category) == ("igwn-alert", "new", "S260301ab", "Production")
    assert alert.issued == datetime(2026, 3, 1, 10, 0, 10, tzinfo=UTC)
    assert alert.labels == {"EM_READY"}
    assert alert.facts["preferred_event"] == "G100"
    assert (alert.facts["group"], alert.facts["instruments"]) == ("CBC", ["H1", "L1"])
    assert alert.facts["gracedb"] == "https://gracedb.example.org/superevents/S260301ab/view/"


def test_an_update_was_not_issued_when_the_superevent_was_made() -> None:
    assert get(internal("update")).issued is None
    assert get(internal("update", superevent())).issued is None  # as GraceDB sends it
    assert get(internal("log", {"created": "2026-03-01 11:00:00 UTC"})).issued == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(("alert_type", "says"), [("label_added", True), ("label_removed", False), ("log", True), ("update", False),
                                                  ("signoff_created", True), ("signoff_deleted", False)])  # fmt: skip
def test_the_time_in_data_is_that_of_the_alert_only_where_something_was_made(alert_type: str, says: bool) -> None:
    """GraceDB sends a removed label with the time at which it was added."""
    made = datetime(2026, 3, 1, 11, tzinfo=UTC)
    alert = get(internal(alert_type, {"name": "DQV", "created": "2026-03-01 11:00:00 UTC"}))
    assert alert.issued == (made if says else None)


def test_a_label_alert_with_an_object_keeps_both() -> None:
    alert = get(internal("label_added", {"name": "ADVNO", "created": "2026-03-01 10:05:00 UTC"}))
    assert (alert.kind, alert.label, alert.labels, alert.retracted) == ("label_added", "ADVNO", {"EM_READY"}, None)


def test_a_label_alert_without_an_object_states_no_list() -> None:
    alert = get({"uid": "S260301ab", "alert_type": "label_removed", "data": {"name": "DQV"}})
    assert (alert.kind, alert.label, alert.labels, alert.facts) == ("label_removed", "DQV", None, {})


@pytest.mark.parametrize("alert_type", ["label_added", "signoff_created", "something_new", "preliminary"])
def test_an_alert_whose_meaning_is_missing_or_unknown_is_other(alert_type: str) -> None:
    assert get({"uid": "S260301ab", "alert_type": alert_type}).kind == "other"


@pytest.mark.parametrize(
    "alert_type", ["event_added", "event_removed", "confirmed_as_gw", "exposed", "hidden", "emobservation", "update"]
)
def test_the_kinds_of_superevents_keep_their_names(alert_type: str) -> None:
    assert get(internal(alert_type)).kind == alert_type


@pytest.mark.parametrize(
    ("alert_type", "status"), [("signoff_created", "OK"), ("signoff_updated", "NO"), ("signoff_deleted", "deleted")]
)
def test_signoffs_are_one_kind(alert_type: str, status: str) -> None:
    said = {"signoff_type": "ADV", "instrument": "", "status": "NO" if status == "deleted" else status, "comment": "fine"}
    alert = get(internal(alert_type, said))
    assert alert.kind == "signoff"
    assert alert.signoff == {"type": "ADV", "instrument": "", "status": status, "comment": "fine"}


def test_a_log_entry_with_a_sky_map_names_it() -> None:
    log = {"comment": "sky map", "filename": "bayestar.multiorder.fits", "file_version": 1, "tag_names": ["sky_loc"]}
    alert = get(internal("log", log))
    assert alert.skymap is not None
    assert (alert.skymap.name, alert.skymap.version) == ("bayestar.multiorder.fits", 1)
    assert get(internal("log", {**log, "tag_names": ["em_bright"]})).skymap is None
    assert get(internal("log", {**log, "tag_names": ["sky_loc", "ext_coinc"]})).skymap is None
    assert get(internal("log", {**log, "filename": "../../x.fits"})).skymap is None


def test_a_log_entry_of_any_length_is_read() -> None:
    alert = get(internal("log", {"comment": "x" * 50_000}))
    assert alert.facts["comment"] == "(50000 bytes, left out)"


def test_the_older_layout_has_the_object_in_data() -> None:
    event = {"graceid": "G7", "group": "CBC", "pipeline": "gstlal", "created": "2026-03-01 10:00:00 UTC", "gpstime": 1456394418.0}
    alert = get({"uid": "G7", "alert_type": "new", "data": event})
    assert (alert.event, alert.superevent, alert.facts["t_0"]) == ("G7", False, 1456394418.0)
    assert alert.issued == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_what_is_told_of_a_member_is_not_told_of_its_superevent() -> None:
    event = {"graceid": "G100", "superevent": "S260301ab", "far": 5.0, "labels": ["PASTRO_READY"], "gpstime": 1.0}
    alert = get({"uid": "G100", "alert_type": "label_added", "data": {"name": "INJ"}, "object": event})
    assert (alert.event, alert.superevent, alert.kind, alert.label, alert.labels) == ("S260301ab", True, "other", None, None)
    assert alert.facts == {"member": "G100", "member_alert": "label_added"}


def test_a_voevent_inside_an_alert_is_read() -> None:
    data = {"voevent_type": "RE", "text": voevent(kind="Retraction"), "created": "2026-03-01T12:00:00+00:00"}
    alert = get(internal("voevent", data))
    assert (alert.kind, alert.retracted, alert.facts["ivorn"]) == ("voevent", True, "ivo://test/LVC#S260301ab-1")
    assert alert.facts["preferred_event"] == "G100"


@pytest.mark.parametrize("text", ["no XML", voevent(event="S260301zz"), voevent(before="<!DOCTYPE x>"), "x" * 200_000])
def test_a_voevent_that_is_wrong_does_not_stop_the_alert_around_it(text: str) -> None:
    alert = get(internal("voevent", {"text": text}))
    assert alert.kind == "voevent"
    assert alert.facts["far"] == 1e-9
    assert alert.facts["voevent_problem"].startswith("VOEvent")


def test_an_object_about_something_else_is_refused() -> None:
    with pytest.raises(InputError, match="uid S260301ab"):
        get(internal(object=superevent(superevent_id="S260301zz")))


def test_a_superevent_from_a_query_is_a_snapshot() -> None:
    alert = get(superevent())
    assert (alert.form, alert.kind, alert.issued, alert.labels) == ("snapshot", "snapshot", None, {"EM_READY"})


# ---- VOEvents --------------------------------------------------------------------------------------------------------------
def test_a_voevent_says_the_same_as_the_notice() -> None:
    params = (
        '<Param name="FAR" value="1e-9"/><Param name="Significant" value="1"/><Param name="Instruments" value="H1,L1"/>'
        '<Group name="GW_SKYMAP"><Param name="skymap_fits" value="https://g.example.org/api/x/files/bayestar.multiorder.fits,2"/></Group>'
    )
    alert = get(voevent(params))
    assert (alert.form, alert.kind, alert.category, alert.test) == ("voevent", "preliminary", "Production", False)
    assert alert.issued == datetime(2026, 3, 1, 10, 0, 30, tzinfo=UTC)
    assert alert.facts["t_0"] == pytest.approx(1456394418.5, abs=1e-6)
    assert (alert.facts["far"], alert.facts["significant"], alert.facts["instruments"]) == (1e-9, True, ["H1", "L1"])
    assert alert.facts["classification"] == {"BBH": 0.9}
    assert alert.skymap is not None
    assert (alert.skymap.name, alert.skymap.version) == ("bayestar.multiorder.fits", 2)


# ---- what is not real ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("document", "category"),
    [
        (public(superevent_id="MS260301ab"), "MDC"),
        (public(superevent_id="TS260301ab"), "Test"),
        (public(event={"search": "MDC"}), "MDC"),
        (public(event={"group": "Test"}), "Test"),
        (superevent(category="Test"), "Test"),
        (superevent(superevent_id="MS260301ab"), "MDC"),
        (superevent(category=None, preferred_event="M12"), "MDC"),
        (voevent(role="test"), "Test"),
        (voevent(role="utility"), "Test"),
        (voevent('<Param name="HardwareInj" value="1"/>'), "Test"),
        ({"uid": "H12", "alert_type": "new"}, "Test"),
        (internal("voevent", {"text": voevent(role="test")}), "Test"),
        ({"uid": "T12", "alert_type": "new"}, "Test"),
    ],
)
def test_mocks_and_tests_are_known_whatever_says_so(document: Any, category: str) -> None:
    alert = get(document)
    assert (alert.category, alert.role, alert.test) == (category, "test", True)


# ---- lists -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("document", [[superevent(), superevent()], {"superevents": [superevent(), superevent()]}])
def test_lists_are_refused_whole_and_read_in_parts(document: Any) -> None:
    with pytest.raises(InputError, match="gwfollow ingest"):
        get(document)
    assert [read(part, "list").event for part in split(as_bytes(document))] == ["S260301ab"] * 2


@pytest.mark.parametrize("raw", [b"", b"[1,", b"[]", b'{"superevents": []}', b"<x/>", as_bytes(public())])
def test_what_is_no_list_stays_whole(raw: bytes) -> None:
    assert split(raw) == [raw]


def test_the_same_message_laid_out_differently_is_the_same_alert() -> None:
    document = public()
    shuffled = b"\xef\xbb\xbf \n" + json.dumps(dict(reversed(document.items())), indent=3).encode()
    assert read(shuffled, "x") == replace(read(as_bytes(document), "x"))
