"""Runs in the place of condor_submit_dag and its kind; a script of the standard library alone, for it starts without site-packages.

Writes down what is asked and answers as the real one would, so that a plugin finds what it looks for.  The first argument is the
program's name.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from pathlib import Path

FIRST = 1_900_000_000
#: options of condor_submit_dag that take a value
_VALUED = {
    "-append", "-batch-id", "-batch-name", "-config", "-dagman", "-debug", "-dorescuefrom", "-include_env", "-insert_env",
    "-insert_sub_file", "-load_save", "-maxhold", "-maxidle", "-maxjobs", "-maxpost", "-maxpre", "-notification", "-outfile_dir",
    "-priority", "-remote", "-r", "-schedd-address-file", "-schedd-daemon-ad-file", "-lib_err", "-lib_out", "-a", "-n", "-p", "-name", "-pool",
}  # fmt: skip


def main(name: str, arguments: list[str]) -> int:
    """The program's exit code."""
    if name in {"condor_submit_dag", "condor_submit"}:
        return _submit(name, arguments)
    if name in {"sbatch", "qsub", "bsub"}:
        sys.stderr.write(f"{name}: gwfollow hands jobs to HTCondor or to its local scheduler; this plugin asked for {name}\n")
        return 1
    sys.stderr.write(f"{name}: couldn't find the jobs: gwfollow itself holds, releases and removes them\n")
    return 1


def _submit(name: str, arguments: list[str]) -> int:
    options, files = _parse(arguments)
    if not files:
        sys.stderr.write(f"ERROR: {name} was given no file\n")
        return 1
    missing = [file for file in files if not Path(file).is_file()]
    if missing:
        sys.stderr.write(f"ERROR: {name}: file {missing[0]} does not exist in {Path.cwd()}\n")
        return 1
    if "-no_submit" in options:
        return 0
    kind = "dag" if name == "condor_submit_dag" else "file"
    number = _write(
        {"kind": kind, "file": str(Path.cwd() / files[0]), "more": files[1:], "options": options, "folder": str(Path.cwd())}
    )
    print("Submitting job(s).")
    print(f"1 job(s) submitted to cluster {number}.")
    return 0


def _parse(arguments: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    files: list[str] = []
    rest = iter(arguments)
    for word in rest:
        option = word.lower().replace("-batch_name", "-batch-name")
        if not word.startswith("-"):
            files.append(word)
        elif option in _VALUED:
            options[option] = next(rest, "")
        else:
            options[option] = ""
    return options, files


def _write(entry: dict[str, object]) -> int:
    with Path(os.environ["CHILD_RECORD"]).open("a+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        number = FIRST + sum(1 for _ in stream)
        stream.write(json.dumps({**entry, "id": number}) + "\n")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
