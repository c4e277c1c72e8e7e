"""One verdict out of many, how other people's programs call it, and all of them in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

#: who asks: names of processes, by which the policy of labels goes
STATE_VECTOR, INJECTION, IDQ = "state vector", "hardware injection", "iDQ"

#: the worst first
VERDICTS = ("fail", "unknown", "pass")

#: as the data-quality reports of LIGO, Virgo and KAGRA call it
DQR = {"pass": "pass", "fail": "fail", "unknown": "error"}


def worst(verdicts: Iterable[str]) -> Literal["pass", "fail", "unknown"]:
    """fail before unknown before pass; where nothing has been asked, unknown: it is never pass."""
    given = set(verdicts)
    if "fail" in given:
        return "fail"
    return "pass" if given == {"pass"} else "unknown"


def told(entries: Sequence[Mapping[str, Any]]) -> str:
    """Entries of the record for people, the worst detector first: ``L1 FAIL: HOFT_OK (why); pass: NO_CBC_HW_INJ. H1 pass: ...``"""
    ranked = []
    for ifo in sorted({entry["ifo"] for entry in entries}):
        own = {verdict: [entry for entry in entries if (entry["ifo"], entry["state"]) == (ifo, verdict)] for verdict in VERDICTS}
        rank = next(rank for rank, verdict in enumerate(VERDICTS) if own[verdict])
        said = "; ".join(_said(ifo, verdict, found) for verdict, found in own.items() if found)
        ranked.append((rank, f"{ifo} {said}." if ifo else f"{said}."))
    return " ".join(text for _, text in sorted(ranked, key=lambda pair: pair[0]))


def _said(ifo: str, verdict: str, entries: Sequence[Mapping[str, Any]]) -> str:
    names = [entry["name"].removeprefix(f"{ifo} ") for entry in entries]
    if verdict != "pass":
        names = [f"{name} ({entry['summary']})" if entry["summary"] else name for name, entry in zip(names, entries, strict=True)]
    return f"{'FAIL' if verdict == 'fail' else verdict}: {', '.join(names)}"


__all__ = ["DQR", "IDQ", "INJECTION", "STATE_VECTOR", "VERDICTS", "told", "worst"]
