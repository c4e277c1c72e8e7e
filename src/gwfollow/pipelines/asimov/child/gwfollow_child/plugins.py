"""asimov's table of pipelines, filled only with what is asked for.

asimov imports every installed plugin on import, which takes seconds and lets a broken one hurt the others.  Here a plugin is imported when
its name is looked up, and the analyses that are needed have pipelines that stand in for those that made them.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

GROUP = "asimov.pipelines"


def open_table(own: dict[str, Any]) -> Any:
    """Import asimov with an empty table of pipelines, and give it one that loads the plugin `own` (its name and value) and others by need."""
    _load_later("otter")
    with _no_plugins():
        pipelines = importlib.import_module("asimov.pipelines")
    _lend_names()
    table = _Table(own)
    pipelines.known_pipelines = table  # type: ignore[attr-defined]
    return table


def load(point: dict[str, Any]) -> Any:
    """The class that an entry point names."""
    return importlib.metadata.EntryPoint(point["name"], point["value"], GROUP).load()


class _Table(dict):  # type: ignore[type-arg]
    """Name in lower case -> class."""

    def __init__(self, own: dict[str, Any]) -> None:
        super().__init__()
        self._own = own
        self.standing_in: Any = None  # a class that is given whatever the name

    def __contains__(self, name: object) -> bool:
        return self.standing_in is not None or str(name).lower() in self._points()

    def __missing__(self, name: str) -> Any:
        points = self._points()
        if name.lower() not in points:
            raise KeyError(name)
        found = self[name] = load(points[name.lower()])
        return found

    def __getitem__(self, name: str) -> Any:
        return self.standing_in if self.standing_in is not None else super().__getitem__(name)

    def _points(self) -> dict[str, dict[str, Any]]:
        found = {point.name.lower(): {"name": point.name, "value": point.value} for point in _installed()}
        return {**found, self._own["name"].lower(): self._own}


def _installed() -> Any:
    return importlib.metadata.entry_points(group=GROUP)


def _load_later(name: str) -> None:
    """asimov's library for reports brings matplotlib, half of the time of importing asimov; here hardly anybody asks for a report."""
    if name in sys.modules or importlib.util.find_spec(name) is None:
        return

    def really(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if sys.modules.get(name) is module:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    module = types.ModuleType(name)
    module.__getattr__ = really  # type: ignore[method-assign]
    sys.modules[name] = module


@contextmanager
def _no_plugins() -> Iterator[None]:
    original: Any = importlib.metadata.entry_points

    def without(*args: Any, **kwargs: Any) -> Any:
        return () if kwargs.get("group") == GROUP else original(*args, **kwargs)

    importlib.metadata.entry_points = without
    try:
        yield
    finally:
        importlib.metadata.entry_points = original


def _lend_names() -> None:
    """Names that plugins of asimov 0.7 import and asimov 0.8 no longer has."""
    import asimov.analysis
    import asimov.pipeline

    transient = asimov.analysis.GravitationalWaveTransient
    if not hasattr(transient, "get_psds"):
        transient.get_psds = transient._collect_psds
    if not hasattr(asimov.pipeline, "PESummaryPipeline"):
        asimov.pipeline.PESummaryPipeline = _pesummary


def _pesummary(production: Any, category: Any = None) -> Any:
    """asimov 0.7's PESummaryPipeline: that of the package asimov-pesummary."""
    for point in _installed():
        if point.name == "pesummary":
            return point.load()(production, category)
    raise RuntimeError(
        "this plugin post-processes with PESummary: install asimov-pesummary, or run PESummary as an analysis of its own"
    )
