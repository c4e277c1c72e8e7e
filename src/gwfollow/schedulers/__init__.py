"""Schedulers: what runs the jobs.  `base` has the interface, `get` gives the one that a name stands for."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from gwfollow.errors import InputError

if TYPE_CHECKING:
    from gwfollow.schedulers.base import Scheduler
    from gwfollow.settings import Settings


def _htcondor(settings: Settings) -> Scheduler:
    from gwfollow.schedulers.htcondor import HTCondor

    return HTCondor(settings.schedd, settings.collector)


def _local(settings: Settings) -> Scheduler:
    from gwfollow.schedulers.local import Local

    return Local(settings.home_folder / "local-scheduler")


_KINDS: dict[str, Callable[[Settings], Scheduler]] = {"htcondor": _htcondor, "local": _local}

#: as the ledger and the settings name them
NAMES = tuple(_KINDS)


@functools.lru_cache(maxsize=16)
def get(name: str, settings: Settings) -> Scheduler:
    """The scheduler that `name` stands for: the same one for the same settings, which may be shared between threads.

    Raises `InputError` for a name that stands for none.
    """
    kind = _KINDS.get(name.strip().lower())
    if kind is None:
        raise InputError("scheduler", name, f"one of {', '.join(NAMES)}")
    return kind(settings)


__all__ = ["NAMES", "get"]
