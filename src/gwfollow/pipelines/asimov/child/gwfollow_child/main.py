"""One step of one analysis: the question on standard input, the answer on a pipe of its own, logs on the other two.

An exception of the plugin is an answer like any other; only a fault of this script itself ends the process without one.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from typing import Any

from .faults import fault


def main() -> None:
    """Answer the question.  ``argv[1]`` is the number of the answer's file descriptor."""
    _die_with_parent()
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # what the plugin starts must not hold it open
    question = json.load(sys.stdin)
    sys.stdin.close()
    answer = _answer(question)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(answer, stream)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that the plugin left behind do not keep the step


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    from .recorders import Book

    book = Book(question["record"])
    answer: dict[str, Any] = {"hooks": []}
    try:
        from .hooks import run

        run(question, book, answer)
    except BaseException as error:  # a plugin may call sys.exit
        answer["hooks"].append({"hook": "__init__", "error": fault(error)})
    answer["submitted"] = book.read()
    return answer


def _die_with_parent() -> None:
    """A worker that is killed takes this process with it: nobody else may build in the folder while it runs on."""
    try:
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    except (OSError, AttributeError):  # not Linux: the time limit remains
        pass
