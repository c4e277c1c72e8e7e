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
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import PipelineError
from gwfollow.pipelines import bilby_inputs, bilby_logs, bilby_results
from gwfollow.pipelines.base import AssetFile, Assets, Dag, Job, JobStatus, Progress, Work
from gwfollow.pipelines.dag_pipeline import RUN, DagPipeline, was_killed
from gwfollow.pipelines.files import program, tail, tails


class Bilby(DagPipeline):
    """Parameter estimation with bilby."""

    name = "bilby"
    config_template = "bilby.ini.j2"
    available_outputs = ("samples", "config")
    builder = "bilby_pipe"
    success = "DAG generation complete"
    only_htcondor = False

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
    def gather(self) -> bilby_inputs.BilbyInputs:
        return bilby_inputs.gather(self.task, self.label)

    def arguments(self) -> list[str]:
        return [self.ini.name, "--label", self.label, "--outdir", RUN]

    def after_builder(self) -> None:
        """bilby_pipe ends with 0 for options that it does not know, so what it made is looked at."""
        if not self.complete_ini.is_file():
            raise PipelineError(f"bilby_pipe wrote no {self.complete_ini.name}; see {self.build_log}")
        unknown = sorted(set(read_ini(self.ini)) - set(read_ini(self.complete_ini)))
        if unknown:
            raise PipelineError(
                f"bilby_pipe does not know the option{'s' * (len(unknown) > 1)} {', '.join(unknown)} of {self.ini}"
            )
        if not self.script.is_file():
            raise PipelineError(f"bilby_pipe wrote no {self.script.name}; see {self.build_log}")

    # ---- submit --------------------------------------------------------------------------------------------------------
    def submit_dag(self, dryrun: bool = False) -> Work:
        task = self.task
        if task.get("scheduler.name", "htcondor") == "htcondor":
            return super().submit_dag(dryrun)
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
        found = [self.build_log, folder / "bilby.out", folder / "bilby.err"]
        for pattern in ("submit/*.dagman.out", "log_data_generation/*.err", "log_data_analysis/*.err", "log_data_analysis/*.out"):
            found += self.run.glob(pattern)
        return tails(found)

    # ---- the end -------------------------------------------------------------------------------------------------------
    def check(self) -> None:
        self.results()

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

    def why_failed(self) -> str | None:
        return bilby_logs.why_failed(self.task.folder, self.run)

    def resurrect(self, status: JobStatus) -> Work | None:
        """As every DAG; the script goes on from bilby's checkpoint after a kill, or where bilby itself stopped for one."""
        if isinstance(work := self.submit_dag(), Dag):
            return super().resurrect(status)
        again = was_killed(status) or status.exit_code in {77, 130, 137, 143}
        return work if again and self.task.rescues < self.rescues and not status.succeeded else None

    def clean(self) -> Iterable[Path]:
        yield self.task.folder / "matplotlib"
        for pattern in ("result/*_resume.pickle", "result/*_dynesty.pickle", "result/*_checkpoint*.png"):
            yield from self.run.glob(pattern)

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
