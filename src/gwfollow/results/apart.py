"""Summaries made by a process of their own: a file that makes the HDF5 library crash, hang or fill the memory takes only that with it.

python -m gwfollow.results.apart FILE     # the summary as JSON
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from gwfollow.errors import GWFollowError

#: seconds; a posterior of a gigabyte takes some twenty
PATIENCE = 900.0
#: bytes of address space; the readers need a tenth of it
_MEMORY = 6 << 30
_HDF5 = b"\x89HDF\r\n\x1a\n"


def summarise_apart(path: Path, filename: str, *, insist: bool = False) -> dict[str, Any]:
    """The summary of a posterior file, or ``{"error": why}``; nothing where it is no posterior file, unless we `insist` that it is.

    Never raises: no publication stops for want of a summary.
    """
    if not _looks_like_one(path, filename, insist):
        return {}
    # one thread: the libraries of linear algebra would reserve address space for each
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "gwfollow.results.apart", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment)
        answer = json.loads(done.stdout) if done.returncode == 0 else {"error": _why(done)}
    except subprocess.TimeoutExpired:
        answer = {"error": f"not read in {PATIENCE:.0f} s"}
    except (OSError, ValueError) as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    if "error" in answer and not insist:
        return {}  # an HDF5 or JSON file of something else
    return dict(answer)


def _looks_like_one(path: Path, filename: str, insist: bool) -> bool:
    suffix = Path(filename).suffix.lower()
    if suffix not in {".hdf5", ".h5", ".hdf", ".json", ".dat"} or (suffix == ".dat" and not insist):
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(512).lstrip()
    except OSError:
        return False
    return suffix == ".dat" or head.startswith((_HDF5, b"{"))


def _why(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"the reader was ended by signal {-done.returncode}"
    lines = done.stderr.strip().splitlines()
    return lines[-1][:500] if lines else f"the reader ended with {done.returncode}"


def main(path: str) -> int:
    from gwfollow.results.posterior import summarise

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        answer: dict[str, Any] = summarise(Path(path))
    except (GWFollowError, MemoryError) as error:
        answer = {"error": str(error) or "not enough memory to read it"}
    print(json.dumps(answer, allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
