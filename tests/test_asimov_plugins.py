"""Plugins of asimov are found by what their packages say, in our own environment or in another, and nothing is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from asimov_environment import layer_over
from gwfollow import asimov_plugins
from gwfollow.errors import InputError
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import Ledger
from gwfollow.pipelines import registry
from gwfollow.pipelines.bilby import Bilby


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An environment by its folders alone, without asimov: nothing in it can run."""
    peers = tmp_path / "peers"
    (peers / "bin").mkdir(parents=True)
    (peers / "bin" / "python").touch()
    (peers / "pyvenv.cfg").touch()
    (peers / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return layer_over(peers, tmp_path / "layer", {"Toy": "asimov_toy_plugin:Toy", "bilby": "asimov_toy_plugin:Toy"}, asimov=False)


@pytest.fixture
def with_asimov(bare: Path) -> Path:
    (packages,) = bare.parent.parent.glob("lib/python3*/site-packages")
    about = packages / "asimov-0.8.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: asimov\nVersion: 0.8.0\n")
    return bare


def test_plugins_of_another_environment_are_listed_with_their_package(with_asimov: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(with_asimov))
    toy = asimov_plugins.installed()["toy"]
    assert str(toy) == "Toy of toy-plugins 1.2"
    assert toy.python == with_asimov
    assert {"toy", "asimov:toy", "asimov:bilby"} <= registry.names()


def test_a_pipeline_of_gwfollow_wins_and_the_prefix_asks_for_the_plugin(
    with_asimov: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(with_asimov))
    assert registry.find("bilby") is Bilby
    plugin = registry.find("asimov:Bilby")
    assert plugin.name == "asimov:bilby"
    assert plugin is registry.find("ASIMOV:bilby")
    assert registry.find("toy").name == "toy"


def test_a_plugin_without_asimov_is_told_with_the_cure(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(bare))
    assert asimov_plugins.installed() == {}
    with pytest.raises(
        InputError,
        match=r"Toy of toy-plugins 1\.2 is there, but asimov is not in the environment of .*install gwfollow\[asimov\]",
    ):
        registry.find("asimov:toy")
    with pytest.raises(InputError, match=r"found 'nothing-like-it', expected one of .*bilby"):
        registry.find("nothing-like-it")


def test_a_blueprint_that_names_a_plugin_is_applied_without_a_warning(
    with_asimov: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(with_asimov))
    event = "kind: event\nname: GW150914\n"
    analyses = [
        f"kind: analysis\nname: a{number}\nevent: GW150914\npipeline: {name}\n"
        for number, name in enumerate(("toy", "asimov:bilby", "nix"))
    ]
    ledger = Ledger.open(sqlite_url)
    with ledger.change(who="test") as change:
        report = apply(change, read_text("---\n".join([event, *analyses]), "test.yaml").blueprints)
    ledger.close()
    assert report.warnings == ["pipeline 'nix' of GW150914/a2 is not installed; nothing is built with it until it is"]


def test_a_setting_that_names_no_python_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"GWFOLLOW_ASIMOV_PYTHON: found .*none', expected the path of a Python"):
        registry.find("asimov:toy")


@pytest.mark.slow
def test_looking_imports_neither_asimov_nor_the_plugin(with_asimov: Path) -> None:
    code = """
import sys
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import Ledger
from gwfollow.pipelines import registry
registry.names(); registry.find("toy"); registry.find("asimov:bilby")
print([m for m in sys.modules if m.partition(".")[0] in {"asimov", "asimov_toy_plugin", "bilby", "bilby_pipe", "numpy"}])
"""
    environment = {"GWFOLLOW_ASIMOV_PYTHON": str(with_asimov), "PATH": "/usr/bin:/bin"}
    assert subprocess.check_output([sys.executable, "-c", code], text=True, env=environment).strip() == "[]"
