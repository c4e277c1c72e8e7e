"""A scan that is told to stop (SIGTERM of a scheduler, Ctrl-C of a person) comes to an end of its own: what was found is kept."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def told_to_stop(stop: Callable[[str], None]) -> Iterator[None]:
    """While it lasts, `stop` is called with the sentence that says who stopped the scan."""

    def heard(number: int, frame: FrameType | None) -> None:
        stop(f"stopped by {signal.Signals(number).name}")

    before = {number: signal.signal(number, heard) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["told_to_stop"]
