"""A form is sent piece by piece, whole, and only with the file that was meant."""

from __future__ import annotations

import hashlib
from email.parser import BytesParser
from pathlib import Path

import pytest

from gwfollow.errors import PermanentError, RemoteSilent
from gwfollow.gracedb import upload
from gwfollow.gracedb.upload import CHUNK, Form


def parts(form: Form) -> list[tuple[str, str | None, bytes]]:
    """Name, file name and contents of each part, as a mail reader sees them."""
    whole = f"Content-Type: {form.content_type}\r\n\r\n".encode() + b"".join(form)
    found = []
    for part in BytesParser().parsebytes(whole).get_payload():
        name = part.get_param("name", header="Content-Disposition")
        found.append((name, part.get_filename(), part.get_payload(decode=True)))
    return found


def test_fields_and_file_arrive_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "samples.h5"
    file.write_bytes(b"\x00\r\n--\xff" * 1000)
    form = Form([("comment", "two\nlines"), ("tagname", "pe"), ("tagname", "p_astro")], "upload", "x.h5", file)

    assert parts(form) == [
        ("comment", None, b"two\nlines"),
        ("tagname", None, b"pe"),
        ("tagname", None, b"p_astro"),
        ("upload", "x.h5", file.read_bytes()),
    ]


def test_its_length_is_known_before_and_no_piece_is_large(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * (3 * CHUNK + 7))
    form = Form([], "upload", "large", file, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    length, pieces = len(form), list(form)

    assert sum(map(len, pieces)) == length
    assert max(map(len, pieces)) <= CHUNK


@pytest.mark.parametrize("change", [b"other", b"shorter than it was"[:3], b""])
def test_a_file_that_changed_never_gets_its_last_byte(tmp_path: Path, change: bytes) -> None:
    file = tmp_path / "changed"
    file.write_bytes(b"first")
    form = Form([], "upload", "changed", file, sha256=hashlib.sha256(b"first").hexdigest())
    file.write_bytes(change)

    sent = []
    with pytest.raises(PermanentError, match="changed since"):
        sent.extend(form)
    assert sum(map(len, sent)) < len(form)


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="cannot be read"):
        Form([], "upload", "x", tmp_path / "nothing")
    (tmp_path / "large").write_bytes(b"12345")
    with pytest.raises(PermanentError, match="more than GraceDB is sent"):
        Form([], "upload", "x", tmp_path / "large", largest=4)


def test_a_name_cannot_break_out_of_its_header(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1")
    form = Form([('a"\r\nX: y', "1")], "upload", 'b"; evil="1', tmp_path / "x")

    head = b"".join(form).split(b"1\r\n")[0]
    assert b"\r\nX: y" not in head


def test_a_server_that_takes_it_too_slowly_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "SECONDS", -1.0)
    (tmp_path / "x").write_bytes(b"1")
    with pytest.raises(RemoteSilent, match="too slowly"):
        list(Form([], "upload", "x", tmp_path / "x"))
