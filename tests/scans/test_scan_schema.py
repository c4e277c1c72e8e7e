"""``scan.json`` is JSON, and what its published schema says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import jsonschema
import pytest

from gwfollow.errors import NotFound, PermanentError
from gwfollow.scans import schema
from gwfollow.scans.model import MissingData, Peak
from scan_results import channel, scan


def test_the_published_schema_is_the_models(checkout: Path) -> None:
    published = (checkout / "docs" / "scan.schema.json").read_text()
    assert json.loads(published) == schema.document(), "run: python -m gwfollow.scans.schema > docs/scan.schema.json"


def test_what_is_written_is_what_the_schema_says_and_is_read_back(tmp_path: Path) -> None:
    gap = MissingData(frame_type="H1_R", segments=((1.0, 2.5),), message="late")
    result = scan(channel("H1:A", snr=9), channel("H1:B"), state="partial", missing=(gap,), primary=channel("H1:GDS", snr=8))
    path = schema.write(result, tmp_path / "scan.json")
    document = json.loads(path.read_text())
    jsonschema.validate(document, schema.document())
    assert schema.read(path) == result
    document["channels"][0]["state"] = "loud"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema.document())


def test_no_number_that_json_does_not_have_is_written() -> None:
    def forbid(word: str) -> float:
        raise AssertionError(word)

    odd = channel("H1:A", snr=9, correlation=math.nan, standard_deviation=math.inf)
    (found,) = json.loads(schema.as_json(scan(odd)), parse_constant=forbid)["channels"]
    assert (found["correlation"], found["standard_deviation"]) == (None, None)
    peak = Peak(time=1.0, frequency=2.0, q=math.nan, energy=3.0, snr=4.0)
    with pytest.raises(ValueError, match="the peak of H1:A is no number"):
        schema.as_json(scan(channel("H1:A", snr=9, peak=peak)))


def test_a_file_that_is_none_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    with pytest.raises(NotFound):
        schema.read(path)
    whole = schema.as_json(scan(channel("H1:A", snr=9)))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PermanentError, match=r"no result of a scan: .*EOF"):
        schema.read(path)
    path.write_bytes(whole.replace(b'"q": 11.36', b'"q": NaN'))
    with pytest.raises(PermanentError, match="no result of a scan: expected value"):
        schema.read(path)
    path.write_bytes(whole.replace(b'"ifo"', b'"detector"'))
    with pytest.raises(PermanentError, match="ifo: Field required"):
        schema.read(path)
    with path.open("wb") as stream:
        stream.truncate(schema.MOST_BYTES + 1)
    with pytest.raises(PermanentError, match="larger than 32 MB"):
        schema.read(path)
