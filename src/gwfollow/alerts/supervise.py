"""Keeping listeners alive: one child process for each source, killed and started again when it is dead, silent or hung.

    async for stored in Supervisor(sources, ledger, folders).run():
        ...                                       # so many messages are in the inbox since the last time

A child that reports nothing for `Limits.hung` seconds is killed -9, whatever it is doing; the next one begins after a pause that doubles
with every failure and is short again after a quiet while.  Children end with this process, however it ends (their stdin closes).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from gwfollow.alerts import signs
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.listener import Order
from gwfollow.alerts.sources import Source
from gwfollow.errors import TransientError
from gwfollow.ledger.outbox import scrub
from gwfollow.ledger.store import Ledger

log = logging.getLogger(__name__)

#: bytes of one line that a child may print
LINE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Seconds."""

    #: without a word from a child; a listener speaks every three seconds, and may wait twice five for the ledger
    hung: float = 30.0
    starting: float = 60.0  # to its first word
    first_pause: float = 1.0
    longest_pause: float = 60.0
    quiet: float = 120.0  # that a child has lived for the next pause to be short again


class Supervisor:
    """The listeners of one site.

    Parameters
    ----------
    debounce : seconds in which messages are gathered into one wake-up
    """

    def __init__(
        self, sources: Sequence[Source], ledger: Ledger, folders: Folders, *, limits: Limits | None = None, debounce: float = 0.3
    ) -> None:
        self.sources, self.ledger, self.folders = list(sources), ledger, folders
        self.limits, self.debounce = limits or Limits(), debounce
        self.restarts = 0
        self.children: dict[str, int] = {}  # source -> pid
        self._stored = 0
        self._news = asyncio.Event()

    async def run(self) -> AsyncGenerator[int, None]:
        """Yields how many messages were stored, at most once in `debounce` seconds.

        Ends only when it is closed or cancelled.  Raises `InputError` at once where a login is missing.
        """
        for source in self.sources:
            source.config()
        tasks = [asyncio.create_task(self._keep(source)) for source in self.sources]
        try:
            while True:
                news = asyncio.create_task(self._news.wait())
                done, _ = await asyncio.wait([news, *tasks], return_when=asyncio.FIRST_COMPLETED)
                for task in done - {news}:
                    task.result()  # an error of ours: told, not swallowed
                await asyncio.sleep(self.debounce)
                self._news.clear()
                stored, self._stored = self._stored, 0
                if stored:
                    yield stored
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, source: Source) -> None:
        pause = self.limits.first_pause
        while True:
            begun = time.monotonic()
            reason = await self._live(source)
            self.restarts += 1
            if time.monotonic() - begun > self.limits.quiet:
                pause = self.limits.first_pause
            log.error("the listener for %s %s; another one starts in %.0f s", source.name, reason, pause)
            await asyncio.gather(asyncio.to_thread(self._record, source, reason), asyncio.sleep(pause))
            pause = min(2 * pause, self.limits.longest_pause)

    def _record(self, source: Source, reason: str) -> None:
        try:
            signs.died(self.ledger, source.name, source.topics, f"the listener {reason}; it is started again")
        except TransientError as error:
            log.warning("not recorded: %s", error)

    async def _live(self, source: Source) -> str:
        """The life of one child; why it ended."""
        order = Order(source, self.ledger.engine.url.render_as_string(hide_password=False), str(self.folders.top))
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gwfollow.alerts.listener"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=LINE,
            start_new_session=True,  # a terminal's interrupt is for us; its own end comes with its stdin
        )
        assert child.stdin is not None
        self.children[source.name] = child.pid
        complaints = asyncio.create_task(_complaints(child, source))
        try:
            child.stdin.write(order.dump())
            with contextlib.suppress(ConnectionError):
                await child.stdin.drain()
            return await self._hear(child)
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            child.stdin.close()
            complaints.cancel()
            await asyncio.gather(child.wait(), complaints, return_exceptions=True)

    async def _hear(self, child: asyncio.subprocess.Process) -> str:
        """Until it ends, or says nothing for too long."""
        assert child.stdout is not None
        limit, last_error = self.limits.starting, ""
        while True:
            try:
                line = await asyncio.wait_for(child.stdout.readline(), limit)
            except TimeoutError:
                return f"hung (not a word for {limit:g} s) and was killed"
            except ValueError:
                return "talks nonsense and was killed"
            if not line:
                return _last_words(await child.wait(), last_error)
            limit = self.limits.hung
            news = _parsed(line)
            last_error = str(news.get("error") or "")
            stored = news.get("stored")
            if isinstance(stored, int) and stored:
                self._stored += stored
                self._news.set()


def _parsed(line: bytes) -> dict[str, object]:
    """A line that is not ours is a word like any other."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _last_words(code: int, error: str) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
    return f"{how} ({scrub(error)})" if error else how


async def _complaints(child: asyncio.subprocess.Process, source: Source) -> None:
    """What it writes to stderr, into our log without credentials."""
    assert child.stderr is not None
    secrets = [source.login.secret] if source.login else []
    while line := await child.stderr.readline():
        log.warning("listener for %s: %s", source.name, scrub(line.decode(errors="replace").rstrip(), secrets))


def _environment() -> dict[str, str]:
    """What a listener needs; Airflow's own variables, which may hold passwords, are not its business."""
    return {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}


__all__ = ["Limits", "Supervisor"]
