"""gwfollow's part of the comparison: its own commands on a ledger of its own (SQLite), and its steps in ``ours.py``."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from blueprints import PIPELINE, all_analyses, all_events, analysis, write
from measure import Cost, expect, run

HERE = Path(__file__).parent


class GWFollow:
    name = "gwfollow"

    def __init__(self, folder: Path, events: int, analyses: int) -> None:
        self.python, self.gwfollow = Path(sys.executable), Path(sys.executable).with_name("gwfollow")
        self.folder, self.events, self.analyses = folder, events, analyses
        folder.mkdir(parents=True)
        self.queue = write(folder / "queue", "")
        plugin = folder / "plugin" / "gwfollow_bench-0.dist-info"
        plugin.mkdir(parents=True)
        # how any package gives gwfollow a pipeline
        write(plugin / "METADATA", "Metadata-Version: 2.1\nName: gwfollow-bench\nVersion: 0\n")
        write(plugin / "entry_points.txt", f"[gwfollow.pipelines]\n{PIPELINE} = simpletest:SimpleTest\n")
        self.environment = {
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "PYTHONPATH": f"{HERE / 'stub'}:{HERE / 'plugin'}:{plugin.parent}",
            "BENCH_QUEUE": str(self.queue),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "GWFOLLOW_HOME": str(folder / "home"),
        }
        self.finished, self.marginal = 0, 0.0  # jobs that have ended; ms of processor that one of the last cost
        self._command("init")

    def help(self) -> Cost:
        return self._command("--help")[0]

    def apply_events(self) -> Cost:
        file = write(self.folder / "events.yaml", all_events(self.events))
        return self._command("apply", "-f", str(file))[0]

    def apply_analyses(self) -> Cost:
        file = write(self.folder / "analyses.yaml", all_analyses(self.events, self.analyses))
        cost, _ = self._command("apply", "-f", str(file))
        expect(self._analyses(), self.total, "analyses that gwfollow applied")
        return cost

    def one_more(self, name: str) -> Cost:
        file = write(self.folder / "more.yaml", analysis("GW000000", name))
        return self._command("apply", "-f", str(file))[0]

    def status(self, shown: int) -> Cost:
        cost, output = self._command("status")
        expect(output.count(PIPELINE), shown, "analyses in gwfollow's status")
        return cost

    def build(self) -> Cost:
        """Configuration and DAG."""
        return self._step("build")

    def submit(self) -> Cost:
        return self._step("submit")

    def monitor(self, running: int, ended: int = 0) -> Cost:
        """One poll; `ended` are those that have just left the queue, which are then uploaded."""
        done = run([self.python, HERE / "ours.py", "monitor"], folder=self.folder, environment=self.environment)
        self.marginal, seen, news = (float(word) for word in done.output.split()[-3:])
        expect(int(seen), running, "running analyses that gwfollow saw")
        expect(int(news), ended, "ended analyses that gwfollow saw")
        expect(self.in_status("uploaded"), self.finished, "analyses that gwfollow has uploaded")
        return done.cost

    def finish(self, wanted: int) -> int:
        """Let jobs end well until `wanted` have; returns how many are new."""
        lines = [line.split("\t") for line in self.queue.read_text().splitlines()][self.finished : wanted]
        for _, _, key in lines:
            event, analysis, attempt = key.split("/")
            (self.folder / "home" / "events" / event / analysis / f"attempt-{attempt}" / "results.dat").write_text("1.0\n")
        with Path(f"{self.queue}.done").open("a") as done:
            done.writelines(f"{job}\n" for job, _, _ in lines)
        self.finished += len(lines)
        return len(lines)

    def in_status(self, status: str) -> int:
        with closing(
            sqlite3.connect(self.folder / "home" / "ledger.db")
        ) as connection:  # `with` alone leaves it to the garbage collector
            return int(connection.execute("SELECT count(*) FROM analyses WHERE status = ?", (status,)).fetchone()[0])

    @property
    def total(self) -> int:
        return self.events * self.analyses

    def _analyses(self) -> int:
        _, output = self._command("status", "--json")
        return json.dumps(json.loads(output)).count(f'"{PIPELINE}"')

    def _command(self, *words: str) -> tuple[Cost, str]:
        done = run([self.gwfollow, *words], folder=self.folder, environment=self.environment)
        return done.cost, done.output

    def _step(self, step: str) -> Cost:
        done = run([self.python, HERE / "ours.py", step], folder=self.folder, environment=self.environment)
        expect(int(done.output.split()[-1]), self.total, f"analyses in gwfollow's step {step}")
        return done.cost
