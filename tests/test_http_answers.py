"""What an answer asks for, and what it says is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from gwfollow.http_answers import detail, retry_after


def answer(body: str = "", reason: str = "Service Unavailable", **headers: str) -> requests.Response:
    response = requests.Response()
    response._content, response.reason = body.encode(), reason
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def test_retry_after_is_a_number_of_seconds_or_a_date_or_nothing() -> None:
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)

    assert retry_after(answer(Retry_After="30")) == 30
    assert retry_after(answer(Retry_After="-5")) == 0
    assert retry_after(answer(Retry_After=format_datetime(in_an_hour, usegmt=True))) == pytest.approx(3600, abs=60)
    assert retry_after(answer(Retry_After="soon")) is None
    assert retry_after(answer()) is None


def test_the_detail_is_taken_from_json_in_every_form_and_kept_short() -> None:
    assert detail(answer('{"detail": "Not found"}')) == "Not found"
    assert detail(answer('"already assigned"')) == "already assigned"
    assert detail(answer("<html>")) == "Service Unavailable"
    assert len(detail(answer('"' + "x" * 1000 + '"'))) == 300
