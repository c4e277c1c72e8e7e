"""The health page, and the same for monitors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from gwfollow.errors import GWFollowError
from gwfollow.ledger.schema import Listener
from gwfollow.provider.web import queries, site
from gwfollow.provider.web.guards import READS_ALERTS, guarded_router
from gwfollow.provider.web.rendering import page

if TYPE_CHECKING:
    from gwfollow.alerts.health import HealthReport

router = guarded_router()


@router.get("/health", response_class=HTMLResponse, dependencies=[READS_ALERTS])
def health(request: Request) -> Response:
    """Every check, the worst first, and the life signs of the listeners."""
    from gwfollow.alerts.health import SEVERITY
    from gwfollow.alerts.signs import NEVER

    report = _report()
    checks = sorted(report.checks, key=lambda check: SEVERITY.index(check.level))
    bad = sum(check.level != "ok" for check in checks)
    summary = f"{bad} of {len(checks)} checks are not ok" if bad else f"all {len(checks)} checks are ok"
    context = {"checks": checks, "level": report.level, "summary": summary, "listeners": _listeners(), "never": NEVER}
    return page(request, "health.html", context)


@router.get("/health.json", dependencies=[READS_ALERTS])
def health_json() -> JSONResponse:
    """The checks for a monitor; it looks at `level`: the status is 200 whenever there is an answer."""
    report = _report()
    found = [{"name": check.name, "level": check.level, "text": check.text, "value": check.value} for check in report.checks]
    return JSONResponse({"level": report.level, "checks": found})


def _report() -> HealthReport:
    from gwfollow.alerts.health import check, without_ledger

    try:
        return check(site.ledger(), site.settings())
    except GWFollowError as error:
        return without_ledger(error)


def _listeners() -> Sequence[Listener]:
    """None where the ledger does not answer: the report says so."""
    try:
        with site.ledger().read() as session:
            return queries.listeners(session)
    except GWFollowError:
        return []
