"""A stand-in for a builder, to test how *gwfollow* takes a builder's faults; nothing here imitates what a science code does."""

from __future__ import annotations

from pathlib import Path


def stand_in(folder: Path, name: str, script: str) -> Path:
    """An environment whose ``bin`` has a shell script called `name`; returns the environment's top folder."""
    path = folder / "environment" / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path.parents[1]
