"""asimov 0.8.0 in an environment of its own, from the package index that this machine's pip uses.

Not in `.venv-peers`: the plugins that are installed there are imported at each of its starts, which take four times as long by it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

VERSION = "0.8.0"
CHECKOUT = Path(__file__).parents[1]


def ensure() -> Path:
    """The environment's ``bin`` folder; makes the environment where it is not there yet."""
    folder = Path.home() / ".cache" / "gwfollow-bench" / "asimov"
    stamp = folder / f"asimov-{VERSION}"
    if not stamp.is_file():
        print(f"installing asimov {VERSION} in {folder}", flush=True)
        environment = os.environ | _uv_settings()
        uv = [str(Path(sys.executable).with_name("uv"))]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True, env=environment)
        # bytecode now, as gwfollow's own installation has it: else a start would be measured with compiling
        pip = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin" / "python")]
        subprocess.run([*pip, f"asimov=={VERSION}", "setuptools"], check=True, env=environment)
        stamp.touch()
    return folder / "bin"


def _uv_settings() -> dict[str, str]:
    sys.path.insert(0, str(CHECKOUT / "scripts"))
    from uv_settings import pip_settings, uv_environment

    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    return uv_environment(pip_settings(listing))
