"""``python -m gwfollow.pipelines.progress_worker``: asks pipelines how far they are, one after the other.

Pickled tasks come by standard input from the process that started it (`gwfollow.life.progress`); each answer is a line of JSON on
standard output, and so is a first line when it can be asked.  It imports no more than it must: it is started every minute.
"""

from __future__ import annotations

import math
import pickle
import sys
from typing import Any

from gwfollow.pipelines import pipe, registry
from gwfollow.pipelines.base import Progress

#: the longest text that a pipeline may say
LONGEST = 200


def main() -> None:
    questions, answers = sys.stdin.buffer, pipe.answers()
    while True:
        try:
            task = pickle.load(questions)  # noqa: S301  from the process that started this one, through its own pipe
        except EOFError:
            return
        pipe.say(answers, _answer(task))


def _answer(task: Any) -> dict[str, Any]:
    try:
        return plain(registry.find(task.pipeline)(task).check_progress())
    except Exception as error:
        lines = str(error).strip().splitlines()
        return {"failed": f"{type(error).__name__}: {lines[-1]}" if lines else type(error).__name__}


def plain(found: Progress) -> dict[str, Any]:
    """What a plugin returned, as far as it makes sense: a fraction of 1, one line of text, finite numbers.

    Raises `TypeError` or `ValueError` for what is none.
    """
    if not isinstance(found, Progress):
        raise TypeError(f"check_progress returned {type(found).__name__}, not Progress")
    fraction = None if found.fraction is None or math.isnan(found.fraction) else min(max(float(found.fraction), 0.0), 1.0)
    text = " ".join(str(found.text).split())[:LONGEST]
    values = {str(key): float(value) for key, value in found.values.items()}
    return {"fraction": fraction, "text": text, "values": {key: value for key, value in values.items() if math.isfinite(value)}}


if __name__ == "__main__":
    main()
