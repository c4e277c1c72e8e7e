"""Summaries of large posterior files: gwfollow's readers beside bilby's and PESummary's own, each in a process of its own.  See README.md here."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import BenchError

COLUMNS = 60
OURS = """
from gwfollow.results.posterior import summarise
from pathlib import Path
found = summarise(Path(sys.argv[1]))["runs"][0]["parameters"]["p7"]["median"]
"""
BILBY = """
from bilby.core.result import read_in_result
import numpy
posterior = read_in_result(sys.argv[1]).posterior
found = {name: numpy.quantile(posterior[name], [0.05, 0.5, 0.95]) for name in posterior}["p7"][1]
"""
PESUMMARY = """
from pesummary.io import read
import numpy
posterior = read(sys.argv[1]).samples_dict["one"]
found = {name: numpy.quantile(posterior[name], [0.05, 0.5, 0.95]) for name in posterior.keys()}["p7"][1]
"""
#: seconds of the clock and of processor, peak resident memory in MB, and the number that must be the same; imports count for both
CHILD = """
import json, resource, sys, time
begin = time.perf_counter()
{code}
usage = resource.getrusage(resource.RUSAGE_SELF)
# not ru_maxrss, which begins with what the process was before it became this program
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, peak / 1024, float(found)]))
"""


def write(folder: Path, megabytes: int) -> dict[str, Path]:
    """The same samples in three forms, each of about as many MB."""
    import h5py
    import numpy
    from bilby.core.prior import PriorDict, Uniform
    from bilby.core.result import Result
    from pandas import DataFrame

    random = numpy.random.default_rng(1)
    names = [f"p{number}" for number in range(COLUMNS)]
    rows = {"hdf5": megabytes * 1_000_000 // (8 * COLUMNS), "json": megabytes * 1_000_000 // (21 * COLUMNS)}
    paths = {}
    for extension, count in rows.items():
        posterior = DataFrame({name: random.normal(30, 1, count) for name in names})
        priors = PriorDict({name: Uniform(0, 100) for name in names})
        made = Result(
            label=extension, outdir=str(folder), posterior=posterior, priors=priors, search_parameter_keys=names, log_evidence=1.0
        )
        made.save_to_file(extension=extension)
        paths[f"bilby {extension.upper()}"] = folder / f"{extension}_result.{extension}"
        if extension == "hdf5":
            paths["PESummary HDF5"] = folder / "posterior_samples.h5"
            with h5py.File(paths["PESummary HDF5"], "w") as file:
                file["one/posterior_samples"] = posterior.to_records(index=False)
                file["one/approximant"] = numpy.array([b"IMRPhenomXPHM"])
                file["one/meta_data/sampler/ln_evidence"] = numpy.array([1.0])
                file["one/meta_data/meta_data/f_low"] = numpy.array([20.0])
                file["one/injection_data"] = numpy.array([(numpy.nan,) * COLUMNS], dtype=[(name, "f8") for name in names])
                file["version/pesummary"] = numpy.array([b"1.8.1"])
    return paths


def measured(code: str, path: Path) -> list[float]:
    done = subprocess.run([sys.executable, "-c", CHILD.format(code=code), str(path)], capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"{path}: {done.stderr[-1000:]}")
    return [float(value) for value in json.loads(done.stdout.splitlines()[-1])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200, help="size of each file (default 200)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gwfollow-posteriors-"))
    print(
        f"{'':<28}{'size':>8}{'their CPU':>12}{'wall':>9}{'memory':>10}{'our CPU':>11}{'wall':>9}{'memory':>10}{'CPU':>7}{'memory':>9} (ratios)"
    )
    try:
        for form, path in write(folder, options.megabytes).items():
            theirs = measured(PESUMMARY if form.startswith("PES") else BILBY, path)
            ours = measured(OURS, path)
            if abs(theirs[3] - ours[3]) > 1e-9:
                raise BenchError(f"{path}: medians {theirs[3]} and {ours[3]}")
            print(
                f"{form:<28}{path.stat().st_size / 1e6:>5.0f} MB{theirs[1]:>10.1f} s{theirs[0]:>7.1f} s{theirs[2]:>7.0f} MB{ours[1]:>9.1f} s"
                f"{ours[0]:>7.1f} s{ours[2]:>7.0f} MB{theirs[1] / ours[1]:>7.1f}{theirs[2] / ours[2]:>9.1f}",
                flush=True,
            )
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
