"""asimov 0.8 itself, in its own environment: makes ledgers for these tests, and reads what gwfollow writes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

PEERS = Path(__file__).parents[2] / ".venv-peers"


def need_peers() -> Path:
    """Its ``bin``; skips where it is not installed."""
    if not (PEERS / "installed").is_file():
        pytest.skip("no .venv-peers (scripts/peers.sh makes it)")
    return PEERS / "bin"


def environment(folder: Path) -> dict[str, str]:
    who = {f"GIT_{role}_{what}": "test@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {"PATH": f"{PEERS / 'bin'}{os.pathsep}/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", **who}


def python(project: Path, script: str) -> str:
    """What a script prints that runs in asimov's environment and in a project's folder."""
    done = subprocess.run(
        [need_peers() / "python", "-c", script],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def new_project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    done = subprocess.run(
        [need_peers() / "asimov", "init", "moving"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


#: asimov's own view of the project's ledger
_REPORT = """
import json
from asimov import current_ledger as ledger
from asimov.ledger import YAMLLedger
found = {}
# a ledger of its own: asimov 0.8 cannot read project analyses from one whose events it has read
spanning = YAMLLedger(".asimov/ledger.yml").project_analyses
for event in ledger.get_event():
    found[event.name] = {
        production.name: {
            "pipeline": production.pipeline.name.lower(), "status": production.status, "comment": production.comment,
            "needs": sorted(production.dependencies or []), "rundir": production.rundir, "job": production.job_id,
            "approximant": production.meta.get("waveform", {}).get("approximant"),
            "rate": production.meta.get("likelihood", {}).get("sample rate"),
            "analyses": sorted(one.name for one in getattr(production, "analyses", None) or []),
            "review": production.review.status if production.review else None,
        }
        for production in event.productions
    }
found["project analyses"] = {one.name: {"status": one.status, "subjects": sorted(one._subjects)} for one in spanning}
found["repositories"] = {event.name: event.repository.directory for event in ledger.get_event()}
print("REPORT" + json.dumps(found))
"""


def report(project: Path) -> dict[str, Any]:
    """Events, analyses, what they need and their statuses, as asimov sees them."""
    line = next(line for line in python(project, _REPORT).splitlines() if line.startswith("REPORT"))
    found: dict[str, Any] = json.loads(line.removeprefix("REPORT"))
    return found
