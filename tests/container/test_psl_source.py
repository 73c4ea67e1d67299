"""Paths, bytes and files are opened alike; other content is named for what it is."""

import io

import psl_forge as forge
import pytest

from pseudocodec.container import is_archive, open_source
from pseudocodec.errors import Corrupt, NotPsl, PslError

DATA = forge.single(body=b"payload")


def test_every_kind_of_source_gives_the_same_bytes(tmp_path):
    path = tmp_path / "a.psl"
    path.write_bytes(DATA)
    for source in (DATA, bytearray(DATA), memoryview(DATA), path, str(path), io.BytesIO(DATA)):
        with open_source(source) as file:
            assert file.read() == DATA


def test_file_object_is_rewound_and_left_open():
    file = io.BytesIO(DATA)
    file.seek(5)
    with open_source(file) as opened:
        assert opened.tell() == 0
    assert not file.closed


@pytest.mark.parametrize(("data", "expected"), [(DATA, False), (forge.archive(), True)])
def test_is_archive_needs_eight_bytes(data, expected):
    assert is_archive(data[:8]) is expected
    with pytest.raises(Corrupt, match="truncated"):
        is_archive(data[:7])


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture.*encode it first"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture.*encode it first"),
        (b"GIF89a", "a GIF picture"),
        (b"BM0000", "a BMP picture"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0*", "a TIFF picture"),
        (b"RIFF0000WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x1cftypavif", "an AVIF picture"),
        (b"\xff\x0a\0\0", "a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b\x08", "gzip data"),
        (b"version https://git-lfs", "a Git LFS pointer"),
        (b"<!DOCTYPE html>", "HTML"),
        (bytes(56), "did not finish"),
        (b"something else", "begins 73 6f 6d"),
    ],
)
def test_other_content_is_named(head, name):
    with pytest.raises(NotPsl, match=name), open_source(head):
        pass


def line_ends_to_lf(data):
    return data.replace(b"\r\n", b"\n")


def line_ends_to_crlf(data):
    return data.replace(b"\n", b"\r\n")


def latin1_to_utf8(data):
    return data.decode("latin-1").encode()


def replaced_as_utf8(data):
    return data.decode("utf-8", errors="replace").encode()


@pytest.mark.parametrize(
    "damage", [line_ends_to_lf, line_ends_to_crlf, latin1_to_utf8, replaced_as_utf8]
)
def test_text_mode_damage_is_named(damage):
    with pytest.raises(NotPsl, match="text-mode"), open_source(damage(DATA)):
        pass


def test_bad_path_is_a_sentence(tmp_path):
    for path in (tmp_path / "missing.psl", tmp_path, "a\0b"):
        with pytest.raises(PslError, match="cannot open"), open_source(path):
            pass


def test_text_file_is_refused(tmp_path):
    path = tmp_path / "a.psl"
    path.write_text("text", encoding="utf-8")
    raises = pytest.raises(PslError, match="binary mode")
    with path.open(encoding="utf-8") as file, raises, open_source(file):
        pass


def test_file_that_cannot_seek_is_refused():
    class Pipe(io.BytesIO):
        def seek(self, *_):
            raise io.UnsupportedOperation("seek")

    with pytest.raises(PslError, match="cannot seek"), open_source(Pipe(DATA)):
        pass


def test_other_types_are_refused():
    with pytest.raises(PslError, match="cannot read from int"), open_source(3):
        pass
