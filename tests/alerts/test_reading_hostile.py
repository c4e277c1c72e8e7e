"""Messages that mean harm, or make no sense, are refused with a reason and nothing else happens."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from alert_messages import as_bytes, internal, public, superevent, voevent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gwfollow.alerts.alert import KINDS, Alert
from gwfollow.alerts.reading import read, read_payload, split
from gwfollow.errors import InputError


def refusal(raw: bytes | Any) -> str:
    with pytest.raises(InputError) as caught:
        read(raw if isinstance(raw, bytes) else as_bytes(raw), "GCN")
    assert str(caught.value).startswith("GCN")
    assert len(str(caught.value)) < 500
    return str(caught.value)


BILLION_LAUGHS = "<!DOCTYPE lolz [<!ENTITY a 'lol'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
) + "]>"  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"{", "no JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"null", "the JSON value"),
        (b'"text"', "the JSON value"),
        (b"[1, 2]", "a JSON list of 2"),
        (b"{}", "no form of alert"),
        (b"[" * 200_000, "nested deeper"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested deeper"),
        (b"[" + b"[]," * 600_000 + b"[]]", "more than 500000 values"),
        (b"x" * 50_000_000, "larger than"),
        (b'{"superevent_id": "S260301ab", "far": NaN}', "a finite one"),
        (b'{"superevent_id": "S260301ab", "far": -Infinity}', "a finite one"),
        (b'{"superevent_id": "S260301ab", "far": 1e999}', "a finite one"),
        (b'{"superevent_id": "S260301ab", "far": ' + b"9" * 5000 + b"}", "at most 18 digits"),
        (b'{"superevent_id": "S260301ab", "x": "\\u0000"}', "NUL"),
        (b'{"superevent_id": "S260301ab", "x": "\\ud800"}', "half a character"),
        (b'{"graceid": "G1", "gpstime": 1}', "an event of GraceDB by itself"),
    ],
)
def test_documents_that_are_no_alerts(raw: bytes, words: str) -> None:
    assert words in refusal(raw)


@pytest.mark.parametrize("name", ["../../x", "S260301ab/../x", "S260301ab\n", "", "S26030a", "GW150914", None, 5, ["S260301ab"]])
def test_an_event_is_named_as_graceDB_names_them_or_not_at_all(name: Any) -> None:
    assert "superevent_id" in refusal(public(superevent_id=name))
    assert "superevent_id" in refusal(superevent(superevent_id=name))
    assert "uid" in refusal(internal(uid=name))


@pytest.mark.parametrize(
    "event",
    [
        {"far": -1e-9},
        {"far": "nan"},
        {"far": "inf"},
        {"far": True},
        {"classification": {"BBH": 1.1}},
        {"classification": {"BBH": -0.1}},
        {"classification": {"<script>": 0.5}},
        {"classification": {"x" * 9000: 0.5}},
        {"properties": [0.5]},
        {"instruments": {"H1": 1}},
        {"instruments": ["<b>"]},
        {"time": "yesterday"},
        {"time": "0001-01-01T00:00:00Z"},
        {"time": None},
        {"pipeline": "gst\nlal"},
        {"significant": "perhaps"},
        {"duration": -1},
    ],
)
def test_values_of_a_notice_that_are_used_are_checked(event: dict[str, Any]) -> None:
    assert f"event.{next(iter(event))}" in refusal(public(event=event))


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": "Real"},
        {"preferred_event": "../G1"},
        {"gw_events": ["G1", "x"]},
        {"t_0": -1},
        {"t_0": 1e11},
        {"labels": ["<b>"]},
        {"labels": "EM_READY"},
        {"created": "then"},
        {"preferred_event_data": {"far": -1}},
        {"links": {"self": "javascript:alert(1)"}},
    ],
)
def test_values_of_a_superevent_that_are_used_are_checked(wrong: dict[str, Any]) -> None:
    assert f"object, {next(iter(wrong))}" in refusal(superevent(**wrong))
    assert f"object, {next(iter(wrong))}" in refusal(internal(object=superevent(**wrong)))


def test_a_refusal_says_what_was_meant() -> None:
    expected = "GCN, superevent_id: found '../../x', expected a superevent id like S190814bv"
    assert refusal(public(superevent_id="../../x")) == expected


def test_addresses_are_web_addresses() -> None:
    assert "urls.gracedb" in refusal(public(urls={"gracedb": "javascript:alert(1)"}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (voevent(before=BILLION_LAUGHS, params="<Param name='x' value='&j;'/>"), "document type definition"),
        (voevent(before="<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>", params="&e;"), "document type definition"),
        (voevent(before="<!DOCTYPE x SYSTEM 'http://127.0.0.1:9/x.dtd'>"), "document type definition"),
        (voevent(params="&undefined;"), "no XML"),
        (voevent(params="<Param name='FAR' value='nan'/>"), "Param FAR"),
        (voevent(params="<Param name='FAR' value='-1'/>"), "Param FAR"),
        (voevent(params="<Param name='skymap_fits' value='file:///etc/passwd'/>"), "Param skymap_fits"),
        (voevent(params="<Param name='skymap_fits' value='https://x/../../.ssh'/>"), "Param skymap_fits"),
        (voevent(event="../../x"), "Param GraceID"),
        (voevent(kind="Rumour"), "Param AlertType"),
        (voevent().replace("GraceID", "TrigID"), "Param GraceID: is missing"),
        (voevent().replace("2026-03-01T10:00:00.5Z", "noon"), "ISOTime"),
        ("<html></html>", "root element"),
        ("<a>" * 2000, "no XML"),
        (f"<{'a' * 9000}></{'b' * 9000}>", "no XML"),
        ("<", "no XML"),
        (voevent(params="<!-- " + "x" * 200_000 + " -->"), "larger than"),
    ],
)
def test_xml_that_means_harm_or_nothing(text: str, words: str) -> None:
    assert words in refusal(text.encode())


def test_a_declared_encoding_hides_nothing() -> None:
    """In UTF-7 the doctype would be ASCII letters that no filter knows."""
    hidden = voevent(before="+ADwAIQ-DOCTYPE x [+ADwAIQ-ENTITY e SYSTEM 'file:///etc/passwd'+AD4AXQA+-").replace("UTF-8", "UTF-7")
    assert "no XML" in refusal(hidden.encode())
    assert "not UTF-8" in refusal(voevent(before=BILLION_LAUGHS).encode("utf-16"))


def test_a_large_message_is_refused_before_it_costs_memory() -> None:
    raw = b"[" + b"[]," * 6_000_000 + b"[]]"
    tracemalloc.start()
    try:
        refusal(raw)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    raw = as_bytes(superevent()).replace(b'"far": 1e-09', b'"far": -5, "far": 2e-09', 1)
    assert read(raw, "x").facts["far"] == 2e-9


# ---- properties ------------------------------------------------------------------------------------------------------------
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
MESSAGES = [public(), public("RETRACTION"), internal(), internal("log", {"comment": "x", "filename": "a.fits"}), superevent(),
            internal("label_added", {"name": "DQV"}), internal("signoff_created", {"signoff_type": "OP", "status": "OK"}),
            internal("voevent", {"text": voevent()}), {"uid": "G1", "alert_type": "new", "data": {"graceid": "G1"}}]  # fmt: skip
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def only_refused(raw: bytes) -> Alert | None:
    for part in split(raw)[:3]:
        try:
            alert = read(part, "x")
        except InputError:
            continue
        assert alert.kind in KINDS
        assert read_payload(json.loads(json.dumps(dict(alert.payload)))) == alert
        json.dumps(dict(alert.facts), allow_nan=False).encode()
        return alert
    return None


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    only_refused(raw)


@QUICK
@given(JSON)
def test_any_json_is_read_or_refused(document: Any) -> None:
    only_refused(json.dumps(document).encode())


@settings(QUICK, max_examples=500)
@given(st.sampled_from(MESSAGES), st.data())
def test_an_alert_with_any_part_replaced_is_read_or_refused(message: dict[str, Any], data: st.DataObject) -> None:
    changed = json.loads(json.dumps(message))
    here = changed
    while True:
        key = data.draw(st.sampled_from(sorted(here)))
        if not (isinstance(here[key], dict) and here[key] and data.draw(st.booleans())):
            break
        here = here[key]
    here[key] = data.draw(JSON)
    only_refused(json.dumps(changed).encode())


@QUICK
@given(st.data())
def test_a_voevent_with_any_piece_cut_out_or_put_in_is_read_or_refused(data: st.DataObject) -> None:
    text = voevent('<Param name="FAR" value="1e-9"/>')
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    only_refused((text[:start] + data.draw(st.text(max_size=10)) + text[end:]).encode(errors="replace"))


def test_recorded_messages_with_bytes_flipped_are_read_or_refused(shared: Path) -> None:
    for path in sorted((shared / "data" / "alerts").iterdir()):
        raw = path.read_bytes()
        if len(raw) < 20_000:
            for position in range(0, len(raw), max(1, len(raw) // 25)):
                only_refused(raw[:position] + bytes([raw[position] ^ 0x15]) + raw[position + 1 :])
