"""What the scheduler runs: ``job.py CONFIGURATION RESULT``.  Writes the result in one stroke, when it is whole."""

from __future__ import annotations

import configparser
import json
import math
import sys
from itertools import pairwise
from pathlib import Path

#: G M_sun / c^3, s; and c in Mpc/s
SOLAR_SECONDS, LIGHT = 4.925490947e-6, 9.71561e-15


def sensemon_range(frequencies: list[float], psd: list[float], mass: float, f_low: float) -> float:
    """Distance in Mpc, averaged over sky and orientation, at which two stars of `mass` (M_sun) have a signal-to-noise ratio of 8.

    `psd` in 1/Hz at `frequencies` in Hz; inspiral up to the innermost stable orbit.  Finn and Chernoff, Phys. Rev. D 47, 2198 (1993);
    the factor 2.2648 is the average over orientations.
    """
    chirp = SOLAR_SECONDS * mass * 2 ** (-1 / 5)
    f_isco = 1 / (6**1.5 * math.pi * 2 * mass * SOLAR_SECONDS)
    points = [(f, s) for f, s in zip(frequencies, psd, strict=True) if f_low <= f <= f_isco and s > 0]
    integral = sum((f2 - f1) * f1 ** (-7 / 3) / s1 for (f1, s1), (f2, _) in pairwise(points))
    amplitude = math.sqrt(5 / 24) * math.pi ** (-2 / 3) * chirp ** (5 / 6) * LIGHT
    return 2 * amplitude * math.sqrt(integral) / (8 * 2.2648)


def main(configuration: Path, result: Path) -> None:
    """Read each PSD (two columns: frequency in Hz, PSD in 1/Hz) and write detector -> range in Mpc."""
    config = configparser.ConfigParser()
    config.optionxform = str  # type: ignore[assignment,method-assign]  # H1 stays H1
    config.read(configuration)
    mass, f_low = config["bnsrange"].getfloat("mass"), config["bnsrange"].getfloat("minimum-frequency")
    ranges = {}
    for ifo, path in config["psds"].items():
        rows = [line.split() for line in Path(path).read_text().splitlines() if line and not line.startswith("#")]
        ranges[ifo] = sensemon_range([float(row[0]) for row in rows], [float(row[1]) for row in rows], mass, f_low)
        print(f"{ifo} done: {ranges[ifo]:.1f} Mpc", flush=True)
    draft = result.with_suffix(".draft")
    draft.write_text(json.dumps(ranges))
    draft.replace(result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
