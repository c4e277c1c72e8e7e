"""Credentials are found where IGWN keeps them, at each moment anew: with real SciTokens and certificates against the local GraceDB."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gwfollow.errors import InputError, RemoteSilent
from gwfollow.gracedb import credentials as module
from gwfollow.gracedb.client import GraceDBClient
from gwfollow.gracedb.credentials import Credentials, Login
from gwfollow.sandbox.gracedb import LocalGraceDB
from gwfollow.sandbox.gracedb.certificates import ISSUER
from gwfollow.sandbox.gracedb.certificates import Credentials as Issuer

URL = "https://localhost:9/api/"
DAY = 86400


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGraceDB]:
    with LocalGraceDB(tmp_path_factory.mktemp("gracedb")) as running:
        yield running


@pytest.fixture
def token_file(server: LocalGraceDB, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where IGWN's tools look for a token; empty.  The key of its issuer is in their cache, as after a first use."""
    for name in ("SCITOKEN", "SCITOKEN_FILE", "BEARER_TOKEN", "_CONDOR_CREDS", "X509_USER_CERT", "X509_USER_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "no-certificate"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    from scitokens.utils.keycache import KeyCache

    monkeypatch.setattr(KeyCache, "_instance", None, raising=False)
    KeyCache().addkeyinfo(ISSUER, "local", Issuer(server.folder).issuer_key, cache_timer=DAY, next_update=DAY)
    return tmp_path / "token"


def test_a_token_that_is_replaced_in_mid_life_is_used(
    server: LocalGraceDB, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_file.write_text(server.token("alice"))
    client = GraceDBClient(server.url, ca=server.ca)
    assert client.whoami() == "alice"

    token_file.write_text(server.token("bob"))
    assert client.whoami() == "alice", "files are not read at every request"
    monkeypatch.setattr(module.time, "time", lambda now=time.time: now() + module.KEPT_SECONDS)
    assert client.whoami() == "bob"


def test_one_that_the_server_does_not_take_any_more_is_replaced_at_once(server: LocalGraceDB, token_file: Path) -> None:
    token_file.write_text(server.token("alice"))
    client = GraceDBClient(server.url, ca=server.ca)
    client.whoami()
    # as if it had been revoked: the server says 401 to what the client still holds
    client.session.credentials._found = Login(header="Bearer revoked")
    token_file.write_text(server.token("bob"))

    assert client.whoami() == "bob"


def test_an_expired_token_means_silence_with_the_cure_and_its_renewal_ends_it(
    server: LocalGraceDB, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token_file.write_text(server.token("alice", 62))
    client = GraceDBClient(server.url, ca=server.ca)
    event = "G000001"
    assert client.whoami() == "alice"
    monkeypatch.setattr(module.time, "time", lambda now=time.time: now() + 10)
    token_file.write_text(server.token("alice", 30))

    with pytest.raises(
        RemoteSilent, match=r"no valid credentials .* no SciToken .* no X.509 certificate .* Renew them; or, .* anonymous"
    ):
        client.event(event)
    token_file.write_text(server.token("alice"))
    assert client.whoami() == "alice"


def test_the_server_checks_the_time_of_a_token_of_a_connection(server: LocalGraceDB) -> None:
    client = GraceDBClient(server.url, ca=server.ca, token=server.token("alice", 1.5))
    assert client.whoami() == "alice"
    time.sleep(1.6)
    with pytest.raises(RemoteSilent, match="401: Invalid or expired token"):
        client.whoami()


def test_without_a_token_a_certificate_is_taken_and_a_token_that_comes_later_wins(
    server: LocalGraceDB, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X509_USER_PROXY", server.user_certificate)
    client = GraceDBClient(server.url, ca=server.ca)
    assert client.whoami() == "gwfollow"

    token_file.write_text(server.token("alice"))
    monkeypatch.setattr(module.time, "time", lambda now=time.time: now() + module.KEPT_SECONDS)
    assert client.whoami() == "alice"


@pytest.mark.parametrize("variable", ["SCITOKEN_FILE", "BEARER_TOKEN_FILE", "X509_USER_PROXY"])
def test_a_variable_that_names_no_file_is_no_crash(token_file: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "/nowhere")
    with pytest.raises(RemoteSilent, match="no valid credentials"):
        Credentials(URL).login()


def test_a_token_for_another_service_is_not_taken(token_file: Path, server: LocalGraceDB) -> None:
    token_file.write_text(server.token("alice"))
    assert Credentials(server.url).login().header
    with pytest.raises(RemoteSilent, match="no valid credentials"):
        Credentials("https://gracedb.ligo.org/api/").login()


def test_anonymous_looks_for_nothing(token_file: Path, server: LocalGraceDB) -> None:
    token_file.write_text(server.token("alice"))
    credentials = Credentials(server.url, auth="anonymous")
    assert (credentials.login(), credentials.anonymous, credentials.refused()) == (Login(), True, False)


def test_a_login_does_not_show_what_it_is() -> None:
    assert repr(Login(header="Bearer secret")) == "Login(token)"
    assert "Bearer" not in repr(Credentials(URL, token="secret").__dict__)


def test_a_wrong_word_is_refused() -> None:
    with pytest.raises(InputError, match="auto or anonymous"):
        Credentials(URL, auth="netrc")


def test_a_client_certificate_is_read_from_its_file_at_each_connection(
    server: LocalGraceDB, token_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = tmp_path / "x509"
    Issuer(server.folder).certificate("alice", proxy)
    monkeypatch.setenv("X509_USER_PROXY", str(proxy))
    client = GraceDBClient(server.url, ca=server.ca)
    assert client.whoami() == "alice"

    proxy.unlink()
    Issuer(server.folder).certificate("bob", proxy)
    client.session.close()  # connections end in time
    assert client.whoami() == "bob"
