"""The local GraceDB publishes what changes, as the real one does: read back by a real Kafka consumer."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gwfollow.errors import RemoteRefused
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.sandbox.gracedb.alerts import topics

confluent_kafka = pytest.importorskip("confluent_kafka")
ligo_gracedb = pytest.importorskip("ligo.gracedb.test.integration")
EVENT_FILE = Path(ligo_gracedb.__file__).parent / "data" / "cbc-lm.xml"

pytestmark = pytest.mark.slow

#: topic and message
Alerts = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gwfollow.sandbox.kafka import LocalKafka

    with LocalKafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="module")
def server(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb"), kafka=kafka.address, group="gracedb-test", old=True) as running:
        yield running


@pytest.fixture
def client(server: LocalGraceDB) -> GraceDBClient:
    return GraceDBClient(server.url, ca=server.ca, token=server.token())


@pytest.fixture
def read(kafka: Any) -> Iterator[Callable[[int, str], Alerts]]:
    """Messages about one object, in order, once there are so many."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.address, "group.id": "not used"})
    assigned: set[tuple[str, int]] = set()
    seen: Alerts = []

    def assign() -> None:
        # by hand: the mock broker takes minutes to share topics anew in a group
        there = {(topic, p) for topic, about in consumer.list_topics(timeout=30).topics.items() for p in about.partitions}
        partition, beginning = confluent_kafka.TopicPartition, confluent_kafka.OFFSET_BEGINNING
        consumer.incremental_assign([partition(topic, p, beginning) for topic, p in there - assigned])
        assigned.update(there)

    def until(count: int, uid: str) -> Alerts:
        end = time.monotonic() + 60
        while len(found := [(topic, alert) for topic, alert in seen if alert["uid"] == uid]) < count:
            assert time.monotonic() < end, f"{len(found)} of {count}: {[alert['alert_type'] for _, alert in found]}"
            assign()
            while (message := consumer.poll(0.2)) is not None:
                if message.error() is None:
                    seen.append((message.topic(), json.loads(message.value())))
        return found

    yield until
    consumer.close()


def types(alerts: Alerts, topic: str) -> list[str]:
    return [alert["alert_type"] for found, alert in alerts if found == f"gracedb-test.{topic}"]


def superevent(client: GraceDBClient, **options: Any) -> tuple[str, str]:
    event = client.create_event("CBC", "gstlal", EVENT_FILE, search="LowMass")
    made = client.create_superevent(event["gpstime"], event["graceid"], **options)
    return made["superevent_id"], event["graceid"]


def test_the_life_of_a_superevent_is_told_in_order(client: GraceDBClient, read: Callable[[int, str], Alerts]) -> None:
    name, first = superevent(client)
    second = client.create_event("CBC", "gstlal", EVENT_FILE)["graceid"]
    ligo = client.session
    ligo.add_event_to_superevent(name, second)
    ligo.update_superevent(name, preferred_event=second)
    ligo.remove_event_from_superevent(name, first)
    client.write_log(name, "look", tags=["pe"], label="DQV")
    client.remove_label(name, "DQV")
    client.add_label(name, "ADVREQ")
    ligo.create_signoff(name, "ADV", "OK", "good")
    ligo.update_signoff(name, "ADV", "NO", "bad")
    ligo.delete_signoff(name, "ADV")
    ligo.create_voevent(name, "PR")
    ligo.write_emobservation(name, "ZTF", [1], 1, [2], 1, ["2026-01-01T00:00:00"], 1)
    ligo.confirm_superevent_as_gw(name)
    ligo.modify_permissions(name, "expose")
    ligo.modify_permissions(name, "hide")

    told = read(21, name)

    assert types(told, "superevent") == [
        *("new", "event_added", "update", "event_removed", "log", "label_added", "label_removed", "label_added"),
        *("label_added", "signoff_created"),
        *("label_removed", "label_added", "signoff_updated"),
        *("label_removed", "label_added", "signoff_deleted"),
        *("voevent", "emobservation", "confirmed_as_gw", "exposed", "hidden"),
    ]
    for _, alert in told:
        assert set(alert) == {"uid", "alert_type", "data", "object"}


def test_an_alert_shows_the_object_as_the_api_does(client: GraceDBClient, read: Callable[[int, str], Alerts]) -> None:
    name, graceid = superevent(client)
    client.write_log(name, "samples", tags=["pe"], file=("samples.h5", b"1"))
    ((_, new), (_, log)) = read(2, name)

    assert new["data"] == new["object"] == client.superevent(name)
    assert new["object"]["preferred_event_data"]["graceid"] == graceid
    assert new["object"]["preferred_event_data"]["extra_attributes"]["CoincInspiral"]["snr"] == 9.31793628458239
    assert log["data"] == client.logs(name)[-1]
    assert log["data"]["created"].endswith(" UTC")
    assert (log["data"]["filename"], log["data"]["file_version"]) == ("samples.h5", 0)


def test_an_event_is_told_to_its_group_and_pipeline_and_to_its_search(
    client: GraceDBClient, read: Callable[[int, str], Alerts]
) -> None:
    _, graceid = superevent(client)
    client.add_label(graceid, "DQV")

    told = read(6, graceid)

    for topic in ("cbc_gstlal", "cbc_gstlal_lowmass"):
        assert types(told, topic) == ["new", "selected_as_preferred", "label_added"]
    assert topics({"group": "Test", "pipeline": "MBTA", "search": None}) == ["test_mbta"]


@pytest.mark.parametrize(("category", "topic"), [("Test", "test_superevent"), ("MDC", "mdc_superevent")])
def test_tests_have_topics_of_their_own(
    client: GraceDBClient, read: Callable[[int, str], Alerts], category: str, topic: str
) -> None:
    name, _ = superevent(client, category=category)

    assert types(read(1, name), topic) == ["new"]


def test_what_fails_or_changes_nothing_is_not_told(client: GraceDBClient, read: Callable[[int, str], Alerts]) -> None:
    name, graceid = superevent(client)
    with pytest.raises(RemoteRefused):
        client.create_superevent(1.0, graceid)
    client.add_label(name, "DQV")
    client.add_label(name, "DQV")
    client.session.add_tag(name, client.write_log(name, "text")["N"], "pe")
    client.write_log(name, "the last one")

    assert types(read(4, name), "superevent") == ["new", "label_added", "log", "log"]


def test_a_broker_that_hangs_delays_no_request_and_gets_everything_later(
    kafka: Any, client: GraceDBClient, read: Callable[[int, str], Alerts]
) -> None:
    name, _ = superevent(client)
    read(1, name)
    os.kill(kafka.pid, signal.SIGSTOP)
    try:
        for n in range(3):
            client.write_log(name, f"log {n}")
        assert [entry["comment"] for entry in client.logs(name)] == ["log 0", "log 1", "log 2"]
    finally:
        os.kill(kafka.pid, signal.SIGCONT)

    assert [alert["data"]["comment"] for _, alert in read(4, name)[1:]] == ["log 0", "log 1", "log 2"]


def test_a_broker_that_is_not_there_changes_nothing_for_clients(tmp_path: Path) -> None:
    with LocalGraceDB(tmp_path / "gracedb", kafka="127.0.0.1:9") as server:
        client = GraceDBClient(server.url, ca=server.ca, token=server.token())
        name, _ = superevent(client)
        assert client.superevent(name)["superevent_id"] == name
