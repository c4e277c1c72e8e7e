"""What pipelines say of a document before it is in the ledger: what can never be built is refused at the door, not by its first task.

report = apply(change, blueprints, door=Door(settings.configs_folder))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gwfollow.errors import InputError, explain
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import DocumentCheck


class Door:
    """Asks each pipeline that is installed (`Pipeline.document_check`); one for each apply, so that what was read once is not read again.

    A pipeline that cannot answer holds nobody up: `warnings` says why, once, and it is not asked again.
    """

    def __init__(self, configs: Path) -> None:
        self.configs = configs
        self.warnings: list[str] = []
        self._checks: dict[str, DocumentCheck | None] = {}

    def objection(self, pipeline: str, who: str, document: Callable[[], Mapping[str, Any]]) -> InputError | None:
        """What is wrong with the document of the analysis `who`; it is only asked for where the pipeline looks at documents."""
        name = pipeline.lower()
        try:
            if name not in self._checks:
                self._checks[name] = None  # unless it answers
                if name in registry.installed():  # asimov's plugins have no such hook
                    self._checks[name] = registry.find(name).document_check(self.configs)
            check = self._checks[name]
            if check is not None:
                check(document())
        except InputError as error:
            return error
        except Exception as error:
            self._checks[name] = None
            self.warnings.append(f"pipeline {name!r} cannot say whether the document of {who} is right: {explain(error)}")
        return None


__all__ = ["Door"]
