"""Write to GraceDB and fetch from it.  What is written goes through the outbox: stored once, delivered at once or by upkeep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pe_operators.base import EventOperator, translated

if TYPE_CHECKING:
    from airflow.sdk import Context

    from gwfollow.gracedb.client import GraceDBClient
    from gwfollow.life import Site
    from gwfollow.life.annotate import Said


def gracedb_client(gracedb_conn_id: str) -> GraceDBClient:
    """Raises `InputError` where neither a connection nor the settings name a GraceDB."""
    from gwfollow.errors import InputError
    from gwfollow.provider.hooks.gracedb import GraceDBHook

    client = GraceDBHook(gracedb_conn_id).client()
    if client is None:
        raise InputError(f"no GraceDB is known: neither connection {gracedb_conn_id} nor GWFOLLOW_GRACEDB_URL")
    return client


class _GraceDBOperator(EventOperator):
    """
    :param gracedb_conn_id: connection of type ``gracedb``; where it is not defined the settings decide
    """

    ui_color = "#f3e8fd"

    def __init__(self, *, gracedb_conn_id: str = "gracedb_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gracedb_conn_id = gracedb_conn_id

    def say(self, context: Context, *messages: Callable[[Site], Said]) -> dict[str, Any]:
        """Store messages, and try at once to deliver them."""
        from gwfollow.provider.site import deliver

        site = self.site(context)
        stored = [translated(lambda message=message: message(site)) for message in messages]  # type: ignore[misc]
        report = deliver(site, gracedb_conn_id=self.gracedb_conn_id)
        for said in stored:
            self.log.info("%s %s", said.key, "stored" if said.new else "was stored before")
        self.log.info("%s", report)
        return {said.key: said.new for said in stored}


class GraceDBAnnotateOperator(_GraceDBOperator):
    """A log entry, with tags and a file: once for the same words and contents, however often the task or the DAG runs.

    :param event: the event's name in the ledger (templated)
    :param comment: what it says (templated)
    :param tags: of the entry (templated)
    :param file: path of a file that goes with it (templated); empty for none
    :param filename: its name in GraceDB, by default its own (templated)
    :param once: the same words with another word here are another entry, for example ``{{ run_id }}`` (templated)
    """

    template_fields = ("event", "comment", "tags", "file", "filename", "once")

    def __init__(
        self, *, comment: str, tags: Sequence[str] = (), file: str = "", filename: str = "", once: str = "", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.comment, self.tags, self.file, self.filename, self.once = comment, tags, file, filename, once

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.annotate import annotate

        options = {"tags": list(self.tags), "file": self.file, "filename": self.filename, "once": self.once}
        return self.say(context, lambda site: annotate(site, self.event, self.comment, **options))


class GraceDBLabelOperator(_GraceDBOperator):
    """Adds labels and takes labels away: once in a run, also when the task is cleared.

    :param event: the event's name in the ledger (templated)
    :param add: labels (templated)
    :param remove: labels (templated)
    """

    template_fields = ("event", "add", "remove")

    def __init__(self, *, add: Sequence[str] = (), remove: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add, self.remove = add, remove

    def execute(self, context: Context) -> dict[str, Any]:
        from gwfollow.life.annotate import set_label

        once = f"{self.dag_id}/{context['dag_run'].run_id}/{self.task_id}/{context['ti'].map_index}"
        wanted = [*((label, True) for label in self.add), *((label, False) for label in self.remove)]

        def message(label: str, there: bool) -> Callable[[Site], Said]:
            return lambda site: set_label(site, self.event, label, there=there, once=once)

        return self.say(context, *(message(*one) for one in wanted))


class GraceDBFetchFilesOperator(_GraceDBOperator):
    """Files of the event, fetched into a folder: what is there is not fetched again, a download that was cut goes on.

    :param event: the event's name in the ledger (templated)
    :param patterns: names or shell patterns (``*.fits*``, ``bayestar.fits,0`` for a version) (templated)
    :param folder: where to (templated); by default the folder ``gracedb`` of the event's own
    :returns: name, version, path, size and SHA-256 of each
    """

    template_fields = ("event", "patterns", "folder")

    def __init__(self, *, patterns: Sequence[str], folder: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.patterns, self.folder = patterns, folder

    def execute(self, context: Context) -> list[dict[str, Any]]:
        from gwfollow.gracedb.files import as_xcom, fetch

        site = self.site(context)

        def step() -> list[dict[str, Any]]:
            from pathlib import Path

            from gwfollow.alerts.folders import Folders
            from gwfollow.life.annotate import graceid_of

            graceid = graceid_of(site, self.event)
            folders = Folders(site.settings.data_folder)
            own = folders.find(graceid) or folders.event(graceid)
            folder = Path(self.folder) if self.folder else own / "gracedb"
            return as_xcom(fetch(gracedb_client(self.gracedb_conn_id), graceid, self.patterns, folder))

        found = translated(step)
        self.log.info("%d files, %d of them new", len(found), sum(file["new"] for file in found))
        return found
