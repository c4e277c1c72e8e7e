"""VOEvent 2.0 documents of the LVK: archives, files given by hand, and the text inside igwn-alerts of type voevent."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from gwfollow.alerts.alert import Alert, Skymap
from gwfollow.alerts.bounds import LARGEST_VOEVENT, check_text
from gwfollow.alerts.category import category_of
from gwfollow.alerts.models import Address, AnyId, Moment, Probability, Rate, Word, Words, check_value
from gwfollow.errors import InputError
from gwfollow.times import utc_to_gps

if TYPE_CHECKING:
    from lxml.etree import _Element

#: AlertType -> kind
_KINDS = {
    "earlywarning": "earlywarning",
    "preliminary": "preliminary",
    "initial": "initial",
    "update": "update",
    "retraction": "retraction",
}


def read_voevent(text: str, place: str) -> Alert:
    """The alert in a VOEvent.  Raises `InputError` for other XML, for document type definitions, and for values that are wrong."""
    root = _parse(text, place)
    params = _params(root)
    take = partial(_take, params, place)
    event = take("GraceID", AnyId)
    if event is None:
        raise InputError(f"{place}, What, Param GraceID: is missing (a VOEvent of the LVK names its event)")
    kind = _KINDS.get((take("AlertType", Word) or "").lower().replace("_", ""))
    if kind is None:
        raise InputError(f"{place}, Param AlertType", params.get("AlertType"), " or ".join(sorted(_KINDS)))
    retracted = kind == "retraction" or params.get("Retraction", "").lower() in ("true", "1")
    injected = take("HardwareInj", Rate) == 1
    category = category_of(event, search=take("Search", Word), test=injected or root.get("role") != "observation")
    skymap = _skymap(params, place)
    return Alert(
        form="voevent",
        event=event,
        superevent="S" in event,
        kind="retraction" if retracted else kind,
        issued=_moment(root, "Who/Date", place),
        role="observation" if category == "Production" else "test",
        category=category,
        facts={key: value for key, value in _facts(root, take, place).items() if value is not None},
        retracted=True if retracted else None,
        skymap=skymap,
        payload={"voevent": text},
    )


def _parse(text: str, place: str) -> _Element:
    from lxml import etree

    if len(text.encode()) > LARGEST_VOEVENT:
        raise InputError(f"{place}: {len(text)} characters: larger than the {LARGEST_VOEVENT} that a VOEvent may have")
    check_text(text, place)
    if "<LIGO_LW" in text[:2000]:
        raise InputError(f"{place}: a LIGO_LW document (coinc.xml): data of a pipeline's event, which GraceDB takes; no alert")
    # no VOEvent has one, and all that entities can do begins here
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(f"{place}: XML with a document type definition is not read")
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever the document says: the text was looked at as UTF-8
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InputError(f"{place}: no XML: {str(error)[:200]}") from None
    if root is None or etree.QName(root).localname != "VOEvent":
        raise InputError(f"{place}, root element", None if root is None else root.tag, "voe:VOEvent")
    return root


def _params(root: _Element) -> dict[str, str]:
    """Param name -> value, of `What` and of the groups in it; of one that stands twice, the first."""
    found: dict[str, str] = {}
    for param in root.iterfind("What//Param"):
        found.setdefault(str(param.get("name", "")), str(param.get("value", "")))
    return found


def _take(params: dict[str, str], place: str, name: str, kind: Any) -> Any:
    value = params.get(name)
    return None if value in (None, "") else check_value(kind, value, f"{place}, Param {name}")


def _moment(root: _Element, path: str, place: str) -> datetime | None:
    text = root.findtext(path)
    if text is None:
        return None
    moment: datetime = check_value(Moment, text.strip(), f"{place}, {path}")
    return moment


_ISO_TIME = "WhereWhen/ObsDataLocation/ObservationLocation/AstroCoords/Time/TimeInstant/ISOTime"


def _facts(root: _Element, take: Callable[[str, Any], Any], place: str) -> dict[str, Any]:
    moment = _moment(root, _ISO_TIME, place)
    significant = take("Significant", Rate)
    return {
        "t_0": None if moment is None else utc_to_gps(moment),
        "far": take("FAR", Rate),
        "significant": None if significant is None else significant == 1,
        "group": take("Group", Word),
        "pipeline": take("Pipeline", Word),
        "search": take("Search", Word),
        "instruments": take("Instruments", Words),
        "classification": _probabilities(root, "Classification", place),
        "properties": _probabilities(root, "Properties", place),
        "gracedb": take("EventPage", Address),
        "ivorn": take_ivorn(root),
    }


def take_ivorn(root: _Element) -> str | None:
    """The VOEvent's own name, which is also its version: ``ivo://gwnet/LVC#S250924di-1-Preliminary``."""
    ivorn = root.get("ivorn")
    return str(ivorn) if ivorn and len(ivorn) <= 200 else None


def _probabilities(root: _Element, group: str, place: str) -> dict[str, float] | None:
    found: dict[str, float] = {}
    for element in root.iterfind("What/Group"):
        if element.get("name") != group and element.get("type") != group:
            continue
        for param in element.iterfind("Param"):
            name, where = str(param.get("name", "")), f"{place}, {group}"
            if param.get("value"):
                found[check_value(Word, name, where)] = check_value(Probability, param.get("value"), f"{where}, {name}")
    return found or None


def _skymap(params: dict[str, str], place: str) -> Skymap | None:
    """The sky map that the notice points to: ``https://.../files/bayestar.multiorder.fits,0``."""
    address = params.get("skymap_fits")
    if not address:
        return None
    match = re.fullmatch(r"https?://\S+/([A-Za-z0-9][A-Za-z0-9_.+-]{0,99})(?:,(\d{1,6}))?", address)
    if match is None:
        raise InputError(f"{place}, Param skymap_fits", address, "the address of a FITS file")
    return Skymap(match.group(1), None if match.group(2) is None else int(match.group(2)))


__all__ = ["read_voevent"]
