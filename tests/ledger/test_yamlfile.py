"""YAML from strangers."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gwfollow.errors import InputError
from gwfollow.ledger.yamlfile import MAX_BYTES, MAX_DEPTH, read_documents, write_documents

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def read(text: str) -> list[object]:
    return list(read_documents(text, "blueprint x.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: !!python/object/apply:os.system ['touch /tmp/gwfollow-was-here']",
            "python/object/apply:os.system.*without YAML tags",
        ),
        ("a: !!python/name:os.system x", "without YAML tags"),
        ("!secret a", "'!secret', expected plain data without YAML tags"),
        ("a: !!binary aGk=", "without YAML tags"),
        ("a: 1\nb: 2\na: 3", "line 3: found 'a', expected each key once"),
        ("a: {b: 1, 'b': 2}", "found 'b', expected each key once"),
        (BOMB, "at most 50000 values"),
        ("[" * 200_000, f"at most {MAX_DEPTH} levels"),
        ("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 40)) + " " * 40 + "a: 1", f"at most {MAX_DEPTH} levels"),
        ("a: &a [*a]", "an anchor that stands before it"),
        ("a: *nowhere", "an anchor that stands before it"),
        ("{[1, 2]: 3}", "text as a key"),
        ("x: &x k\n*x : 1", "text as a key"),
        ("a: [1, 2", "document 1, line [12]: not YAML"),
        ("a: b: c", "not YAML"),
        ("a: \x00", "not YAML"),
        ("<<: 3", "a mapping to merge"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a", "each key once"),
        ("a: !!int many", "found 'many', expected a int"),
        ("a: 1\n---\nb: *late", "document 2, line 3"),
    ],
)
def test_what_is_not_plain_data_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        read(text)
    assert str(error.value).startswith("blueprint x.yaml, document ")


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InputError, match=f"at most {MAX_BYTES} characters"):
        read("#" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("-2.5E+3", -2500.0),
        ("1126259462.391", 1126259462.391),
        ("2048", 2048),
        ("yes", True),
        ("~", None),
        ("", None),
        ("2015-09-14", "2015-09-14"),
        ("'2048'", "2048"),
        ("2 * np.pi", "2 * np.pi"),
        ("H1:GWOSC-16KHZ_R1_STRAIN", "H1:GWOSC-16KHZ_R1_STRAIN"),
        ("4096 MB", "4096 MB"),
    ],
)
def test_words_and_numbers_are_what_a_scientist_means(text: str, value: object) -> None:
    assert read(f"a: {text}") == [{"a": value}]


def test_keys_are_text_as_written() -> None:
    assert read("1024: a\nyes: b\n~: c") == [{"1024": "a", "yes": "b", "~": "c"}]


def test_anchors_and_merge_keys_work_within_the_limits() -> None:
    assert read("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a") == [
        {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "c": {"x": 1, "y": 2}}
    ]


def test_the_last_line_break_of_a_block_is_not_part_of_it() -> None:
    assert read("a: |\n  {nlive: 50}\n") == [{"a": "{nlive: 50}"}]


def test_an_empty_document_is_none() -> None:
    assert read("---\n---\na: 1") == [None, {"a": 1}]


_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
_texts = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn"]), max_size=12
)
_words = st.sampled_from(
    ["1e-3", "+1e5", "yes", "null", "~", "2015-09-14", "1:30", "0x10", "=", "<<", "1_000", ".5", "-.inf", "010"]
)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        _scalars | _texts | _words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3)
    )
)
def test_what_is_written_is_read_back(value: object) -> None:
    assert read(write_documents([{"value": value}])) == [{"value": value}]


def test_asimov_reads_what_is_written() -> None:
    written = {"kind": "event", "event time": 1126259462.391, "data": {"channels": {"H1": "H1:X"}}, "small": 1e-5, "word": "1e-3"}
    assert yaml.safe_load(write_documents([written])) == written
