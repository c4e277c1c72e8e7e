"""Channels with glitches of all kinds, for tests of the transform."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.floating[Any]]
KINDS = (
    "nothing",
    "sine-Gaussian",
    "low and long",
    "chirp",
    "step",
    "spike",
    "ringdown",
    "burst of noise",
    "two at once",
    "loud",
)


def channel(kind: str, seconds: float, rate: float, seed: int = 0) -> Samples:
    """White noise of unit variance with a glitch in the middle."""
    count = int(seconds * rate)
    random = np.random.default_rng([seed, KINDS.index(kind)])
    samples = random.standard_normal(count)
    times = np.arange(count) / rate - seconds / 2 - 0.03
    nyquist = rate / 2
    match kind:
        case "sine-Gaussian":
            samples += sine_gaussian(times, 0.3 * nyquist, 12, 6)
        case "low and long":
            samples += sine_gaussian(times, 0.1 * nyquist, 60, 3)
        case "chirp":
            phase = 2 * np.pi * (0.2 * nyquist * times + 0.25 * nyquist * times**2)
            samples += 3 * np.exp(-((times / 0.1) ** 2)) * np.sin(phase)
        case "step":
            samples += 5 * (times > 0)
        case "spike":
            samples[np.argmin(np.abs(times))] += 30
        case "ringdown":
            samples += np.where(
                times > 0, 6 * np.exp(-np.maximum(times, 0) / 0.05) * np.sin(2 * np.pi * 0.25 * nyquist * times), 0
            )
        case "burst of noise":
            samples *= 1 + 5 * np.exp(-((times / 0.05) ** 2))
        case "two at once":
            samples += sine_gaussian(times, 0.15 * nyquist, 8, 5) + sine_gaussian(times - 0.1, 0.5 * nyquist, 20, 5)
        case "loud":
            samples += sine_gaussian(times, 0.2 * nyquist, 10, 1e5)
    return samples


def sine_gaussian(times: Samples, frequency: float, q: float, amplitude: float) -> Samples:
    tau = q / (2**0.5 * np.pi * frequency)
    return amplitude * np.exp(-((times / tau) ** 2)) * np.cos(2 * np.pi * frequency * times)
