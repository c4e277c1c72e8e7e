"""``gwfollow policy``: is the alert policy right, and what would it do with an alert?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from gwfollow.commands.common import echo_json
from gwfollow.errors import GWFollowError, InputError
from gwfollow.settings import Settings

if TYPE_CHECKING:
    from gwfollow.alerts.alert import Alert
    from gwfollow.alerts.history import State
    from gwfollow.alerts.policy import Decision, Policy


#: an example that all of these took part in: a template may say something for each
_EVERY = ("H1", "L1", "V1", "K1")


@click.group()
def policy() -> None:
    """The alert policy: which alerts make an event, and what is started for it."""


@policy.command()
def check() -> None:
    """Read the policy, render every template with examples, and ask the pipelines about what they give; exit code 2 where something is wrong."""
    from gwfollow.alerts import templates
    from gwfollow.alerts.policy import load

    settings = Settings.read()
    found = load(settings.policy_file, settings.configs_folder)
    whole, bare = templates.examples()
    for warning in _rendered(found, settings, [whole, bare, replace(whole, instruments=_EVERY)]):
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{settings.policy_file}: {len(found.rules)} rules, {len(found.templates)} templates, all right")


def _rendered(policy: Policy, settings: Settings, states: list[State]) -> list[str]:
    """Warnings about what all its templates give for these states; raises `InputError` for the first mistake."""
    from gwfollow.alerts import templates
    from gwfollow.ledger.merge import deep_merge, merge_rows
    from gwfollow.ledger.schema import Analysis, Event
    from gwfollow.life.door import Door

    env, door, project = templates.environment(settings.configs_folder), Door(settings.configs_folder), _project(settings)
    silent = set(policy.templates)
    for state in states:
        given = {name: templates.render(env, name, state.superevent_id, state) for name in policy.templates}
        silent -= {name for name, some in given.items() if some}
        found = [one for some in given.values() for one in some]
        document = {"interferometers": list(state.instruments or ())}
        event = Event(
            name=state.superevent_id,
            gps=state.t_0,
            graceid=state.superevent_id,
            document=deep_merge(document, *(one.document for one in found if one.kind == "event")),
        )
        for one in (one for one in found if one.kind == "analysis"):
            row = Analysis(name=one.name, pipeline=one.pipeline, document=one.document)
            if wrong := door.objection(one.pipeline, one.place, partial(merge_rows, project, event, row)):
                raise InputError(f"{one.place}, {wrong.place}", wrong.found, wrong.expected)
    return door.warnings + [f"template {name} gives nothing for any example" for name in sorted(silent)]


def _project(settings: Settings) -> Mapping[str, Any]:
    """The project's defaults; none where there is no ledger yet."""
    from gwfollow.ledger import open_ledger
    from gwfollow.ledger.merge import project_document

    try:
        with open_ledger(settings).read() as session:
            return project_document(session)
    except GWFollowError:
        return {}


@policy.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def explain(files: tuple[str, ...], as_json: bool) -> None:
    """Say what the policy would do with the alerts in FILE..., and why; nothing is stored.

    Several files of one event are its history, in whatever order they are given.
    """
    from gwfollow.alerts.history import prefixes
    from gwfollow.alerts.policy import load
    from gwfollow.alerts.wanted import decide

    settings = Settings.read()
    found = load(settings.policy_file, settings.configs_folder)
    told = []
    for name, alerts in _by_event(files).items():
        states = [state for _, state in prefixes(alerts)]
        wanted, decisions = decide(found, states)
        plan = _plan(found, settings, states[-1], wanted)
        if as_json:
            told.append({"event": name, "state": states[-1].as_json(), "rules": decisions[-1].as_json(), **plan})
        else:
            _print(states[-1], decisions[-1], plan)
    if as_json:
        echo_json(told)


def _by_event(files: tuple[str, ...]) -> dict[str, list[Alert]]:
    from pathlib import Path

    from gwfollow.alerts.reading import read, split

    found: dict[str, list[Alert]] = {}
    for file in files:
        try:
            raw = Path(file).read_bytes()
        except OSError as error:
            raise InputError(f"{file}: {error.strerror}") from None
        for message in split(raw):
            alert = read(message, file)
            found.setdefault(alert.event, []).append(alert)
    return found


def _plan(policy: Policy, settings: Settings, state: State, wanted: Any) -> dict[str, Any]:
    """What would be in the ledger then."""
    from gwfollow.alerts import templates

    env = templates.environment(settings.configs_folder)
    analyses: dict[str, str] = {}
    for rule, name in wanted.apply:
        for blueprint in templates.render(env, name, state.superevent_id, state):
            if blueprint.kind == "analysis":
                status = "cancelled" if state.retracted else blueprint.status
                analyses.setdefault(blueprint.name, f"{blueprint.pipeline}, {status} ({name}, rule {rule})")
    return {"follow": wanted.event, "analyses": analyses, "notify": [f"{where} (rule {rule})" for rule, where in wanted.notify]}


def _print(state: State, decision: Decision, plan: dict[str, Any]) -> None:
    click.echo(f"{state.superevent_id}: what its alerts say")
    for key, value in state.as_json().items():
        if value not in (None, "", [], {}, False) and key not in ("superevent_id", "notice_retracted"):
            click.echo(f"  {key.replace('_', ' '):18} {_text(key, value)}")
    click.echo("rules")
    for said in decision.said:
        click.echo(f"  {'yes' if said.matched else 'no ':4}{said.rule:22} {', '.join(said.actions) or said.why}")
    if decision.ignored_by is not None:
        click.echo(f"      (the rules after {decision.ignored_by} are not asked)")
    click.echo(f"what would be done: {_done(state, plan)}")
    for name, text in plan["analyses"].items():
        click.echo(f"  analysis {name}: {text}")
    for text in plan["notify"]:
        click.echo(f"  notice: {text}")


def _done(state: State, plan: dict[str, Any]) -> str:
    if not plan["follow"]:
        return "nothing, the event is not followed"
    words = [f"event {state.superevent_id} is made or brought up to date"]
    if state.retracted:
        words.append(f"all that was started is stopped: retracted by {state.retracted_why}")
    if state.role == "test" or state.category != "Production":
        words.append("nothing is published: it is a test")
    return "; ".join(words)


def _text(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(inner)}" for name, inner in value.items() if inner not in (None, ""))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    units = {"far": " Hz", "t_0": " GPS s", "t_start": " GPS s", "t_end": " GPS s", "duration": " s", "central_frequency": " Hz"}
    return f"{value}{units.get(key, '')}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:40]


__all__ = ["policy"]
