"""Small messages of every form, written by hand."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from astropy.io import fits


def public(alert_type: str = "PRELIMINARY", event: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A public notice; `event` adds to its event."""
    return {
        "alert_type": alert_type,
        "time_created": "2026-03-01T10:00:30Z",
        "superevent_id": "S260301ab",
        "urls": {"gracedb": "https://gracedb.example.org/superevents/S260301ab/view/"},
        "event": {
            "time": "2026-03-01T10:00:00.5Z",
            "far": 1e-9,
            "significant": True,
            "instruments": ["H1", "L1"],
            "group": "CBC",
            "pipeline": "gstlal",
            "search": "AllSky",
            "properties": {"HasNS": 0.1},
            "classification": {"BBH": 0.9, "Terrestrial": 0.1},
            "duration": None,
            "central_frequency": None,
            "skymap": None,
            **(event or {}),
        },
        "external_coinc": None,
        **more,
    }


def superevent(**more: Any) -> dict[str, Any]:
    """A superevent as GraceDB shows it."""
    return {
        "superevent_id": "S260301ab",
        "category": "Production",
        "created": "2026-03-01 10:00:10 UTC",
        "preferred_event": "G100",
        "t_start": 1456394417.5,
        "t_0": 1456394418.5,
        "t_end": 1456394419.5,
        "gw_events": ["G100", "G101"],
        "far": 1e-9,
        "labels": ["EM_READY"],
        "preferred_event_data": {
            "graceid": "G100", "group": "CBC", "pipeline": "gstlal", "search": "AllSky", "instruments": "H1,L1", "far": 1e-9,
            "superevent": "S260301ab",
        },
        "links": {"self": "https://gracedb.example.org/api/superevents/S260301ab/"},
        **more,
    }  # fmt: skip


def internal(alert_type: str = "new", data: Any = None, **more: Any) -> dict[str, Any]:
    """An igwn-alert about that superevent."""
    return {"uid": "S260301ab", "alert_type": alert_type, "data": data or {}, "object": superevent(), **more}


def voevent(
    params: str = "", role: str = "observation", event: str = "S260301ab", kind: str = "Preliminary", before: str = ""
) -> str:
    return f"""<?xml version='1.0' encoding='UTF-8'?>{before}
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="{role}" ivorn="ivo://test/LVC#{event}-1">
  <Who><Date>2026-03-01T10:00:30</Date></Who>
  <What>
    <Param name="GraceID" value="{event}"/><Param name="AlertType" value="{kind}"/>{params}
    <Group name="Classification"><Param name="BBH" value="0.9"/></Group>
  </What>
  <WhereWhen><ObsDataLocation><ObservationLocation><AstroCoords><Time><TimeInstant>
    <ISOTime>2026-03-01T10:00:00.5Z</ISOTime>
  </TimeInstant></Time></AstroCoords></ObservationLocation></ObsDataLocation></WhereWhen>
</voe:VOEvent>"""


def as_bytes(document: Any) -> bytes:
    return json.dumps(document).encode()


def uniform_map(order: int = 1, *, creator: str = "BAYESTAR", date: str = "2026-03-01T10:00:20.000000", **header: Any) -> bytes:
    """A multi-order map with the same probability everywhere."""
    cells = 12 * 4**order
    uniq = np.arange(cells) + 4 * 4**order
    return multiorder_map(uniq, np.full(cells, 1 / (4 * np.pi)), CREATOR=creator, DATE=date, **header)


def multiorder_map(uniq: Any, density: Any, **header: Any) -> bytes:
    columns = [fits.Column("UNIQ", "K", array=uniq), fits.Column("PROBDENSITY", "D", array=density)]
    return _table(columns, ORDERING="NUNIQ", COORDSYS="C", **header)


def flat_map(probability: Any, ordering: str = "NESTED", **header: Any) -> bytes:
    return _table([fits.Column("PROB", "D", array=probability)], ORDERING=ordering, COORDSYS="C", **header)


def _table(columns: list[Any], **header: Any) -> bytes:
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(header)
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out)
    return out.getvalue()


def base64_text(contents: bytes) -> str:
    return base64.b64encode(contents).decode()
