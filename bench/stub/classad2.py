"""See `htcondor2` beside it."""

import enum


class ClassAd(dict):
    pass


class Value(enum.IntEnum):
    Undefined = 1
    Error = 2


class ExprTree:
    def __init__(self, text: str = "") -> None:
        self.text = text


def quote(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
