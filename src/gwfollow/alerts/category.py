"""Whether an event is a real one: the one place that decides it."""

from __future__ import annotations

from gwfollow.naming import is_mock


def category_of(
    event: str, *, stated: str | None = None, search: str | None = None, group: str | None = None,
    preferred: str | None = None, test: bool = False,
) -> str:  # fmt: skip
    """Production, Test or MDC.

    What says that it is not real wins over what says that it is: a published test cannot be taken back.

    Parameters
    ----------
    stated : GraceDB's own category of the superevent
    search, group : of its (preferred) event
    preferred : GraceDB id of the preferred event, which counts where no category is stated
    test : the sender says that it is a test or a hardware injection (role of a VOEvent)
    """
    if stated in ("Test", "MDC"):
        return stated
    if event.startswith("M") or search == "MDC":
        return "MDC"
    if event.startswith(("T", "H")) or test or group == "Test":  # H1234 is a hardware injection
        return "Test"
    if stated is None and preferred is not None and is_mock(preferred):
        return "MDC" if preferred.startswith("M") else "Test"
    return "Production"


__all__ = ["category_of"]
