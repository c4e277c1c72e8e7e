"""Run a program on a leash: when the process that started it dies, even by SIGKILL, it is killed with all its children.

    python -I -S leash.py PROGRAM ARGUMENT ...

Standard input is the leash: a pipe whose other end the starting process holds.  A builder that outlived its worker would write into the
folder in which the worker's successor builds already.  Must be started as the leader of a process group of its own; ends as the
program ends, by the same signal where it was one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return 127
    threading.Thread(target=_watch, daemon=True).start()
    code = child.wait()
    if code < 0:
        os.kill(os.getpid(), -code)
    return code


def _watch() -> None:
    os.read(sys.stdin.fileno(), 1)  # nobody writes: it returns when the other end is closed
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
