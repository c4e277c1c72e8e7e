"""Posterior samples as text: a line of names, then a line of numbers for each sample (RIFT's and LALInference's ``.dat``)."""

from __future__ import annotations

from pathlib import Path

from gwfollow.results.tables import MOST_COLUMNS, Run, Spill, Unreadable, fill

_LONGEST_LINE = 1 << 20  # bytes


def read(path: Path) -> tuple[str, list[Run]]:
    """One set of samples.  Raises `Unreadable`."""
    table = Spill()
    try:
        with path.open("rb") as stream:
            names = stream.readline(_LONGEST_LINE).decode("ascii", errors="replace").lstrip("# \t").split()
            if not 0 < len(names) <= MOST_COLUMNS or not all(
                name.isascii() and (name[0].isalpha() or name[0] == "_") for name in names
            ):
                raise Unreadable(f"{path} is neither HDF5 nor JSON, nor text that begins with names of parameters")
            number = 1
            while line := stream.readline(_LONGEST_LINE):
                number += 1
                if not line.strip() or line.lstrip().startswith(b"#"):
                    continue
                row = [float(word) for word in line.split()]
                if len(row) != len(names):
                    raise Unreadable(f"{path}, line {number}: {len(row)} numbers, {len(names)} names of parameters")
                table.add(row, str(path))
        if not table.rows:
            raise Unreadable(f"{path}: the table of samples is empty")
        table.names = names
        run = Run(path.stem)
        fill(run, table)
    except ValueError as error:
        raise Unreadable(f"{path} cannot be read as a table of numbers: {error}") from error
    finally:
        table.close()
    return "text", [run]


__all__ = ["read"]
