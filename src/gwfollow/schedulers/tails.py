"""Ends of log files, and which log files of a DAG are worth opening."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

#: bytes read from the end of a file, however long it is
TAIL_BYTES = 65536
#: failed nodes whose logs are shown, at most
SHOWN_NODES = 5


def tail(path: Path, lines: int) -> str:
    """The last `lines` lines; only the end of the file is read."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - TAIL_BYTES)
        file.seek(start)
        text = file.read().decode(errors="replace")
    kept = text.splitlines()
    if start:
        kept = kept[1:]  # the first one is cut
    return "\n".join(kept[-lines:])


def tails(paths: list[Path], lines: int) -> dict[Path, str]:
    """Tails of those that exist and are not empty."""
    found = {}
    for path in dict.fromkeys(paths):
        try:
            text = tail(path, lines)
        except OSError:
            continue
        if text:
            found[path] = text
    return found


def rescue_file(dag: Path) -> Path | None:
    """The newest rescue file that DAGMan wrote for `dag`."""
    found = sorted(dag.parent.glob(f"{dag.name}.rescue[0-9][0-9][0-9]"))
    return found[-1] if found else None


def failed_nodes(dag: Path) -> list[str]:
    """Names of the nodes that DAGMan gave up, from its newest rescue file."""
    rescue = rescue_file(dag)
    if rescue is None:
        return []
    found = re.search(r"^# Nodes that failed:.*\n((?:#.*\n)+)", rescue.read_text(errors="replace"), re.MULTILINE)
    if found is None:
        return []
    names = (name.strip() for line in found[1].splitlines() for name in line.lstrip("#").split(","))
    return [name for name in names if name and name != "<ENDLIST>"]


def node_logs(dag: Path, folder: Path) -> list[Path]:
    """Standard error and output of the failed nodes, as their submit files name them."""
    text = dag.read_text(errors="replace")
    logs: list[Path] = []
    for node in failed_nodes(dag)[:SHOWN_NODES]:
        job = re.search(rf"^\s*JOB\s+{re.escape(node)}\s+(\S+)(?:\s+DIR\s+(\S+))?", text, re.MULTILINE | re.IGNORECASE)
        if job is None:
            continue
        home = folder / (job[2] or "")
        try:
            description = (home / job[1]).read_text(errors="replace")
        except OSError:
            continue
        values = _vars(text, node) | {"JOB": node}
        for name in ("error", "output"):
            found = re.search(rf"^\s*{name}\s*=\s*(.+?)\s*$", description, re.MULTILINE | re.IGNORECASE)
            if found:
                logs += _expand(home, found[1], values)
    return logs


def _vars(dag: str, node: str) -> dict[str, str]:
    """What the DAG's VARS lines give to the submit file of `node`."""
    values: dict[str, str] = {}
    for line in re.findall(rf"^\s*VARS\s+{re.escape(node)}\s+(.*)$", dag, re.MULTILINE | re.IGNORECASE):
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        values.update((name, value) for name, equals, value in (word.partition("=") for word in words) if equals)
    return values


def _expand(folder: Path, name: str, values: Mapping[str, str]) -> list[Path]:
    """The files that a submit file's name with $(macros) stands for; a macro that is not known here may be anything."""
    pattern = re.sub(r"\$\((\w+)\)", lambda macro: values.get(macro[1], "*"), name)
    if "*" not in pattern:
        return [folder / pattern]
    place = folder / pattern
    return sorted(place.parent.glob(place.name))


__all__ = ["failed_nodes", "node_logs", "rescue_file", "tail", "tails"]
