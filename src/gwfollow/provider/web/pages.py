"""Job logs and result pages of an analysis.

Result pages are written by pipelines and full of scripts of their own.  They are served from addresses that carry a signed,
short-lived leave instead of the login's cookie, under a sandboxing policy: their scripts run in an origin of their own and cannot
touch the Airflow session of the person who looks at them.
"""

from __future__ import annotations

from typing import Any

from airflow.configuration import conf
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from gwfollow.life.look import look, page_of
from gwfollow.provider.web import site
from gwfollow.provider.web.guards import ReadableEvent, guarded_router
from gwfollow.provider.web.rendering import page

router = APIRouter()
guarded = guarded_router()

#: seconds that the leave to look at one analysis' result pages lasts
LEAVE_SECONDS = 12 * 3600
SANDBOX_CSP = "sandbox allow-scripts allow-popups allow-downloads; frame-ancestors 'self'"


@guarded.get("/logs/{event}/{analysis}/", response_class=HTMLResponse)
def logs(request: Request, event: ReadableEvent, analysis: str) -> Response:
    """Tails of the log files of the analysis' present attempt."""
    return page(request, "logs.html", {"seen": look(site.ledger(), event, analysis)})


@guarded.get("/results/{event}/{analysis}/")
def results(request: Request, event: ReadableEvent, analysis: str) -> Response:
    """On to the page that the analysis made, with a leave to look at it."""
    file = page_of(site.ledger(), event, analysis)
    leave = _signer().dumps([event, analysis])
    address = request.url_for("result_file", leave=leave, event=event, analysis=analysis, path=file.name)
    return RedirectResponse(address.path)


@router.get("/pages/{leave}/{event}/{analysis}/{path:path}")
def result_file(leave: str, event: str, analysis: str, path: str) -> Response:
    """One file of an analysis' result pages, for who has the leave."""
    try:
        granted: Any = _signer().loads(leave, max_age=LEAVE_SECONDS)
    except BadData:
        raise HTTPException(403, "this address has expired: open the result page from Airflow again") from None
    if granted != [event, analysis]:
        raise HTTPException(403, "this address is for another analysis")
    root = page_of(site.ledger(), event, analysis).parent.resolve()
    file = (root / path).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        raise HTTPException(404, "no such file")
    return FileResponse(file, headers={"content-security-policy": SANDBOX_CSP, "access-control-allow-origin": "*"})


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get("api", "secret_key"), salt="gwfollow-results")


router.include_router(guarded)
