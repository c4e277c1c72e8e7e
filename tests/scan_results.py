"""Results of scans, as a worker leaves them."""

from __future__ import annotations

from typing import Any

from gwfollow.scans.model import ChannelResult, Peak, ScanResult

GPS = 1126259462.4
#: what somebody who may name a channel would like to run
ATTACK = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def channel(name: str, *, snr: float | None = None, **more: Any) -> ChannelResult:
    """With `snr`, a significant one that was scanned."""
    columns: dict[str, Any] = {"channel": name, "block": "pem", "frame_type": "H1_R", "state": "absent"}
    if snr is not None:
        peak = Peak(time=GPS + 0.0214, frequency=131.24, q=11.36, energy=(snr**2 + 1) / 2, snr=snr)
        columns |= {"state": "scanned", "sample_rate": 1024.0, "peak": peak, "significant": True}
    return ChannelResult(**columns | more)


def scan(*channels: ChannelResult, state: str = "complete", **more: Any) -> ScanResult:
    columns: dict[str, Any] = {
        "title": "GW150914",
        "gps": GPS,
        "ifo": "H1",
        "channel_set": "H1_standard",
        "engine": "gwfollow",
        "engine_version": "0.5.0",
        "state": state,
        "host": "node7.example",
        "begun": "2026-11-21T19:00:00+00:00",
        "updated": "2026-11-21T19:01:00+00:00",
        "far_threshold": 3.171e-8,
        "channels": channels,
    }
    return ScanResult(**columns | more)
