"""The registry finds installed pipelines, lists them, and keeps a broken one from hurting the others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from gwfollow.errors import InputError, PipelineError
from gwfollow.pipelines import registry
from gwfollow.pipelines.bilby import Bilby


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """The entry points that the registry sees; a test adds its own."""
    seen = [EntryPoint("bilby", "gwfollow.pipelines.bilby:Bilby", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: seen)
    _forget()
    yield seen
    _forget()


def _forget() -> None:
    registry.installed.cache_clear()
    registry._candidates.cache_clear()


def test_the_three_pipelines_are_installed_and_load() -> None:
    assert {"bilby", "pesummary", "psd"} <= set(registry.installed())
    for name in ("bilby", "pesummary", "psd"):
        assert registry.find(name).name == name
    assert registry.broken() == {}


def test_case_does_not_matter() -> None:
    assert registry.find("BiLbY") is Bilby


def test_an_unknown_pipeline_is_refused_with_what_there_is(points: list[EntryPoint]) -> None:
    with pytest.raises(InputError, match=r"found 'rift', expected one of bilby"):
        registry.find("rift")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_module_at_all:Thing", "No module named 'no_such_module_at_all'"),
        ("gwfollow.pipelines.bilby:NoSuchClass", "NoSuchClass"),
        ("gwfollow.pipelines.bilby:read_ini", "not a class that derives from"),
    ],
)
def test_a_broken_plugin_is_reported_and_breaks_nobody_else(points: list[EntryPoint], value: str, reason: str) -> None:
    points.append(EntryPoint("Broken", value, registry.GROUP))
    _forget()
    with pytest.raises(PipelineError, match=reason):
        registry.find("broken")
    assert registry.find("bilby") is Bilby
    assert list(registry.broken()) == ["broken"]


def test_two_packages_with_one_name_are_not_chosen_between(points: list[EntryPoint]) -> None:
    points.append(EntryPoint("BILBY", "gwfollow.pipelines.psd:PSD", registry.GROUP))
    _forget()
    with pytest.raises(PipelineError, match=r"several packages.*uninstall all but one"):
        registry.find("bilby")


@pytest.mark.slow
def test_finding_one_imports_neither_the_others_nor_the_science_codes() -> None:
    code = """
import sys
from gwfollow.pipelines import registry
registry.find("bilby"); registry.installed()
print([m for m in sys.modules if m in {"bilby", "bilby_pipe", "numpy", "gwpy", "gwfollow.pipelines.pesummary", "airflow"}])
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
