"""One listener: a process that reads one source and does nothing else (`gwfollow.alerts.consume`).

    python -m gwfollow.alerts.listener < order

It is told what to do in one line of JSON on stdin (that is where the login comes in: neither arguments nor environment show it), and
lives as long as stdin stays open: it ends with its supervisor.  On stdout it says one line of JSON after every look at its broker and
every stored batch; a supervisor that hears nothing kills it (`gwfollow.alerts.supervise`).
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gwfollow.alerts.consume import Listener
from gwfollow.alerts.folders import Folders
from gwfollow.alerts.sources import Login, Source
from gwfollow.errors import GWFollowError
from gwfollow.ledger.store import Ledger

#: seconds that the ledger may keep it waiting (then it says so, and tries again)
LEDGER_SECONDS = 5.0


@dataclass(frozen=True)
class Order:
    """What a listener is to do; holds secrets, and goes through a pipe only."""

    source: Source
    ledger: str  # URL with the password
    data: str  # top of the data folder

    def dump(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def load(cls, line: bytes) -> Order:
        document = json.loads(line)
        source = document.pop("source")
        login = Login(**source.pop("login")) if source.get("login") else None
        return cls(source=Source(**{**source, "topics": tuple(source["topics"]), "login": login}), **document)


def open_impatiently(url: str) -> Ledger:
    """The ledger, which must not keep a listener waiting: one that is silent for long is taken for dead."""
    from sqlalchemy import event

    ledger = Ledger.open(url)
    milliseconds = round(LEDGER_SECONDS * 1000)
    limit = {
        "sqlite": f"PRAGMA busy_timeout={milliseconds}",
        "postgresql": f"SET lock_timeout={milliseconds}; SET statement_timeout={milliseconds}",
    }

    @event.listens_for(ledger.engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(limit[ledger.engine.dialect.name])
        cursor.close()
        if ledger.engine.dialect.name == "postgresql":
            connection.commit()

    ledger.engine.dispose()  # of the connection that was made before
    return ledger


def end_with_stdin() -> None:
    """The supervisor holds the other end: when it is gone, however it went, so are we."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def say(news: dict[str, Any]) -> None:
    print(json.dumps(news), flush=True)


def main() -> None:
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 65536)
        if not part:
            sys.exit("no order on stdin")
        line += part
    order = Order.load(line)
    end_with_stdin()
    try:
        Listener(order.source, open_impatiently(order.ledger), Folders(Path(order.data)), say).run()
    except GWFollowError as error:
        say({"beat": False, "error": str(error)})
        sys.exit(1)


if __name__ == "__main__":
    main()


__all__ = ["Order", "open_impatiently"]
