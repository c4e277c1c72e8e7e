"""asimov's global configuration, made to point into the attempt's folder.

A person's own asimov.conf is read by asimov itself, so site settings such as [templating] or [authentication] count as before; what would
lead out of the attempt's folder, or to another scheduler, is ours.
"""

from __future__ import annotations

import configparser
import os
import shutil
import sys
from pathlib import Path
from typing import Any


def configure(question: dict[str, Any]) -> None:
    """Write the project's asimov.conf, which counts before all others, and import asimov where it finds it."""
    written = configparser.ConfigParser(interpolation=None)
    written.read_dict(
        {name: {key: value.replace("%", "%%") for key, value in values.items()} for name, values in question["config"].items()}
    )
    place = Path(question["project"], ".asimov", "asimov.conf")
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as stream:
        written.write(stream)
    os.chdir(question["project"])
    from asimov import config

    os.chdir(question["folder"])
    for section in ("pipelines", "rift"):
        _where_missing(config, section, "environment", sys.prefix, Path.is_dir)
    _where_missing(config, "pesummary", "executable", str(Path(sys.prefix, "bin", "summarypages")), Path.is_file)
    make_store(config.get("storage", "root"))


def make_store(root: str) -> None:
    """asimov's results store of this attempt, empty: what the plugin stores is published from there."""
    from asimov.storage import Store

    shutil.rmtree(root, ignore_errors=True)
    Path(root).parent.mkdir(parents=True, exist_ok=True)
    Store.create(root=root, name="gwfollow")


def _where_missing(config: Any, section: str, key: str, value: str, there: Any) -> None:
    """asimov's own default is a path in /cvmfs that only some machines have."""
    if not config.has_section(section):
        config.add_section(section)
    if not there(Path(config.get(section, key, fallback="nothing"))):
        config.set(section, key, value.replace("%", "%%"))
