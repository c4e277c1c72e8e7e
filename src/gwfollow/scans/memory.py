"""How many processes a scan has and how many channels each takes at once, so that all together keep to `memory_mb`.

What a channel needs grows with its samples, not with the number of channels: a set of 861 needs what one of 30 does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from gwfollow.scans.model import Block, ScanConfig

#: bytes that this program itself takes, and each process of its crew besides what they share
_BASE, _EACH = 160 * 2**20, 60 * 2**20
#: bytes for a sample on its way from the file to the whitened series, temporaries of `conditioning` and `qtransform` included
PER_SAMPLE = 120
#: Hz and bytes of the samples that a channel may turn out to have
_FASTEST, _WIDEST = 16384, 8
#: channels that one process takes: files are opened once for them
MOST_CHANNELS = 32


@dataclass(frozen=True)
class Share:
    """`bytes` for the samples of each of the `processes`."""

    processes: int
    bytes: int

    @classmethod
    def of(cls, config: ScanConfig) -> Share:
        """As many processes as the job has cores, or as `workers` says; fewer where memory would be short."""
        total = config.memory_mb * 2**20 - _BASE
        least = _EACH + 2**26
        processes = max(1, min(config.workers or cores(), total // least))
        return cls(processes, max(2**26, total // processes - _EACH))

    def channels(self, block: Block, count: int) -> int:
        """Of a block of `count` channels, for one job: every process gets several, and what is read of them fits into half of its share."""
        read = (block.duration + 2) * _FASTEST * _WIDEST
        fits = int(self.bytes / 2 / read)
        return max(1, min(MOST_CHANNELS, fits, -(-count // (2 * self.processes))))


def at_once(share: int, samples: int) -> int:
    """Channels of so many samples that are transformed at once in `share` bytes."""
    return max(1, int(share / 2 / (samples * PER_SAMPLE)))


def cores() -> int:
    """Those of the job: what the scheduler binds it to, or grants it by OMP_NUM_THREADS as HTCondor does (the worker keeps that)."""
    bound = len(os.sched_getaffinity(0))
    granted = os.environ.get("SCAN_CORES", "")
    return min(bound, int(granted)) if granted.isdigit() and int(granted) > 0 else bound


__all__ = ["MOST_CHANNELS", "Share", "at_once", "cores"]
