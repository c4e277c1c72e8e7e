"""INI templates: Jinja2 for our own (``*.j2``), Liquid as asimov reads it for every other file, both in a sandbox.

Both see the same variables: ``production`` (also as ``analysis``), ``pipeline``, ``config`` and ``ifos``; a Jinja template also has the
sections of the document by name (``likelihood``, ``data``, ...).  All are copies; nothing of the environment, of connections or of the
ledger can be reached.  To test for a value that is not there is fine, to print one is an error that names it.

asimov's templates are written for liquidpy, a dialect on Jinja2 (``x | default: 1``, ``a contains b``, ``d.keys()``), which the stricter
Liquid libraries refuse.  liquidpy changes Jinja2's parser for the whole process on import; here the change lasts only while an asimov
template is rendered, for Airflow renders Jinja2 too.
"""

from __future__ import annotations

import getpass
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines.base import AssetFile, Task

#: sections that a Jinja template may name directly; an absent one is an empty mapping
SECTIONS = ("data", "likelihood", "priors", "quality", "waveform", "sampler", "scheduler", "postprocessing")
#: free text for people: not shown to templates, so it may hold anything
_FREE_TEXT = frozenset({"comment", "comments", "description", "notes", "review"})
#: what ends a line of an INI file for one reader or another
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_patching = threading.Lock()


class Missing(ChainableUndefined):
    """A value that is not there: false, empty, and an error only where it would be printed."""

    def __getattr__(self, name: str) -> Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, *key: Any) -> Missing:  # type: ignore[override]  # the parent's is declared to never return
        return Missing(name=".".join(str(part) for part in (self._undefined_name, *key)))

    def __contains__(self, item: object) -> bool:
        return False

    def __str__(self) -> str:
        raise UndefinedError(f"{self._undefined_name} is not given")


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, with the two underscored names that asimov's templates use."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if attr == "__len__" and isinstance(obj, str | list | tuple | dict | Missing):  # how liquidpy spells ``.size``
            return True
        if attr == "_previous_assets" and isinstance(obj, Production):
            return True
        return super().is_safe_attribute(obj, attr, value)


@dataclass(frozen=True)
class EventView:
    """asimov's ``production.event``."""

    name: str
    meta: dict[str, Any]
    work_dir: str
    repository: None = None  # gwfollow keeps no git repository for an event


@dataclass(frozen=True)
class Production:
    """asimov's ``production``: the analysis as its templates know it."""

    name: str
    meta: dict[str, Any]
    event: EventView
    pipeline: Any
    rundir: str
    psds: dict[str, str]
    dependencies: list[str]
    category: str = "analyses"
    assets: dict[str, Any] = field(default_factory=dict)

    @property
    def priors(self) -> dict[str, Any]:
        return dict(self.meta.get("priors") or {})

    @property
    def quality(self) -> dict[str, Any]:
        return dict(self.meta.get("quality") or {})

    def get_meta(self, key: str) -> Any:
        return self.meta.get(key)

    def _previous_assets(self) -> dict[str, Any]:
        return self.assets


def find_template(configs: Path, name: str) -> Path:
    """A template by its name under `configs`, or by an absolute path.

    Raises `InputError` where there is no such file, or where a relative name leads out of `configs`.
    """
    path = configs / name  # an absolute name stands for itself
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise InputError("template", name, f"a file under {configs}, or the absolute path of one") from None
    if not Path(name).is_absolute() and not real.is_relative_to(configs.resolve()):
        raise InputError("template", name, f"a name that stays inside {configs}, or an absolute path")
    if not real.is_file():
        raise InputError("template", name, "a file")
    return path


def render(task: Task, template: Path, *, pipeline: Any = None, psds: Mapping[str, Path] | None = None) -> str:
    """The template filled from the task's document.

    `pipeline` is what the template sees under that name; `psds` the PSD of each detector, as found by the pipeline.
    Raises `InputError` for a value that would break out of its line, `PipelineError` for a template that cannot be filled.
    """
    values = _variables(task, pipeline, {ifo: str(path) for ifo, path in (psds or {}).items()})
    return render_file(template, values)


def render_file(template: Path, values: Mapping[str, Any]) -> str:
    """A template filled with the given values, by the engine that its suffix names."""
    try:
        source = template.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"template {template} cannot be read: {error}") from error
    sandbox = _Sandbox(undefined=Missing, finalize=_printed, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True)
    try:
        if template.suffix in {".j2", ".jinja", ".jinja2"}:
            return sandbox.from_string(source).render(values)
        return _liquid(source, values)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise PipelineError(f"template {template}{f', line {line}' if line else ''}: {error}") from error
    except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
        raise PipelineError(f"template {template}: {type(error).__name__}: {error}") from error


def check_values(value: object, place: str) -> None:
    """Refuse text that would end its line in an INI file, or turn the rest of it into a comment.  Raises `InputError`."""
    if isinstance(value, str):
        if _CONTROL.search(value):
            raise InputError(place, value, "text without line breaks or control characters")
        if "#" in value:
            raise InputError(place, value, "text without '#', which begins a comment in an INI file")
        if value.count("{") != value.count("}") or value.rstrip().endswith(","):
            raise InputError(place, value, "text with paired braces and no comma at its end, which would take in the line below")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            check_values(key if isinstance(key, str) else "", f"{place}, a key")
            if key not in _FREE_TEXT:
                check_values(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            check_values(inner, f"{place}[{index}]")


def _liquid(source: str, values: Mapping[str, Any]) -> str:
    with _liquidpy() as liquid:
        sandbox = _Sandbox(undefined=Missing, finalize=_printed, keep_trailing_newline=True)
        # no search path: an `include` finds nothing
        return str(liquid.Liquid(source, from_file=False, env=sandbox, search_paths=[]).render(**values))


@contextmanager
def _liquidpy() -> Iterator[Any]:
    """The module liquidpy with its changes to Jinja2 in force, for one thread at a time, and undone after."""
    with _patching:
        first = "liquid" not in sys.modules
        import liquid

        if not first:
            liquid.patch_jinja()
        try:
            yield liquid
        finally:
            liquid.unpatch_jinja()


def _printed(value: Any) -> Any:
    """What stands in the file for a printed value; the values of the document are checked already, computed ones are here."""
    if isinstance(value, Missing):
        return str(value)
    if isinstance(value, str) and _CONTROL.search(value):
        raise InputError("template, a printed value", value, "text without line breaks or control characters")
    return value


def _variables(task: Task, pipeline: Any, psds: dict[str, str]) -> dict[str, Any]:
    shown = {key: deepcopy(value) for key, value in task.document.items() if key not in _FREE_TEXT}
    shown |= {"name": task.analysis, "interferometers": list(task.interferometers), "event time": task.gps}
    for section in SECTIONS:
        if shown.get(section) is None:
            shown[section] = {}
    if psds:
        shown["psds"] = psds
    check_values(shown, "")
    check_values(psds, "psds")
    production = Production(
        name=task.analysis,
        meta=shown,
        event=EventView(task.event, shown, str(task.folder.parent.parent)),
        pipeline=pipeline,
        rundir=str(task.folder),
        psds=psds,
        dependencies=[other.name for other in task.needed],
        assets=_previous_assets(task) | ({"psds": psds} if psds else {}),
    )
    config = {
        "general": {"webroot": str(task.folder / "pages"), "rundir_default": str(task.folder.parent)},
        "condor": {"user": task.resources.accounting_user or getpass.getuser(), "accounting": task.resources.accounting_group},
        "pipelines": {"environment": sys.prefix},
    }
    sections = {section: shown[section] for section in SECTIONS}
    return sections | {
        "production": production,
        "analysis": production,
        "pipeline": pipeline,
        "config": config,
        "ifos": list(task.interferometers),
    }


def _previous_assets(task: Task) -> dict[str, Any]:
    """As asimov gives them: one path where an asset has one file, else label -> path."""
    found: dict[str, Any] = {}
    for name in {name for maker in task.needed for name in maker.assets}:
        files: dict[str, AssetFile] = task.take(name)
        found[name] = {label: str(file.path) for label, file in files.items()}
        if list(files) == [""]:
            found[name] = str(files[""].path)
    return found
