"""Every error that gwfollow raises on purpose, as one tree.

    GWFollowError
    |-- InputError            what a person or a file gave is wrong; nothing was changed
    |   |-- NotFound          no such event, analysis, job, ...
    |   `-- IllegalTransition a status that may not follow the present one
    |-- TransientError        the same call may succeed later; nothing is known to be wrong with it
    |   |-- StaleVersion      somebody else changed the row first (compare-and-set lost)
    |   |-- LedgerBusy        the database did not let us write in time
    |   |-- SchedulerSilent   the scheduler did not answer: what it holds is unknown, not gone
    |   `-- RemoteSilent      GraceDB or Airflow did not answer, or asked us to come back later
    `-- PermanentError        trying again would fail again
        |-- PipelineError     a pipeline's builder, configuration or result is wrong: the analysis is stuck
        |-- SubmitRefused     the scheduler read the job and said no
        `-- RemoteRefused     GraceDB or Airflow read the request and said no

Airflow retries a task on `TransientError` only; everything else fails it at once with the message.
"""

from __future__ import annotations


class GWFollowError(Exception):
    """The root: its text is written for the person who reads it."""


class InputError(GWFollowError):
    """Refused at the door.

    Parameters
    ----------
    place : where, e.g. ``"blueprint GW150914.yaml, document 2, likelihood.sample rate"``
    found : what stands there, as text
    expected : what should
    """

    def __init__(self, place: str, found: object = None, expected: str | None = None) -> None:
        self.place, self.found, self.expected = place, found, expected
        text = place
        if expected is not None:
            text = f"{place}: found {_short(found)}, expected {expected}"
        super().__init__(text)


class NotFound(InputError):
    """No such event, analysis, job or file."""


class IllegalTransition(InputError):
    """The table of statuses does not allow this change; names both."""

    def __init__(self, what: str, old: str, new: str, allowed: frozenset[str] = frozenset()) -> None:
        self.old, self.new = old, new
        super().__init__(
            f"{what}: status {old!r} may not become {new!r}"
            + (f" (allowed: {', '.join(sorted(allowed))})" if allowed else " (it is final)")
        )


class TransientError(GWFollowError):
    """May succeed when tried again."""


class StaleVersion(TransientError):
    """Compare-and-set lost: the row has changed since it was read."""


class LedgerBusy(TransientError):
    """The database stayed locked, or the connection to it was lost."""


class SchedulerSilent(TransientError):
    """No answer from the scheduler. What it holds is unknown, never gone."""


class RemoteSilent(TransientError):
    """No answer from a web service, or an answer that asks to come back (5xx, 429).

    ``retry_after`` is the number of seconds that the service asked for, if it did.
    """

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class PermanentError(GWFollowError):
    """Would fail again."""


class PipelineError(PermanentError):
    """The pipeline cannot go on; the text becomes the reason why the analysis is stuck."""


class SubmitRefused(PermanentError):
    """The scheduler read the submission and refused it."""


class RemoteRefused(PermanentError):
    """A web service read the request and refused it (4xx).  ``status`` is the HTTP status, where there is one."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


def explain(error: BaseException) -> str:
    """An exception as one sentence for a person; a plugin's own exception with its type."""
    if isinstance(error, GWFollowError):
        return str(error)
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[-1]}" if text else type(error).__name__


def _short(value: object, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
