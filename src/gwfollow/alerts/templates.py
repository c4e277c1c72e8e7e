"""Template blueprints of the alert policy: Jinja2 files in the folder ``blueprints`` of the configs.

They see these variables and nothing else; each is always there, and None where no message has told:

    name                  of the event in the ledger
    superevent_id         GraceDB's id
    category, role        Production, Test or MDC; observation or test
    gps, t_start, t_end   GPS s
    far                   Hz
    significant           true or false
    group, pipeline, search, preferred_event, gracedb (address of its page)
    instruments           list of detectors
    classification        name -> probability
    properties            name -> probability
    duration (s), central_frequency (Hz)
    labels                list
    skymap                name of the sky map's file

What an alert says is data: a value is printed as JSON (``{{ group | tojson }}``), or plain where it is a number or one plain word.
Anything else that a template prints without ``tojson`` is refused, so no message can add a line to a blueprint.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from gwfollow.alerts.history import State
from gwfollow.alerts.policy import BLUEPRINTS
from gwfollow.errors import InputError
from gwfollow.ledger.blueprints import Blueprint, read_text

#: text that is one plain scalar wherever it stands in YAML
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


class _Loader(FileSystemLoader):
    """Nothing outside the folder, also not by a symbolic link."""

    def get_source(self, environment: Any, template: str) -> Any:
        folder = Path(self.searchpath[0]).resolve()
        if not (folder / template).resolve().is_relative_to(folder):
            raise TemplateNotFound(template, f"{template} leads out of {folder}")
        return super().get_source(environment, template)


@lru_cache(4)
def environment(configs: Path) -> ImmutableSandboxedEnvironment:
    """Jinja2 in its sandbox for the templates below ``<configs>/blueprints``; a file that changes is read again."""
    return ImmutableSandboxedEnvironment(
        loader=_Loader(configs / BLUEPRINTS), undefined=StrictUndefined, finalize=_printed, keep_trailing_newline=True
    )


def variables(name: str, state: State) -> dict[str, Any]:
    """What templates see of an event; copies only."""
    said = state.as_json()
    keys = (
        "superevent_id", "category", "role", "t_start", "t_end", "far", "significant", "group", "pipeline", "search", "instruments",
        "classification", "properties", "preferred_event", "gracedb", "duration", "central_frequency", "labels",
    )  # fmt: skip
    found: dict[str, Any] = json.loads(json.dumps({key: said[key] for key in keys}))
    return found | {"name": name, "gps": state.t_0, "skymap": state.skymap["name"] if state.skymap else None}


def render(env: ImmutableSandboxedEnvironment, template: str, name: str, state: State) -> list[Blueprint]:
    """The blueprints of one template for one event: analyses, and what it adds to the event's own document.

    None where it has nothing for such an event, as a loop over detectors that nobody has named.
    Raises `InputError` that names the template.
    """
    place = f"template {template}"
    try:
        text = env.get_template(template).render(variables(name, state))
    except TemplateSyntaxError as error:
        raise InputError(f"{place}, line {error.lineno}: {error.message}") from None
    except (TemplateError, InputError) as error:
        raise InputError(f"{place}: {str(error).strip() or type(error).__name__}") from None
    except Exception as error:  # what a template computes with a value that is not there
        raise InputError(f"{place}: {type(error).__name__}: {error}") from None
    blueprints = read_text(text, f"{place} for {name}", may_be_empty=True).blueprints
    for blueprint in blueprints:
        _check(blueprint, name)
    return blueprints


def examples() -> list[State]:
    """An event of which all is told, and one of which nearly nothing is: every template must bear both."""
    full = State(
        superevent_id="S250101a", kind="initial", public="initial", t_0=1419724818.5, t_start=1419724817.5, t_end=1419724819.5,
        far=1e-10, significant=True, group="CBC", pipeline="gstlal", search="AllSky", instruments=("H1", "L1"),
        classification={"BNS": 0.1, "NSBH": 0.1, "BBH": 0.7, "Terrestrial": 0.1}, properties={"HasNS": 0.2},
        preferred_event="G500000", gracedb="https://gracedb.ligo.org/superevents/S250101a/view/", labels=("ADVOK",),
        skymap={"name": "bayestar.multiorder.fits", "version": 0, "sha256": ""},
    )  # fmt: skip
    return [full, State(superevent_id="S250101a", kind="new", instruments=())]


def _check(blueprint: Blueprint, name: str) -> None:
    """An alert changes its own event and nothing else."""
    if blueprint.kind not in ("event", "analysis"):
        raise InputError(f"{blueprint.place}: a template of the alert policy gives analyses and the event, no {blueprint.kind}")
    event = blueprint.name if blueprint.kind == "event" else blueprint.event
    if event not in (None, name):
        raise InputError(f"{blueprint.place}, event", event, f"{name}, the event of the alert")


def _printed(value: Any) -> Any:
    """What ``{{ value }}`` writes."""
    if isinstance(value, Markup | Undefined):  # from tojson; or about to say what is missing
        return value
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str) and (_PLAIN.fullmatch(value) or not value):
        return value
    raise InputError(f"{_short(value)} is printed as it is; print it with | tojson")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


__all__ = ["environment", "examples", "render", "variables"]
