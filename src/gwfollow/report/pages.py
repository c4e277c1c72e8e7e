"""From facts to pages: the templates and what they may call.  Everything that people wrote is escaped by the template engine."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

import gwfollow
from gwfollow.report.facts import Facts, outside
from gwfollow.report.layout import HEIGHT, WIDTH, Graph, lay_out
from gwfollow.results.words import about, ordered, rounded

HERE = Path(__file__).parent
#: the pages in Airflow have the style and the colours of the statuses
_WEB = Path(gwfollow.__file__).parent / "provider" / "web"
#: parameters of a posterior that a page shows; all are in the event's JSON
_SHOWN = 14
_LETTERS = 22  # that fit into a box of the graph


@lru_cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader([HERE / "templates", _WEB / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(utc=moment, outside=outside, size=_size, uri=_uri, cut=_cut, about=about)
    made.globals.update(box_width=WIDTH, box_height=HEIGHT, rounded=rounded)
    return made


@lru_cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@lru_cache
def assets() -> dict[str, bytes]:
    """Style and script of the site."""
    style = (_WEB / "static" / "gwfollow.css").read_bytes() + (HERE / "static" / "report.css").read_bytes()
    return {"report.css": style, "report.js": (HERE / "static" / "report.js").read_bytes()}


@lru_cache
def version() -> str:
    """Changes with anything of ours that a page is made of."""
    digest = hashlib.sha256()
    for folder in (HERE, _WEB / "templates"):
        for file in sorted(p for p in folder.rglob("*") if p.suffix in {".py", ".html"}):
            digest.update(file.read_bytes())
    for content in assets().values():
        digest.update(content)
    return digest.hexdigest()


def event_page(facts: Facts) -> bytes:
    summaries = [_summaries(analysis) for analysis in facts["analyses"]]
    graph = graph_of(facts["analyses"])
    rows = {analysis["name"]: analysis for analysis in facts["analyses"]}
    return _template("report_event.html").render(event=facts, graph=graph, rows=rows, summaries=summaries).encode()


def index_page(listed: Sequence[Mapping[str, Any]], made: str) -> bytes:
    """`listed` as `listing` gives it; `made` is the time of the report."""
    statuses: Counter[str] = Counter()
    for event in listed:
        if event["active"]:
            statuses.update(event["statuses"])
    return _template("report_index.html").render(events=listed, made=made, statuses=statuses).encode()


def listing(facts: Facts) -> dict[str, Any]:
    """What the index says of an event."""
    keys = ("name", "kind", "gps", "utc", "graceid", "category", "active", "retracted", "updated", "links")
    analyses = facts["analyses"]
    return {key: facts[key] for key in keys} | {
        "statuses": dict(Counter(analysis["status"] for analysis in analyses)),
        "pipelines": sorted({analysis["pipeline"] for analysis in analyses}),
        "preferred": [analysis["name"] for analysis in analyses if analysis["verdict"] == "preferred"],
        "page": f"events/{facts['name']}.html",
        "json": f"events/{facts['name']}.json",
    }


def as_json(value: Any) -> bytes:
    # without indentation: with it Python falls back on its slow encoder
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def graph_of(analyses: Sequence[Facts]) -> Graph:
    names = [analysis["name"] for analysis in analyses]
    edges = {
        (need["analysis"], analysis["name"]): need["role"]
        for analysis in analyses
        for need in analysis["needs"]
        if need["analysis"] is not None and need["event"] is None
    }
    return lay_out(names, edges)


def _summaries(analysis: Facts) -> dict[str, Any]:
    """The posteriors of an analysis, each with the parameters that people ask for first."""
    found = []
    for result in analysis["results"]:
        summary = result["summary"]
        for run in summary.get("runs", ()):
            parameters = ordered(run["parameters"])
            shown = [(name, *rounded(values["median"], values["low"], values["high"])) for name, values in parameters[:_SHOWN]]
            about_it = about(summary, run)
            found.append(
                {"file": result["filename"], "run": run, "about": about_it, "shown": shown, "more": len(parameters) - len(shown)}
            )
        if "error" in summary:
            found.append({"file": result["filename"], "error": summary["error"]})
    return {"analysis": analysis["name"], "posteriors": found}


def moment(text: str | None) -> str:
    """``2026-11-21T16:00:00Z`` as people read it."""
    return text.replace("T", " ").removesuffix("Z") if text else ""


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _uri(path: str) -> str:
    """A file's own address, which a browser on the same machine can open."""
    return Path(path).as_uri() if Path(path).is_absolute() else ""


def _cut(text: str, letters: int = _LETTERS) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


__all__ = ["as_json", "assets", "event_page", "graph_of", "index_page", "listing", "moment", "version"]
