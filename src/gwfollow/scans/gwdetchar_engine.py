"""The engine ``gwdetchar``: the installed gwdetchar-omega 2.4 on the same configuration, and its answer as our own result.

One channel that is missing, or a gap in one, makes the whole of gwdetchar-omega fail.  So what the frames hold is looked at first, it is asked
for the rest alone, and what was left out is told.  It waits for no data: it begins when every frame type has come or its deadline has
passed.  Its own folder is ``gwdetchar`` in the scan's, with its page and all its figures; the scan's page has one figure of each channel.
It names no peak of a channel that is not significant, so our result has none either.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gwfollow.errors import PermanentError
from gwfollow.pipelines import leash
from gwfollow.pipelines.files import builder_environment, program, tail
from gwfollow.pipelines.reasons import last_words
from gwfollow.scans import gwdetchar_files, significance, table
from gwfollow.scans.gwdetchar_files import Section
from gwfollow.scans.gwdetchar_inputs import Inputs, ended, readable
from gwfollow.scans.memory import cores
from gwfollow.scans.model import PLOTS, Block, ChannelResult, ScanConfig, ScanResult
from gwfollow.scans.outcome import Outcome
from gwfollow.scans.record import Record
from gwfollow.scans.tiling import Tiling

PROGRAM = "gwdetchar-omega"
#: its folder within the scan's; its log there, in which a rerun goes on
FOLDER, LOG = "gwdetchar", "gwdetchar-omega.log"
#: channels that it may fail with before it is not started again without them
MOST_FAULTS = 10
#: s between two looks at what it has done
POLL = 1.0
Say = Callable[[str], None]


def scan(config: ScanConfig, folder: Path, say: Say = print) -> ScanResult:
    """Scan what `config` asks for into `folder`; channels that an earlier run in this folder has done are not done again.

    Raises
    ------
    InputError : a configuration that contradicts itself
    PipelineError : gwdetchar-omega is not installed
    NotWritten : the disk is full; what was written stays
    """
    work = _Scan(config, folder, say)
    before = {number: signal.signal(number, work.heard) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        work.run()
    finally:
        work.inputs.crew.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    return work.outcome.write(final=True)


class _Outcome(Outcome):
    """In the name of the other program."""

    def result(self, *, final: bool) -> ScanResult:
        return super().result(final=final).model_copy(update={"engine": "gwdetchar", "engine_version": _version()})


class _Scan:
    def __init__(self, config: ScanConfig, folder: Path, say: Say) -> None:
        self.config, self.folder, self.say = config, folder, say
        self.program = program(PROGRAM)
        self.own = folder / FOLDER
        self.record = Record(folder, config)
        self.bad: dict[str, str] = {}
        self.inputs = Inputs(config, folder, say, self.over, self._final, self._idle, self.bad)
        self.outcome = _Outcome(config, folder, self.inputs.types, self.record.found)
        self.outcome.bad = self.bad
        self.ends = time.monotonic() + config.time_limit
        self.stopped = ""
        self.since = 0  # where the log of the present run begins

    def heard(self, number: int, _: object) -> None:
        self.stopped = f"stopped by {signal.Signals(number).name}"

    def over(self) -> bool:
        if not self.stopped and time.monotonic() > self.ends:
            self.stopped = f"the time limit of {self.config.time_limit:g} s is over"
        self.outcome.stopped = self.stopped
        return bool(self.stopped)

    def run(self) -> None:
        if self.record.found:
            self.say(f"{len(self.record.found)} channels were scanned before, and are not scanned again")
        self.inputs.gather()
        self.outcome.primary = self.inputs.primary
        for _ in range(1 + MOST_FAULTS):
            if self._open() and not self.over():
                sections = gwdetchar_files.sections(self.config.blocks, self.inputs.rates)
                self._take(sections, self._follow(self._command(sections)))
        if not self.over():
            why = f"{PROGRAM} has failed with {MOST_FAULTS + 1} other channels before"
            self._final([ended(block, name, "failed", why) for block, name in self._open()])

    def _idle(self) -> None:
        self.outcome.write_now_and_then()

    # ---- the program -----------------------------------------------------------------------------------------------------
    def _command(self, sections: Sequence[Section]) -> list[str]:
        """Writes what it reads."""
        self.own.mkdir(exist_ok=True)
        caches = {}
        for name, kind in self.inputs.types.items():
            caches[name] = self.own / f"{name}.lcf"
            caches[name].write_text(gwdetchar_files.lal_cache(readable(kind.coverage, self.bad).files))
        primary = self.inputs.primary if self.config.correlate else None
        rate = primary.sample_rate if primary is not None else None
        ini = self.own / "gwdetchar-omega.ini"
        ini.write_text(gwdetchar_files.ini(self.config, sections, caches, rate))
        command = [str(self.program), repr(self.config.gps), "-i", self.config.ifo, "-o", str(self.own), "-f", str(ini)]
        command += ["-t", repr(self.config.far_threshold), "-c", self.config.colormap, "-j", str(self.config.workers or cores())]
        command += ["-s"]  # flags have been asked
        if rate is None:
            command += ["-d"]
        return command if self._checkpoint(rate is not None) else [*command, "-D"]

    def _checkpoint(self, correlated: bool) -> bool:
        """Whether its table of an earlier run can be gone on with: whole, and with the columns that it needs."""
        path = self.own / "data" / "summary.csv"
        if not path.exists():
            return True
        try:
            rows = table.read_csv(path)
        except PermanentError:
            return False
        return not correlated or (bool(rows) and all(row.standard_deviation is not None for row in rows))

    def _follow(self, command: Sequence[str]) -> int | None:
        """Until it ends; the exit code, None where it was ended.  Killed with its children at the time limit, and when we die."""
        self.say(f"{PROGRAM} begins with {len(self.inputs.rates)} channels")
        with (self.own / LOG).open("ab") as log:
            self.since = log.tell()
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(leash.__file__), *command],
                cwd=self.own,
                env=builder_environment(self.program) | {"MPLBACKEND": "Agg"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                while child.poll() is None and not self.over():
                    self._take_insignificant()
                    self.outcome.write_now_and_then()
                    try:
                        child.wait(POLL)
                    except subprocess.TimeoutExpired:
                        continue
            finally:
                if child.returncode is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait()
                if child.stdin is not None:
                    child.stdin.close()
        return None if self.stopped else child.returncode

    # ---- its answer ------------------------------------------------------------------------------------------------------
    def _log(self) -> gwdetchar_files.Log:
        """What this run of it has said."""
        return gwdetchar_files.read_log((self.own / LOG).read_bytes()[self.since :].decode(errors="replace"))

    def _take_insignificant(self) -> None:
        """While it runs: how far it is.  Of a significant channel the table has to be whole first."""
        seen = self._log().seen
        text = f"{PROGRAM} does not say its peak"
        new = [(block, name) for block, name in self._open() if seen.get(name) == "insignificant"]
        self._final([ended(block, name, "scanned", text, self.inputs.rates[name]) for block, name in new])

    def _take(self, sections: Sequence[Section], code: int | None) -> None:
        self._take_insignificant()
        log = self._log()
        try:
            rows = {row.channel: row for row in table.read_csv(self.own / "data" / "summary.csv")}
        except PermanentError as error:  # killed while it wrote
            self.say(str(error))
            rows = {}
        rates = {name: section.resample or self.inputs.rates[name] for section in sections for name in section.channels}
        self._final([self._listed(block, rows[name], rates[name]) for block, name in self._open() if name in rows])
        if code is None:
            return  # the outcome says of the others that they were not reached, and why
        said = last_words(tail(self.own / LOG, 200)) if code else None
        why = f"{PROGRAM} ended with {_code(code)}" + (f": {said}" if said else "")
        left = self._open()
        # it ends with the first channel that it cannot do: the others are tried without that one
        culprits = [one for one in left if log.seen.get(one[1]) == "scanning"] if code else []
        for block, name in culprits or left:
            self.inputs.rates.pop(name)
            self._final([ended(block, name, "failed", log.why.get(name) or why)])

    def _listed(self, block: Block, row: table.Row, rate: float) -> ChannelResult:
        """A line of its table: significant, or of a block that is always plotted."""
        plan = Tiling(
            duration=gwdetchar_files.whole(block.duration) + 2,  # it transforms the second on each side too
            sample_rate=rate,
            q_range=block.q_range,
            frequency_range=block.frequency_range,
            mismatch=block.max_mismatch,
        )
        far, snr = self.config.far_threshold, block.snr_threshold
        listed_only = block.always_plot and not significance.significant(row.peak.energy, plan, far_threshold=far)
        return ended(block, row.channel, "scanned", "", rate).model_copy(
            update={
                "peak": row.peak,
                "significant": not listed_only and row.peak.snr >= snr,
                "correlation": row.correlation,
                "standard_deviation": row.standard_deviation,
                "delay_ms": row.delay_ms,
                "plot": self._figure(block, row.channel),
            }
        )

    def _figure(self, block: Block, channel: str) -> str:
        """A copy of its picture of middle length, where our page looks for pictures."""
        spans = gwdetchar_files.plot_spans(block)
        source = self.own / gwdetchar_files.figure_name(channel, spans[len(spans) // 2])
        if not source.is_file():
            return ""
        target = self.folder / PLOTS / source.name
        target.parent.mkdir(exist_ok=True)
        draft = target.with_name(f".{source.name}.draft")
        shutil.copyfile(source, draft)
        draft.replace(target)
        return f"{PLOTS}/{source.name}"

    def _open(self) -> list[tuple[Block, str]]:
        """Channels that it was asked for and that have no end yet."""
        asked = [
            (block, name) for block in self.config.blocks for name in dict.fromkeys(block.channels) if name in self.inputs.rates
        ]
        return [(block, name) for block, name in asked if (block.key, name) not in self.record.found]

    def _final(self, results: Sequence[ChannelResult]) -> None:
        new = [result for result in results if (result.block, result.channel) not in self.record.found]
        if new:
            self.record.add(new)
            self.outcome.final(new)
            self.say(f"{len(self.record.found)} of {self.outcome.asked} channels")


def _code(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _version() -> str:
    """Of the program beside our own Python; another one on PATH does not say it without starting."""
    try:
        return version("gwdetchar")
    except PackageNotFoundError:
        return ""


__all__ = ["FOLDER", "LOG", "PROGRAM", "scan"]
