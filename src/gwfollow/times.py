"""GPS time and UTC, with leap seconds: the one module that converts them.

astropy knows the leap seconds without a network; it is imported at the first conversion, for it is slow to import.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gwfollow.errors import InputError


def gps_to_utc(gps: float) -> datetime:
    """Aware UTC of a GPS time in seconds, to the microsecond.

    A leap second itself (23:59:60) has no datetime and gives the second after it.  Raises `InputError` for what is no GPS time.
    """
    from astropy.time import Time

    if not 0 <= gps < 1e10:
        raise InputError("GPS time", gps, "seconds from 0 to 1e10")
    # two parts, whole seconds and fraction: one double of 1e9 s is good to a microsecond only just
    whole = float(gps // 1)
    text = str(Time(whole, gps - whole, format="gps", precision=6).utc.isot)
    leap = text[17:19] == "60"
    moment = datetime.fromisoformat(text.replace(":60.", ":59.") if leap else text).replace(tzinfo=UTC)
    return moment + timedelta(seconds=1) if leap else moment


def utc_to_gps(moment: datetime) -> float:
    """GPS seconds of an aware time.  Raises `InputError` for a time without a zone, or before 1980-01-06."""
    from astropy.time import Time

    if moment.tzinfo is None:
        raise InputError("time", moment.isoformat(), "a time with its zone")
    gps = float(Time(moment.astimezone(UTC), format="datetime", scale="utc").gps)
    if gps < -1e-6:
        raise InputError("time", moment.isoformat(), "a time after 1980-01-06 (GPS 0)")
    return gps
