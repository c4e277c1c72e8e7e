"""The board: every active event and how its analyses are."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, Response

from gwfollow.provider.web import queries, site
from gwfollow.provider.web.guards import User, guarded_router, readable_events
from gwfollow.provider.web.rendering import page

router = guarded_router()


@router.get("/", response_class=HTMLResponse)
def board(
    request: Request,
    user: User,
    find: Annotated[str, Query(max_length=100)] = "",
    number: Annotated[int, Query(alias="page")] = 1,
) -> Response:
    """Active events, newest first."""
    find = find.strip()
    with site.ledger().read() as session:
        found = queries.board_page(session, lambda names: readable_events(user, names), find=find, number=number)
    return page(request, "board.html", {"board": found, "find": find})
