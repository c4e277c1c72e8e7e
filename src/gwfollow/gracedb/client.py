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

    def __init__(
        self,
        url: str,
        *,
        auth: str = "auto",
        ca: str = "",
        token: str = "",
        pace: Path | None = None,
        writes_per_second: float | None = None,
    ) -> None:
        """`auth`: "auto" or "anonymous"; `ca`: file with the server's CA; `token`: a SciToken from a connection; `pace`: folder in which
        the processes of a site keep GraceDB's rate limits together; `writes_per_second`: another limit (for measurements alone).
        """
        self.url, self.auth, self.ca = url, auth, ca
        self._token = token
        self._options: dict[str, Any] = {"pace": pace}
        if writes_per_second is not None:
            self._options["writes_per_second"] = writes_per_second

    def __repr__(self) -> str:
        return f"GraceDBClient({self.url!r}, auth={self.auth!r})"

    @classmethod
    def from_settings(cls, settings: Settings) -> GraceDBClient | None:
        """The GraceDB of the settings; None where they name none."""
        if not settings.gracedb_url:
            return None
        return cls(settings.gracedb_url, auth=settings.gracedb_auth, ca=settings.gracedb_ca, pace=pace_folder(settings))

    @cached_property
    def session(self) -> Session:
        # ligo-gracedb takes a second to import
        from gwfollow.gracedb.session import Session

        if self.ca and not Path(self.ca).is_file():
            raise InputError("GraceDB CA", self.ca, "a file with CA certificates")
        return Session(self.url, auth=self.auth, ca=self.ca, token=self._token, **self._options)

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
        """The contents of a small file; ``name,version`` for an older one.  `gwfollow.gracedb.files.fetch` is for large ones."""
        return bytes(self._ask(lambda s: s.get(self.file_address(graceid, name))).content)

    def file_address(self, graceid: str, name: str) -> str:
        address = self.files(graceid).get(name)
        if address is None:
            raise RemoteRefused(f"GraceDB has no file {name!r} with {graceid}", 404)
        return address

    def signoffs(self, superevent_id: str) -> list[dict[str, Any]]:
        """signoff_type (ADV, OP), instrument, status (OK, NO), comment, submitter."""
        return list(self._ask(lambda s: s.signoffs(superevent_id)).json()["signoffs"])

    def superevent_exists(self, superevent_id: str) -> bool:
        """Whether we can see it: what is not public does not exist for somebody anonymous."""
        try:
            self.superevent(superevent_id)
        except RemoteRefused as error:
            if error.status != 404:
                raise
            return False
        return True

    # ---- writing: each may be said again without doing more, unless its docstring says otherwise -----------------------
    def write_log(
        self,
        graceid: str,
        comment: str,
        *,
        tags: Sequence[str] = (),
        file: tuple[str, bytes] | tuple[str, Path, str] | None = None,
        label: str | None = None,
    ) -> dict[str, Any]:
        """A new log entry each time; GraceDB's description of it (N, file_version, ...).

        `file`: name and contents, or name, path and SHA-256 of one that is sent piece by piece.
        """
        if file is not None and isinstance(file[1], Path):
            name, path, sha256 = file[0], file[1], str(file[2])
            fields = [("comment", comment), *(("tagname", tag) for tag in tags), *([("label", label)] if label else [])]
            return _dict(self._ask(lambda s: s.write_log_file(graceid, fields, name, path, sha256)).json())
        filename, contents = (file[0], file[1]) if file is not None else (None, None)
        answer = self._ask(
            lambda s: s.write_log(graceid, comment, filename=filename, filecontents=contents, tag_name=list(tags), label=label)
        )
        return _dict(answer.json())

    def add_label(self, graceid: str, label: str) -> None:
        self._ask(lambda s: s.write_label(graceid, label))

    def remove_label(self, graceid: str, label: str) -> None:
        """Nothing where it is not there."""
        try:
            self._ask(lambda s: s.remove_label(graceid, label))
        except RemoteRefused as error:
            if error.status != 404 or label in self.labels(graceid):
                raise

    def tags(self, graceid: str, n: int) -> set[str]:
        """Of log entry number `n`."""
        return {tag["name"] for tag in self._ask(lambda s: s.tags(graceid, n)).json()["tags"]}

    def add_tag(self, graceid: str, n: int, tag: str) -> None:
        if tag not in self.tags(graceid, n):
            self._ask(lambda s: s.add_tag(graceid, n, tag))

    def remove_tag(self, graceid: str, n: int, tag: str) -> None:
        if tag in self.tags(graceid, n):
            self._ask(lambda s: s.remove_tag(graceid, n, tag))

    def create_event(
        self,
        group: str,
        pipeline: str,
        file: Path | tuple[str, bytes],
        *,
        search: str | None = None,
        labels: Sequence[str] = (),
        offline: bool = False,
    ) -> dict[str, Any]:
        """A new event each time, from a file or from a name and contents."""
        name, contents = (str(file), None) if isinstance(file, Path) else file
        options = {"search": search, "labels": list(labels), "offline": offline, "filecontents": contents}
        return _dict(self._ask(lambda s: s.create_event(group, pipeline, name, **options)).json())

    def create_superevent(
        self,
        t_0: float,
        preferred_event: str,
        *,
        window: float = 1.0,
        category: str = "Production",
        labels: Sequence[str] = (),
    ) -> dict[str, Any]:
        """A superevent around GPS time `t_0` (s), from `window` seconds before to after it.  An event has one: a second is refused."""
        times = (t_0 - window, t_0, t_0 + window)
        answer = self._ask(lambda s: s.create_superevent(*times, preferred_event, category=category, labels=list(labels)))
        return _dict(answer.json())

    def update_superevent(self, superevent_id: str, **changes: Any) -> dict[str, Any]:
        """Set t_start, t_0, t_end (GPS s), preferred_event, em_type, time_coinc_far or space_coinc_far (Hz); the superevent as it is then."""
        present = self.superevent(superevent_id)
        new = {key: value for key, value in changes.items() if present.get(key) != value}
        if not new:
            return present  # GraceDB refuses what would change nothing
        return _dict(self._ask(lambda s: s.update_superevent(superevent_id, **new)).json())

    def add_event(self, superevent_id: str, graceid: str) -> None:
        if self.event(graceid).get("superevent") != superevent_id:
            self._ask(lambda s: s.add_event_to_superevent(superevent_id, graceid))

    def remove_event(self, superevent_id: str, graceid: str) -> None:
        if self.event(graceid).get("superevent") == superevent_id:
            self._ask(lambda s: s.remove_event_from_superevent(superevent_id, graceid))

    def create_signoff(self, superevent_id: str, kind: str, status: str, comment: str, *, instrument: str = "") -> None:
        """`kind`: ADV, or OP with an `instrument`; `status`: OK or NO.  One that is there is changed where it says something else."""
        said = {"status": status, "comment": comment}
        for found in self.signoffs(superevent_id):
            if (found["signoff_type"], found["instrument"]) == (kind, instrument):
                if not said.items() <= found.items():
                    self._ask(lambda s: s.update_signoff(superevent_id, kind, instrument=instrument, **said))
                return
        self._ask(lambda s: s.create_signoff(superevent_id, kind, instrument=instrument, **said))

    def expose(self, superevent_id: str) -> None:
        """Show it to the public."""
        self._ask(lambda s: s.modify_permissions(superevent_id, "expose"))

    def hide(self, superevent_id: str) -> None:
        self._ask(lambda s: s.modify_permissions(superevent_id, "hide"))

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


def pace_folder(settings: Settings) -> Path:
    """Where all processes of this site keep GraceDB's rate limits together."""
    return settings.home_folder / "pace"


def _dict(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise RemoteSilent("GraceDB's answer is not what it should be (no JSON object)")
    return answer


__all__ = ["GraceDBClient", "pace_folder"]
