"""Stretches of time and the files that cover them: each counted once, touching is not overlapping, gaps are listed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwfollow.data.coverage import cover
from gwfollow.data.names import FrameFile, local_path, parse
from gwfollow.data.segments import coalesced, livetime, missing, overlaps, told

pieces = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda pair: (float(pair[0]), float(sum(pair)))), max_size=8
)


def frame(start: int, duration: int, description: str = "H1_HOFT", folder: str = "/data") -> FrameFile:
    found = parse(f"{folder}/H-{description}-{start}-{duration}.gwf")
    assert found is not None
    return found


def seconds(segments: Iterable[tuple[float, float]]) -> set[int]:
    """Every whole second that is covered: on a grid of whole seconds that is all there is to know."""
    return {second for start, end in segments for second in range(int(start), int(end))}


@given(pieces, pieces)
def test_segments_are_what_counting_every_second_says(have: list[tuple[float, float]], wanted: list[tuple[float, float]]) -> None:
    joined = coalesced(have)
    assert seconds(joined) == seconds(have)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(joined))  # sorted, and what touches is one
    assert all(type(one) is tuple and one[0] < one[1] for one in joined)
    assert livetime(have) == len(seconds(have))
    for one in wanted:
        gaps = missing(one, have)
        assert coalesced(gaps) == gaps
        assert seconds(gaps) == seconds([one]) - seconds(have)
        assert [overlaps(one, other) for other in have] == [bool(seconds([one]) & seconds([other])) for other in have]


def test_what_ends_before_it_begins_holds_no_time() -> None:
    assert coalesced([(8, 4), (1, 1), (0, 1)]) == [(0, 1)]
    assert missing((8, 4), []) == []
    assert not overlaps((8, 4), (0, 10))
    assert livetime([(8, 4)]) == 0


def test_many_gaps_are_told_by_the_first_ones() -> None:
    assert told([(0, 1), (2, 3), (4, 5)], 2) == "[0, 1) and [2, 3) and 1 more"
    assert told([(0, 1), (2, 3)], 2) == "[0, 1) and [2, 3)"


def test_touching_is_not_overlapping() -> None:
    assert not overlaps((0, 4), (4, 8))
    assert overlaps((0, 5), (4, 8))
    assert coalesced([(4, 8), (0, 4)]) == [(0, 8)]
    assert told([(0, 4), (8, 9.5)]) == "[0, 4) and [8, 9.5)"


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("H-H1_GWOSC_4KHZ_R1-1126259446-32.gwf", (1126259446, 1126259478)),
        ("file://localhost/a/L-L1_HOFT_C00-1126259446-4096.gwf", (1126259446, 1126263542)),
        ("https://gwosc.org/x/H-H1_LOSC_4_V2-1126259446-32.hdf5", (1126259446, 1126259478)),
        ("HL-HL1_X-1-1.gwf", (1, 2)),
    ],
)
def test_a_name_says_what_time_the_file_covers(name: str, segment: tuple[int, int]) -> None:
    found = parse(name)
    assert found is not None
    assert found.segment == segment
    assert parse(found.name) is not None


@pytest.mark.parametrize(
    "name",
    ["H-H1_X-1126259446.gwf", "h-H1_X-1-1.gwf", "H-H1-X-1-1.gwf", "H-H1_X-1-0.gwf", "H-H1_X-1-1.gwf.part", ".H-H1_X-1-1.gwf", ""],
)
def test_what_is_not_named_as_frames_are_is_none(name: str) -> None:
    assert parse(name) is None


def test_whose_a_file_is() -> None:
    assert frame(0, 4).belongs_to("H1")
    assert not frame(0, 4).belongs_to("H2")
    assert not frame(0, 4).belongs_to("L1")
    assert frame(0, 4, "R").belongs_to("H1")  # raw frames of a site name no detector


def test_urls_of_this_machine_are_paths() -> None:
    assert str(local_path("file://localhost/a/b%20c.gwf")) == "/a/b c.gwf"
    assert str(local_path("file:///a/b.gwf")) == "/a/b.gwf"
    assert local_path("file://elsewhere/a/b.gwf") is None
    assert local_path("osdf:///a/b.gwf") is None


def test_gaps_are_listed_in_order() -> None:
    found = cover([frame(20, 4), frame(4, 4)], (0, 30))
    assert [file.start for file in found.files] == [4, 20]
    assert found.gaps == ((0, 4), (8, 20), (24, 30))
    assert not found.complete


def test_a_file_found_twice_counts_once() -> None:
    copies = [frame(0, 8, folder="/one"), frame(0, 8, folder="/two"), frame(8, 8)]
    found = cover(copies, (0, 16))
    assert [file.url for file in found.files] == ["/one/H-H1_HOFT-0-8.gwf", "/data/H-H1_HOFT-8-8.gwf"]
    assert found.complete
    assert [file.url for file in found.spare] == ["/two/H-H1_HOFT-0-8.gwf"]


def test_a_copy_on_this_machine_goes_before_one_elsewhere() -> None:
    elsewhere = parse("https://a/H-H1_HOFT-0-8.gwf")
    assert elsewhere is not None
    assert cover([elsewhere, frame(0, 8)], (0, 8)).files == (frame(0, 8),)


def test_files_that_overlap_are_as_few_as_can_be() -> None:
    found = cover([frame(0, 8), frame(2, 4), frame(6, 10), frame(12, 2)], (0, 16))
    assert [file.start for file in found.files] == [0, 6]
    assert len(found.overlapping) == 1
    assert not cover([frame(0, 8), frame(8, 8)], (0, 16)).overlapping


def test_a_file_that_only_touches_is_not_taken() -> None:
    assert cover([frame(0, 8), frame(8, 8), frame(16, 8)], (8, 16)).files == (frame(8, 8),)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=8))
def test_the_files_chosen_cover_what_all_of_them_do(found: list[tuple[int, int]]) -> None:
    files = [frame(*one) for one in found]
    wanted = (5.0, 25.0)
    chosen = cover(files, wanted)
    assert list(chosen.gaps) == missing(wanted, (file.segment for file in files))
    for one in chosen.files:  # none of them is idle
        assert missing(wanted, (file.segment for file in chosen.files if file != one)) != list(chosen.gaps)
