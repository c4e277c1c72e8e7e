"""How far a scan is, from its folder; cheap enough for every poll, needs neither numpy nor what it tells of."""

from __future__ import annotations

import json
from pathlib import Path


def of(folder: Path) -> tuple[int, int, str]:
    """Channels with an end, channels asked for, and a sentence; ``(0, 0, "")`` for a folder without a scan.

    Never raises for what is not there, or half there.
    """
    from gwfollow.scans.model import CONFIG, DONE

    try:
        config = json.loads((folder / CONFIG).read_bytes())
        total = sum(len(set(block["channels"])) for block in config["blocks"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0, ""
    ended: dict[tuple[str, str], bool] = {}
    for line in _lines(folder / DONE):
        try:
            result = json.loads(line)
            ended[result["block"], result["channel"]] = bool(result["significant"])
        except (ValueError, KeyError, TypeError):
            continue  # torn by a kill, or half written at this moment
    known = {(block["key"], name) for block in config["blocks"] for name in block["channels"]}
    loud = sum(ended[one] for one in known & ended.keys())
    done = len(known & ended.keys())
    return done, total, f"{done} of {total} channels, {loud} significant"


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError:
        return []


__all__ = ["of"]
