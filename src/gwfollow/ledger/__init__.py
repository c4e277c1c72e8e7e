"""The ledger: the one source of truth about events, their analyses, jobs and assets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gwfollow.errors import InputError

if TYPE_CHECKING:
    from gwfollow.ledger.store import Ledger
    from gwfollow.settings import Settings


def open_ledger(settings: Settings | None = None, *, create: bool = False) -> Ledger:
    """The ledger that the settings name, with its password from their file; see `Ledger.open`."""
    from gwfollow.ledger.store import Ledger
    from gwfollow.settings import Settings

    settings = settings or Settings.read()
    return Ledger.open(settings.ledger_url, password=read_password(settings), create=create)


def read_password(settings: Settings) -> str | None:
    """The ledger's database password, None where no file is named.  Raises `InputError` for a file that cannot be read."""
    if not settings.ledger_password_file:
        return None
    path = Path(settings.ledger_password_file).expanduser()
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise InputError(f"GWFOLLOW_LEDGER_PASSWORD_FILE ({reason})", str(path), "a readable file with a password") from None


__all__ = ["open_ledger", "read_password"]
