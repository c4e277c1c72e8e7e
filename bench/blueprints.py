"""The work that both are given: N events with M analyses each, in the one form that both read."""

from __future__ import annotations

from pathlib import Path

#: asimov ships a pipeline of this name for its own tests; ``plugin/`` holds the same for gwfollow
PIPELINE = "simpletestpipeline"


def event(number: int) -> str:
    return f"GW{number:06d}"


def blueprint(events: int, analyses: int) -> str:
    """All events, each followed by its analyses, as one YAML file of many documents."""
    documents = []
    for number in range(events):
        documents.append(
            f"kind: event\nname: {event(number)}\nevent time: {1126259462.4 + 1000 * number}\ninterferometers: [H1, L1]\n"
        )
        documents += [analysis(event(number), f"run{index}") for index in range(analyses)]
    return "---\n".join(documents)


def analysis(event_name: str, name: str) -> str:
    return f"kind: analysis\nname: {name}\nevent: {event_name}\npipeline: {PIPELINE}\nstatus: ready\n"


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file
