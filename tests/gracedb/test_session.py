"""The session finds credentials where IGWN keeps them, and sends none that were not asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from gwfollow.gracedb.session import Session
from gwfollow.sandbox.gracedb.certificates import Credentials

URL = "https://localhost:9/api/"


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SCITOKEN", "SCITOKEN_FILE", "BEARER_TOKEN", "_CONDOR_CREDS", "X509_USER_CERT", "X509_USER_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BEARER_TOKEN_FILE", str(tmp_path / "no-token"))
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "no-certificate"))
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_given_token_is_sent_and_no_certificate_beside_it() -> None:
    session = Session(URL, token="abc")

    assert session.auth.token == "abc"
    assert session.cert is False


def test_a_certificate_is_found_and_read_again_before_it_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    credentials.make()
    monkeypatch.setenv("X509_USER_PROXY", str(credentials.user))

    session = Session(URL)

    assert session.cert == str(credentials.user)
    assert type(session.get_adapter(URL)).__name__ == "GraceDbCredAdapter"


def test_anonymous_means_that_not_even_netrc_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine localhost login somebody password canary\n")
    netrc.chmod(0o600)
    sent = []
    session = Session(URL, auth="anonymous")
    monkeypatch.setattr(session.get_adapter(URL), "send", lambda request, **_: sent.append(request) or _stop())

    with pytest.raises(KeyboardInterrupt):
        session.get(URL)

    assert "Authorization" not in sent[0].headers


def test_no_request_is_repeated_by_the_transport() -> None:
    for adapter in Session(URL, token="abc").adapters.values():
        assert adapter.max_retries.total == 0


def _stop() -> None:
    raise KeyboardInterrupt
