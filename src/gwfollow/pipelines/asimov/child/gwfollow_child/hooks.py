"""The hooks of one step, called on the plugin's own class, and what they left behind."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .configuration import configure
from .faults import fault
from .plain import apply, changes, is_plain, plain
from .plugins import load, open_table
from .recorders import Book, lead_bindings, lead_path

#: asimov itself never calls these; the guide says that it does.  So they are called once here, and a plugin's own call does nothing more
_ONCE = ("before_build", "before_submit")


def run(question: dict[str, Any], book: Book, answer: dict[str, Any]) -> None:
    """Make the analysis, call the hooks, and put what came of them into the answer."""
    lead_path(book, question["programs"])
    lead_bindings(book)
    configure(question)
    table = open_table(question["plugin"])
    if question["hooks"] == ["read_ini"]:
        answer["hooks"].append(_called("read_ini", lambda: _read_ini(question)))
        return
    from .productions import production_of

    production = production_of(question, table)
    step = Step(question, production)
    for hook in question["hooks"]:
        called = step.call(hook)
        answer["hooks"].append(called)
        over = hook == "detect_completion" and not called.get("value")
        if ("error" in called and not question["keep going"]) or over:
            break
    step.leave(answer)


class Step:
    """An analysis with its plugin between two hooks."""

    def __init__(self, question: dict[str, Any], production: Any) -> None:
        self.question, self.production = question, production
        self.plugin = production.pipeline
        self.events = dict(production.ledger.events)
        self.first = self._metas()
        self.fresh = dict(vars(self.plugin))
        self._remember(question["state"])
        for name in _ONCE:
            setattr(self.plugin, name, _once(getattr(self.plugin, name, _nothing)))

    def call(self, hook: str) -> dict[str, Any]:
        """Call one hook: its value, or its error."""
        return _called(hook, getattr(self, "_" + hook, getattr(self.plugin, hook, _nothing)))

    def leave(self, answer: dict[str, Any]) -> None:
        """What the plugin has changed, for the answer."""
        now = self._metas()
        metas = {name: [[list(place), value] for place, value in changes(self.first[name], now[name])] for name in now}
        attributes = {
            name: value
            for name, value in vars(self.plugin).items()
            if name not in {*_ONCE, "production", "category"} and is_plain(value) and self.fresh.get(name, _nothing) != value
        }
        answer["state"] = {"metas": metas, "attributes": attributes}
        answer["status"] = self.production.status
        self._stored()

    # ---- hooks that asimov does around the plugin's own ----------------------------------------------------------------
    def _before_config(self) -> Any:
        problems = dict.fromkeys((getattr(self.production, "_psd_errors", None) or {}).values())
        if problems:
            raise ValueError("; ".join(problems))
        made = self.plugin.before_config()
        self._set_apart_environment()
        return made

    def _set_apart_environment(self) -> None:
        """asimov's list of installed packages goes beside the run folder: bilby_pipe takes another folder than one that is there already."""
        environment = self.production.meta.get("environment")
        files = environment.get("files") if isinstance(environment, dict) else None
        for kind, path in dict(files or {}).items():
            place = Path(self.question["environment"], Path(path).name)
            place.parent.mkdir(parents=True, exist_ok=True)
            Path(path).replace(place)
            environment["files"][kind] = str(place)
        try:
            Path(self.production.rundir).rmdir()
        except OSError:  # not there, or something else is in it
            pass

    def _make_config(self) -> str:
        place = self.question["config file"]
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        self.production.make_config(place)
        return str(place)

    def _build_dag(self) -> Any:
        made = self.plugin.build_dag(dryrun=True) if self.question["dryrun"] else self.plugin.build_dag()
        return getattr(made, "message", None)

    def _submit_dag(self) -> Any:
        found = self.plugin.submit_dag()
        if isinstance(found, (tuple, list)):
            found = found[0] if found else None
        return None if found is None else str(found)

    def _collect_assets(self) -> Any:
        return self.plugin.collect_assets() or {}

    def _collect_pages(self) -> Any:
        """Pages are for looking at: a plugin that cannot make them has its results all the same."""
        try:
            self.plugin.collect_pages()
        except Exception as error:
            fault(error)

    def _clean(self) -> list[str]:
        """What the plugin would delete: gwfollow deletes it, and never a recorded asset."""
        named: list[str] = []

        def name(path: Any, *args: Any, **kwargs: Any) -> None:
            named.append(str(Path.cwd() / path))

        kept = [
            (place, what, getattr(place, what))
            for place, what in ((os, "remove"), (os, "unlink"), (os, "rmdir"), (shutil, "rmtree"))
        ]
        for place, what, _ in kept:
            setattr(place, what, name)
        try:
            self.plugin.clean()
        finally:
            for place, what, original in kept:
                setattr(place, what, original)
        return named

    def _detect_completion(self) -> bool:
        return bool(self.plugin.detect_completion())

    def _detect_completion_processing(self) -> bool:
        return bool(self.plugin.detect_completion_processing())

    # ---- between steps -------------------------------------------------------------------------------------------------
    def _metas(self) -> dict[str, Any]:
        own = {key: value for key, value in self.production.meta.items() if key != "ledger"}
        metas = {"": plain(own)}
        metas.update({"event " + name: plain(event.meta) for name, event in self.events.items()})
        scheduler = metas[""].get("scheduler")
        if isinstance(scheduler, dict):
            scheduler.pop("job id", None)  # the job is gwfollow's
        return metas

    def _remember(self, state: dict[str, Any]) -> None:
        """As if asimov had kept the changes of earlier steps in its ledger."""
        metas = state.get("metas", {})
        apply(self.production.meta, metas.get("", []))
        for name, event in self.events.items():
            apply(event.meta, metas.get("event " + name, []))
        for name, value in state.get("attributes", {}).items():
            try:
                setattr(self.plugin, name, value)
            except AttributeError:  # a property
                sys.stderr.write(f"{name} cannot be set again\n")

    def _stored(self) -> None:
        """Move what the plugin put into asimov's results store (<event>/<analysis>/<file>) to where gwfollow publishes from."""
        from asimov import config

        for path in list(Path(config.get("storage", "root")).glob("*/*/**/*")):
            if path.is_file():
                place = Path(self.question["stored"], path.name)
                place.parent.mkdir(parents=True, exist_ok=True)
                path.replace(place)


def _read_ini(question: dict[str, Any]) -> Any:
    parsed = load(question["plugin"]).read_ini(question["config file"])
    sections = getattr(parsed, "sections", None)
    return {name: dict(parsed[name]) for name in sections()} if callable(sections) else parsed


def _called(hook: str, function: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"hook": hook, "value": plain(function())}
    except BaseException as error:  # a plugin may call sys.exit
        return {"hook": hook, "error": fault(error)}


def _once(function: Callable[..., Any]) -> Callable[..., Any]:
    calls: list[Any] = []

    def first_only(*args: Any, **kwargs: Any) -> Any:
        if calls:
            return None
        calls.append(args)
        return function(*args, **kwargs)

    return first_only


def _nothing(*args: Any, **kwargs: Any) -> None:
    """For a hook that a plugin does not have."""
