"""The pipeline ``lalinference``: lalinference_pipe builds a DAG of DAGs that samples and merges the samples.

The document has asimov's keys; `lalinference_inputs` reads and checks them.  ``multidag.dag`` is submitted, which runs one DAG for each
waveform.  The results count when every file of merged samples has been opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import PipelineError
from gwfollow.pipelines import dagfile, lal_inputs, lalinference_inputs
from gwfollow.pipelines.base import AssetFile, Assets, Progress
from gwfollow.pipelines.dag_pipeline import DagPipeline
from gwfollow.pipelines.files import tail
from gwfollow.pipelines.lalinference_results import read_samples

TIMES = "gps.txt"
_STEP = re.compile(r"^(\d+): accpt: .*?logZ: (\S+) .*?dZ: (\S+)")


class LALInference(DagPipeline):
    """Parameter estimation with lalinference."""

    name = "lalinference"
    config_template = "lalinference.ini.j2"
    available_outputs = ("samples", "config")
    builder = "lalinference_pipe"
    success = "Successfully created DAG file."
    log_patterns = ("log/*.err",)

    @property
    def dag(self) -> Path:
        return self.run / "multidag.dag"

    @property
    def complete_ini(self) -> Path:
        """The configuration that lalinference_pipe writes back, with what it has worked out."""
        return self.run / "config.ini"

    # ---- build ---------------------------------------------------------------------------------------------------------
    def gather(self) -> lalinference_inputs.LALInferenceInputs:
        return lalinference_inputs.gather(self.task, self.run)

    def before_build(self, dryrun: bool = False) -> None:
        if not dryrun:
            lalinference_inputs.check_environment(self.gather())

    def arguments(self) -> list[str]:
        return ["-g", TIMES, "-r", str(self.run), self.ini.name]

    def prepare(self) -> None:
        lal_inputs.read_ini(self.ini)
        lal_inputs.write_caches(self.task)
        (self.task.folder / TIMES).write_text(f"{self.gather().strain.event_time!r}\n")

    def after_builder(self) -> None:
        """lalinference_pipe succeeds without a single job where it finds no data."""
        said = [line for line in self.build_log.read_text(errors="replace").splitlines() if "o data found" in line]
        if said:
            raise PipelineError(f"lalinference_pipe: {said[-1].strip()}; see {self.build_log}")
        dag, resources = self.check_dag(), self.task.resources
        dagfile.settle_submit_files(dag, {"request_disk": f"{resources.disk_mb}MB"})
        if self.task.get("scheduler.request memory") is not None:  # lalinference_pipe itself asks for 4000 MB whatever it is told
            dagfile.settle_submit_files(dag, {"request_memory": f"{resources.memory_mb}MB"}, "engine_*.sub")

    # ---- while it runs -------------------------------------------------------------------------------------------------
    def check_progress(self) -> Progress:
        nodes = dagfile.progress(self.dags())
        chains = [step for step in (self._step(path) for path in self.run.glob("log/lalinference-*.err")) if step is not None]
        if not chains or nodes is None:
            return nodes or Progress(0.0, "DAGMan starts")
        slowest = min(chains, key=lambda chain: chain.fraction or 0.0)
        fraction = max(slowest.fraction or 0.0, nodes.fraction or 0.0)
        return Progress(fraction, f"{nodes.text}; {slowest.text}", {**nodes.values, **slowest.values})

    def _step(self, log: Path) -> Progress | None:
        """The last step of nested sampling that a chain has written.

        A step shrinks the prior by one part in `nlive`, so near the end dZ falls by one in about `nlive` steps.
        """
        options = self.gather().options
        for line in reversed(tail(log, 20).splitlines()):
            found = _STEP.match(line)
            if found:
                step, logz, dz = float(found[1]), float(found[2]), float(found[3])
                left = max(dz - float(options["tolerance"]), 0.0) * float(options["nlive"])
                text = f"step {found[1]}, dZ {dz:g} (stops at {options['tolerance']})"
                return Progress(min(step / (step + left), 0.99), text, {"iterations": step, "logz": logz, "dlogz": dz})
        return None

    # ---- the end -------------------------------------------------------------------------------------------------------
    def samples(self) -> list[Path]:
        """Every file of merged samples, opened and checked.  Raises `PipelineError` where there is none or one is not whole."""
        files = sorted(self.run.glob("posterior_samples/posterior_*.hdf5")) or sorted(
            self.run.glob("*/posterior_samples/posterior_*.hdf5")
        )
        if not files:
            raise PipelineError(f"no samples in {self.run / 'posterior_samples'}")
        for path in files:
            read_samples(path)
        return files

    def check(self) -> None:
        self.samples()

    def collect_assets(self) -> Assets:
        files = self.samples()
        labels = [""] if len(files) == 1 else [path.stem for path in files]
        return {
            "samples": {label: AssetFile(path) for label, path in zip(labels, files, strict=True)},
            "config": {"": AssetFile(self.complete_ini)},
        }

    def store_results(self) -> Mapping[str, Path]:
        return {path.name: path for path in self.samples()} | {self.ini.name: self.ini}

    def clean(self) -> Iterable[Path]:
        """Checkpoints and the chains' own samples, which are merged."""
        yield from self.run.glob("engine/*_resume*")
        yield self.run / "ROQdata"

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        return lal_inputs.read_ini(path)
