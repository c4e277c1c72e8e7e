"""Which pipelines are installed: the entry-point group ``gwfollow.pipelines``, and plugins of asimov; names compared without regard to case.

Looking does not import: only the pipeline that is asked for is loaded, so that a plugin that is broken breaks nobody else.  Where gwfollow has
a pipeline of the same name as a plugin of asimov, its own is taken; ``asimov:NAME`` asks for the plugin.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from gwfollow import asimov_plugins
from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines.base import Pipeline

GROUP = "gwfollow.pipelines"


@lru_cache(maxsize=1)
def installed() -> dict[str, EntryPoint]:
    """Every installed pipeline by its name in lower case; nothing is imported.

    Where two packages give the same name the first by package name is listed; `find` refuses to choose.
    """
    found: dict[str, EntryPoint] = {}
    for name, candidates in _candidates().items():
        found[name] = candidates[0]
    return found


def find(name: str) -> type[Pipeline]:
    """The class of the pipeline of this name.

    Raises
    ------
    InputError : no such pipeline; the text lists those that are installed
    PipelineError : it is installed and cannot be used; the text says why
    """
    candidates = _candidates().get(name.lower(), ())
    if not candidates:
        return _asimov(name)
    if len(candidates) > 1:
        makers = ", ".join(f"{_maker(point)} ({point.value})" for point in candidates)
        raise PipelineError(f"pipeline {name}: several packages give one of this name: {makers}; uninstall all but one")
    return _load(candidates[0])


def names() -> frozenset[str]:
    """Every name that `find` knows, in lower case; nothing is imported."""
    plugins = asimov_plugins.installed()
    return frozenset({*installed(), *plugins, *(asimov_plugins.PREFIX + name for name in plugins)})


def broken() -> dict[str, str]:
    """Load every pipeline: name -> why it cannot be used.  For health checks; it imports all of them."""
    reasons = {}
    for name in installed():
        try:
            find(name)
        except PipelineError as error:
            reasons[name] = str(error)
    return reasons


@lru_cache(maxsize=1)
def _candidates() -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, dict[str, EntryPoint]] = {}
    for point in sorted(entry_points(group=GROUP), key=_maker):
        # the same package may be seen twice (an installed and an editable copy): one value counts once
        found.setdefault(point.name.lower(), {}).setdefault(point.value, point)
    return {name: tuple(points.values()) for name, points in sorted(found.items())}


def _asimov(name: str) -> type[Pipeline]:
    plugins = asimov_plugins.installed()
    plugin = plugins.get(name.lower().removeprefix(asimov_plugins.PREFIX))
    if plugin is not None:
        return _asimov_class(plugin, name.lower())
    if name.lower().startswith(asimov_plugins.PREFIX):
        raise InputError("pipeline", name, f"a plugin of asimov: {asimov_plugins.why_none(name[len(asimov_plugins.PREFIX) :])}")
    there = [*sorted(installed()), *(asimov_plugins.PREFIX + other for other in sorted(plugins))]
    raise InputError("pipeline", name, "one of " + (", ".join(there) or "none: no pipeline is installed"))


@lru_cache(maxsize=64)
def _asimov_class(plugin: asimov_plugins.AsimovPlugin, name: str) -> type[Pipeline]:
    from gwfollow.pipelines.asimov.adapter import pipeline_class

    return pipeline_class(plugin, name)


def _load(point: EntryPoint) -> type[Pipeline]:
    try:
        loaded = point.load()
    except Exception as error:
        raise PipelineError(f"{_described(point)} cannot be loaded: {type(error).__name__}: {error}") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Pipeline)):
        raise PipelineError(f"{_described(point)} is not a class that derives from gwfollow.pipelines.base.Pipeline")
    return loaded


def _described(point: EntryPoint) -> str:
    return f"pipeline {point.name} of {_maker(point)} ({point.value})"


def _maker(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unknown package"
