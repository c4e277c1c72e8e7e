"""``kind: analysisbundle``: several analyses under one name, written out or named as files beside the bundle.

kind: analysisbundle
name: standard-pe
analyses:
  - bayeswave-psd                    # bayeswave-psd.yaml beside this file, or in a folder analyses
  - https://example.org/bilby.yaml   # of a host that the site lists
  - name: pesummary                  # an analysis written out
    pipeline: pesummary
    needs: [bilby]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from gwfollow.errors import InputError
from gwfollow.ledger.documents import Document, validate
from gwfollow.ledger.fields import Name, Text


class BundleDocument(Document):
    name: Name | None = None
    event: Name | None = None
    comment: Text | None = None
    analyses: Annotated[list[Any], Field(min_length=1)]


def members(document: Mapping[str, Any], place: str) -> tuple[list[Mapping[str, Any] | str], str | None, list[str]]:
    """The analyses of a bundle, each a document or a reference; the event of those that name none; and warnings.

    Raises `InputError`.
    """
    read, warnings = validate(BundleDocument, document, place)
    for index, member in enumerate(read["analyses"]):
        if not (isinstance(member, Mapping) or (isinstance(member, str) and member.strip())):
            raise InputError(f"{place}, analyses[{index}]", member, "an analysis, or the name or address of a file with one")
    return read["analyses"], read.get("event"), warnings
