"""gwfollow's pipeline interface around a plugin of asimov, whose class runs unmodified in a child process.

What a step of gwfollow asks of the plugin, and what comes back:

    build    before_config, the configuration from its template, before_build, build_dag
    submit   before_submit, submit_dag: what it hands to HTCondor is written down and becomes gwfollow's own submission
    wait     while_running, check_progress, collect_logs;  detect_completion;  resurrect
    collect  detect_completion, after_completion, collect_assets, collect_pages: asimov's plugins make assets in after_completion
    process  the job that after_completion handed to HTCondor;  detect_completion_processing
    publish  after_processing, and with it what the plugin put into asimov's results store

One child for each step.  The folder ``asimov`` in the attempt's folder holds the rendered configuration, logs of every step, pages, and
``state.json``: what the plugin changed in its `production`, its event and itself, so that the next step's objects have it again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from gwfollow.asimov_plugins import AsimovPlugin
from gwfollow.errors import PipelineError
from gwfollow.pipelines.asimov import process
from gwfollow.pipelines.asimov.assets import from_answer
from gwfollow.pipelines.asimov.kept import Kept, fault_of, page_in, trigger_file, value
from gwfollow.pipelines.asimov.progress import read_progress
from gwfollow.pipelines.asimov.question import ask_about
from gwfollow.pipelines.asimov.submitted import work_of
from gwfollow.pipelines.base import AssetFile, Assets, JobStatus, Pipeline, Progress, Task, Work
from gwfollow.pipelines.files import tail, write_text

#: seconds after which a builder counts as hung, and any other step
BUILD_LIMIT, STEP_LIMIT = 3600.0, 600.0
#: seconds for which an answer to "how far is it?" is not asked again: each costs a process
LOOK_PERIOD = 300.0


class AsimovPipeline(Pipeline):
    """Base of the classes that `pipeline_class` makes, one for each plugin."""

    plugin: ClassVar[AsimovPlugin]

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.folder = task.folder / "asimov"
        self._kept = Kept(self.folder)

    # ---- build and submit ----------------------------------------------------------------------------------------------
    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        hooks = (
            ["before_config", "make_config", "build_dag"]
            if dryrun
            else ["before_config", "make_config", "before_build", "build_dag"]
        )
        answer = self._ask(hooks, status="ready", limit=BUILD_LIMIT, dryrun=dryrun)
        self._kept.keep(submitted=answer["submitted"], **answer["state"])
        return {"configuration": Path(value(answer, "make_config"))}

    def submit_dag(self, dryrun: bool = False) -> Work:
        if dryrun:
            raise PipelineError(f"{self._who}: gwfollow builds with dryrun, it does not submit with it")
        answer = self._ask(["before_submit", "submit_dag"], status="ready", limit=BUILD_LIMIT)
        # some submit while they build and only tell the number here
        work = work_of(answer["submitted"] or self._kept.read().get("submitted", []), self.task, self._who)
        if work is None:
            raise PipelineError(
                f"{self._who}: submit_dag handed nothing to HTCondor (neither asimov's scheduler, nor the bindings, nor condor_submit_dag); "
                f"it returned {value(answer, 'submit_dag')!r}"
            )
        self._kept.keep(**answer["state"])
        return work

    # ---- while it runs -------------------------------------------------------------------------------------------------
    def check_progress(self) -> Progress:
        return read_progress(self._look().get("check_progress"))

    def collect_logs(self) -> Mapping[Path, str]:
        found = self._look().get("collect_logs") or {}
        logs = {self.task.folder / str(name): str(text) for name, text in found.items()} if isinstance(found, Mapping) else {}
        own = sorted(self.folder.glob("log/*.log"), key=lambda path: path.stat().st_mtime)
        return {path: "\n".join(text.splitlines()[-100:]) for path, text in logs.items()} | {path: tail(path) for path in own}

    def failure_reason(self, status: JobStatus) -> str:
        reason = super().failure_reason(status)
        (self.folder / "look.json").unlink(missing_ok=True)  # what was seen while it ran is old
        for path, text in self.collect_logs().items():
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if path.suffix == ".err" and lines:
                return f"{reason}; {path.name}: {lines[-1][:300]}"
        return reason

    def resurrect(self, status: JobStatus) -> Work | None:
        answer = self._ask(["resurrect"], status="stuck")
        self._kept.keep(**answer["state"])
        return work_of(answer["submitted"], self.task, self._who)

    # ---- the end -------------------------------------------------------------------------------------------------------
    def detect_completion(self) -> bool:
        return bool(value(self._ask(["detect_completion"], status="running"), "detect_completion"))

    def collect_assets(self) -> Assets:
        """Calls `after_completion` first, in which plugins make assets; where that raises, the step *process* calls it once more and tells."""
        answer = self._ask(["after_completion", "collect_assets", "collect_pages"], status="finished", keep_going=True)
        self._raise_fault(answer, "collect_assets", "__init__")
        post = {} if fault_of(answer, "after_completion") else {"post": answer["submitted"]}
        self._kept.keep(**post, **answer["state"])
        reported = value(answer, "collect_assets")
        events = [change for name, changed in answer["state"]["metas"].items() if name for change in changed]
        found = from_answer(reported if isinstance(reported, Mapping) else {}, events, self.task.folder, self.folder / "values")
        configuration = self._configuration()
        if configuration.is_file():
            found.setdefault("config", {"": AssetFile(configuration)})
        if page := page_in(self.folder / "pages"):
            found.setdefault("pages", {"": AssetFile(page)})
        return found

    def after_completion(self) -> Work | None:
        """What the plugin submitted after completion, which `collect_assets` has called already."""
        if "post" not in self._kept.read():
            answer = self._ask(["after_completion"], status="finished")
            self._kept.keep(post=answer["submitted"], **answer["state"])
        return work_of(self._kept.read()["post"], self.task, self._who)

    def detect_completion_processing(self) -> bool:
        return bool(value(self._ask(["detect_completion_processing"], status="processing"), "detect_completion_processing"))

    def after_processing(self) -> None:
        self._kept.keep(**self._ask(["after_processing"], status="processing")["state"])

    def store_results(self) -> Mapping[str, Path]:
        """What the plugin put into asimov's results store, by file name; asimov's own `after_processing` asks it to."""
        return {path.name: path for path in sorted(self.folder.glob("stored/*")) if path.is_file()}

    # ---- people --------------------------------------------------------------------------------------------------------
    def eject_job(self) -> None:
        if self.folder.is_dir():
            self._ask(["eject_job"], status="stop")

    def clean(self) -> Iterable[Path]:
        if not self.folder.is_dir():
            return ()
        named = map(Path, value(self._ask(["clean"], status="finished"), "clean") or ())
        inside = self.task.folder.resolve()
        return tuple(path for path in named if (path.parent.resolve() / path.name).is_relative_to(inside))

    @classmethod
    def read_ini(cls, path: Path) -> dict[str, Any]:
        if not path.is_file():
            raise PipelineError(f"{path} is not there")
        with tempfile.TemporaryDirectory(prefix="gwfollow-") as name:
            folder = Path(name)
            task = Task("none", None, None, (), "read", cls.name, {"scheduler": {"name": "local"}}, 1, folder, folder)
            return dict(value(cls(task)._ask(["read_ini"], status="ready", others={"config file": str(path)}), "read_ini"))

    # ---- the child -----------------------------------------------------------------------------------------------------
    @property
    def _who(self) -> str:
        return f"asimov's plugin {self.plugin}"

    def _configuration(self) -> Path:
        return self.folder / "repository" / "analyses" / f"{self.task.analysis}.ini"

    def _ask(
        self,
        hooks: Sequence[str],
        *,
        status: str,
        limit: float | None = None,
        others: Mapping[str, str] | None = None,
        **how: bool,
    ) -> dict[str, Any]:
        """One child for these hooks.  Raises `PipelineError` with the last line of the traceback of the first that raised."""
        scratch = self.folder / f"child-{uuid.uuid4().hex[:12]}"
        about = ask_about(self.task, self.plugin, hooks, self.folder, self._kept.read(), status=status, scratch=scratch, **how)
        try:
            answer = self._answer({**about, **(others or {})}, STEP_LIMIT if limit is None else limit)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if not about["keep going"]:
            self._raise_fault(answer, *(called["hook"] for called in answer["hooks"]))
        return answer

    def _raise_fault(self, answer: Mapping[str, Any], *hooks: str) -> None:
        for hook in hooks:
            if words := fault_of(answer, hook):
                raise PipelineError(f"{self._who}, {hook}: {words}")

    def _answer(self, question: Mapping[str, Any], limit: float) -> dict[str, Any]:
        """Prepare the folders and ask.  Raises `PipelineError` where there is no answer."""
        repository = Path(question["repository"])
        (repository / "analyses").mkdir(parents=True, exist_ok=True)
        if self.task.gps is not None:
            # plugins look for *gps*.txt in the event's repository
            write_text(repository / "analyses" / "gpstime.txt", f"{self.task.gps}\n")
        if coinc := trigger_file(self.task):
            write_text(repository / "analyses" / "coinc.xml", coinc.read_text())
        log = self.folder / "log" / f"{question['hooks'][-1]}.log"
        answer = process.ask(self.plugin, question, log, limit)
        if not answer["hooks"]:
            raise PipelineError(f"{self._who} called no hook; its log is {log}")
        answer.setdefault("state", {"metas": {}, "attributes": {}})
        return answer

    def _look(self) -> dict[str, Any]:
        """The plugin's own words about a running job, by hook; from a file where it has been asked lately."""
        kept = self.folder / "look.json"
        try:
            if 0 <= time.time() - kept.stat().st_mtime < LOOK_PERIOD:
                return dict(json.loads(kept.read_text()))
        except (OSError, ValueError):
            pass
        if not self.folder.is_dir():
            return {}
        answer = self._ask(["while_running", "check_progress", "collect_logs"], status="running", keep_going=True)
        seen = {called["hook"]: called.get("value") for called in answer["hooks"]}
        faults = [f"{called['hook']}: {fault_of(answer, called['hook'])}" for called in answer["hooks"] if "error" in called]
        if faults:
            raise PipelineError(f"{self._who}, {'; '.join(faults)}")
        write_text(kept, json.dumps(seen))
        return seen


def pipeline_class(plugin: AsimovPlugin, name: str) -> type[AsimovPipeline]:
    """The class through which gwfollow runs `plugin`, under the `name` that blueprints use."""
    doc = f"asimov's plugin {plugin} ({plugin.value})."
    return type("AsimovPlugin", (AsimovPipeline,), {"name": name, "plugin": plugin, "__doc__": doc, "__module__": __name__})
