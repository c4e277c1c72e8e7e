"""DAG files that builders write: whether they are whole, how far DAGMan is with them, and why a node failed.

A builder that was cut off leaves a DAG that HTCondor may well accept and that does a part of the work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gwfollow.errors import PipelineError
from gwfollow.pipelines.base import Progress
from gwfollow.pipelines.files import tail, write_text
from gwfollow.pipelines.reasons import dagman_reason, last_words, shown
from gwfollow.schedulers.tails import node_logs

#: commands of a DAG file whose first word is a node
_OF_A_NODE = frozenset({"VARS", "RETRY", "PRIORITY", "CATEGORY", "PRE_SKIP", "ABORT-DAG-ON"})
_QUEUE = re.compile(r"^\s*queue\b", re.MULTILINE | re.IGNORECASE)
_TABLE = re.compile(r"Done\s+Pre\s+Queued\s+Post\s+Ready\s+Un-Ready\s+Failed")


@dataclass
class DagFile:
    """The parts of a DAG file that gwfollow looks at."""

    path: Path
    jobs: dict[str, Path] = field(default_factory=dict)  # node -> submit file
    subdags: dict[str, tuple[Path, Path]] = field(default_factory=dict)  # node -> DAG file, its working folder
    inline: set[str] = field(default_factory=set)  # nodes, and descriptions, that stand in the DAG file itself

    @property
    def nodes(self) -> set[str]:
        return self.jobs.keys() | self.subdags.keys() | self.inline


def check_dag(dag: Path, folder: Path) -> DagFile:
    """Read a DAG and check that it is whole: every submit file is there and whole, and every line names nodes that are there.

    `folder` is DAGMan's working folder.  Raises `PipelineError` that names the line.
    """
    try:
        lines = dag.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"there is no DAG to submit at {dag}: {error}") from error
    found = DagFile(dag)
    later = [(number, line) for number, line in _commands(dag, lines, found) if not _node(dag, folder, number, line, found)]
    nodes = found.nodes
    if not nodes:
        raise PipelineError(f"{dag} has no jobs")
    for file, node in {file: node for node, file in found.jobs.items()}.items():
        if not file.is_file() or not _QUEUE.search(file.read_text(errors="replace")):
            raise PipelineError(f"{dag}: the submit file of node {node}, {file}, is not there or not whole")
    for number, words in later:
        _check_names(dag, number, words, nodes)
    for file, home in found.subdags.values():
        check_dag(file, home)
    return found


def all_dags(dag: Path, folder: Path) -> list[Path]:
    """The DAG and those that are nodes of it; none where it is not whole."""
    try:
        found = check_dag(dag, folder)
        return [dag, *(inner for file, home in found.subdags.values() for inner in all_dags(file, home))]
    except PipelineError:
        return []


def settle_submit_files(dag: DagFile, settings: Mapping[str, str], only: str = "*") -> None:
    """Give the jobs of the DAG these commands of the submit language in place of their own: ``{"request_disk": "64MB"}``.

    `only` is a pattern for names of submit files.
    """
    for file in dict.fromkeys(path for path in dag.jobs.values() if path.match(only)):
        text = file.read_text()
        kept = [line for line in text.splitlines() if line.partition("=")[0].strip().lower() not in settings]
        at = next(index for index, line in enumerate(kept) if _QUEUE.match(line))
        mode = file.stat().st_mode
        write_text(file, "\n".join([*kept[:at], *(f"{name} = {value}" for name, value in settings.items()), *kept[at:]]) + "\n")
        file.chmod(mode)
    for inner, home in dag.subdags.values():
        settle_submit_files(check_dag(inner, home), settings, only)


def progress(dags: Iterable[Path]) -> Progress | None:
    """Nodes done, from the last table in each ``.dagman.out``; None before DAGMan has written one."""
    tables = [table for table in (_table(Path(f"{dag}.dagman.out")) for dag in dags) if table is not None]
    if not tables:
        return None
    done, failed = sum(table["done"] for table in tables), sum(table["failed"] for table in tables)
    total = sum(sum(table.values()) for table in tables)
    text = f"{done} of {total} nodes done" + (f", {failed} failed" if failed else "")
    values = {"nodes_done": float(done), "nodes_total": float(total), "nodes_failed": float(failed)}
    return Progress(done / total if total else None, text, values)


def rescue_files(dag: Path) -> list[Path]:
    """DAGMan's rescue files, oldest first."""
    return sorted(dag.parent.glob(f"{dag.name}.rescue[0-9][0-9][0-9]"))


def why_failed(dags: Iterable[tuple[Path, Path]], folder: Path) -> str | None:
    """The reason from the newest error file of a failed node, else from DAGMan; `dags` are DAG files with their working folders.

    Files are named relative to `folder`, the attempt's.  None where nothing tells.
    """
    dags = list(dags)
    logs = [path for dag, home in dags for path in node_logs(dag, home) if path.is_file() and path.stat().st_size]
    for path in sorted(logs, key=lambda file: (file.suffix == ".err", file.stat().st_mtime), reverse=True):
        said = last_words(tail(path, 200))
        if said:
            return f"{said} ({shown(path, folder)})"
    return dagman_reason([Path(f"{dag}.dagman.out") for dag, _ in dags], folder)


def _commands(dag: Path, lines: list[str], found: DagFile) -> Iterator[tuple[int, list[str]]]:
    """Numbered commands as words; what stands in braces is put into `found.inline` and left out."""
    inside = ""
    for number, line in enumerate(lines, 1):
        words = line.split()
        if inside:
            inside = "" if words[:1] in (["}"], ["@end"]) else inside
        elif words and not words[0].startswith("#"):
            if words[0].upper() in {"JOB", "SUBMIT-DESCRIPTION"} and words[-1] in {"{", "@=end"}:
                inside = words[1]
                found.inline.add(inside)
            elif line.replace('\\"', "").count('"') % 2:
                raise PipelineError(f"{dag}, line {number} is cut off: {line[:120]!r}")
            else:
                yield number, words
    if inside:
        raise PipelineError(f"{dag} ends inside the description of {inside}")


def _node(dag: Path, folder: Path, number: int, words: list[str], found: DagFile) -> bool:
    """Whether the command declares a node, which then is in `found`."""
    kind = words[0].upper()
    if kind == "SUBDAG":
        words = words[1:]
    if kind not in {"JOB", "FINAL", "SERVICE", "PROVISIONER", "SUBDAG", "SPLICE"}:
        return False
    if len(words) < 3:
        raise PipelineError(f"{dag}, line {number} is cut off: {' '.join(words)!r}")
    name, file = words[1], words[2]
    home = folder / words[4] if len(words) > 4 and words[3].upper() == "DIR" else folder
    if kind in {"SUBDAG", "SPLICE"}:
        found.subdags[name] = (home / file, home)
    elif file in found.inline:
        found.inline.add(name)
    else:
        found.jobs[name] = home / file
    return True


def _check_names(dag: Path, number: int, words: list[str], nodes: set[str]) -> None:
    kind = words[0].upper()
    if kind == "PARENT":
        joint = [word.upper() for word in words].index("CHILD") if "CHILD" in (word.upper() for word in words) else -1
        if not 1 < joint < len(words) - 1:
            raise PipelineError(f"{dag}, line {number} is cut off: {' '.join(words)[:120]!r}")
        strangers = [name for name in words[1:joint] + words[joint + 1 :] if name not in nodes]
        if strangers:
            raise PipelineError(f"{dag}, line {number} joins nodes that it does not have: {', '.join(strangers)}")
    elif kind in _OF_A_NODE:
        if len(words) < 3:
            raise PipelineError(f"{dag}, line {number} is cut off: {' '.join(words)[:120]!r}")
        if words[1] not in nodes and words[1].upper() != "ALL_NODES":
            raise PipelineError(f"{dag}, line {number} is about a node that it does not have: {words[1]}")


def _table(log: Path) -> dict[str, int] | None:
    lines = tail(log, 1000).splitlines()
    for index in range(len(lines) - 1, -1, -1):
        if _TABLE.search(lines[index]) and index + 2 < len(lines):
            numbers = [int(word) for word in lines[index + 2].split() if word.isdigit()]
            names = [word.lower() for word in lines[index].split() if word.rstrip(":").replace("-", "").isalpha()]
            table = dict(zip(names, numbers[-len(names) :], strict=False))
            if len(numbers) >= len(names):
                return table
    return None


__all__ = [
    "DagFile",
    "all_dags",
    "check_dag",
    "progress",
    "rescue_files",
    "settle_submit_files",
    "why_failed",
]
