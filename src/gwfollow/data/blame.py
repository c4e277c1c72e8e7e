"""Which file a process of the crew was in when it died, and which has been in one for too long.

A damaged table of contents makes the reading library crash, or keeps it busy for ever (`frame_files`).  So whoever reads in a crew tells
each file before it is opened; who waits keeps a `Blame`, and knows which file nobody must open again.
"""

from __future__ import annotations

import time

from gwfollow.data.crew import Crew, Event, Job


class Blame:
    """`patience` is the time (s) that a job may spend in one file."""

    def __init__(self, crew: Crew, patience: float) -> None:
        self._crew, self._patience = crew, patience
        self._inside: dict[int, tuple[str, float]] = {}  # job -> the URL of its file, and since when
        self._endless: set[int] = set()

    def opening(self, job: Job, url: str) -> None:
        self._inside[id(job)] = (url, time.monotonic())

    def left(self, job: Job) -> None:
        """Its files are read: what ends it now is no file's fault."""
        self._inside.pop(id(job), None)

    def file(self, job: Job) -> str:
        """The URL of the file that a job is in; empty where it is in none."""
        return self._inside.get(id(job), ("", 0.0))[0]

    def ended(self, event: Event) -> dict[str, str]:
        """Of the end of a job: the file that its process died of and the sentence that says so; empty where none is to blame."""
        url, _ = self._inside.pop(id(event.job), ("", 0.0))
        endless = id(event.job) in self._endless
        self._endless.discard(id(event.job))
        if event.kind != "died" or not url:
            return {}
        return {url: f"the process that read it {event.content}" + (f" after {self._patience:g} s" if endless else "")}

    def end_endless(self) -> None:
        """To be called now and then."""
        for job in self._crew.jobs:
            begun = self._inside.get(id(job))
            if begun is not None and time.monotonic() > begun[1] + self._patience:
                self._endless.add(id(job))
                self._crew.kill(job)


__all__ = ["Blame"]
