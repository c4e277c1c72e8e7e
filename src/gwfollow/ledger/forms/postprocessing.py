"""``kind: postprocessing``: analyses that follow others.

    kind: postprocessing
    name: standard-pe
    stages:
      - name: summary
        pipeline: pesummary
      - name: skymap
        pipeline: pesummary
        needs: [summary]

An analysis with ``postprocessing: [standard-pe]`` gets an analysis for each stage, ``<analysis>-<stage>``, which works on it.  With
``analyses`` a post-processing works on all analyses of an event that meet them, in each event (``subject: all``) or in one of them.
It is kept in the project's configuration under ``postprocessing``, beside the settings of pipelines such as pesummary.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any

from pydantic import Field, field_validator

from gwfollow.errors import InputError
from gwfollow.ledger.documents import Common, Document, validate
from gwfollow.ledger.fields import Flag, Labels, Name, Text, Word, refused
from gwfollow.ledger.needs import parse_needs
from gwfollow.ledger.states import check_status

#: as `subject`: every event
ALL = "all"
#: what the post-processing itself says for its stages
_OURS = ("analyses", "event", "subject", "subjects", "strategy", "postprocessing", "review", "clean", "productions")


class StageDocument(Common):
    name: Name
    pipeline: Annotated[Word, Field(max_length=60)]
    needs: list[Name] | None = Field(None, description="stages of the same post-processing that come before")
    status: str | None = None
    comment: Text | None = None
    refreshable: Flag | None = None
    labels: Labels | None = None


class PostprocessingDocument(Document):
    name: Name
    comment: Text | None = None
    subject: Name | None = Field(None, description="the event, or all of them")
    analyses: list[Any] | None = Field(None, description="the analyses of an event that it works on, in the words of `needs`")
    stages: Annotated[list[StageDocument], Field(min_length=1)]

    @field_validator("stages")
    @classmethod
    def _in_order(cls, stages: list[StageDocument]) -> list[StageDocument]:
        names = [stage.name for stage in stages]
        if len(set(names)) < len(names):
            raise refused("stages with a name each")
        for stage in stages:
            if unknown := set(stage.needs or ()) - set(names):
                raise refused(f"needs that are stages of the same post-processing ({', '.join(names)}), not {min(unknown)!r}")
        try:
            TopologicalSorter({stage.name: stage.needs or () for stage in stages}).prepare()
        except CycleError as error:
            raise refused(f"stages without the circle {' needs '.join(reversed(error.args[1]))}") from None
        return stages


def read(document: Mapping[str, Any], place: str) -> tuple[str, dict[str, Any], list[str]]:
    """The name of a post-processing, what the configuration keeps of it, and warnings.  Raises `InputError`."""
    plain, warnings = validate(PostprocessingDocument, document, place)
    parse_needs(plain.get("analyses"), f"{place}, analyses")
    if "subject" in plain and "analyses" not in plain:
        raise InputError(f"{place}, analyses", None, "the analyses that it works on, since it has a subject")
    for index, stage in enumerate(plain["stages"]):
        for key in _OURS:
            if key in stage:
                raise InputError(
                    f"{place}, stages[{index}]", key, "a stage without it: the post-processing says what it works on"
                )
        if "status" in stage:
            stage["status"] = check_status(stage["status"], f"{place}, stages[{index}].status")
    return plain.pop("name"), plain, warnings


def is_definition(entry: object) -> bool:
    """Whether an entry of the configuration's ``postprocessing`` is such a document; else it is settings of a pipeline."""
    return isinstance(entry, Mapping) and "stages" in entry


def definitions(project: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The post-processings in the project's configuration, by name."""
    entries = project.get("postprocessing") or {}
    return {name: entry for name, entry in entries.items() if is_definition(entry)}
