"""The session of ligo-gracedb with what it leaves out: time limits, a pace, fresh credentials, our errors.

The client of ligo-gracedb 2.16 has no time-out and repeats every verb up to five times on 409 and 5xx, so that one ``write_log`` can
leave two entries.  Here a request that reads is repeated a few times within a budget, as the server asks; one that writes never is:
the outbox tries again, and looks first whether the message arrived.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests
import urllib3
from igwn_auth_utils import IgwnAuthError
from ligo.gracedb.rest import GraceDb
from ligo.gracedb.utils import hook_response

from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.gracedb.credentials import AUTHS, Credentials
from gwfollow.gracedb.pace import Pace
from gwfollow.gracedb.upload import Form
from gwfollow.http_answers import detail, retry_after

#: seconds to connect, and between two bytes of an answer
TIMEOUT = (10.0, 30.0)
#: seconds that one whole answer may take: a server that drips bytes is as good as silent
ANSWER_SECONDS = 120.0
#: how often something is read, and the seconds in which that has to be done; before the second try it waits so long (s)
READS, READ_SECONDS, READ_PAUSE = 3, 45.0, 0.5
#: requests a second that change something (GraceDB allows 10 annotations, newer servers 25)
WRITES_PER_SECOND = 10.0
#: requests a second of somebody anonymous, and at once: 300 in any minute
ANONYMOUS_PER_SECOND, ANONYMOUS_BURST = 4.5, 30
#: statuses that pass by themselves in a moment
MOMENTARY = frozenset({429, 502, 503, 504})


class Momentary(RemoteSilent):
    """Worth asking again in a moment."""


class Session(GraceDb):  # type: ignore[misc]
    """``ligo.gracedb.rest.GraceDb`` whose every request ends in time, in an answer below 400 or in one of our errors."""

    def __init__(
        self,
        url: str,
        *,
        auth: str = "auto",
        ca: str = "",
        token: str = "",
        pace: Path | None = None,
        writes_per_second: float = WRITES_PER_SECOND,
    ) -> None:
        """
        Parameters
        ----------
        url : GraceDB's API, ``https://gracedb.ligo.org/api/``
        auth : "auto" looks for a SciToken and then for an X.509 certificate where IGWN's tools keep them; "anonymous" sees what is public
        ca : file with the CA of the server's certificate; empty for the system's
        token : a SciToken from a connection, instead of looking for one
        pace : folder in which all processes of a site keep the pace together; None: this session keeps it alone
        writes_per_second : the pace; only measurements change it
        """
        self.credentials = Credentials(url, auth=auth, token=token)
        if not url.startswith("https://"):
            raise InputError("GraceDB address", url, "an address that begins with https://")
        super().__init__(service_url=url, retries=0, force_noauth=True)
        # given with every request: REQUESTS_CA_BUNDLE would win over the session's own
        self._ca = ca or None

        def file(what: str) -> Path | None:
            return pace / f"{self.host}-{what}" if pace else None

        self._writes = Pace(writes_per_second, file=file("writes"))
        self._anonymous = Pace(ANONYMOUS_PER_SECOND, ANONYMOUS_BURST, file("anonymous")) if self.credentials.anonymous else None
        # statuses become errors here, after the body has been read in time
        self.hooks = {"response": [hook_response]}

    def request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:
        """As `requests.Session.request`.  Raises `RemoteSilent` or `RemoteRefused`."""
        if method.upper() in ("GET", "HEAD", "OPTIONS"):
            return _patiently(lambda: self._once(method, url, *args, **options))
        self._writes.wait()
        return self._once(method, url, *args, **options)

    def write_log_file(
        self, graceid: str, fields: Sequence[tuple[str, str]], name: str, file: Path, sha256: str
    ) -> requests.Response:
        """As `write_log` with a file, which is sent piece by piece; `fields` are comment, tagname, label."""
        event = re.match(r"[GEHMT]\d", graceid) is not None  # as ligo-gracedb tells them apart
        template = self.templates["event-log-template" if event else "superevent-log-list-template"]
        form = Form(fields, "upload", name, file, sha256=sha256)
        try:
            address = template.format(superevent_id=graceid, graceid=graceid)
            answer: requests.Response = self.post(address, data=form, headers={"Content-Type": form.content_type})
            return answer
        finally:
            form.close()

    def _once(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:
        if self._anonymous is not None:
            self._anonymous.wait()
        try:
            return self._send(method, url, *args, **options)
        except _NotAccepted:
            # nothing was done; a body that came from a file is used up
            if hasattr(options.get("data"), "read") or not self.credentials.refused():
                raise
            return self._send(method, url, *args, **options)

    def _send(self, method: str, url: str, *args: Any, stream: bool = False, **options: Any) -> requests.Response:
        login = self.credentials.login()
        options["timeout"] = options.get("timeout") or TIMEOUT
        options |= {"verify": self._ca, "auth": login, "cert": login.certificate}
        end = time.monotonic() + ANSWER_SECONDS
        try:
            response: requests.Response = super().request(method, url, *args, stream=True, **options)
            if not stream or response.status_code >= 400:
                _read(response, end)
        except requests.exceptions.SSLError as error:
            raise RemoteSilent(f"GraceDB at {self.host} is not to be trusted (SSLError; is the CA right?)") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise Momentary(f"GraceDB at {self.host} does not answer ({type(error).__name__})") from error
        except IgwnAuthError as error:
            raise RemoteSilent(f"no credentials for GraceDB at {self.host}: {error}") from None
        check(response, str(self.host))
        return response


class _NotAccepted(RemoteSilent):
    """401: our login is not, or no longer, good."""


def _patiently(ask: Callable[[], requests.Response]) -> requests.Response:
    """Ask a few times, as long as the server says that it is a matter of moments, within `READ_SECONDS`."""
    end, pause = time.monotonic() + READ_SECONDS, READ_PAUSE
    for left in range(READS - 1, -1, -1):
        try:
            return ask()
        except Momentary as error:
            wait = error.retry_after if error.retry_after is not None else pause * random.uniform(0.8, 1.2)
            if not left or time.monotonic() + wait > end:
                raise
            time.sleep(wait)
            pause *= 2
    raise AssertionError("unreachable")


def _read(response: requests.Response, end: float) -> None:
    """The whole body, or `requests.Timeout`."""
    parts = []
    # read1 gives what has come; read would wait for a full buffer
    while part := response.raw.read1(65536, decode_content=True):
        parts.append(part)
        if time.monotonic() > end:
            response.close()
            raise requests.Timeout("the answer did not end")
    response._content = b"".join(parts)


def check(response: requests.Response, host: str) -> None:
    """Raise the error that stands for a response's status, if it is one."""
    status = response.status_code
    if status < 400:
        return
    text = f"GraceDB at {host} answered {status}: {detail(response)}"
    if status == 401:
        raise _NotAccepted(text, retry_after(response))
    if status in MOMENTARY:
        raise Momentary(text, retry_after(response))
    # 403 for somebody without a name is about our login, not about the message; 408 and 409 are about the moment
    if status in (408, 409) or status >= 500 or (status == 403 and "credentials" in text.lower()):
        raise RemoteSilent(text, retry_after(response))
    raise RemoteRefused(text, status)


__all__ = ["AUTHS", "Session", "check"]
