"""Posterior samples in JSON: bilby and PESummary (by label, and its older layout), read as a stream.

A column, or a table in a temporary file, is all that is kept.  Python writes NaN and Infinity, which no other reader of JSON takes:
they are read as numbers that are not finite.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gwfollow.results.tables import EVIDENCE_KEYS, MOST_ROWS, Run, Spill, Unreadable, add_column, evidence_of, fill

_PIECE = 1 << 18  # bytes
_NAN = float("nan")
_NOT_JSON = re.compile(rb"(?<=[\s:,\[])(?:NaN|-?Infinity)(?=[\s,\]}]|\Z)")
#: keys below which there is nothing for us, and which can be large
_SKIPPED = frozenset(
    {"nested_samples", "psds", "calibration_envelope", "config_file", "injection_data", "history", "version", "skymap"}
)
_DEEPEST, _LONGEST_LIST = 6, 20_000

Path_ = tuple[str, ...]


def read(path: Path) -> tuple[str, list[Run]]:
    """The format, and each set of posterior samples.  Raises `Unreadable`."""
    import ijson

    try:
        with path.open("rb") as stream:
            walk = _Walk(path, ijson.basic_parse(_Numbers(stream), use_float=True, buf_size=_PIECE))
            try:
                walk.document()
                return walk.result()
            finally:
                walk.close()
    except (ijson.JSONError, UnicodeDecodeError, ValueError, OSError, OverflowError) as error:
        raise Unreadable(f"{path} cannot be read: {type(error).__name__}: {error}".replace("\n", " ")[:500]) from error


class _Numbers:
    """A stream in which NaN and the infinities are null."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._held = stream, b""

    def read(self, size: int) -> bytes:
        if size == 0:
            return b""
        piece = self._held + self._stream.read(size)
        # what may be the beginning of such a word, with the sign before it and the mark after it, waits for the next piece
        keep = 0 if len(piece) <= 32 else max(0, len(piece) - _cut(piece))
        if len(piece) == len(self._held):
            keep = 0  # the end
        self._held = piece[len(piece) - keep :] if keep else b""
        piece = piece[: len(piece) - keep] if keep else piece
        return _NOT_JSON.sub(b"null", piece) if b"NaN" in piece or b"Infinity" in piece else piece


def _cut(piece: bytes) -> int:
    """Where to cut a piece: before the last comma among its last bytes, so that no word is cut; else at its end."""
    last = piece.rfind(b",", max(0, len(piece) - 4096))
    return last if last > 0 else len(piece)


class _Walk:
    """One way through the document, down to where formats keep what we want; everything else is passed over."""

    def __init__(self, path: Path, events: Iterator[tuple[str, Any]]) -> None:
        self._path, self._events = path, events
        self._values: dict[Path_, Any] = {}
        self._bilby: Run | None = None
        self._tables: dict[str, Spill] = {}  # label -> rows
        self._columns: dict[str, Run] = {}  # label -> a run whose samples come column by column
        self._priors: dict[str, int] = {}

    def document(self) -> None:
        kind, _ = next(self._events)
        if kind != "start_map":
            raise Unreadable(f"{self._path} is JSON, but no object with names at its top")
        self._map(())
        for _ in self._events:
            raise Unreadable(f"{self._path} goes on after its end")

    def close(self) -> None:
        for table in self._tables.values():
            table.close()

    # ---- the way -------------------------------------------------------------------------------------------------------
    def _map(self, path: Path_) -> None:
        for kind, value in self._events:
            if kind == "end_map":
                return
            key = str(value)
            self._value((*path, key))

    def _value(self, path: Path_) -> None:
        kind, value = next(self._events)
        if kind == "start_map":
            if path[-1] in _SKIPPED or len(path) >= _DEEPEST:
                self._pass()
            else:
                self._map(path)
        elif kind == "start_array":
            self._array(path)
        else:
            self._keep(path, value)

    def _pass(self) -> None:
        depth = 1
        for kind, _ in self._events:
            if kind in {"start_map", "start_array"}:
                depth += 1
            elif kind in {"end_map", "end_array"}:
                depth -= 1
                if not depth:
                    return

    def _array(self, path: Path_) -> None:
        if len(path) == 3 and path[:2] == ("posterior", "content"):
            if self._bilby is None:
                self._bilby = Run("posterior")
            self._column(self._bilby, path[2])
        elif (label := _label(path)) is not None and path[-1] == "samples":
            self._rows(label)
        elif path[-1] in {"parameter_names", "search_parameter_keys", "approximant"} or path[-1] in EVIDENCE_KEYS:
            self._list(path)
        elif label is not None:
            self._column(self._columns.setdefault(label, Run(label)), path[-1])
        elif (label := _prior(path)) is not None:
            self._count(label)
        else:
            self._pass()

    # ---- what is kept --------------------------------------------------------------------------------------------------
    def _keep(self, path: Path_, value: Any) -> None:
        if path[-1] in _WANTED:
            self._values[path] = value

    def _list(self, path: Path_) -> None:
        found: list[Any] = []
        for kind, value in self._events:
            if kind == "end_array":
                break
            if kind not in {"string", "number", "null"} or len(found) >= _LONGEST_LIST:
                raise Unreadable(f"{self._path}: {'.'.join(path)} is no short list of names or numbers")
            found.append(value)
        self._values[path] = found if path[-1] in {"parameter_names", "search_parameter_keys"} else (found or [None])[0]

    def _column(self, run: Run, name: str) -> None:
        import numpy

        column, other = array("d"), ""
        for kind, value in self._events:
            if kind == "number":
                column.append(value)
            elif kind == "end_array":
                break
            elif kind == "null":
                column.append(_NAN)
            else:
                other = other or (value if kind == "string" else kind)
                if kind in {"start_map", "start_array"}:
                    self._pass()
            if len(column) > MOST_ROWS:
                raise Unreadable(f"{self._path}: more than {MOST_ROWS} samples of {name}")
        if other:
            run.left_out.append(name)
            if name == "waveform_approximant":
                run.approximant = run.approximant or other[:200]
            return
        if run.parameters and len(column) != run.samples:
            raise Unreadable(f"{self._path}: {len(column)} samples of {name}, {run.samples} of {next(iter(run.parameters))}")
        run.samples = len(column)
        add_column(run, name, numpy.frombuffer(column) if column else numpy.empty(0))

    def _rows(self, label: str) -> None:
        """A table that comes row by row."""
        table = self._tables.setdefault(label, Spill())
        place = f"{self._path}, samples of {label}"
        row: list[float] = []
        for kind, value in self._events:
            if kind == "number":
                row.append(value)
            elif kind == "end_array":
                if not row:
                    return
                table.add(row, place)
                row = []
            elif kind == "null":
                row.append(_NAN)
            elif kind != "start_array":
                raise Unreadable(f"{place}: {value if kind == 'string' else kind} where a number was expected")

    def _count(self, label: str) -> None:
        count = depth = 0
        for kind, _ in self._events:
            if kind == "end_array" and not depth:
                break
            count += not depth
            depth += (kind in {"start_array", "start_map"}) - (kind in {"end_array", "end_map"})
        self._priors[label] = max(count, self._priors.get(label, 0))

    # ---- the end -------------------------------------------------------------------------------------------------------
    def result(self) -> tuple[str, list[Run]]:
        if self._bilby is not None:
            return "bilby JSON", [self._bilby_run(self._bilby)]
        labels = [*self._tables, *(label for label in self._columns if label not in self._tables)]
        if not labels:
            raise Unreadable(f"{self._path} has no posterior samples in a place where bilby or PESummary put them")
        old = any(path[0] == "posterior_samples" for path in self._values)
        return "PESummary JSON" + (" (old layout)" if old else ""), [self._pesummary_run(label) for label in labels]

    def _bilby_run(self, run: Run) -> Run:
        top = {path[0]: value for path, value in self._values.items() if len(path) == 1}
        run.label = str(top.get("label") or "posterior")[:200]
        run.sampler = str(top.get("sampler") or "")[:200]
        run.evidence = evidence_of(top)
        run.sampled = tuple(str(name) for name in top.get("search_parameter_keys") or ())
        said = [value for path, value in self._values.items() if path[-1] == "waveform_approximant" and isinstance(value, str)]
        run.approximant = said[0][:200] if said else run.approximant
        if not run.samples:
            raise Unreadable(f"{self._path}: the table of samples is empty")
        return run

    def _pesummary_run(self, label: str) -> Run:
        run = self._columns.get(label) or Run(label)
        mine = {path: value for path, value in self._values.items() if label in path[:2]}
        if label in self._tables:
            table = self._tables[label]
            names: list[Any] = next((value for path, value in mine.items() if path[-1] == "parameter_names"), [])
            if len(names) != table.width:
                raise Unreadable(
                    f"{self._path}: {len(names)} names of parameters of {label}, and samples of {table.width} numbers"
                )
            table.names = [str(name) for name in names]
            fill(run, table)
        run.evidence = evidence_of({path[-1]: value for path, value in mine.items() if "sampler" in path[:-1]})
        said = [value for path, value in mine.items() if "approximant" in path[-2:] and isinstance(value, str)]
        run.approximant = said[0][:200] if said else ""
        run.prior_samples = self._priors.get(label)
        if not run.samples:
            raise Unreadable(f"{self._path}: the table of samples of {label} is empty")
        return run


_WANTED = EVIDENCE_KEYS | {"label", "sampler", "waveform_approximant", "approximant"}


def _label(path: Path_) -> str | None:
    """The label of an array that lies where PESummary has its samples."""
    if len(path) == 3 and path[1] == "posterior_samples":
        return path[0]
    return path[1] if len(path) == 3 and path[0] == "posterior_samples" else None


def _prior(path: Path_) -> str | None:
    if len(path) == 4 and path[1:3] == ("priors", "samples"):
        return path[0]
    return path[2] if len(path) == 4 and path[:2] == ("priors", "samples") else None


__all__ = ["read"]
