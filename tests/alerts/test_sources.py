"""What is listened to, and with which login."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from gwfollow.alerts.sources import Login, Source, expected, read_logins, with_logins
from gwfollow.errors import InputError
from gwfollow.settings import Settings

BOTH = {"igwn-alert": {"username": "alice-01", "password": "canary-1"}, "gcn": {"client_id": "id", "client_secret": "canary-2"}}
SETTINGS = Settings(
    igwn_alert_server="kafka.scimma.org:9092", gcn_server="kafka.gcn.nasa.gov", igwn_alert_topics="superevent, cbc_gstlal"
)


@pytest.fixture
def login_file(tmp_path: Path) -> Path:
    path = tmp_path / "kafka.json"
    path.write_text(json.dumps(BOTH))
    path.chmod(0o600)
    return path


def test_nothing_is_listened_to_where_the_settings_name_no_server() -> None:
    assert expected(Settings()) == []


def test_internal_topics_begin_with_the_group_and_one_source_has_all_of_them() -> None:
    internal, public = expected(SETTINGS)
    assert internal.topics == ("gracedb.superevent", "gracedb.cbc_gstlal")
    assert (public.name, public.topics) == ("gcn", ("igwn.gwalert",))


def test_a_server_without_topics_is_refused() -> None:
    with pytest.raises(InputError, match="GWFOLLOW_GCN_TOPICS"):
        expected(Settings(gcn_server="x:1", gcn_topics=" , "))


def test_the_logins_of_the_file_make_configurations_that_a_client_takes(login_file: Path) -> None:
    internal, public = with_logins(Settings(**vars(SETTINGS) | {"kafka_login_file": str(login_file)}))
    first, second = internal.config(), public.config()
    assert (first["security.protocol"], first["sasl.mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (first["sasl.username"], first["group.id"]) == ("alice-01", "alice-01-gwfollow")
    assert second["sasl.oauthbearer.token.endpoint.url"] == "https://auth.gcn.nasa.gov/oauth2/token"
    assert (second["bootstrap.servers"], second["group.id"]) == ("kafka.gcn.nasa.gov", "gwfollow")
    for config in (first, second):
        assert (config["auto.offset.reset"], config["enable.auto.commit"]) == ("earliest", False)
        Consumer(config | {"log_level": 2}).close()  # librdkafka refuses what it does not know


def test_the_test_server_of_gcn_has_its_own_token_endpoint() -> None:
    source = Source("gcn", "kafka.test.gcn.nasa.gov", ("t",), "g", Login("id", "secret"))
    assert source.config()["sasl.oauthbearer.token.endpoint.url"] == "https://auth.test.gcn.nasa.gov/oauth2/token"


def test_a_given_login_outranks_the_files(login_file: Path) -> None:
    settings = Settings(**vars(SETTINGS) | {"kafka_login_file": str(login_file)})
    internal, _ = with_logins(settings, {"igwn-alert": Login("bob", "x")})
    assert internal.config()["sasl.username"] == "bob"


def test_no_login_is_needed_on_this_machine_or_where_the_server_is_said_to_ask_for_none() -> None:
    for server in ("localhost:9092", "127.0.0.1:1234", "plaintext://kafka:9092"):
        config = Source("gcn", server, ("t",), "g").config()
        assert config["bootstrap.servers"] == server.removeprefix("plaintext://")
        assert "security.protocol" not in config
    with pytest.raises(InputError, match="GWFOLLOW_KAFKA_LOGIN_FILE"):
        Source("gcn", "kafka.gcn.nasa.gov", ("t",), "g").config()


def test_a_file_that_others_can_read_is_refused(login_file: Path) -> None:
    login_file.chmod(0o640)
    with pytest.raises(InputError, match=r"mode 640.*mode 600"):
        read_logins(login_file)


@pytest.mark.parametrize("text", ["{canary", '["canary"]', '{"gcn": "canary"}', '{"gcn": {"client_id": "canary"}}'])
def test_a_file_that_is_wrong_is_refused_without_being_shown(login_file: Path, text: str) -> None:
    login_file.write_text(text)
    with pytest.raises(InputError) as caught:
        read_logins(login_file)
    assert "canary" not in str(caught.value)
    assert str(login_file) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        read_logins(tmp_path / "none.json")


def test_a_login_is_not_shown(login_file: Path) -> None:
    assert "canary" not in repr(with_logins(Settings(**vars(SETTINGS) | {"kafka_login_file": str(login_file)})))
