"""All tests, in two halves at once: those on real services wait most of the time, and the others use that."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest", "--durations=10"]
#: what needs a whole Airflow, waits for HTCondor, or computes for minutes
REAL = ["tests/system", "tests/schedulers", "tests/pipelines/test_real_chain.py"]
#: seconds in which the tests of an interrupted half stop the services that they have started
STOP_SECONDS = 120


def main() -> int:
    """The exit code: that of a half that failed, else 0."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryFile() as output:
        beside = subprocess.Popen([*PYTEST, "-p", "no:cacheprovider", *REAL], stdout=output, stderr=subprocess.STDOUT)
        print(f"{' and '.join(REAL)} run beside the others; what they say comes after them", flush=True)
        others = subprocess.Popen([*PYTEST, *(f"--ignore={path}" for path in REAL)])
        try:
            failed = others.wait()
            print(f"\n==== {' and '.join(REAL)}", flush=True)
            failed = beside.wait() or failed
        except KeyboardInterrupt:
            for half in (others, beside):
                half.send_signal(signal.SIGINT)  # pytest then tears down what it has set up
            for half in (others, beside):
                half.wait(STOP_SECONDS)
            failed = 130
        output.seek(0)
        shutil.copyfileobj(output, sys.stdout.buffer)
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
