"""Small helpers that pipelines share: programs of this environment, tails of logs, files that must be there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gwfollow.errors import InputError, PipelineError

#: what a builder may see of our environment: how to find programs and credential *files*; no password or key of Airflow's
# fmt: off
_PASSED = frozenset(
    (
        "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SHELL",
        "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_EXE", "LD_LIBRARY_PATH", "PYTHONPATH",
        "CONDOR_CONFIG", "BEARER_TOKEN_FILE", "XDG_RUNTIME_DIR", "KRB5CCNAME", "SSL_CERT_FILE",
        "X509_USER_PROXY", "X509_USER_CERT", "X509_USER_KEY", "X509_CERT_DIR",
        "GWDATAFIND_SERVER", "LIGO_DATAFIND_SERVER", "LAL_DATA_PATH",
    )
)
# fmt: on
_TAIL_BYTES = 65536


def program(name: str) -> Path:
    """The executable of this name: beside our own Python, else on PATH.  Raises `PipelineError`."""
    beside = Path(sys.executable).parent / name
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    found = shutil.which(name)
    if found is None:
        raise PipelineError(
            f"{name} is neither in {beside.parent} nor on PATH; install gwfollow[pe], or name the `environment` that has it"
        )
    return Path(found)


def environment_program(environment: object, name: str) -> Path:
    """The program in ``bin`` of another Python or conda environment, named by its top folder.  Raises `InputError`."""
    expected = f"the absolute path of an environment whose bin/ has {name}"
    if not isinstance(environment, str) or not Path(environment).is_absolute():
        raise InputError("environment", environment, expected)
    path = Path(environment) / "bin" / name
    if not path.is_file() or not os.access(path, os.X_OK):
        raise InputError("environment", environment, expected)
    return path


def builder_environment(first: Path) -> dict[str, str]:
    """Environment of a builder: the folder of `first` leads PATH, for builders look for their companions there."""
    passed = {key: value for key, value in os.environ.items() if key in _PASSED}
    path = os.environ.get("PATH", os.defpath)
    return passed | {"PATH": f"{first.parent}{os.pathsep}{path}", "OMP_NUM_THREADS": "1"}


def tail(path: Path, lines: int = 50) -> str:
    r"""The last lines of a text file, where a progress bar's ``\r`` counts as a line's end; empty where there is no file."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            size = stream.tell()
            stream.seek(max(0, size - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.replace("\r", "\n").splitlines()[-lines:])


def tails(paths: Iterable[Path], lines: int = 50) -> Mapping[Path, str]:
    """Tails of those of the files that hold anything, oldest first."""
    dated = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        if status.st_size:
            dated.append((status.st_mtime, path))
    return {path: tail(path, lines) for _, path in sorted(dated)}


def write_text(path: Path, text: str) -> Path:
    """Write so that a reader, or a crash, sees the old file or the whole new one."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text)
    draft.replace(path)
    return path
