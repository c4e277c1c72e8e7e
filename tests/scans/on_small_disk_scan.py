"""``unshare --user --map-root-user --mount python on_small_disk_scan.py FOLDER``: a scan whose folder is on a disk that is nearly full.

FOLDER (with a configuration beside it, FOLDER.json) becomes a file system of 300 kB in a mount namespace of our own.  Prints what
happened as JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

from gwfollow.scans import worker


def scan(folder: Path) -> tuple[int, list[str], str]:
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = worker.main([str(folder)])
    return code, out.getvalue().splitlines(), error.getvalue().strip()


def main(folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "small", str(folder)], check=True)
    shutil.copy(folder.with_suffix(".json"), folder / "scan-config.json")
    code, _, error = scan(folder)
    lines = (folder / "channels.jsonl").read_bytes()
    said = {
        "code": code,
        "error": error,
        "whole lines": lines.endswith(b"\n"),
        "results": len([json.loads(line) for line in lines.splitlines()]),
        "torn": [path.name for path in folder.rglob("*.png") if not path.read_bytes().endswith(b"IEND\xaeB`\x82")],
        "drafts": [path.name for path in folder.rglob("*.draft")],
        "state": json.loads((folder / "scan.json").read_bytes())["state"],
    }
    subprocess.run(["mount", "-o", "remount,size=20m", str(folder)], check=True)
    again, out, _ = scan(folder)
    print(json.dumps(said | {"again": again, "taken up": out[0], "end": out[-1]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
