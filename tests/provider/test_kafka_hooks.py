"""Logins at Kafka servers from connections; servers and topics from the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("airflow.sdk")

from gwfollow.errors import InputError
from gwfollow.provider.hooks.kafka import GCNHook, IGWNAlertHook, KafkaHook, sources
from gwfollow.sandbox.kafka import LocalKafka
from gwfollow.settings import Settings

CANARY = "canary-0815"
SETTINGS = Settings(igwn_alert_server="kafka.scimma.org:9092", gcn_server="kafka.gcn.nasa.gov")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IGWN_ALERT_SERVER", "GCN_SERVER", "KAFKA_LOGIN_FILE"):
        monkeypatch.delenv(f"GWFOLLOW_{name}", raising=False)


def define(monkeypatch: pytest.MonkeyPatch, conn_id: str, **fields: str) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))


def hooks() -> dict[str, KafkaHook]:
    return {"igwn-alert": IGWNAlertHook(), "gcn": GCNHook()}


def test_the_logins_of_both_connections_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "igwn_alert_default", conn_type="igwn_alert", login="alice", password=CANARY)
    define(monkeypatch, "gcn_default", conn_type="gcn", login="id", password=CANARY)
    internal, public = sources(SETTINGS, hooks())
    assert (internal.config()["sasl.username"], public.config()["sasl.oauthbearer.client.id"]) == ("alice", "id")
    assert CANARY not in repr([internal, public])


def test_without_connections_the_file_has_the_logins(tmp_path: Path) -> None:
    path = tmp_path / "logins.json"
    path.write_text(json.dumps({"gcn": {"client_id": "from-file", "client_secret": "x"}}))
    path.chmod(0o600)
    _, public = sources(Settings(**vars(SETTINGS) | {"kafka_login_file": str(path)}), hooks())
    assert public.config()["sasl.oauthbearer.client.id"] == "from-file"


def test_half_a_login_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "gcn_default", conn_type="gcn", password=CANARY)
    with pytest.raises(InputError) as caught:
        sources(SETTINGS, hooks())
    assert "gcn_default" in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def test_the_button_test_asks_the_server(monkeypatch: pytest.MonkeyPatch, kafka: LocalKafka) -> None:
    assert IGWNAlertHook().test_connection() == (False, "no server of igwn-alert in the settings (see 'gwfollow settings')")
    monkeypatch.setenv("GWFOLLOW_IGWN_ALERT_SERVER", kafka.address)
    good, text = IGWNAlertHook().test_connection()
    assert good
    assert text == f"{kafka.address} answers; it does not show us gracedb.superevent"
