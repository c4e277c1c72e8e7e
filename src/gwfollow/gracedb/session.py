"""The session of ligo-gracedb with what it leaves out: time limits, no blind repetition of a POST, our errors.

The client of ligo-gracedb 2.16 has no time-out; repeats every verb up to five times on 409 and 5xx, so that one ``write_log`` can
leave two entries; and asked to reload credentials it fails where there is a certificate and no token.  Here nothing is repeated:
the outbox tries again, and looks first whether the message arrived.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import requests
import urllib3
from igwn_auth_utils import IgwnAuthError, find_x509_credentials
from igwn_auth_utils.requests import HTTPSciTokenAuth
from ligo.gracedb.rest import GraceDb
from ligo.gracedb.utils import hook_response

from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.http_answers import detail, retry_after

#: seconds to connect, and between two bytes of an answer
TIMEOUT = (10.0, 30.0)
#: seconds that one whole answer may take: a server that drips bytes is as good as silent
ANSWER_SECONDS = 120.0
#: least time between two requests that change something, s (GraceDB allows 10 annotations a second)
PACE = 0.1
#: seconds before a certificate ends at which it is read again from its file
RELOAD_BUFFER = 300

AUTHS = ("auto", "anonymous")


class Session(GraceDb):  # type: ignore[misc]
    """``ligo.gracedb.rest.GraceDb`` whose every request ends in time, in an answer below 400 or in one of our errors."""

    def __init__(self, url: str, *, auth: str = "auto", ca: str = "", token: str = "") -> None:
        """
        Parameters
        ----------
        url : GraceDB's API, ``https://gracedb.ligo.org/api/``
        auth : "auto" looks for a SciToken and then for an X.509 certificate where IGWN's tools keep them; "anonymous" sees what is public
        ca : file with the CA of the server's certificate; empty for the system's
        token : a SciToken from a connection, instead of looking for one
        """
        if auth not in AUTHS:
            raise InputError("GraceDB auth", auth, " or ".join(AUTHS))
        if not url.startswith("https://"):
            raise InputError("GraceDB address", url, "an address that begins with https://")
        super().__init__(service_url=url, retries=0, **_credentials(url, auth, token))
        if token and auth != "anonymous":
            self.auth = HTTPSciTokenAuth(token=token)
        # given with every request: REQUESTS_CA_BUNDLE would win over the session's own
        self._ca = ca or None
        self._anonymous = auth == "anonymous"
        self._last_write = 0.0
        # statuses become errors here, after the body has been read in time
        self.hooks = {"response": [hook_response]}

    def request(self, method: str, url: str, *args: Any, stream: bool = False, **options: Any) -> requests.Response:
        """As `requests.Session.request`.  Raises `RemoteSilent` or `RemoteRefused`."""
        options["timeout"] = options.get("timeout") or TIMEOUT
        options["verify"] = self._ca
        if self._anonymous:
            options["auth"] = _nobody
        if method.upper() not in ("GET", "HEAD", "OPTIONS"):
            time.sleep(max(0.0, self._last_write + PACE - time.monotonic()))
            self._last_write = time.monotonic()
        end = time.monotonic() + ANSWER_SECONDS
        try:
            response: requests.Response = super().request(method, url, *args, stream=True, **options)
            if not stream or response.status_code >= 400:
                _read(response, end)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise RemoteSilent(f"GraceDB at {self.host} does not answer ({type(error).__name__})") from error
        except IgwnAuthError as error:
            raise RemoteSilent(f"no credentials for GraceDB at {self.host}: {error}") from None
        check(response, str(self.host))
        return response


def _credentials(url: str, auth: str, token: str) -> dict[str, Any]:
    """Arguments for GraceDb.  A SciToken is looked for again at every request; a certificate only if we ask for it."""
    if auth == "anonymous" or token:
        return {"force_noauth": True}  # a token that we were given is set by the caller
    try:
        with warnings.catch_warnings():
            # IGWN retires X.509; until a site has done so its robots have nothing else
            warnings.simplefilter("ignore", DeprecationWarning)
            find_x509_credentials(on_error="ignore")
    except IgwnAuthError:
        return {}
    try:
        HTTPSciTokenAuth(scope="gracedb.read").find_token(url=url, error=True)
    except IgwnAuthError:
        return {"use_auth": "x509", "reload_cred": True, "reload_buffer": RELOAD_BUFFER}
    return {}


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An auth that adds nothing: without one, ~/.netrc would be asked."""
    return request


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
    # 401, and 403 for somebody without a name, are about our login, not about the message; 409 is about the moment
    if status in (401, 408, 409, 429) or status >= 500 or (status == 403 and "credentials" in text.lower()):
        raise RemoteSilent(text, retry_after(response))
    raise RemoteRefused(text)


__all__ = ["AUTHS", "Session", "check"]
