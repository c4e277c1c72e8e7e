"""The summary of a posterior file: what `gwfollow results summarise` prints and the ledger keeps.

    {"format": "PESummary HDF5", "runs": [{"label": "C01:IMRPhenomXPHM", "samples": 12000, "approximant": "IMRPhenomXPHM",
      "parameters": {"chirp_mass": {"median": 30.9, "low": 29.7, "high": 32.2}, ...},
      "evidence": {"ln_evidence": ..., "ln_evidence_error": ..., "ln_noise_evidence": ..., "ln_bayes_factor": ...}, ...}]}

`low` and `high` are the 5% and 95% quantiles; parameters have the file's own names and units.  Files are read column by column or in
blocks of rows, never whole.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from gwfollow.results.tables import Run, Unreadable

_HDF5 = b"\x89HDF\r\n\x1a\n"


def read_runs(path: Path) -> tuple[str, list[Run]]:
    """The format by what the file holds, whatever it is called, and its sets of samples.

    Raises `Unreadable` for a file that is missing, empty, cut short, no posterior file, or that leads to other files.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{path} is no ordinary file")
        if not status.st_size:
            raise Unreadable(f"{path} is empty")
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}") from error
    if head.startswith(_HDF5):
        from gwfollow.results import hdf5_posteriors

        return hdf5_posteriors.read(path)
    if head.lstrip()[:1] in (b"{", b"["):
        from gwfollow.results import json_posteriors

        return json_posteriors.read(path)
    from gwfollow.results import text_posteriors

    return text_posteriors.read(path)


def summarise(path: Path) -> dict[str, Any]:
    """The summary as JSON has it.  Raises `Unreadable`."""
    kind, runs = read_runs(path)
    return {"format": kind, "runs": [_summary(run) for run in runs]}


def _summary(run: Run) -> dict[str, Any]:
    said = {
        "approximant": run.approximant,
        "sampler": run.sampler,
        "evidence": run.evidence,
        "prior_samples": run.prior_samples,
        "sampled": list(run.sampled),
        "not_finite": run.not_finite,
        "left_out": sorted(run.left_out),
    }
    parameters = {name: {"median": m, "low": low, "high": high} for name, (m, low, high) in sorted(run.parameters.items())}
    return {"label": run.label, "samples": run.samples, "parameters": parameters} | {
        k: v for k, v in said.items() if v not in ("", {}, [], None)
    }


__all__ = ["Unreadable", "read_runs", "summarise"]
