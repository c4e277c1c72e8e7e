"""Reading what BayesWave and BayesWavePost write: tables of a spectrum or a waveform, evidences."""

from __future__ import annotations

import math
from pathlib import Path

from gwfollow.errors import PipelineError

#: pairs of models whose evidences are compared
_PAIRS = (("signal", "noise"), ("signal", "glitch"), ("glitch", "noise"))


def read_columns(path: Path, least: int = 2) -> list[tuple[float, ...]]:
    """A table of numbers without a head: rows of the same length, finite, the first column rising.

    Raises `PipelineError` where the file is missing, empty or cut off; a table of less than two rows counts as empty.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} cannot be read: {error}") from error
    rows: list[tuple[float, ...]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            row = tuple(float(word) for word in line.split())
        except ValueError:
            raise PipelineError(f"{path}, line {number}: {line[:60]!r} is not a row of numbers") from None
        if len(row) < least or (rows and len(row) != len(rows[0])):
            raise PipelineError(f"{path}, line {number} is cut off: {len(row)} columns")
        if not all(map(math.isfinite, row)) or (rows and row[0] <= rows[-1][0]):
            raise PipelineError(f"{path}, line {number}: {line[:60]!r} does not follow the line before")
        rows.append(row)
    if len(rows) < 2:
        raise PipelineError(f"{path} is empty")
    return rows


def read_psd(path: Path) -> list[tuple[float, ...]]:
    """Frequencies (Hz) and one-sided power (1/Hz), which must be above 0.  Raises `PipelineError`."""
    rows = read_columns(path)
    if any(row[1] <= 0 for row in rows):
        raise PipelineError(f"{path}: there is power that is not above 0")
    return rows


def suppressed(rows: list[tuple[float, ...]], lower: float, upper: float) -> str:
    """The PSD with a power of 1 from `lower` to `upper` (Hz, both ends in): no weight in a likelihood."""
    return "".join(f"{row[0]:.10g} {1.0 if lower <= row[0] <= upper else row[1]:.10e}\n" for row in rows)


def bayes_factors(evidence: Path) -> dict[str, float]:
    """Natural logarithms of Bayes factors from ``evidence.dat`` (rows ``model logZ variance``): ``{"signal:noise": 12.3}``.

    BayesWave writes a row of zeros for a model that did not run: such a pair is left out.  Raises `PipelineError`.
    """
    found = {}
    try:
        for line in evidence.read_text().splitlines():
            words = line.split()
            if len(words) >= 2:
                found[words[0].lower()] = float(words[1])
    except (OSError, ValueError) as error:
        raise PipelineError(f"{evidence} cannot be read: {error}") from error
    ran = {name: value for name, value in found.items() if value != 0 and math.isfinite(value)}
    return {f"{one}:{other}": ran[one] - ran[other] for one, other in _PAIRS if one in ran and other in ran}
