"""Names with spaces."""

from __future__ import annotations

from typing import Any

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.forms.names import rename, without_spaces


@pytest.mark.parametrize(
    ("document", "read"),
    [
        ({"name": "a b"}, {"name": "a-b"}),
        ({"name": "Deprecated fmin  in quality"}, {"name": "Deprecated-fmin-in-quality"}),
        ({"event": "my event"}, {"event": "my-event"}),
        ({"subject": "my event"}, {"subject": "my-event"}),
        ({"subjects": ["a b", "c", 3]}, {"subjects": ["a-b", "c", 3]}),
        ({"postprocessing": ["a b"]}, {"postprocessing": ["a-b"]}),
        ({"postprocessing": "a b"}, {"postprocessing": "a-b"}),
        ({"postprocessing": {"a b": 1}}, {"postprocessing": {"a b": 1}}),
        ({"needs": ["a b", "!a b", "name: a b", "GW 1/a b"]}, {"needs": ["a-b", "!a-b", "name:a-b", "GW-1/a-b"]}),
        ({"needs": [["a b", {"name": "!a b"}]]}, {"needs": [["a-b", {"name": "!a-b"}]]}),
        ({"analyses": [{"event": "my event", "comment": "a b"}]}, {"analyses": [{"event": "my-event", "comment": "a b"}]}),
        ({"needs": ["waveform.arguments.mode: a b"]}, {"needs": ["waveform.arguments.mode: a b"]}),
        (
            {"stages": [{"name": "a b"}, {"name": "c", "needs": ["a b"], "comment": "x y"}]},
            {"stages": [{"name": "a-b"}, {"name": "c", "needs": ["a-b"], "comment": "x y"}]},
        ),
        ({"comment": "a b", "pipeline": "c d"}, {"comment": "a b", "pipeline": "c d"}),
        ({"name": None, "needs": 3, "subjects": 3, "stages": ["x"]}, {"name": None, "needs": 3, "subjects": 3, "stages": ["x"]}),
    ],
)
def test_names_and_references_to_them_are_read_alike(document: dict[str, Any], read: dict[str, Any]) -> None:
    assert rename(document, "f")[0] == read


def test_each_name_is_told_once() -> None:
    _, warnings = rename({"name": "a b", "needs": ["c d", "c d"]}, "f")
    assert warnings == [
        "f: the name 'a b' has spaces; it was read as 'a-b'",
        "f: the name 'c d' has spaces; it was read as 'c-d'",
    ]


@pytest.mark.parametrize("name", [" a", "a ", "a\tb", "a\u00a0b", "a /b", "a '", "- a", "x " * 60 + "x"])
def test_only_inner_spaces_are_replaced_and_the_rest_is_refused_as_before(name: str) -> None:
    with pytest.raises(InputError):
        read_text(f"kind: event\nname: {name!r}", "f")
    assert without_spaces(" a b ") == " a-b "
