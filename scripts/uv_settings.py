"""Print the machine's pip settings as uv's environment variables, for ``eval`` by a shell.

uv reads neither ``pip.conf`` nor ``PIP_*``; a site that has set up pip (an index of its own, a folder of wheels, a certificate)
expects them to count.  What the person has set for uv itself is left alone.

Run by the interpreter whose pip is asked.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

#: pip's option -> (uv's variable, separator between several values; None: one value)
OPTIONS = {
    "index-url": ("UV_DEFAULT_INDEX", None),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "cert": ("SSL_CERT_FILE", None),
    "timeout": ("UV_HTTP_TIMEOUT", None),
    "default-timeout": ("UV_HTTP_TIMEOUT", None),
    "trusted-host": ("UV_INSECURE_HOST", " "),
}


def pip_settings(listing: str) -> dict[str, str]:
    """Option -> value from the output of ``pip config list``; the environment wins over files, ``install`` over ``global``."""
    rank = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in rank and rank[section] >= found.get(option, (0, ""))[0]:
            found[option] = (rank[section], value.strip().strip("'\""))
    return {option: value for option, (_, value) in found.items()}


def uv_environment(settings: dict[str, str]) -> dict[str, str]:
    """uv's variables for pip's settings."""
    variables: dict[str, str] = {}
    for option, (variable, separator) in OPTIONS.items():
        values = settings.get(option, "").replace("\\n", " ").split()
        if values:
            variables[variable] = values[0] if separator is None else separator.join(values)
    if "UV_INDEX" in variables:
        # pip takes a file from whichever index has it.  Safe here: the lock's hashes say which file it must be
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return variables


def main() -> None:
    listing = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    for variable, value in uv_environment(pip_settings(listing)).items():
        if variable not in os.environ:
            print(f"export {variable}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
