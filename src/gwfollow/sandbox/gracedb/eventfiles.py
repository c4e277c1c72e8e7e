"""What GraceDB reads from the file that a search pipeline uploads: LIGO_LW tables, cWB's text, JSON, a VOEvent."""

from __future__ import annotations

import csv
import json
import math
import re
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
#: columns that keep their text though they may look like numbers
_TEXT_TYPES = ("lstring", "ilwd:char", "char_s", "char_v")
#: cWB's significance by the last day: number of louder events and their rate, Hz
_DAILY_RATE = re.compile(r"^#significance based on the last (?:day|24\*6).*\n\s*\S+\s+(\S+)", re.MULTILINE)
#: GRB attribute -> where a VOEvent has it
_POSITION = {"ra": ".//Position2D/Value2/C1", "dec": ".//Position2D/Value2/C2", "error_radius": ".//Position2D/Error2Radius"}

#: names by which observatories call the length of a burst (s) and its trigger
_DURATIONS = ("Trig_Dur", "Trans_Duration", "Data_Integ", "Integ_Time", "Trig_Timescale")
_TRIGGERS = ("TrigID", "Trans_Num", "EventID")


def read(pipeline: str, contents: bytes) -> dict[str, Any]:
    """Attributes of the event: gpstime (s), far (Hz), instruments, nevents, likelihood and extra_attributes, as far as the file has them.

    Raises ValueError for a file that cannot be read.
    """
    if pipeline in ("Fermi", "Swift", "INTEGRAL", "SNEWS", "IceCube"):
        return _voevent(_xml(contents))
    if pipeline == "CWB":
        return _cwb(contents.decode("utf-8", "replace"))
    if pipeline in ("oLIB", "MLy"):
        return _burst_json(contents)
    tables = _tables(_xml(contents))
    if pipeline == "HardwareInjection":
        return _injection(tables)
    return _coincidence(tables)


# ---- LIGO_LW -----------------------------------------------------------------------------------------------------------
def _xml(contents: bytes) -> ElementTree.Element:
    if b"<!ENTITY" in contents:
        raise ValueError("XML entities are not allowed")
    try:
        return ElementTree.fromstring(contents)
    except ElementTree.ParseError as error:
        raise ValueError(f"not XML: {error}") from None


def _tables(root: ElementTree.Element) -> dict[str, list[dict[str, Any]]]:
    """Table name -> its rows; an empty cell is None."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for table in root.iter("Table"):
        columns = [(c.get("Name", "").split(":")[-1], c.get("Type", "")) for c in table.findall("Column")]
        stream = table.find("Stream")
        if stream is None or not columns:
            continue
        text = re.sub(r"\s*\n\s*", "\n", (stream.text or "").strip())
        cells = [cell for line in csv.reader(text.splitlines(), skipinitialspace=True) for cell in _cells(line)]
        width = len(columns)
        tables[table.get("Name", "").split(":")[0]] = [
            {name: _value(cell, kind) for (name, kind), cell in zip(columns, cells[i : i + width], strict=False)}
            for i in range(0, len(cells) - width + 1, width)
        ]
    return tables


def _cells(line: list[str]) -> list[str]:
    # a line that ends in the delimiter goes on in the next: no cell after it
    return line[:-1] if line and line[-1] == "" and len(line) > 1 else line


def _value(cell: str, kind: str) -> Any:
    if cell == "":
        return None
    if kind in _TEXT_TYPES:
        return cell
    try:
        value = int(cell) if kind.startswith("int") else float(cell)
    except ValueError:
        return cell
    # JSON has no infinity
    return value if math.isfinite(value) else None


def _first(tables: dict[str, list[dict[str, Any]]], name: str) -> dict[str, Any]:
    rows = tables.get(name) or [{}]
    return rows[0]


def _coincidence(tables: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    inspiral, event = _first(tables, "coinc_inspiral"), _first(tables, "coinc_event")
    if not inspiral:
        raise ValueError("no coinc_inspiral table")
    seconds, nanoseconds = inspiral.get("end_time"), inspiral.get("end_time_ns") or 0
    instruments = inspiral.get("ifos") or event.get("instruments") or ""
    return {
        # GraceDB keeps microseconds
        "gpstime": round(float(f"{seconds}.{nanoseconds:09d}"), 6) if seconds is not None else None,
        "far": inspiral.get("combined_far"),
        "instruments": ",".join(part.strip() for part in str(instruments).split(",") if part.strip()),
        "nevents": event.get("nevents"),
        "likelihood": event.get("likelihood"),
        "extra_attributes": {
            "CoincInspiral": {
                "ifos": instruments,
                "end_time": seconds,
                "end_time_ns": nanoseconds,
                "mass": inspiral.get("mass"),
                "mchirp": inspiral.get("mchirp"),
                "minimum_duration": inspiral.get("minimum_duration"),
                "snr": inspiral.get("snr"),
                "false_alarm_rate": inspiral.get("false_alarm_rate"),
                "combined_far": inspiral.get("combined_far"),
            },
            "SingleInspiral": tables.get("sngl_inspiral", []),
        },
    }


def _injection(tables: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    row = _first(tables, "sim_inspiral")
    if not row:
        raise ValueError("no sim_inspiral table")
    gps = float(f"{row.get('geocent_end_time') or 0}.{row.get('geocent_end_time_ns') or 0:09d}")
    return {"gpstime": gps, "extra_attributes": {"SimInspiral": row}}


# ---- bursts ------------------------------------------------------------------------------------------------------------
def _cwb(text: str) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        if colon:
            values[name.strip()] = rest.split()
    if not values.get("time"):
        raise ValueError("no line 'time:'")

    def number(name: str, position: int = 0) -> float | None:
        found = values.get(name, [])
        return float(found[position]) if position < len(found) else None

    pairs = sorted(zip(values.get("ifo", []), values["time"], strict=False))
    instruments = ",".join(ifo for ifo, _ in pairs)
    start, _, fraction = values.get("start", ["0"])[0].partition(".")
    return {
        "gpstime": number("time"),
        "far": float(rate.group(1)) if (rate := _DAILY_RATE.search(text)) else number("far"),
        "instruments": instruments,
        "likelihood": number("likelihood"),
        "extra_attributes": {
            "MultiBurst": {
                "ifos": instruments,
                "single_ifo_times": ",".join(time for _, time in pairs),
                "start_time": int(start),
                "start_time_ns": int(fraction.ljust(9, "0")[:9]),
                "duration": number("duration"),
                "peak_time": None,
                "peak_time_ns": None,
                "central_freq": number("frequency"),
                "bandwidth": number("bandwidth"),
                "amplitude": number("rho"),
                "snr": math.sqrt(max(number("likelihood") or 0.0, 0.0)),
                "confidence": None,
                "false_alarm_rate": None,
                "ligo_axis_ra": number("phi", 2),
                "ligo_axis_dec": number("theta", 2),
                "ligo_angle": None,
                "ligo_angle_sig": None,
            }
        },
    }


def _burst_json(contents: bytes) -> dict[str, Any]:
    """oLIB and MLy upload one flat JSON object."""
    try:
        found = json.loads(contents)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("gpstime"), int | float):
        raise ValueError("no gpstime (s)")
    numbers = {key: value for key, value in found.items() if isinstance(value, int | float) and not isinstance(value, bool)}
    return {
        "gpstime": float(found["gpstime"]),
        "far": numbers.get("FAR", numbers.get("far")),
        "instruments": str(found.get("instruments") or found.get("ifos") or ""),
        "nevents": numbers.get("nevents"),
        "likelihood": numbers.get("likelihood"),
        "extra_attributes": {"LalInferenceBurst" if "BCI" in found else "MLyBurst": numbers},
    }


# ---- external alerts ---------------------------------------------------------------------------------------------------
def _voevent(root: ElementTree.Element) -> dict[str, Any]:
    def text(path: str) -> str | None:
        found = root.find(path)
        return found.text.strip() if found is not None and found.text else None

    def number(path: str) -> float | None:
        found = text(path)
        return float(found) if found else None

    def attribute(path: str, name: str) -> str | None:
        found = root.find(path)
        return found.get(name) if found is not None else None

    params = {param.get("name"): param.get("value") for param in root.iter("Param")}
    when = text(".//TimeInstant/ISOTime")
    gps = None
    if when:
        from astropy.time import Time

        gps = float(Time(when, format="isot", scale="utc").gps)
    durations = (float(params[name] or 0) for name in _DURATIONS if name in params)
    grb: dict[str, Any] = {name: number(path) for name, path in _POSITION.items()}
    grb |= {
        "ivorn": root.get("ivorn"),
        "author_ivorn": text(".//Who/AuthorIVORN"),
        "author_shortname": text(".//Who/Author/shortName"),
        "observatory_location_id": attribute(".//ObsDataLocation/ObservatoryLocation", "id"),
        "coord_system": attribute(".//AstroCoordSystem", "id"),
        "how_description": text(".//How/Description"),
        "how_reference_url": attribute(".//How/Reference", "uri"),
        # later notices of Fermi say 0 where they mean that they do not know
        "trigger_duration": next(durations, 0.0) or None,
        "trigger_id": next((params[name] for name in _TRIGGERS if name in params), None),
        "designation": None,
        "redshift": None,
        "T90": None,
    }
    far = params.get("FAR")
    return {"gpstime": gps, "far": float(far) if far else None, "extra_attributes": {"GRB": grb}}
