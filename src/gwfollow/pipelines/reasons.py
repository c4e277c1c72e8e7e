"""Why a program failed, in its own words: the line of a log that a person would look for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from gwfollow.pipelines.files import tail

#: bilby exits so after a checkpoint and its job is started again
_CHECKPOINT = re.compile(r"SystemExit: 77|checkpoint and exit|Run interrupted by (?:signal|alarm)")
_RAISED = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning)?: .+|^[\w-]+: error: .+")
_SHADOW = re.compile(
    r"Job was held|memory usage exceeded|Job disconnected|cannot allocate|MemoryError|No space left", re.IGNORECASE
)
_TROUBLE = re.compile(r"ERROR: |Aborting DAG|failed with status|Node return val: [^0]")
_ERROR_LINE = re.compile(r"XLAL Error - .+|.*\b(?:error|ERROR|Error)\b:? .+")


def last_error(text: str) -> str | None:
    """The last exception in a log, a normal checkpoint left out; None where there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if _CHECKPOINT.search(line):
            continue
        if _RAISED.match(line) and "Warning: " not in line:
            return line
    return None


def last_words(text: str) -> str | None:
    """The last exception or error message in a log, else its last line; None for an empty one."""
    said = last_error(text)
    if said:
        return said
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if _ERROR_LINE.match(line)), lines[-1] if lines else None)


def dagman_reason(logs: Iterable[Path], folder: Path) -> str | None:
    """What DAGMan itself says went wrong, from its ``.dagman.out``; None where it says nothing."""
    for path in logs:
        lines = tail(path, 400).splitlines()
        for pattern in (_SHADOW, _TROUBLE):
            for line in reversed(lines):
                if pattern.search(line):
                    return f"DAGMan: {line.split(' ', 2)[-1].strip()} ({shown(path, folder)})"
    return None


def shown(path: Path, folder: Path) -> Path:
    """The path as a message names it: relative to the attempt's folder where it is inside."""
    return path.relative_to(folder) if path.is_relative_to(folder) else path
