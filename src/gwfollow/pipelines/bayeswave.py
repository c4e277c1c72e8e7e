"""The pipeline ``bayeswave``: bayeswave_pipe builds a DAG that makes on-source PSDs, and reconstructions where they are asked for.

Without the key ``likelihood.components`` only the PSDs are made.  What BayesWave writes is in ``run/trigtime_*``:
``post/clean`` has the PSDs, ``post/<model>`` the reconstructions, ``index.html`` and ``plots`` the pages that are made last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import bayeswave_inputs, bayeswave_results, builder, dagfile, inputs, lal_inputs
from gwfollow.pipelines.base import AssetFile, Assets, Progress
from gwfollow.pipelines.dag_pipeline import RUN, DagPipeline
from gwfollow.pipelines.files import tail, write_text

#: makes LIGO_LW files of PSDs; it comes with RIFT and may not be there
CONVERTER = "convert_psd_ascii2xml"


class BayesWave(DagPipeline):
    """PSDs and reconstructions by BayesWave."""

    name = "bayeswave"
    config_template = "bayeswave.ini.j2"
    available_outputs = ("psds", "xml psds", "reconstructions", "bayes factors", "skymap", "config")
    builder = "bayeswave_pipe"
    success = "To submit:"
    rescues = 4
    log_patterns = ("logs/*.err", "*.err")

    @property
    def dag(self) -> Path:
        """bayeswave_pipe names it after its folder."""
        return self.run / f"{RUN}.dag"

    @property
    def dag_folder(self) -> Path:
        return self.run

    # ---- build ---------------------------------------------------------------------------------------------------------
    def gather(self) -> bayeswave_inputs.BayesWaveInputs:
        self._suppressions()
        return bayeswave_inputs.gather(self.task)

    def psds(self) -> dict[str, Path]:
        return {}

    def arguments(self) -> list[str]:
        time = inputs.event_time(self.task)
        return [f"--trigger-time={time!r}", *bayeswave_inputs.flags(self.task), "-r", str(self.run), self.ini.name]

    def prepare(self) -> None:
        self.read_ini(self.ini)
        lal_inputs.write_caches(self.task)

    def after_builder(self) -> None:
        """bayeswave_pipe's submit files ask for no disk, which pools refuse or take as a megabyte."""
        found, resources = self.gather(), self.task.resources
        dag = self.check_dag()
        settings = {"request_disk": found.disk.replace(" ", "")}
        if resources.accounting_group is not None:
            settings["accounting_group"] = resources.accounting_group
        if resources.accounting_user is not None:
            settings["accounting_group_user"] = resources.accounting_user
        dagfile.settle_submit_files(dag, settings)
        dagfile.settle_submit_files(dag, {"request_disk": found.post_disk.replace(" ", "")}, "*post*.sub")

    # ---- while it runs -------------------------------------------------------------------------------------------------
    def check_progress(self) -> Progress:
        nodes = super().check_progress()
        models = bayeswave_inputs.models(self.task)
        phases = ["clean", *(("full",) if models.mode == "full" else models.components)]
        total = lal_inputs.whole(self.task, "likelihood.iterations", 100000)
        steps = {phase: self._iterations(phase) for phase in phases}
        if not any(steps.values()):
            return nodes
        done = sum(min(step / total, 1.0) for step in steps.values()) / len(phases)
        now = [phase for phase in phases if steps[phase]][-1]
        text = f"{nodes.text}; {now} model: {steps[now]} of {total} iterations"
        return replace(
            nodes, fraction=min(done, 0.99), text=text, values={**nodes.values, "iterations": float(sum(steps.values()))}
        )

    def _iterations(self, phase: str) -> int:
        """The number that leads the last whole line of the coldest chain."""
        steps = [0]
        for path in self.run.glob(f"trigtime_*/chains/*{phase}_model.dat.0"):
            words = [line.split()[0] for line in tail(path, 3).splitlines()[:-1] if line.split()]
            steps += [int(word) for word in words if word.isdigit()]
        return max(steps)

    # ---- the end -------------------------------------------------------------------------------------------------------
    def check(self) -> None:
        models = bayeswave_inputs.models(self.task)
        for ifo in inputs.detectors(self.task):
            if models.mode == "psd":
                bayeswave_results.read_psd(self._psd(ifo))
            for component in models.components:
                bayeswave_results.read_columns(self._reconstruction(component, ifo))
        if models.mode != "psd":
            self._one("index.html")  # the pages are made last, from everything else

    def collect_assets(self) -> Assets:
        self.check()
        models = bayeswave_inputs.models(self.task)
        found: dict[str, dict[str, AssetFile]] = {"psds": {}, "xml psds": {}, "reconstructions": {}}
        for ifo in inputs.detectors(self.task):
            if psd := self._final_psd(ifo):
                found["psds"][ifo] = AssetFile(psd)
                if xml := self._xml(ifo, psd):
                    found["xml psds"][ifo] = AssetFile(xml)
            for component in models.components:
                found["reconstructions"][f"{component} {ifo}"] = AssetFile(self._reconstruction(component, ifo))
        if models.mode == "coherence":
            found["bayes factors"] = {"": AssetFile(self._bayes_factors())}
        if skymap := self._any("megasky*.fits*", "skymap*.fits*", "plots/skymap.png"):
            found["skymap"] = {"": AssetFile(skymap)}
        return {name: files for name, files in found.items() if files} | {"config": {"": AssetFile(self.ini)}}

    def store_results(self) -> Mapping[str, Path]:
        found = {f"{ifo}-psd.dat": psd for ifo in inputs.detectors(self.task) if (psd := self._final_psd(ifo))}
        return found | {self.ini.name: self.ini}

    def clean(self) -> Iterable[Path]:
        """Chains and checkpoints, of which the post-processing has made its tables."""
        for pattern in ("trigtime_*/chains", "trigtime_*/checkpoint", "trigtime_*/waveforms"):
            yield from self.run.glob(pattern)

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        return lal_inputs.read_ini(path)

    # ---- its files -----------------------------------------------------------------------------------------------------
    def _any(self, *patterns: str) -> Path | None:
        for pattern in patterns:
            for path in sorted(self.run.glob(f"trigtime*/{pattern}")):
                if path.is_file() and path.stat().st_size:
                    return path
        return None

    def _one(self, *patterns: str) -> Path:
        path = self._any(*patterns)
        if path is None:
            raise PipelineError(f"BayesWave has written no {patterns[0]} in {self.run}/trigtime*")
        return path

    def _psd(self, ifo: str) -> Path:
        return self._one(f"post/clean/glitch_median_PSD_forLI_{ifo}.dat")

    def _reconstruction(self, component: str, ifo: str) -> Path:
        return self._one(f"post/*/{component}_median_time_domain_waveform_{ifo}.dat")

    def _final_psd(self, ifo: str) -> Path | None:
        """BayesWave's own, or a copy with the band of ``quality.supress`` taken out; None where this mode made none."""
        path = self._any(f"post/clean/glitch_median_PSD_forLI_{ifo}.dat")
        if path is None:
            return None
        rows, band = bayeswave_results.read_psd(path), self._suppressions().get(ifo)
        if band is None:
            return path
        return self._derived(f"{ifo}-psd.dat", bayeswave_results.suppressed(rows, *band))

    def _suppressions(self) -> dict[str, tuple[float, float]]:
        """asimov's ``quality.supress`` (its spelling): detector -> lower and upper frequency (Hz)."""
        found = {}
        for ifo in self.task.get("quality.supress") or {}:
            place = f"quality.supress.{ifo}"
            lower = inputs.number(self.task, f"{place}.lower", unit="Hz")
            upper = inputs.number(self.task, f"{place}.upper", unit="Hz")
            if not lower < upper:
                raise InputError(place, upper, f"an upper frequency above {lower:g} Hz")
            found[ifo] = (lower, upper)
        return found

    def _xml(self, ifo: str, psd: Path) -> Path | None:
        """The PSD in LIGO_LW, where the environment has a converter."""
        target = self.task.folder / "psds" / f"{ifo}-psd.xml.gz"
        try:
            program = builder.prefix_program(self.task, CONVERTER)
        except (InputError, PipelineError) as error:
            self.logger.info("no PSD in LIGO_LW: %s", error)
            return None
        if not target.is_file():
            target.parent.mkdir(exist_ok=True)
            command = [str(program), "--fname-psd-ascii", str(psd), "--conventional-postfix", "--ifo", ifo]
            seconds = builder.time_limit(self.task)
            builder.run_builder(command, target.parent, success="", seconds=seconds, log=f"{ifo}.log")
        if not target.is_file() or not target.stat().st_size:
            raise PipelineError(f"{program} wrote no {target.name}; see {target.parent / f'{ifo}.log'}")
        return target

    def _bayes_factors(self) -> Path:
        factors = bayeswave_results.bayes_factors(self._one("evidence.dat"))
        return self._derived("bayes_factors.json", json.dumps(factors, indent=1, sort_keys=True) + "\n")

    def _derived(self, name: str, text: str) -> Path:
        """A file that is made from BayesWave's; written once, for its checksum is in the ledger."""
        path = self.task.folder / "psds" / name
        if not path.is_file() or path.read_text() != text:
            path.parent.mkdir(exist_ok=True)
            write_text(path, text)
        return path
