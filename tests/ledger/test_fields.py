"""Types of the fields in documents (their use in documents: test_documents)."""

from __future__ import annotations

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.fields import check_name, check_plain


def test_a_good_name_is_given_back() -> None:
    assert check_name("GW150914", "here") == "GW150914"


@pytest.mark.parametrize("name", ["../x", "", None, "a\n", "x" * 100])
def test_a_bad_name_is_refused_with_the_rule(name: object) -> None:
    with pytest.raises(InputError, match=r"here: found .*, expected 1 to 99 letters"):
        check_name(name, "here")


def test_a_document_that_is_too_deep_is_refused_before_python_runs_out_of_stack() -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InputError, match="at most 32 levels"):
        check_plain({"a": deep}, "here")
