r"""What bilby_pipe's logs say: how far dynesty is, and why a job failed.

dynesty writes a line such as ``2397it [0:01:12 bound:187 nc:167 ncall:1.2e+05 eff:2.0% logz-ratio=301.05+/-0.43 dlogz:0.135>0.1]``
every few seconds, ended by ``\r``.
"""

from __future__ import annotations

import re
from pathlib import Path

from gwfollow.pipelines.base import Progress
from gwfollow.pipelines.files import tail
from gwfollow.pipelines.reasons import dagman_reason, last_error

_PROGRESS = re.compile(r"(\d+)it \[")
_VALUES = {
    "ncall": re.compile(r"ncall:\s*([\d.e+]+)"),
    "logz": re.compile(r"logz(?:-ratio)?=\s*(-?[\d.]+)"),
    "dlogz": re.compile(r"dlogz:\s*([\d.e+-]+|inf)>"),
    "target": re.compile(r"dlogz:\s*(?:[\d.e+-]+|inf)>\s*([\d.e+-]+)"),
}


def sampling_progress(text: str, nlive: float | None) -> Progress | None:
    """The last line of progress in `text`; None where there is none.

    About 24 iterations a live point are needed for a loud binary black hole; a run that takes more stays at 99%.
    """
    for line in reversed(text.splitlines()):
        start = _PROGRESS.search(line)
        if not start:
            continue
        values = {"iterations": float(start[1])}
        for name, pattern in _VALUES.items():
            found = pattern.search(line)
            if found:
                values[name] = float(found[1])
        fraction = min(values["iterations"] / (24 * nlive), 0.99) if nlive else None
        said = f"{start[1]} iterations"
        if "dlogz" in values:
            said += f", dlogz {values['dlogz']:g}" + (f" (stops at {values['target']:g})" if "target" in values else "")
        return Progress(fraction, said, values)
    return None


def analysis_outputs(folder: Path, run: Path) -> list[Path]:
    """Files that hold dynesty's progress: of the DAG's analysis nodes, or of the one local job."""
    nodes = [path for path in run.glob("log_data_analysis/*_analysis_*.out") if "_final_result" not in path.name]
    return sorted(nodes) or [path for path in (folder / "bilby.out", folder / "bilby.err") if path.is_file()]


def why_failed(folder: Path, run: Path) -> str | None:
    """The reason in bilby's own words, from the node that wrote last; None where the logs give none."""
    errors = list(run.glob("log_data_generation/*.err")) + list(run.glob("log_data_analysis/*.err"))
    errors += [path for path in (folder / "bilby.err",) if path.is_file()]
    for path in sorted(errors, key=lambda file: file.stat().st_mtime, reverse=True):
        said = last_error(tail(path, 200))
        if said:
            return f"{said} ({path.relative_to(folder)})"
    return dagman_reason(sorted(run.glob("submit/*.dagman.out")), folder)
