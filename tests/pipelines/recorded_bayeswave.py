"""A run folder of BayesWave, **written by hand from the documented layout**: BayesWave itself is in no package index.

The names are those that BayesWave, BayesWavePost and megaplot give; the spectrum is LIGO's published curve for early observing at 1 Hz
steps, the waveform a damped sine of 1e-21.  Nothing here has been sampled.
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

FOLDER = "trigtime_1126259462.400000095_0.0_0.0_0.0_0.0"


def record(run: Path, ifos: tuple[str, ...] = ("H1", "L1"), components: tuple[str, ...] = (), mode: str = "psd") -> Path:
    """Write the folder of a run that has ended well; returns ``trigtime_…``."""
    top = run / FOLDER
    clean = top / "post" / "clean"
    clean.mkdir(parents=True)
    for ifo in ifos:
        (clean / f"glitch_median_PSD_forLI_{ifo}.dat").write_text(published_psd())
    for component in components:
        post = top / "post" / ("full" if mode == "full" else component)
        post.mkdir(exist_ok=True)
        for ifo in ifos:
            (post / f"{component}_median_time_domain_waveform_{ifo}.dat").write_text(damped_sine())
    if components:
        (top / "index.html").write_text("<html>megaplot</html>")
        (top / "plots").mkdir()
        (top / "plots" / "skymap.png").write_bytes(b"\x89PNG\r\n")
    if mode == "coherence":
        (top / "evidence.dat").write_text("signal 283.5 0.9\nglitch 251.25 1.1\nnoise 10.5 0.2\nfull 0 0\n")
    return top


def published_psd() -> str:
    """Frequency (Hz) and power (1/Hz), 20 to 1024 Hz."""
    package = importlib.util.find_spec("bilby")
    assert package is not None
    assert package.origin is not None
    curve = Path(package.origin).parent / "gw" / "detector" / "noise_curves" / "aLIGO_early_high_psd.txt"
    rows = [[float(word) for word in line.split()] for line in curve.read_text().splitlines() if not line.startswith("#")]
    kept, last = [], 19.0
    for frequency, power in rows:
        if 20 <= frequency <= 1024 and frequency >= last + 1:
            kept.append(f"{frequency:.6f} {power:.10e}\n")
            last = frequency
    return "".join(kept)


def damped_sine() -> str:
    """Time (s), median, and the edges of the 50% and 90% intervals."""
    lines = []
    for step in range(-64, 65):
        time = step / 1024
        value = 1e-21 * math.exp(-((time / 0.02) ** 2)) * math.sin(2 * math.pi * 150 * time)
        lines.append(f"{time:.9f} " + " ".join(f"{value * factor:.6e}" for factor in (1, 0.9, 1.1, 0.8, 1.2)) + "\n")
    return "".join(lines)
