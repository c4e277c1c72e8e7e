"""The alert policy: which alerts make an event, and what is started for it.

    policy = load(settings.policy_file, settings.configs_folder)
    decision = evaluate(policy, state)

All rules that match count, in the order of the file; the first that matches and says ``ignore`` ends the reading.  ``gwfollow policy
explain FILE`` shows what a policy says of an alert; ``include/configs/alert_policy.yaml`` documents every key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from gwfollow.alerts.conditions import Strict, When
from gwfollow.alerts.history import State
from gwfollow.errors import InputError
from gwfollow.ledger.fields import refused
from gwfollow.ledger.yamlfile import read_documents

#: bytes; a policy is written by people
LARGEST = 1_000_000
#: templates lie in this folder of the configs, or below it
BLUEPRINTS = "blueprints"


def _template(value: str) -> str:
    parts = value.split("/")
    if not all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", part) for part in parts) or len(value) > 200:
        raise refused(f"the name of a file in the folder {BLUEPRINTS} of the configs")
    return value


class Do(Strict):
    """What a rule asks for."""

    event: bool = False
    apply: list[Annotated[str, AfterValidator(_template)]] = []
    notify: list[Literal["journal", "gracedb"]] = []
    ignore: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Do:
        if self.ignore == bool(self.event or self.apply or self.notify):
            raise refused("ignore alone, or at least one of event, apply and notify")
        return self


class Rule(Strict):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=60)]
    comment: str = ""
    when: When = Field(default_factory=lambda: When.model_validate({}))
    do: Do


class Policy(Strict):
    rules: list[Rule]

    @model_validator(mode="after")
    def _names_once(self) -> Policy:
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise refused(f"each name once; twice there: {', '.join(twice)}")
        return self

    @property
    def templates(self) -> list[str]:
        return list(dict.fromkeys(name for rule in self.rules for name in rule.do.apply))


@dataclass(frozen=True)
class Said:
    """What one rule said of an event."""

    rule: str
    matched: bool
    why: str  # the first condition that failed, with what was found
    actions: tuple[str, ...] = ()  # what it asks for, as people read it

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "matched": self.matched, "why": self.why, "actions": list(self.actions)}


@dataclass(frozen=True)
class Decision:
    """What a policy asks for."""

    said: tuple[Said, ...]
    event: bool = False
    apply: tuple[tuple[str, str], ...] = ()  # (rule, template)
    notify: tuple[tuple[str, str], ...] = ()  # (rule, journal or gracedb)
    ignored_by: str | None = None

    def as_json(self) -> list[dict[str, Any]]:
        return [said.as_json() for said in self.said]

    @property
    def sentence(self) -> str:
        matched = [said.rule for said in self.said if said.matched]
        if self.ignored_by is not None and not self.event:
            return f"ignored by rule {self.ignored_by}"
        if not matched:
            return "ignored: no rule asks for it"
        return f"asked for by rule{'s' * (len(matched) > 1)} {', '.join(matched)}"


def load(path: Path, configs: Path) -> Policy:
    """The policy in a file, with all its templates there.

    Raises `InputError` that names the file, the key and what was expected.
    """
    place = f"alert policy {path.name}"
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"alert policy {path}: cannot be read ({error.strerror})") from None
    if len(raw) > LARGEST:
        raise InputError(place, "a larger one", f"a file of at most {LARGEST} bytes")
    try:
        policy = parse(raw.decode("utf-8-sig"), place)
    except UnicodeDecodeError:
        raise InputError(f"{place}: not text in UTF-8") from None
    for number, rule in enumerate(policy.rules):
        for position, name in enumerate(rule.do.apply):
            if not (configs / BLUEPRINTS / name).is_file():
                raise InputError(
                    f"{place}, rules[{number}].do.apply[{position}] (rule {rule.name})", name, f"a file in {configs / BLUEPRINTS}"
                )
    return policy


def parse(text: str, place: str) -> Policy:
    """A policy in YAML.  Raises `InputError`."""
    documents = list(read_documents(text, place))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise InputError(f"{place}: expected one document, a mapping with the key 'rules'")
    try:
        return Policy.model_validate(documents[0])
    except ValidationError as error:
        raise _input_error(error, place) from None


def evaluate(policy: Policy, state: State) -> Decision:
    """Ask every rule in turn, up to the first that matches and ignores."""
    said, ignored_by = [], None
    matching: list[Rule] = []
    for rule in policy.rules:
        answer = rule.when.ask(state)
        yes = answer.yes is True
        said.append(Said(rule.name, yes, "" if yes else answer.why, _actions(rule.do) if yes else ()))
        if yes and rule.do.ignore:
            ignored_by = rule.name
            break
        if yes:
            matching.append(rule)
    return Decision(
        tuple(said),
        event=bool(matching),
        apply=tuple((rule.name, template) for rule in matching for template in rule.do.apply),
        notify=tuple((rule.name, where) for rule in matching for where in rule.do.notify),
        ignored_by=ignored_by,
    )


def _actions(do: Do) -> tuple[str, ...]:
    if do.ignore:
        return ("ignore",)
    return ("event", *(f"apply {name}" for name in do.apply), *(f"notify {where}" for where in do.notify))


def _input_error(error: ValidationError, place: str) -> InputError:
    first = error.errors(include_url=False)[0]
    path = ""
    for step in first["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    if first["type"] == "missing":
        return InputError(f"{place}, {path}", None, "a value")
    if first["type"] == "extra_forbidden":
        return InputError(f"{place}, {path}: there is no such key")
    expected = first["msg"].removeprefix("Input should be ").removeprefix("String should ")
    return InputError(f"{place}, {path}" if path else place, first["input"], expected)


__all__ = ["BLUEPRINTS", "Decision", "Do", "Policy", "Rule", "Said", "evaluate", "load", "parse"]
