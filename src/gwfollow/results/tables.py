"""Medians and 90% intervals of tables of samples that need not fit into the memory.

A table gives its columns in blocks of rows.  Quantiles need a column whole (they are exact), so as many columns as fit into
`BUDGET` are read in one pass over the table, the next ones in another pass.
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Protocol

from gwfollow.errors import PermanentError

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

#: bytes of samples in memory at once, unless one column alone is larger
BUDGET = 32 << 20
#: bytes of a block of rows
BLOCK = 4 << 20
#: a table that says it is longer or wider is a fault or an attack
MOST_ROWS, MOST_COLUMNS = 50_000_000, 20_000

#: median, 5% and 95% quantile, in the file's own units
Interval = tuple[float, float, float]


class Unreadable(PermanentError):
    """The file is no posterior file that we know, is cut short, or is not what it says it is."""


@dataclass
class Run:
    """One set of posterior samples of a file."""

    label: str
    samples: int = 0
    parameters: dict[str, Interval] = field(default_factory=dict)
    evidence: dict[str, float] = field(default_factory=dict)  # ln_evidence, ln_evidence_error, ln_noise_evidence, ln_bayes_factor
    approximant: str = ""
    sampler: str = ""
    sampled: tuple[str, ...] = ()  # names of the sampled parameters, where the file says them
    prior_samples: int | None = None  # None: the file has no samples of the prior
    not_finite: dict[str, int] = field(default_factory=dict)  # parameter -> samples that are NaN or infinite
    left_out: list[str] = field(default_factory=list)  # columns that are no real numbers


class Table(Protocol):
    """Columns of real numbers, all of `rows` samples."""

    names: Sequence[str]
    rows: int

    def blocks(self, columns: Sequence[int]) -> Iterator[Array]:
        """Arrays of shape (rows of the block, len(columns)), in the order of the rows."""


def check_shape(place: str, rows: int, columns: int) -> None:
    """Raises `Unreadable` for a table that is larger than any posterior."""
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise Unreadable(f"{place}: {rows} samples of {columns} parameters are more than {MOST_ROWS} of {MOST_COLUMNS}")


def fill(run: Run, table: Table) -> None:
    """Number of samples, and the interval of each parameter."""
    import numpy

    check_shape(run.label, table.rows, len(table.names))
    run.samples = table.rows
    together = max(1, BUDGET // (8 * max(1, table.rows)))
    for first in range(0, len(table.names), together):
        chosen = range(first, min(first + together, len(table.names)))
        columns = numpy.empty((len(chosen), table.rows))
        done = 0
        for block in table.blocks(chosen):
            columns[:, done : done + len(block)] = block.T
            done += len(block)
        if done != table.rows:
            raise Unreadable(f"{run.label}: the table ends after {done} of {table.rows} samples")
        for place, column in zip(chosen, columns, strict=True):
            add_column(run, table.names[place], column)


def add_column(run: Run, name: str, column: Array) -> None:
    """The interval of one parameter from its finite samples; those that are not are counted.  The column is used up."""
    import numpy

    finite = numpy.isfinite(column)
    if not finite.all():
        run.not_finite[name] = int(len(column) - numpy.count_nonzero(finite))
        column = column[finite]
    if len(column):
        low, median, high = numpy.quantile(column, [0.05, 0.5, 0.95], overwrite_input=True)
        run.parameters[name] = (float(median), float(low), float(high))


class Spill:
    """Rows that come one after the other, kept in a temporary file of 8 bytes a number."""

    def __init__(self) -> None:
        self.rows, self.width = 0, 0
        self.names: Sequence[str] = ()
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the object, it has no name)

    def add(self, row: list[float], place: str) -> None:
        if self.rows and len(row) != self.width:
            raise Unreadable(f"{place}: row {self.rows + 1} has {len(row)} numbers, the first {self.width}")
        self.width = len(row)
        check_shape(place, self.rows, self.width)
        array("d", row).tofile(self._file)
        self.rows += 1

    def blocks(self, columns: Sequence[int]) -> Iterator[Array]:
        import numpy

        self._file.seek(0)
        step = max(1, BLOCK // (8 * max(1, self.width)))
        for first in range(0, self.rows, step):
            count = min(step, self.rows - first)
            block = numpy.frombuffer(self._file.read(8 * self.width * count)).reshape(count, self.width)
            yield block[:, columns[0] : columns[-1] + 1]

    def close(self) -> None:
        self._file.close()


def evidence_of(values: dict[str, Any]) -> dict[str, float]:
    """Natural logarithms of the evidences, from the names that the formats give them; the Bayes factor is against noise."""
    import math

    found: dict[str, float] = {}
    for name, keys in _EVIDENCE.items():
        for key in keys:
            try:
                value = float(values[key])
            except (KeyError, TypeError, ValueError):
                continue
            if math.isfinite(value):
                found.setdefault(name, value)
    if "ln_bayes_factor" not in found and {"ln_evidence", "ln_noise_evidence"} <= found.keys():
        found["ln_bayes_factor"] = found["ln_evidence"] - found["ln_noise_evidence"]
    return found


_EVIDENCE = {
    "ln_evidence": ("log_evidence", "ln_evidence"),
    "ln_evidence_error": ("log_evidence_err", "ln_evidence_error", "log_evidence_error"),
    "ln_noise_evidence": ("log_noise_evidence", "ln_noise_evidence"),
    "ln_bayes_factor": ("log_bayes_factor", "ln_bayes_factor"),
}
#: every key of a file that `evidence_of` understands
EVIDENCE_KEYS = frozenset(key for keys in _EVIDENCE.values() for key in keys)

__all__ = [
    "BLOCK",
    "EVIDENCE_KEYS",
    "Interval",
    "Run",
    "Spill",
    "Table",
    "Unreadable",
    "add_column",
    "check_shape",
    "evidence_of",
    "fill",
]
