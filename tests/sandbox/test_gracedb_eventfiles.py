"""What is read from the files that pipelines upload: numbers as they stand there, nothing that JSON does not know."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from gwfollow.sandbox.gracedb.eventfiles import read

DATA = Path(pytest.importorskip("ligo.gracedb.test.integration").__file__).parent / "data"

VOEVENT = """<?xml version="1.0"?>
<voe:VOEvent ivorn="ivo://test" version="2.0" xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0">
  <Who><AuthorIVORN>ivo://author</AuthorIVORN><Author><shortName>Somebody</shortName></Author></Who>
  <What>{params}</What>
  <WhereWhen><ObsDataLocation><ObservatoryLocation id="GEOLUN"/><ObservationLocation>
    <AstroCoordSystem id="UTC-FK5-GEO"/>
    <AstroCoords><Time><TimeInstant><ISOTime>2019-03-31T02:41:39.32</ISOTime></TimeInstant></Time>
    <Position2D><Value2><C1>10.5</C1><C2>-20</C2></Value2><Error2Radius>3</Error2Radius></Position2D></AstroCoords>
  </ObservationLocation></ObsDataLocation></WhereWhen>
  <How><Description>An instrument</Description><Reference uri="https://example.org/"/></How>
</voe:VOEvent>"""


def grb(params: str) -> dict[str, Any]:
    return read("Swift", VOEVENT.format(params=params).encode())


def test_a_coincidence_has_its_numbers_and_its_single_detectors() -> None:
    found = read("gstlal", (DATA / "cbc-lm.xml").read_bytes())

    assert (found["instruments"], found["nevents"]) == ("H1,L1,V1", 3)
    coinc, singles = found["extra_attributes"]["CoincInspiral"], found["extra_attributes"]["SingleInspiral"]
    assert (coinc["snr"], coinc["end_time"]) == (9.31793628458239, 971609248)
    assert found["far"] == coinc["combined_far"]
    assert [single["ifo"] for single in singles] == ["H1", "L1", "V1"]


def test_infinity_and_nan_are_unknown_for_json_has_no_word_for_them() -> None:
    text = (DATA / "cbc-lm.xml").read_text().replace("9.317936284582389", "nan")
    found = read("gstlal", text.encode())

    assert found["extra_attributes"]["CoincInspiral"]["snr"] is None
    json.dumps(found, allow_nan=False)


def test_a_burst_has_its_times_by_detector_and_where_it_points() -> None:
    burst = read("CWB", (DATA / "burst-cwb.txt").read_bytes())["extra_attributes"]["MultiBurst"]

    # the file names L1 before H1
    assert (burst["ifos"], burst["single_ifo_times"]) == ("H1,L1", "1042312876.5073,1042312876.5090")
    assert (burst["start_time"], burst["start_time_ns"]) == (1042312876, 500000000)
    assert (burst["ligo_axis_ra"], burst["ligo_axis_dec"]) == (201.224625, 69.422546)
    assert (burst["amplitude"], burst["snr"]) == (5.017162, math.sqrt(53.2706))


def test_json_of_other_burst_searches_is_read() -> None:
    found = read("oLIB", json.dumps({"gpstime": 1e9, "FAR": 1e-7, "instruments": "H1,L1", "BCI": 3.5, "nevents": 1}).encode())
    assert (found["gpstime"], found["far"], found["instruments"]) == (1e9, 1e-7, "H1,L1")
    assert found["extra_attributes"]["LalInferenceBurst"]["BCI"] == 3.5
    assert read("MLy", b'{"gpstime": 1, "far": 2, "ifos": "H1"}')["extra_attributes"] == {"MLyBurst": {"gpstime": 1, "far": 2}}
    for wrong in (b"{", b"[]", b'{"gpstime": "now"}'):
        with pytest.raises(ValueError, match=r"JSON|gpstime"):
            read("oLIB", wrong)


@pytest.mark.parametrize(
    ("params", "duration", "trigger"),
    [
        ('<Param name="TrigID" value="7"/><Param name="Integ_Time" value="0.5"/>', 0.5, "7"),
        ('<Param name="TrigID" value="7"/><Param name="Data_Integ" value="0.000"/>', None, "7"),
        ('<Param name="Trans_Num" value="8"/>', None, "8"),
        ("", None, None),
    ],
)
def test_a_gamma_ray_burst_has_its_trigger_by_whatever_name(params: str, duration: float | None, trigger: str | None) -> None:
    attributes = grb(params)["extra_attributes"]["GRB"]

    assert (attributes["trigger_duration"], attributes["trigger_id"]) == (duration, trigger)
    assert (attributes["ra"], attributes["dec"], attributes["error_radius"]) == (10.5, -20.0, 3.0)
    assert (attributes["author_shortname"], attributes["coord_system"]) == ("Somebody", "UTC-FK5-GEO")


def test_its_time_is_gps_and_its_far_that_of_the_notice() -> None:
    found = grb('<Param name="FAR" value="1e-5"/>')
    # 2019-03-31T02:41:39.32 UTC with 18 leap seconds
    assert found["gpstime"] == pytest.approx(1238035317.32)
    assert found["far"] == 1e-5
