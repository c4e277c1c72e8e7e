"""The pipeline ``bilby``: bilby_pipe builds a DAG that generates the data, samples, and writes a result.

The document has asimov's keys; `bilby_inputs` reads and checks them, ``include/configs/bilby.ini.j2`` (or the file that the analysis
names as ``template``) puts them into bilby_pipe's configuration.  With the scheduler ``htcondor`` the DAG is submitted, with any
other the shell script that bilby_pipe writes beside it.

All paths in the DAG are relative to the attempt's folder, which is its working folder; what bilby_pipe makes is in ``run`` there
(it refuses to work in its working folder itself).
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import bilby_inputs, bilby_logs, bilby_results, inputs, templates
from gwfollow.pipelines.base import AssetFile, Assets, Dag, Job, JobStatus, Pipeline, Progress, Work
from gwfollow.pipelines.files import builder_environment, program, tail, tails, write_text
from gwfollow.schedulers.base import JobState

BUILD_SECONDS = 900
BUILD_LOG = "build.log"
RUN = "run"


class Bilby(Pipeline):
    """Parameter estimation with bilby."""

    name = "bilby"
    config_template = "bilby.ini.j2"
    available_outputs = ("samples", "config")

    @property
    def label(self) -> str:
        """How bilby_pipe names the run's files; asimov's key ``job label`` overrules the analysis' name."""
        label = str(self.task.get("job label") or self.task.analysis)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", label):
            raise InputError("job label", label, "letters, digits, '_', '-' and '.'")
        return label

    @property
    def run(self) -> Path:
        """Where bilby_pipe and its jobs write."""
        return self.task.folder / RUN

    @property
    def ini(self) -> Path:
        """The configuration that gwfollow renders."""
        return self.task.folder / f"{self.label}.ini"

    @property
    def complete_ini(self) -> Path:
        """The configuration with every option, that bilby_pipe writes and its jobs read."""
        return self.run / f"{self.label}_config_complete.ini"

    @property
    def dag(self) -> Path:
        return self.run / "submit" / f"dag_{self.label}.submit"

    @property
    def script(self) -> Path:
        return self.run / "submit" / f"bash_{self.label}.sh"

    # ---- build ---------------------------------------------------------------------------------------------------------
    def before_config(self, dryrun: bool = False) -> None:
        bilby_inputs.gather(self.task, self.label)
        templates.find_template(self.task.configs, self._template)

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        template = templates.find_template(self.task.configs, self._template)
        found = bilby_inputs.gather(self.task, self.label)
        psds = inputs.psds(self.task)
        write_text(self.ini, templates.render(self.task, template, pipeline=found, psds=psds))
        if not dryrun:
            self._run_builder()
            self._check_build()
        read = {f"psd {ifo}": path for ifo, path in psds.items()}
        read |= {f"calibration {ifo}": path for ifo, path in inputs.calibration(self.task).items()}
        for ifo, paths in inputs.data_files(self.task).items():
            read |= {f"strain {ifo} {index}": path for index, path in enumerate(paths)}
        return read | {"template": template, "config": self.ini}

    @property
    def _template(self) -> str:
        return str(self.task.get("template") or self.config_template)

    def _run_builder(self) -> None:
        builder = program(str(self.task.get("executable") or "bilby_pipe"))
        command = [str(builder), str(self.ini.name), "--label", self.label, "--outdir", RUN]
        log = self.task.folder / BUILD_LOG
        with log.open("wb") as output:
            try:
                done = subprocess.run(
                    command,
                    cwd=self.task.folder,
                    env=builder_environment(builder),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=BUILD_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise PipelineError(f"bilby_pipe did not finish within {BUILD_SECONDS} s; see {log}") from None
        if done.returncode:
            said = tail(log, 200)
            reason = bilby_logs.last_error(said) or (said.strip().splitlines() or ["it said nothing"])[-1]
            raise PipelineError(
                f"bilby_pipe refused the configuration (exit code {done.returncode}): {reason.strip()}; see {log}"
            )

    def _check_build(self) -> None:
        """bilby_pipe ends with 0 for options that it does not know, so what it made is looked at."""
        if not self.complete_ini.is_file():
            raise PipelineError(f"bilby_pipe wrote no {self.complete_ini.name}; see {self.task.folder / BUILD_LOG}")
        unknown = sorted(set(read_ini(self.ini)) - set(read_ini(self.complete_ini)))
        if unknown:
            raise PipelineError(
                f"bilby_pipe does not know the option{'s' * (len(unknown) > 1)} {', '.join(unknown)} of {self.ini}"
            )
        check_dag(self.dag, self.task.folder)
        if not self.script.is_file():
            raise PipelineError(f"bilby_pipe wrote no {self.script.name}; see {self.task.folder / BUILD_LOG}")

    # ---- submit --------------------------------------------------------------------------------------------------------
    def before_submit(self, dryrun: bool = False) -> None:
        """What the build read is still there."""
        check_dag(self.dag, self.task.folder)
        inputs.data_files(self.task)
        inputs.psds(self.task)

    def submit_dag(self, dryrun: bool = False) -> Work:
        task = self.task
        name = f"bilby-{task.event}-{task.analysis}"
        if task.get("scheduler.name", "htcondor") == "htcondor":
            return Dag(file=self.dag, folder=task.folder, name=name, resources=task.resources)
        arguments = ("-e", str(self.script), "")  # the script runs the nodes whose name holds its argument: all
        return Job(executable=program("bash"), arguments=arguments, folder=task.folder, name="bilby", resources=task.resources)

    # ---- while it runs -------------------------------------------------------------------------------------------------
    def check_progress(self) -> Progress:
        nlive = self._nlive()
        found = [
            bilby_logs.sampling_progress(tail(path, 500), nlive)
            for path in bilby_logs.analysis_outputs(self.task.folder, self.run)
        ]
        running = [progress for progress in found if progress is not None]
        if not running:
            generated = any(self.run.glob("data/*_data_dump.pickle"))
            return Progress(0.0, "sampling starts" if generated else "data generation")
        slowest = min(running, key=lambda progress: progress.fraction or 0.0)
        if len(running) == 1 and len(found) == 1:
            return slowest
        return Progress(
            slowest.fraction, f"{len(running)} of {len(found)} chains sample; the slowest: {slowest.text}", slowest.values
        )

    def collect_logs(self) -> Mapping[Path, str]:
        folder = self.task.folder
        found = [folder / BUILD_LOG, folder / "bilby.out", folder / "bilby.err"]
        for pattern in ("submit/*.dagman.out", "log_data_generation/*.err", "log_data_analysis/*.err", "log_data_analysis/*.out"):
            found += self.run.glob(pattern)
        return tails(found)

    # ---- the end -------------------------------------------------------------------------------------------------------
    def detect_completion(self) -> bool:
        try:
            self.results()
        except PipelineError as error:
            self.logger.info("not complete: %s", error)
            return False
        return True

    def results(self) -> list[bilby_results.Result]:
        """The final results, opened and checked.  Raises `PipelineError` where there is none or one is not whole."""
        folder = self.run / "final_result"
        files = sorted(path for suffix in ("hdf5", "json") for path in folder.glob(f"*_result.{suffix}"))
        if not files:
            raise PipelineError(f"no result in {folder}")
        return [bilby_results.read(path) for path in files]

    def collect_assets(self) -> Assets:
        results = self.results()
        names = [""] if len(results) == 1 else [result.path.stem for result in results]
        return {
            "samples": {name: AssetFile(result.path) for name, result in zip(names, results, strict=True)},
            "config": {"": AssetFile(self.complete_ini)},
        }

    def store_results(self) -> Mapping[str, Path]:
        return {result.path.name: result.path for result in self.results()} | {self.ini.name: self.ini}

    def failure_reason(self, status: JobStatus) -> str:
        said = bilby_logs.why_failed(self.task.folder, self.run)
        if said:
            return f"{said}; {status.describe()}"
        try:
            self.results()
        except PipelineError as error:
            return f"{error}; {status.describe()}"
        return super().failure_reason(status)

    def resurrect(self, status: JobStatus) -> Work | None:
        """The same work again, at most `rescues` times: DAGMan goes on from its rescue file, bilby from its checkpoint.

        A DAG that ended well, or one that failed without leaving a rescue file, would only fail again.
        """
        if self.task.rescues >= self.rescues or status.succeeded:
            return None
        work = self.submit_dag()
        killed = status.state is JobState.REMOVED or status.signal is not None
        if isinstance(work, Dag):
            return work if killed or self.rescue_files() else None
        return work if killed or status.exit_code in {77, 130, 137, 143} else None

    def rescue_files(self) -> list[Path]:
        return sorted(self.dag.parent.glob(f"{self.dag.name}.rescue[0-9][0-9][0-9]"))

    def clean(self) -> None:
        for pattern in ("result/*_resume.pickle", "result/*_dynesty.pickle", "result/*_checkpoint*.png"):
            for path in self.run.glob(pattern):
                path.unlink(missing_ok=True)
        shutil.rmtree(self.task.folder / "matplotlib", ignore_errors=True)

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        return read_ini(path)

    def _nlive(self) -> float | None:
        asked = self.task.get("sampler.sampler kwargs")
        if isinstance(asked, str):
            found = re.search(r"nlive['\"]?\s*[:=]\s*(\d+)", asked)
            return float(found[1]) if found else None
        value = (asked or {}).get("nlive", 1000) if asked is None or isinstance(asked, Mapping) else None
        return float(value) if isinstance(value, int | float) and value > 0 else None


def check_dag(dag: Path, folder: Path) -> None:
    """A DAG is whole when the submit file of each of its jobs is there and its edges join its jobs.  Raises `PipelineError`."""
    try:
        words = [line.split() for line in dag.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"there is no DAG to submit at {dag}: {error}") from error
    jobs = {line[1]: line[2] for line in words if line[0].upper() == "JOB" and len(line) > 2}
    if not jobs:
        raise PipelineError(f"{dag} has no jobs")
    for node, submit in jobs.items():
        file = folder / submit
        if not file.is_file() or not re.search(r"^\s*queue\b", file.read_text(), re.MULTILINE | re.IGNORECASE):
            raise PipelineError(f"{dag}: the submit file of node {node}, {file}, is not there or not whole")
    for line in words:
        if line[0].upper() == "PARENT":
            strangers = [name for name in line[1:] if name.upper() != "CHILD" and name not in jobs]
            if strangers:
                raise PipelineError(f"{dag} joins nodes that it does not have: {', '.join(strangers)}")


def read_ini(path: Path) -> dict[str, Any]:
    """bilby_pipe's configuration as option -> value; options with hyphens, values as numbers, booleans, lists and dictionaries
    where they read as such, else as text.  Raises `PipelineError`."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} cannot be read: {error}") from error
    found: dict[str, Any] = {}
    pending = ""
    for raw in text.splitlines():
        line = raw.split("#", 1)[0].strip()
        if not line or (not pending and line[0] in ";["):
            continue
        pending = f"{pending} {line}".strip()
        if pending.count("{") > pending.count("}"):
            continue
        option, separator, value = pending.partition("=")
        if not separator:
            raise PipelineError(f"{path}: {pending[:80]!r} is not option = value")
        found[option.strip().replace("_", "-")] = _value(value.strip())
        pending = ""
    if pending:
        raise PipelineError(f"{path}: a brace is not closed in {pending[:80]!r}")
    return found


def _value(text: str) -> Any:
    if (
        text.startswith("{")
        and (plain := re.sub(r"([{,]\s*)([A-Za-z]\w*)\s*:\s*([^'\"{\[,}\s][^,}]*)", r"\1'\2': '\3'", text)) != text
    ):
        try:  # bilby_pipe's dictionaries of unquoted words: {H1: /a/file, L1: /b/file}
            return {key: _value(value) if isinstance(value, str) else value for key, value in ast.literal_eval(plain).items()}
        except (ValueError, SyntaxError):
            return text
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(text.lower(), text)
