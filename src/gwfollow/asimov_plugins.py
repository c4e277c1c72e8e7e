"""Which plugins of asimov are installed, by what their packages say: nothing is imported and no other Python is started.

Plugins may live in gwfollow's own environment or in that of ``GWFOLLOW_ASIMOV_PYTHON``; in either asimov itself must be there too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, distributions
from pathlib import Path

from gwfollow.errors import InputError
from gwfollow.settings import Settings

GROUP = "asimov.pipelines"
#: before a plugin's name in ``pipeline:``, where gwfollow has a pipeline of that name itself
PREFIX = "asimov:"


@dataclass(frozen=True)
class AsimovPlugin:
    """A class of the entry-point group ``asimov.pipelines``."""

    name: str  # as its package spells it
    value: str  # module:class
    package: str
    version: str
    python: Path  # of the environment that has it
    prefix: Path  # of that environment, where its programs are

    def __str__(self) -> str:
        return f"{self.name} of {self.package} {self.version}"


def installed() -> Mapping[str, AsimovPlugin]:
    """Plugins by name in lower case; empty where asimov itself is not installed.  Raises `InputError` for a setting that names no Python."""
    return _found(Settings.read().asimov_python)[0]


def knows(pipeline: str) -> bool:
    """Whether a pipeline's name, with or without ``asimov:``, is that of a plugin; False for a setting that names no Python."""
    try:
        return pipeline.lower().removeprefix(PREFIX) in installed()
    except InputError:
        return False


def why_none(name: str) -> str:
    """One sentence on why the plugin `name` cannot be used."""
    setting = Settings.read().asimov_python
    plugins, waiting = _found(setting)
    where = f"the environment of {setting} (GWFOLLOW_ASIMOV_PYTHON)" if setting else "gwfollow's own environment"
    if name.lower() in waiting:
        return f"{waiting[name.lower()]} is there, but asimov is not in {where}: install gwfollow[asimov], or set GWFOLLOW_ASIMOV_PYTHON"
    there = ", ".join(sorted(plugins)) or "no asimov with plugins"
    return f"{where} has {there}"


@lru_cache(maxsize=4)
def _found(setting: str) -> tuple[dict[str, AsimovPlugin], dict[str, AsimovPlugin]]:
    """Those that can run, and those that wait for asimov."""
    if setting:
        python = Path(setting).expanduser().absolute()
        if not python.is_file():
            raise InputError("GWFOLLOW_ASIMOV_PYTHON", setting, "the path of a Python")
        prefix = python.parent.parent
        packages: Iterable[Distribution] = distributions(path=[str(folder) for folder in _site_packages(prefix)])
    else:
        python, prefix, packages = Path(sys.executable), Path(sys.prefix), distributions()
    plugins: dict[str, AsimovPlugin] = {}
    has_asimov = False
    for package in packages:
        name = package.metadata["Name"] or ""
        has_asimov = has_asimov or name.lower() == "asimov"
        for point in package.entry_points.select(group=GROUP):
            plugin = AsimovPlugin(point.name, point.value, name, package.version, python, prefix)
            plugins.setdefault(point.name.lower(), plugin)
    return (plugins, {}) if has_asimov else ({}, plugins)


def _site_packages(prefix: Path) -> list[Path]:
    """Where the environment's packages lie, with the folders that its ``.pth`` files add."""
    found = sorted((*prefix.glob("lib*/python3*/site-packages"), *prefix.glob("lib/python3/dist-packages")))
    folders = list(dict.fromkeys(folder.resolve() for folder in found))
    for folder in list(folders):
        for file in sorted(folder.glob("*.pth")):
            lines = file.read_text(errors="replace").splitlines()
            folders += [
                folder / line for line in lines if line and not line.startswith(("#", "import ")) and (folder / line).is_dir()
            ]
    return folders
