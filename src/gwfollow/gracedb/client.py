"""What gwfollow asks of GraceDB, and tells it.

    client = GraceDBClient("https://gracedb-playground.ligo.org/api/")
    client.superevent("S240716a")["t_0"]
    client.write_log("S240716a", "Posterior samples", tags=["pe"], file=("samples.h5", contents))

A thin face of `gwfollow.gracedb.session.Session` (which is ligo-gracedb's own client): plain dictionaries come back, and every call raises
`RemoteSilent` (no answer, or "later") or `RemoteRefused` (read, and said no) and nothing else of GraceDB's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gwfollow.errors import InputError, RemoteRefused, RemoteSilent
from gwfollow.settings import Settings

if TYPE_CHECKING:
    from gwfollow.gracedb.session import Session


class GraceDBClient:
    """One login at one GraceDB.  Nothing is imported and nothing is sent before the first call."""

    def __init__(self, url: str, *, auth: str = "auto", ca: str = "", token: str = "") -> None:
        """`auth`: "auto" or "anonymous"; `ca`: file with the server's CA; `token`: a SciToken from a connection."""
        self.url, self.auth, self.ca = url, auth, ca
        self._token = token

    def __repr__(self) -> str:
        return f"GraceDBClient({self.url!r}, auth={self.auth!r})"

    @classmethod
    def from_settings(cls, settings: Settings) -> GraceDBClient | None:
        """The GraceDB of the settings; None where they name none."""
        if not settings.gracedb_url:
            return None
        return cls(settings.gracedb_url, auth=settings.gracedb_auth, ca=settings.gracedb_ca)

    @cached_property
    def session(self) -> Session:
        # ligo-gracedb takes a second to import
        from gwfollow.gracedb.session import Session

        if self.ca and not Path(self.ca).is_file():
            raise InputError("GraceDB CA", self.ca, "a file with CA certificates")
        return Session(self.url, auth=self.auth, ca=self.ca, token=self._token)

    # ---- reading -------------------------------------------------------------------------------------------------------
    def ping(self) -> None:
        self._ask(lambda s: s.ping())

    def whoami(self) -> str | None:
        """The name by which GraceDB knows us; None for somebody anonymous."""
        name = self._ask(lambda s: s.get_user_info()).json().get("username")
        return str(name) if name else None

    def superevent(self, superevent_id: str) -> dict[str, Any]:
        return _dict(self._ask(lambda s: s.superevent(superevent_id)).json())

    def superevents(self, query: str, *, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Superevents that GraceDB's query language finds, page after page."""
        pages = self._ask(lambda s: s.superevents(query, max_results=limit))
        while (found := self._ask(lambda _: next(pages, None))) is not None:
            yield found

    def event(self, graceid: str) -> dict[str, Any]:
        return _dict(self._ask(lambda s: s.event(graceid)).json())

    def logs(self, graceid: str) -> list[dict[str, Any]]:
        """All log entries of an event or superevent: N, comment, tag_names, issuer, filename, file_version, created."""
        answer = self._ask(lambda s: s.logs(graceid)).json()
        # API v1 says log, v2 says logs
        return list(answer.get("logs", answer.get("log", [])))

    def labels(self, graceid: str) -> set[str]:
        return {label["name"] for label in self._ask(lambda s: s.labels(graceid)).json()["labels"]}

    def files(self, graceid: str) -> dict[str, str]:
        """File name (``x``, ``x,0``, ``x,1``) -> address."""
        return _dict(self._ask(lambda s: s.files(graceid)).json())

    def download(self, graceid: str, name: str) -> bytes:
        """The contents of a file; ``name,version`` for an older one."""
        address = self.files(graceid).get(name)
        if address is None:
            raise RemoteRefused(f"GraceDB has no file {name!r} with {graceid}")
        return bytes(self._ask(lambda s: s.get(address)).content)

    # ---- writing -------------------------------------------------------------------------------------------------------
    def write_log(
        self,
        graceid: str,
        comment: str,
        *,
        tags: Sequence[str] = (),
        file: tuple[str, bytes] | None = None,
        label: str | None = None,
    ) -> dict[str, Any]:
        """A log entry, with a file (name and contents) where one is given; GraceDB's description of it (N, file_version, ...)."""
        name, contents = file or (None, None)
        answer = self._ask(
            lambda s: s.write_log(graceid, comment, filename=name, filecontents=contents, tag_name=list(tags), label=label)
        )
        return _dict(answer.json())

    def add_label(self, graceid: str, label: str) -> None:
        self._ask(lambda s: s.write_label(graceid, label))

    def remove_label(self, graceid: str, label: str) -> None:
        self._ask(lambda s: s.remove_label(graceid, label))

    def create_event(
        self, group: str, pipeline: str, file: Path, *, search: str | None = None, labels: Sequence[str] = ()
    ) -> dict[str, Any]:
        answer = self._ask(lambda s: s.create_event(group, pipeline, str(file), search=search, labels=list(labels)))
        return _dict(answer.json())

    def create_superevent(
        self, t_0: float, preferred_event: str, *, window: float = 1.0, category: str = "Production"
    ) -> dict[str, Any]:
        """A superevent around GPS time `t_0` (s), from `window` seconds before to after it."""
        answer = self._ask(lambda s: s.create_superevent(t_0 - window, t_0, t_0 + window, preferred_event, category=category))
        return _dict(answer.json())

    # ---- errors --------------------------------------------------------------------------------------------------------
    def _ask(self, call: Callable[[Session], Any]) -> Any:
        try:
            return call(self.session)
        # what ligo-gracedb's client itself refuses: an unknown label, a bad group, something that this server does not have
        except (NameError, ValueError, TypeError, KeyError, NotImplementedError) as error:
            from requests import JSONDecodeError

            if isinstance(error, JSONDecodeError):
                raise RemoteSilent(f"{self.url} did not answer like GraceDB (no JSON)") from None
            raise RemoteRefused(f"GraceDB's client refuses this: {error}") from error


def _dict(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise RemoteSilent("GraceDB's answer is not what it should be (no JSON object)")
    return answer


__all__ = ["GraceDBClient"]
