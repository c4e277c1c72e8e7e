"""asimov's part of the comparison: its own commands in a project of its own, with its SQL ledger (the default)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from blueprints import all_analyses, all_events, analysis, write
from measure import Cost, expect, run

STUB = Path(__file__).with_name("stub")
#: s that one monitoring pass may take: asimov's cron job comes every 900
LIMIT = 300.0


class Asimov:
    name = "asimov"

    def __init__(self, programs: Path, folder: Path, events: int, analyses: int) -> None:
        self.asimov, self.folder, self.events, self.analyses = programs / "asimov", folder, events, analyses
        folder.mkdir(parents=True)
        self.queue = write(folder / "queue", "")
        self.finished = 0  # jobs that have ended
        self.environment = {
            "PATH": f"{STUB}:{programs}:/usr/bin:/bin",
            "PYTHONPATH": str(STUB),
            "BENCH_QUEUE": str(self.queue),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            # it makes a git repository for each event
            "GIT_AUTHOR_NAME": "bench",
            "GIT_AUTHOR_EMAIL": "bench@localhost",
            "GIT_COMMITTER_NAME": "bench",
            "GIT_COMMITTER_EMAIL": "bench@localhost",
        }
        self.project = folder / "project"
        self.project.mkdir()
        self._run("init", "bench")

    def help(self) -> Cost:
        return self._run("--help")[0]

    def apply_events(self) -> Cost:
        file = write(self.folder / "events.yaml", all_events(self.events))
        cost, output = self._run("apply", "-f", str(file))
        expect(output.count("Successfully added"), self.events, "events that asimov applied")
        return cost

    def apply_analyses(self) -> Cost:
        file = write(self.folder / "analyses.yaml", all_analyses(self.events, self.analyses))
        cost, output = self._run("apply", "-f", str(file))
        expect(output.count("Successfully applied"), self.total, "analyses that asimov applied")
        return cost

    def one_more(self, name: str) -> Cost:
        file = write(self.folder / "more.yaml", analysis("GW000000", name))
        cost, output = self._run("apply", "-f", str(file))
        expect(output.count("Successfully applied"), 1, "asimov applied")
        return cost

    def status(self, shown: int) -> Cost:
        cost, output = self._run("report", "status")
        expect(output.count("simpletestpipeline"), shown, "analyses in asimov's report")
        return cost

    def build(self) -> Cost:
        """Its configuration files; the DAGs are written by `submit`."""
        cost, _ = self._run("manage", "build")
        expect(len(list(self.project.glob("checkouts/*/*/*.ini"))), self.total, "configurations that asimov built")
        return cost

    def submit(self) -> Cost:
        cost, _ = self._run("manage", "submit")
        expect(len(list(self.project.glob("working/*/*/test.dag"))), self.total, "DAGs that asimov built")
        expect(self.queue.read_text().count("\n"), self.total, "jobs that asimov submitted")
        return cost

    def monitor(self, running: int, ended: int = 0) -> Cost:
        """One pass as its cron job makes it: the scheduler's answer is asked for anew (every 15 minutes; it is kept that long)."""
        (self.project / ".asimov" / "_cache_jobs.yaml").unlink(missing_ok=True)
        done = run([self.asimov, "monitor"], folder=self.project, environment=self.environment, timeout=LIMIT, may_be_late=True)
        if not done.cost.over:
            expect(done.output.count("is running (condor id:"), running, "running analyses that asimov saw")
            expect(self.in_status("running"), running, "analyses that asimov left running")
        return done.cost

    def finish(self, wanted: int) -> int:
        """Let jobs end well until `wanted` have; returns how many are new."""
        lines = [line.split("\t") for line in self.queue.read_text().splitlines()][self.finished : wanted]
        for _, name, _ in lines:
            event, analysis = name.split("/")[-2:]
            (self.project / "working" / event / analysis / "results.dat").write_text("1.0\n")
        with Path(f"{self.queue}.done").open("a") as done:
            done.writelines(f"{job}\n" for job, _, _ in lines)
        self.finished += len(lines)
        return len(lines)

    def in_status(self, status: str) -> int:
        with closing(
            sqlite3.connect(self.project / ".asimov" / "ledger.db")
        ) as connection:  # `with` alone leaves it to the garbage collector
            return int(connection.execute("SELECT count(*) FROM productions WHERE status = ?", (status,)).fetchone()[0])

    @property
    def total(self) -> int:
        return self.events * self.analyses

    def _run(self, *words: str) -> tuple[Cost, str]:
        done = run([self.asimov, *words], folder=self.project, environment=self.environment)
        return done.cost, done.output
