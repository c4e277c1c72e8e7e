"""The coincidence file (LIGO_LW's table ``sngl_inspiral``) that RIFT insists on, for events of which no search has uploaded one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from gwfollow.pipelines.files import write_text

#: columns that RIFT reads, with LIGO_LW's types; without alpha and alpha4 it takes the orbit as circular
_COLUMNS = {
    "event_id": "int_8s",
    "ifo": "lstring",
    "end_time": "int_4s",
    "end_time_ns": "int_4s",
    "mass1": "real_4",
    "mass2": "real_4",
    "spin1z": "real_4",
    "spin2z": "real_4",
    "snr": "real_4",
    "event_duration": "real_8",
}
_HEAD = """<?xml version='1.0' encoding='utf-8'?>
<!DOCTYPE LIGO_LW SYSTEM "http://ldas-sw.ligo.caltech.edu/doc/ligolwAPI/html/ligolw_dtd.txt">
"""


def write_coinc(path: Path, ifos: Sequence[str], gps: float, mass_1: float, mass_2: float, snr: float, duration: float) -> Path:
    """One row for each detector: the same time (GPS s), masses (solar masses), SNR and duration (s); no spin."""
    root = ElementTree.Element("LIGO_LW")
    table = ElementTree.SubElement(root, "Table", Name="sngl_inspiral:table")
    for name, kind in _COLUMNS.items():
        ElementTree.SubElement(table, "Column", Name=name, Type=kind)
    seconds, rest = int(gps), round((gps - int(gps)) * 1e9)
    stream = ElementTree.SubElement(table, "Stream", Name="sngl_inspiral:table", Type="Local", Delimiter=",")
    stream.text = ",\n".join(
        f'{row},"{ifo}",{seconds},{rest},{mass_1:.8g},{mass_2:.8g},0,0,{snr:.6g},{duration:.6g}' for row, ifo in enumerate(ifos)
    )
    ElementTree.indent(root)
    return write_text(path, _HEAD + ElementTree.tostring(root, encoding="unicode") + "\n")
