"""Blueprints from the web: only from hosts that the site lists, within limits of size and time.

The text comes from somewhere else, and the address may come from a bundle that somebody else wrote.  So every address, also one that
a server redirects to, must be of a listed host; what is connected to is looked at again after the name has been resolved, since a
name may lead into the site's own network; and neither proxies, ``~/.netrc`` nor cookies of the person are used.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from gwfollow.errors import GWFollowError, InputError, NotFound, RemoteRefused, RemoteSilent
from gwfollow.ledger.forms.hosts import PORTS, allowed, is_allowed, is_public, joined, shown

if TYPE_CHECKING:
    import requests

#: bytes of one file
MAX_BYTES = 8 * 2**20
#: seconds for one file: names, connections, redirects and the last byte
SECONDS = 60.0
#: seconds to connect, and between two bytes
TIMEOUT = (10.0, 20.0)
MAX_REDIRECTS = 5

_WEB_PAGE = re.compile(r"\s*<(!doctype html|html)", re.IGNORECASE)
_Made = TypeVar("_Made")


def fetch(url: str, hosts: Sequence[str], place: str, *, seconds: float = SECONDS) -> tuple[bytes, str]:
    """The content of `url` and the address that gave it in the end.

    Parameters
    ----------
    hosts : ``HOST`` (the usual port, public addresses) or ``HOST:PORT`` (that port, and an address of the site's own network too)
    place : begins every message

    Raises
    ------
    InputError : an address that is not allowed, nothing there, too much, or a web page
    RemoteSilent : no answer in time, or one that asks to come back
    RemoteRefused : any other refusal, and a certificate that does not hold
    """
    return _within(seconds, place, lambda given_up: _follow(url, hosts, place, given_up))


def _within(seconds: float, place: str, work: Callable[[threading.Event], _Made]) -> _Made:
    """What `work` gives, in a thread that is left behind when time is over: a server that drips bytes resets every other limit."""
    made: list[_Made] = []
    failed: list[BaseException] = []
    given_up = threading.Event()

    def run() -> None:
        try:
            made.append(work(given_up))
        except BaseException as error:  # handed to the caller
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True, name="gwfollow-fetch")
    thread.start()
    thread.join(seconds)
    given_up.set()
    if made:
        return made[0]
    if failed:
        raise failed[0]
    raise RemoteSilent(f"{place}: the server did not send the whole file in {seconds:g} s")


def _follow(url: str, hosts: Sequence[str], place: str, given_up: threading.Event) -> tuple[bytes, str]:
    for _ in range(MAX_REDIRECTS + 1):
        with _session(allowed(url, hosts, place)) as session, _get(session, url, place) as answer:
            if not answer.is_redirect:
                return _content(answer, place, given_up), url
            target = joined(url, answer.headers["Location"], f"{place}, redirect")
        if not is_allowed(target, hosts):
            raise InputError(place, f"a redirect to {shown(target)}", f"one within {', '.join(hosts)}")
        url = target
    raise InputError(place, "more", f"at most {MAX_REDIRECTS} redirects")


# ---- one request -----------------------------------------------------------------------------------------------------


class _PrivateAddress(Exception):
    """The name leads to an address of a private network; the text is that address."""


def _session(private: bool) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPSConnection
    from urllib3.connectionpool import HTTPSConnectionPool

    class Checked(HTTPSConnection):
        """Says nothing before it has seen whom it is connected to: resolving the name beforehand would ask about another time."""

        def _new_conn(self) -> Any:
            sock = super()._new_conn()
            address = sock.getpeername()[0]
            if not private and not is_public(address):
                sock.close()
                raise _PrivateAddress(address)
            return sock

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Checked

    session = requests.Session()
    session.trust_env = False  # neither proxies nor ~/.netrc
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or True
    adapter = HTTPAdapter(max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {**adapter.poolmanager.pool_classes_by_scheme, "https": Pool}
    session.mount("https://", adapter)
    return session


def _get(session: requests.Session, url: str, place: str) -> requests.Response:
    import requests

    headers = {"Accept-Encoding": "identity", "User-Agent": "gwfollow"}
    try:
        answer = session.get(url, headers=headers, timeout=TIMEOUT, stream=True, allow_redirects=False)
    except _PrivateAddress as error:
        raise _private(place, url, error) from None
    except requests.exceptions.SSLError as error:
        raise RemoteRefused(f"{place}: the certificate of {urlsplit(url).hostname} does not hold: {_reason(error)}") from None
    except ValueError as error:  # requests looks at a redirect even where it does not follow it
        raise InputError(f"{place}: {shown(url)} redirects to what is no address: {str(error)!r}") from None
    except (requests.RequestException, OSError) as error:
        raise RemoteSilent(f"{place}: no answer from {urlsplit(url).hostname}: {_reason(error)}") from None
    if answer.status_code != HTTPStatus.OK and not answer.is_redirect:
        answer.close()
        raise _refusal(answer, place)
    return answer


def _private(place: str, url: str, error: _PrivateAddress) -> InputError:
    parts = urlsplit(url)
    port = parts.port or PORTS[parts.scheme]
    return InputError(
        f"{place}: {parts.hostname} leads to {error}, an address of a private network; where that is meant, "
        f"list {parts.hostname}:{port} in GWFOLLOW_BLUEPRINT_HOSTS"
    )


def _refusal(answer: requests.Response, place: str) -> GWFollowError:
    status = answer.status_code
    # the server's own words could hold anything
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    text = f"{place}: the server answered {status} {phrase}".rstrip()
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return NotFound(f"{text}: no such file, or one that asks for a login")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return RemoteSilent(text)
    return RemoteRefused(text, status)


def _content(answer: requests.Response, place: str, given_up: threading.Event) -> bytes:
    from urllib3.exceptions import HTTPError

    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise RemoteRefused(f"{place}: the server sent a compressed file, which was not asked for")
    content = bytearray()
    try:
        while piece := answer.raw.read1(2**16, decode_content=False):  # what is there: one that drips must not hold the thread
            content += piece
            if len(content) > MAX_BYTES:
                raise InputError(place, "a longer one", f"a file of at most {MAX_BYTES} bytes")
            if given_up.is_set():
                raise RemoteSilent(f"{place}: given up")
    except (OSError, HTTPError) as error:
        raise RemoteSilent(f"{place}: the answer broke off: {_reason(error)}") from None
    declared = answer.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) != len(content):
        raise RemoteSilent(f"{place}: the answer broke off after {len(content)} of {declared} bytes")
    if _WEB_PAGE.match(content[:200].decode("utf-8", "replace")):
        raise InputError(f"{place}: is a web page, not YAML; use the address of the file itself (raw), which asks for no login")
    return bytes(content)


def _reason(error: BaseException) -> str:
    """What the innermost of the errors says, in a line: requests and urllib3 wrap it several times."""
    reason = error
    while True:
        wrapped = (reason.__cause__, getattr(reason, "reason", None), reason.args[0] if reason.args else None)
        inner = next((one for one in wrapped if isinstance(one, BaseException)), None)
        if inner is None:
            break
        reason = inner
    said = getattr(reason, "verify_message", None) or getattr(reason, "strerror", None) or reason
    # "HTTPConnectionPool(host=..., port=...): Read timed out." is for programmers
    return " ".join(str(said).rpartition("): ")[2].split())[:200] or type(reason).__name__
