"""Both ends of the pipe to a process that is asked for what may hang or crash: its answers are lines of JSON, the first of them empty,
which says that it can be asked."""

from __future__ import annotations

import json
import os
import select
import subprocess
from collections.abc import Mapping
from typing import Any, TextIO

from gwfollow.errors import GWFollowError


class NoAnswer(GWFollowError):
    """It took too long."""


def answers() -> TextIO:
    """For the process that is asked: where its answers go from now on, and nothing else; it says that it can be asked."""
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a pipeline prints must not stand among the answers
    say(stream, {})
    return stream


def say(stream: TextIO, what: Mapping[str, Any]) -> None:
    stream.write(json.dumps(what) + "\n")
    stream.flush()


def line(process: subprocess.Popen[bytes], seconds: float, otherwise: str) -> dict[str, Any]:
    """For who asks: the next answer.

    Raises `NoAnswer`, with `otherwise` in its words, where none comes within `seconds`, and `EOFError` where the process has ended.
    """
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], seconds)[0]:
        raise NoAnswer(f"{otherwise} within {seconds:.0f} s")
    text = process.stdout.readline()
    if not text:
        raise EOFError
    found: dict[str, Any] = json.loads(text)
    return found


__all__ = ["NoAnswer", "answers", "line", "say"]
