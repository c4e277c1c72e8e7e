"""See `htcondor2` beside it."""


class ClassAd(dict):
    pass


class ExprTree:
    def __init__(self, text: str = "") -> None:
        self.text = text


def quote(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
