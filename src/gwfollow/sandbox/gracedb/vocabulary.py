"""The words that GraceDB's root document offers: groups, pipelines, searches, labels."""

from __future__ import annotations

#: the newest, and the last that made VOEvents, kept EM observations and changed GRB events
SERVER_VERSION, OLD_SERVER_VERSION = "2.36.0", "2.35.0"

GROUPS = ("CBC", "Burst", "External", "Test")
PIPELINES = (
    "gstlal", "pycbc", "MBTA", "MBTAOnline", "spiir", "CWB", "oLIB", "MLy", "aframe", "HardwareInjection", "Fermi", "Swift",
    "INTEGRAL", "SNEWS", "IceCube",
)  # fmt: skip
SEARCHES = (
    "AllSky", "LowMass", "HighMass", "EarlyWarning", "BBH", "IMBH", "BNS", "SSM", "MDC", "GRB", "SubGRB", "SubGRBTargeted", "Supernova",
    "HEN",
)  # fmt: skip
LABELS = (
    "ADVNO", "ADVOK", "ADVREQ", "DQOK", "DQR_REQUEST", "DQV", "EARLY_WARNING", "EMBRIGHT_READY", "EM_COINC", "EM_READY", "EM_SENT",
    "EM_Selected", "EM_Throttled", "EM_SelectedConfident", "EM_Superseded", "EXT_SKYMAP_READY", "GCN_PRELIM_SENT", "GWSKYNET_READY",
    "H1NO", "H1OK", "H1OPS", "HIGH_PROFILE", "INJ", "K1NO", "K1OK", "K1OPS", "L1NO", "L1OK", "L1OPS", "LOW_SIGNIF_LOCKED",
    "LOW_SIGNIF_PRELIM_SENT", "NOT_GRB", "PASTRO_READY", "PE_READY", "RAVEN_ALERT", "SIGNIF_LOCKED", "SKYMAP_READY", "V1NO", "V1OK", "V1OPS",
)  # fmt: skip
#: set by GraceDB itself, when a person signs off
PROTECTED_LABELS = frozenset({"ADVOK", "ADVNO", "H1OK", "H1NO", "L1OK", "L1NO", "V1OK", "V1NO", "K1OK", "K1NO"})
#: label that asks for a signoff -> those that a signoff leaves
ANSWERS = {
    "ADVREQ": frozenset({"ADVOK", "ADVNO"}),
    **{f"{ifo}OPS": frozenset({f"{ifo}OK", f"{ifo}NO"}) for ifo in ("H1", "L1", "V1", "K1")},
}
CATEGORIES = {"P": "Production", "T": "Test", "M": "MDC"}
VOEVENT_TYPES = {"PR": "preliminary", "IN": "initial", "UP": "update", "RE": "retraction"}
SIGNOFF_TYPES = {"OP": "operator", "ADV": "advocate"}
SIGNOFF_STATUSES = {"OK": "OKAY", "NO": "NOT OKAY"}
INSTRUMENTS = {"H1": "LHO", "L1": "LLO", "V1": "Virgo", "K1": "KAGRA"}
EM_GROUPS = ("ARI", "ATLAS", "CRTS", "Fermi", "GOTO", "Swift", "ZTF")
#: alert_type of a public notice -> its code
NOTICE_TYPES = {"EARLYWARNING": "EW", "PRELIMINARY": "PR", "INITIAL": "IN", "UPDATE": "UP", "RETRACTION": "RE"}
