"""The work that both are given: N events with M analyses each, in the one form that both read."""

from __future__ import annotations

from pathlib import Path

#: asimov ships a pipeline of this name for its own tests; ``plugin/`` holds the same for gwfollow
PIPELINE = "simpletestpipeline"


def event(number: int) -> str:
    return f"GW{number:06d}"


def all_events(events: int) -> str:
    """A YAML file of many documents.  Apart from the analyses: asimov is many times slower where the two alternate."""
    return "---\n".join(
        f"kind: event\nname: {event(number)}\nevent time: {1126259462.4 + 1000 * number}\ninterferometers: [H1, L1]\n"
        for number in range(events)
    )


def all_analyses(events: int, analyses: int) -> str:
    return "---\n".join(analysis(event(number), f"run{index}") for number in range(events) for index in range(analyses))


def analysis(event_name: str, name: str) -> str:
    return f"kind: analysis\nname: {name}\nevent: {event_name}\npipeline: {PIPELINE}\nstatus: ready\n"


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
