"""When a peak is significant: gwpy's and gwdetchar's false-alarm rate.

gwpy (`QTiling.transform`) gives the rate at which white Gaussian noise has a tile as loud as the peak's energy E as

    FAR = 1.5 N w exp(-E) / T,     w = 1 + log10(Q_max / Q_min) / sqrt(2)

with the data's duration T and the mean over Q planes N of their number of independent tiles, sum over rows of (1 + tiles * spacing).
`gwdetchar-omega` leaves out channels with a rate at or above its threshold.  It is an estimate (energies are over medians, not means,
and neighbouring planes are not independent), used here because thresholds in people's configurations are meant for it.
"""

from __future__ import annotations

import math

from gwfollow.scans.tiling import Tiling


def false_alarm_rate(energy: float, plan: Tiling) -> float:
    """Hz, of a peak of this energy in white noise."""
    width = 1 + math.log10(plan.q_range[1] / plan.q_range[0]) / math.sqrt(2)
    return 1.5 * plan.trials * width * math.exp(-energy) / plan.duration


def snr(energy: float) -> float:
    """Of a tile with this energy: sqrt(2 energy), as gwpy and gwdetchar have it."""
    return math.sqrt(2 * energy)


def significant(energy: float, plan: Tiling, *, far_threshold: float, snr_threshold: float = 0.0) -> bool:
    """Whether the rate is below the one threshold and the energy at or above the other, as gwpy cuts its tables: energy >= threshold^2 / 2."""
    return false_alarm_rate(energy, plan) < far_threshold and energy >= snr_threshold**2 / 2


__all__ = ["false_alarm_rate", "significant", "snr"]
