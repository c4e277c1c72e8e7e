"""The session sends the credential of the moment and none that was not asked for, and repeats only what reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from gwfollow.errors import RemoteSilent
from gwfollow.gracedb import session as session_module
from gwfollow.gracedb.session import Session

URL = "https://localhost:9/api/"


def answering(monkeypatch: pytest.MonkeyPatch, session: Session, *statuses: int, retry_after: str = "") -> list[Any]:
    """Whatever is asked is answered with these statuses in turn, then 200; returns the list of requests."""
    sent: list[Any] = []

    def send(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        sent.append((request, options))
        response = requests.Response()
        response.status_code = statuses[len(sent) - 1] if len(sent) <= len(statuses) else 200
        response._content, response.request, response.url = b"{}", request, str(request.url)
        if retry_after:
            response.headers["Retry-After"] = retry_after
        return response

    monkeypatch.setattr(session.get_adapter(URL), "send", send)
    monkeypatch.setattr(session_module, "_read", lambda *_: None)
    monkeypatch.setattr(session_module, "READ_PAUSE", 0.0)
    return sent


def test_a_given_token_is_sent_and_no_certificate_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(URL, token="abc")
    sent = answering(monkeypatch, session)
    session.get(URL)

    ((request, options),) = sent
    assert request.headers["Authorization"] == "Bearer abc"
    assert not options["cert"]


def test_anonymous_means_that_not_even_netrc_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine localhost login somebody password canary\n")
    netrc.chmod(0o600)
    session = Session(URL, auth="anonymous")
    sent = answering(monkeypatch, session)
    session.get(URL)

    assert "Authorization" not in sent[0][0].headers


def test_no_request_is_repeated_by_the_transport() -> None:
    for adapter in Session(URL, token="abc").adapters.values():
        assert adapter.max_retries.total == 0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_reads_is_asked_again_when_it_is_a_matter_of_moments(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    session = Session(URL, token="abc")
    sent = answering(monkeypatch, session, status, status)

    assert session.get(URL).status_code == 200
    assert len(sent) == 3


@pytest.mark.parametrize("status", [408, 409, 500, 501])
def test_other_errors_are_not_asked_again(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    session = Session(URL, token="abc")
    sent = answering(monkeypatch, session, status)

    with pytest.raises(RemoteSilent, match=str(status)):
        session.get(URL)
    assert len(sent) == 1


def test_it_gives_up_after_a_few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(URL, token="abc")
    sent = answering(monkeypatch, session, *[503] * 9)

    with pytest.raises(RemoteSilent, match="503"):
        session.get(URL)
    assert len(sent) == session_module.READS


def test_a_pause_that_the_server_asks_for_is_kept_when_it_fits_and_handed_on_when_not(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(session_module.time, "sleep", slept.append)
    session = Session(URL, token="abc")
    sent = answering(monkeypatch, session, 503, retry_after="7")
    session.get(URL)
    assert (slept, len(sent)) == ([7.0], 2)

    sent = answering(monkeypatch, session, 429, retry_after="600")
    with pytest.raises(RemoteSilent, match="429") as caught:
        session.get(URL)
    assert (caught.value.retry_after, len(sent)) == (600.0, 1)


@pytest.mark.parametrize("write", [Session.post, Session.put, Session.patch, Session.delete])
def test_what_writes_is_never_repeated(monkeypatch: pytest.MonkeyPatch, write: Callable[..., requests.Response]) -> None:
    session = Session(URL, token="abc")
    sent = answering(monkeypatch, session, 503, retry_after="0")

    with pytest.raises(RemoteSilent, match="503"):
        write(session, URL)
    assert len(sent) == 1
