"""asimov's and olivaw's words for how far an analysis is, and what they are here.

Some of them speak of a job or of results.  Those are believed when they have been seen: until then the analysis is parked
(`Claim.about`), and `gwfollow.moving.arrive` looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gwfollow.errors import InputError

#: say nothing about a job or a result: word -> status
PLAIN = {
    "ready": "ready",
    "start": "ready",
    "wait": "wait",
    "unready": "wait",
    "blocked": "wait",
    "none": "wait",
    "manual": "manual",
    "manualupload": "manual",
    "cancelled": "cancelled",
    "canceled": "cancelled",
    "stopped": "stopped",
    "restart": "restart",
    "stuck": "stuck",
}
#: there are results: word -> the status when they have been read
RESULTS = {
    "finished": "finished",
    "finised": "finished",  # olivaw's own documentation spells it so
    "complete": "finished",
    "processing": "finished",
    "uploading": "finished",
    "uploaded": "uploaded",
    "reviewed": "uploaded",
    "review": "uploaded",
    "review_failed": "uploaded",
    "preferred": "uploaded",
    "finalised": "finalised",
    "finalized": "finalised",
}
#: a job is with the scheduler
JOBS = {"running": "running", "stop": "stop"}
_REMARKS = {
    "none": "asimov had no status for it",
    "blocked": "was 'Blocked' in olivaw",
    "unready": "was 'unready' in asimov",
    "stuck": "was stuck in {source} already",
    "processing": "was 'processing' in {source}: that job of post-processing is not followed",
    "uploading": "was 'uploading' in {source}",
    "review_failed": "its review had failed in {source}",
}
_EXPECTED = ", ".join(sorted({*PLAIN, *RESULTS, *JOBS})) + ", or the number of a job"


@dataclass(frozen=True)
class Claim:
    """What the other ledger says of an analysis."""

    word: str  # as it was written
    status: str  # what it is here, when the claim holds
    about: str = ""  # what has to be seen first: "results", "job", or nothing
    remark: str = ""
    preferred: bool = False
    job: str = ""  # number of the job, where the status is one


def read(value: object, place: str, source: str = "asimov") -> Claim:
    """``Ready``, ``uploaded, preferred``, ``8842311`` ...  Raises `InputError` for a word that neither of them has."""
    text = "ready" if value is None else str(value).strip()
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    preferred = "preferred" in words
    rest = [word for word in words if word != "preferred"] or (["preferred"] if preferred else [])
    if len(rest) != 1:
        raise InputError(f"{place}, status", value, f"one of {_EXPECTED}; 'preferred' may stand beside it")
    (word,) = rest
    remark = _REMARKS.get(word, "").format(source=source)
    if re.fullmatch(r"\d+(\.\d+)?", word):
        return Claim(text, "running", "job", remark, preferred, job=word)
    for table, about in ((PLAIN, ""), (RESULTS, "results"), (JOBS, "job")):
        if word in table:
            # olivaw finalises the preferred run alone
            finalised = source == "olivaw" and word in ("finalised", "finalized")
            return Claim(text, table[word], about, remark, preferred or finalised)
    raise InputError(f"{place}, status", value, f"one of {_EXPECTED}")


__all__ = ["JOBS", "PLAIN", "RESULTS", "Claim", "read"]
