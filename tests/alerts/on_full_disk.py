"""``unshare --user --map-root-user --mount python on_full_disk.py FOLDER KAFKA TOPIC``: a listener whose archive is on a full disk.

FOLDER becomes a file system of 1 MB in a mount namespace of our own; the ledger is beside it.  Prints what happened as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from listening import Here, committed, count, source

from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.kafka import LocalKafka


def main(disk: Path, kafka_folder: Path, topic: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", str(disk)], check=True)
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as stream:
            while stream.write(b"x" * 4096):
                pass
    except OSError as error:
        print(f"full: {error}", file=sys.stderr)
    kafka = LocalKafka(kafka_folder)
    ledger = Ledger.open(f"sqlite:///{disk.with_name('ledger.db')}", create=True)
    here = Here(ledger, disk / "data", source(kafka, topic, group=topic))
    here.until(lambda: sum("cannot store" in str(news.get("error")) for news in here.told) >= 2)
    said = {
        "error": next(news["error"] for news in here.told if news.get("error") and "cannot store" in news["error"]),
        "stored while full": count(ledger),
        "committed while full": committed(kafka, topic, topic),
    }
    ballast.unlink()
    here.until(lambda: count(ledger) == 20)
    here.until(lambda: committed(kafka, topic, topic) == 20)
    print(json.dumps(said | {"stored": count(ledger), "committed": committed(kafka, topic, topic)}))
    here.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
