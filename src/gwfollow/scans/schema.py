"""``scan.json``: its schema, how it is written, and how whoever shows it reads it.

The schema that docs/scan.schema.json publishes is made from the model: ``python -m gwfollow.scans.schema > docs/scan.schema.json``.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from gwfollow.errors import NotFound, PermanentError
from gwfollow.scans.drafts import write_whole
from gwfollow.scans.model import ScanResult

ADDRESS = "https://json-schema.org/draft/2020-12/schema"
#: a result of ten thousand channels has 5 MB
MOST_BYTES = 32 << 20


def document() -> dict[str, Any]:
    """The JSON schema of a scan's result, as of writing: every key is there, also where it says nothing."""
    return {"$schema": ADDRESS, "$comment": "made by gwfollow.scans.schema", **ScanResult.model_json_schema(mode="serialization")}


def as_json(result: ScanResult) -> bytes:
    """JSON has no NaN and no infinite number: a correlation that is one is null.  Raises `ValueError` for a peak that has one."""
    for one in result.channels:
        if one.peak is not None and not all(map(math.isfinite, one.peak.model_dump().values())):
            raise ValueError(f"the peak of {one.channel} is no number: {one.peak}")
    return f"{result.model_dump_json(indent=1)}\n".encode()


def write(result: ScanResult, path: Path) -> Path:
    """Raises `NotWritten`, `ValueError`."""
    return write_whole(path, as_json(result))


def read(path: Path) -> ScanResult:
    """Raises `NotFound` where there is no such file, `PermanentError` for one that is cut short, too large or another version's."""
    try:
        with path.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size > MOST_BYTES:
                raise PermanentError(f"{path} is larger than {MOST_BYTES >> 20} MB: it is no result of a scan")
            content = stream.read(MOST_BYTES)
    except FileNotFoundError:
        raise NotFound(f"{path} is not there") from None
    except OSError as error:
        raise PermanentError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return ScanResult.model_validate(from_json(content, allow_inf_nan=False))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise PermanentError(f"{path} is no result of a scan: {place + ': ' if place else ''}{first['msg']}") from error
    except ValueError as error:
        raise PermanentError(f"{path} is no result of a scan: {error}") from error


def main() -> None:
    print(json.dumps(document(), indent=1))


if __name__ == "__main__":
    main()

__all__ = ["as_json", "document", "read", "write"]
