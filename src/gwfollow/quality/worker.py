"""``python -m gwfollow.quality.worker FOLDER``: answers what ``dataquality-config.json`` asks, in ``dataquality.json``.

What cannot be read is *unknown*, with the reason: only a configuration that is wrong and a disk that is full are failures.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gwfollow.data.segments import Segment
from gwfollow.errors import GWFollowError
from gwfollow.pipelines.files import write_text
from gwfollow.quality.bits import Question, Questions
from gwfollow.quality.document import document, entry
from gwfollow.quality.idq import judge_fap, smallest
from gwfollow.quality.reading import frames
from gwfollow.quality.samples import Samples, read
from gwfollow.quality.vectors import Reading, judge
from gwfollow.quality.verdicts import IDQ, INJECTION, STATE_VECTOR

CONFIG, RESULT = "dataquality-config.json", "dataquality.json"
#: notes that a summary repeats; the details have all
_MOST_NOTES = 3


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when every question has its answer; else 1, the reason the last line of stderr."""
    names = sys.argv[1:] if arguments is None else arguments
    if len(names) != 1:
        print("usage: python -m gwfollow.quality.worker FOLDER", file=sys.stderr)
        return 2
    folder = Path(names[0]).absolute()
    try:
        asked = Questions.model_validate_json((folder / CONFIG).read_text())
        found = answers(asked)
        write_text(folder / RESULT, json.dumps(found, indent=1) + "\n")
    except (GWFollowError, OSError, ValidationError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for check in found["checks"]:
        print(f"{check['state']:8}{check['name']}  {check['summary']}")
    return 0


def answers(asked: Questions) -> dict[str, Any]:
    """The document: waits for the frames until their deadlines, reads them, judges."""
    start, end = asked.window
    found = read(frames(asked.look_ups, (math.floor(start), math.ceil(end))), asked.questions)
    left_out = list(asked.not_asked)
    entries = []
    for question in asked.questions:
        samples = found.samples(question.channel, question.frame_types)
        if question.bits:
            entries += list(_bits(question, samples, asked.window))
        elif samples.absent and question.absent == "not asked":
            left_out.append(f"{question.channel}: not in the frames")
        else:
            ok = found.samples(question.ok, question.frame_types) if question.ok else None
            entries.append(_idq(question, samples, ok, asked.window))
    entries += [_nothing(ifo) for ifo in asked.interferometers if not any(q.ifo == ifo and q.bits for q in asked.questions)]
    facts = {"window": [start, end], "group": asked.group, "pipeline": asked.pipeline, "not_asked": left_out}
    return document(asked.event, asked.gps, asked.interferometers, entries) | facts


def _bits(question: Question, samples: Samples, window: Segment) -> Iterator[dict[str, Any]]:
    for number, bit in sorted(question.bits.items()):
        reading = judge(samples.pieces, number, window)
        details = _details(question, samples, reading, window) | {"bit": number, "means": bit.means}
        process = INJECTION if bit.injection else STATE_VECTOR
        summary = _summary(question, samples, reading)
        yield entry(process, question.ifo, f"{question.ifo} {bit.name}", reading.verdict, summary, (), details, datetime.now(UTC))


def _idq(question: Question, samples: Samples, ok: Samples | None, window: Segment) -> dict[str, Any]:
    assert question.threshold is not None
    reading = judge_fap(samples.pieces, question.threshold, window, ok.pieces if ok is not None else None)
    lowest = smallest(samples.pieces, window)
    details = _details(question, samples, reading, window) | {"threshold": question.threshold, "smallest": lowest}
    if ok is not None and samples.pieces and judge(ok.pieces, 0, window).verdict != "pass":
        summary = f"{question.ok} does not say throughout that iDQ works"
    elif reading.verdict == "fail":
        summary = f"false-alarm probability down to {lowest:.3g}, threshold {question.threshold:g}"
    else:
        summary = _summary(question, samples, reading)
    return entry(IDQ, question.ifo, f"{question.ifo} {IDQ}", reading.verdict, summary, (), details, datetime.now(UTC))


def _nothing(ifo: str) -> dict[str, Any]:
    summary = "no state vector of this detector is defined"
    return entry(STATE_VECTOR, ifo, f"{ifo} {STATE_VECTOR}", "unknown", summary, (), {}, datetime.now(UTC))


def _details(question: Question, samples: Samples, reading: Reading, window: Segment) -> dict[str, Any]:
    return {
        "channel": question.channel,
        "frame_type": samples.frame_type,
        "window": list(window),
        "samples": reading.samples,
        "bad_samples": reading.bad,
        "first_bad": reading.first_bad,
        "unknown": [list(segment) for segment in reading.unknown],
        "notes": list(samples.notes),
    }


def _summary(question: Question, samples: Samples, reading: Reading) -> str:
    if samples.absent:
        return f"{question.channel} is not in the frames ({samples.frame_type})"
    if not reading.unknown:
        return reading.summary
    notes = [
        *samples.notes[:_MOST_NOTES],
        *([f"{len(samples.notes) - _MOST_NOTES} more"] if len(samples.notes) > _MOST_NOTES else []),
    ]
    return reading.summary + (f" ({'; '.join(notes)})" if notes else "")


if __name__ == "__main__":
    sys.exit(main())
