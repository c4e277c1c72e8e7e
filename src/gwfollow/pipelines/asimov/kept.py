"""What lies in an attempt's folder between the steps of a plugin, and how an answer of its child is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import PipelineError
from gwfollow.pipelines.base import Task
from gwfollow.pipelines.files import write_text


class Kept:
    """``state.json``: what the plugin changed in its objects, and what it handed to HTCondor in which step."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "state.json"

    def read(self) -> dict[str, Any]:
        """Empty before the first step.  Raises `PipelineError` for a file that somebody else has written."""
        try:
            return dict(json.loads(self._file.read_text()))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise PipelineError(f"{self._file} is not what gwfollow wrote ({error}); ask for a fresh attempt") from error

    def keep(self, **news: Any) -> None:
        """Write the given parts over the old ones."""
        write_text(self._file, json.dumps(self.read() | news, indent=1))


def value(answer: Mapping[str, Any], hook: str) -> Any:
    """What a hook returned; None where it was not called."""
    return next((called.get("value") for called in answer["hooks"] if called["hook"] == hook), None)


def fault_of(answer: Mapping[str, Any], hook: str) -> str:
    """What a hook raised, in a line; empty where it raised nothing."""
    return next((_last_words(called["error"]) for called in answer["hooks"] if called["hook"] == hook and "error" in called), "")


def _last_words(error: Mapping[str, str]) -> str:
    """The traceback's last line; of a message of several lines, as builders' output has, the first and the last."""
    lines = [line.strip() for line in error["text"].replace("\\n", "\n").splitlines()]
    telling = [line for line in lines if line.strip(" \"'b{}[]()") not in {"", "None"}]
    words = " ... ".join(dict.fromkeys((telling[0][:300], telling[-1][-300:]))) if telling else ""
    return f"{error['type']}: {words}" if words else error["type"]


def trigger_file(task: Task) -> Path | None:
    """The coinc.xml that RIFT's and others' builders read: made by an analysis that is needed, or named in the document."""
    made = [file.path for file in task.take("coinc").values()]
    named = [Path(str(path)) for path in (task.get("data.coinc"), task.get("coinc")) if path]
    return next((path for path in (*made, *named) if path.is_file()), None)


def page_in(folder: Path) -> Path | None:
    """The page that a person would open first."""
    for pattern in ("**/home.html", "**/index.html", "**/*.html"):
        if found := sorted(folder.glob(pattern)):
            return found[0]
    return None
