"""What a plugin raised, for gwfollow and for the log."""

from __future__ import annotations

import sys
import traceback


def fault(error: BaseException) -> dict[str, str]:
    """An exception for the answer: its type, its text and the whole traceback (which goes to the log too)."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    sys.stderr.write(text)
    return {"type": type(error).__name__, "text": str(error), "traceback": text}
