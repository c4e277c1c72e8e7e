"""What post-processings (`gwfollow.ledger.forms.postprocessing`) add: an analysis for each of their stages.

``postprocessing: [name]`` on an analysis adds ``<analysis>-<stage>``, which works on that analysis alone.  A post-processing with
``analyses`` adds ``<post-processing>-<stage>`` to each event that has any of these analyses (all that are named), as soon as it has.
What has been added is an analysis like any other: a later change of the post-processing does not change it, and one that nobody wants is
cancelled, not added again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gwfollow.errors import InputError, NotFound
from gwfollow.ledger.blueprints import Blueprint
from gwfollow.ledger.fields import check_name
from gwfollow.ledger.forms.postprocessing import ALL, definitions
from gwfollow.ledger.merge import deep_merge
from gwfollow.ledger.needs import parse_needs
from gwfollow.ledger.needs.candidates import Pool
from gwfollow.ledger.schema import Event
from gwfollow.ledger.suggest import nearly

#: of a stage; the rest is the document of its analysis
_OWN_KEYS = ("name", "pipeline", "needs", "status", "comment")
_Found = tuple[Blueprint, str | None]


def with_stages(found: Sequence[_Found], project: Mapping[str, Any]) -> list[_Found]:
    """Blueprints, each with its event, and after each analysis those of the stages that it asks for.

    Raises `InputError` for a post-processing that is neither in the project's configuration nor among the blueprints.
    """
    if not any(blueprint.stages for blueprint, _ in found):
        return list(found)
    brought = (b.document for b, _ in found if b.kind in ("configuration", "postprocessing"))
    known = definitions(deep_merge(project, *brought))
    return [part for one in found for part in (one, *_following(one, known))]


def _following(one: _Found, known: Mapping[str, Mapping[str, Any]]) -> Iterable[_Found]:
    blueprint, event = one
    made: dict[str, str] = {}
    for name in blueprint.stages:
        place = f"{blueprint.place}, postprocessing"
        if name not in known:
            have = f"one that is known ({', '.join(known)}){nearly(name, known)}" if known else "one that is known; there is none"
            raise NotFound(place, name, have)
        if known[name].get("analyses"):
            raise InputError(place, name, "one without `analyses`: this one says itself which analyses it follows")
        for stage in _stages(known[name], blueprint.name, [blueprint.name], f"{place} {name}"):
            if stage.name in made:
                raise InputError(f"{place}: {made[stage.name]} and {name} both have a stage for {stage.name}")
            made[stage.name] = name
            yield replace(stage, event=blueprint.event), event


def combined(event: Event, project: Mapping[str, Any]) -> list[Blueprint]:
    """The stages of post-processings over all analyses of an event that it has not yet, and has what they work on."""
    wanted = {
        name: one
        for name, one in definitions(project).items()
        if one.get("analyses") and one.get("subject", ALL) in (ALL, event.name)
    }
    if not wanted:
        return []
    there = {row.name for row in event.analyses}
    candidates = Pool(project, [event]).events[event.name]
    found = []
    for name, one in wanted.items():
        stages = _stages(one, name, one["analyses"], f"postprocessing {name}, event {event.name}")
        own = {stage.name for stage in stages}
        entries = parse_needs(one["analyses"], f"postprocessing {name}, analyses")
        met = [any(other.row.name not in own and other.meets(entry.static) for other in candidates) for entry in entries]
        # what is named is required; of the rest any is enough
        if any(met) and all(yes for yes, entry in zip(met, entries, strict=True) if entry.name is not None):
            found += [replace(stage, event=event.name) for stage in stages if stage.name not in there]
    return found


def brings_combined(blueprints: Iterable[Blueprint]) -> bool:
    """Whether a post-processing over all analyses of an event is among them: then every event is looked at."""
    return any(
        one.get("analyses")
        for blueprint in blueprints
        if blueprint.kind in ("configuration", "postprocessing")
        for one in definitions(blueprint.document).values()
    )


def _stages(definition: Mapping[str, Any], prefix: str, analyses: Sequence[Any], place: str) -> list[Blueprint]:
    made = []
    for stage in definition["stages"]:
        where = f"{place}, stage {stage['name']}"
        document = {key: value for key, value in stage.items() if key not in _OWN_KEYS}
        document["analyses"] = list(analyses)
        if needs := stage.get("needs"):
            document["needs"] = [f"{prefix}-{name}" for name in needs]
        made.append(
            Blueprint(
                "analysis",
                check_name(f"{prefix}-{stage['name']}", f"{where}, name"),
                where,
                document,
                pipeline=stage["pipeline"],
                status=stage.get("status", "ready"),
                asked=stage.get("status"),
                comment=stage.get("comment"),
            )
        )
    return made
