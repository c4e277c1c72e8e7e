"""The LVK's observing runs, by date.

Sources: O1 to O3 as the GW Open Science Center publishes their data (gwosc.org, "Timeline"), O4 as the LVK announced it
(observing.docs.ligo.org/plan).  Breaks within a run belong to it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: name, first and last moment (UTC)
RUNS = (
    ("O1", datetime(2015, 9, 12, tzinfo=UTC), datetime(2016, 1, 19, 16, tzinfo=UTC)),
    ("O2", datetime(2016, 11, 30, 16, tzinfo=UTC), datetime(2017, 8, 25, 22, tzinfo=UTC)),
    ("O3", datetime(2019, 4, 1, 15, tzinfo=UTC), datetime(2020, 3, 27, 17, tzinfo=UTC)),
    ("O4", datetime(2023, 5, 24, 15, tzinfo=UTC), datetime(2025, 11, 18, 16, tzinfo=UTC)),
)


def run_of(moment: datetime) -> str:
    """The run that an event of this time belongs to: ``O4``, or ``between-runs-2018``."""
    moment = moment.astimezone(UTC)
    for name, first, last in RUNS:
        if first <= moment <= last:
            return name
    return f"between-runs-{moment.year}"


def run_of_event(graceid: str, gps: float | None, otherwise: datetime) -> str:
    """The run of an event: by its GPS time (s), or by the date in its superevent id (``S190814bv``), or by `otherwise`."""
    if gps is not None:
        from gwfollow.times import gps_to_utc

        return run_of(gps_to_utc(gps))
    if match := re.match(r"[MT]?S(\d\d)(\d\d)(\d\d)[a-z]", graceid):
        year, month, day = (int(part) for part in match.groups())
        try:
            return run_of(datetime(2000 + year, month, day, 12, tzinfo=UTC))
        except ValueError:  # no date
            pass
    return run_of(otherwise)


__all__ = ["RUNS", "run_of", "run_of_event"]
