"""Job logs and result pages of an analysis.

Result pages are written by pipelines and full of scripts of their own.  They are served from addresses that carry a signed,
short-lived leave instead of the login's cookie, under a sandboxing policy: their scripts run in an origin of their own and cannot
touch the Airflow session of the person who looks at them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from itsdangerous import BadData, URLSafeTimedSerializer

from gwfollow.errors import GWFollowError, NotFound
from gwfollow.naming import event_dag_id

HERE = Path(__file__).parent
router = APIRouter()
templates = Jinja2Templates(directory=HERE / "templates")

#: seconds that the leave to look at one analysis' result pages lasts
LEAVE_SECONDS = 12 * 3600
SANDBOX_CSP = "sandbox allow-scripts allow-popups allow-downloads; frame-ancestors 'self'"


def _may_read(event: str, user: GetUserDep) -> str:
    """The event's name, for a user who may see its DAG; 403 for others."""
    if not get_auth_manager().is_authorized_dag(method="GET", details=DagDetails(id=event_dag_id(event)), user=user):
        raise HTTPException(403, "not allowed to see this event")
    return event


ReadableEvent = Annotated[str, Depends(_may_read)]


@router.get("/logs/{event}/{analysis}/", response_class=HTMLResponse)
def logs(request: Request, event: ReadableEvent, analysis: str) -> Response:
    """Tails of the log files of the analysis' present attempt."""
    from gwfollow.life.look import look

    try:
        seen = look(_ledger(), event, analysis)
    except GWFollowError as error:
        raise _as_http(error) from error
    return templates.TemplateResponse(request, "logs.html", {"seen": seen})


@router.get("/results/{event}/{analysis}/")
def results(request: Request, event: ReadableEvent, analysis: str) -> Response:
    """On to the page that the analysis made, with a leave to look at it."""
    page = _page(event, analysis)
    leave = _signer().dumps([event, analysis])
    return RedirectResponse(str(request.url_for("result_file", leave=leave, event=event, analysis=analysis, path=page.name)))


@router.get("/pages/{leave}/{event}/{analysis}/{path:path}")
def result_file(leave: str, event: str, analysis: str, path: str) -> Response:
    """One file of an analysis' result pages, for who has the leave."""
    try:
        granted: Any = _signer().loads(leave, max_age=LEAVE_SECONDS)
    except BadData:
        raise HTTPException(403, "this address has expired: open the result page from Airflow again") from None
    if granted != [event, analysis]:
        raise HTTPException(403, "this address is for another analysis")
    root = _page(event, analysis).parent.resolve()
    file = (root / path).resolve()
    if not file.is_relative_to(root) or not file.is_file():
        raise HTTPException(404, "no such file")
    return FileResponse(file, headers={"content-security-policy": SANDBOX_CSP, "access-control-allow-origin": "*"})


def _page(event: str, analysis: str) -> Path:
    from gwfollow.life.look import page_of

    try:
        return page_of(_ledger(), event, analysis)
    except GWFollowError as error:
        raise _as_http(error) from error


def _ledger() -> Any:
    from gwfollow.provider.site import open_ledger

    return open_ledger("gwfollow_ledger")


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get("api", "secret_key"), salt="gwfollow-results")


def _as_http(error: GWFollowError) -> HTTPException:
    return HTTPException(404 if isinstance(error, NotFound) else 503, str(error))
