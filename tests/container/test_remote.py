"""Any URL that fsspec opens is read like a file, in exact ranges."""

from __future__ import annotations

import io
import itertools
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import photo_models
import psl_forge as forge
import pytest

import pseudocodec
from pseudocodec.container import ArchiveReader, ArchiveWriter, open_source
from pseudocodec.container.remote import Remote, is_url
from pseudocodec.container.remote_file import FRONT_BYTES, RemoteFile
from pseudocodec.errors import NotPsl, PslError
from pseudocodec.photo.tiles import Box, Grid

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

from remote_files import CountedFileSystem as Counted  # noqa: E402 - it needs fsspec

GOLDEN = Path(__file__).parents[2] / "formats" / "psl" / "golden"
COUNT, BLOCK = 10_000, 256  # pictures of an archive, and of one of its blocks


@pytest.fixture(autouse=True)
def _empty_store() -> Iterator[None]:
    Counted.clear()
    yield
    Counted.clear()


def stored(data: bytes, name: str = "bucket/a.psl") -> str:
    Counted.store[name] = data
    return f"counted://{name}"


def archive(lengths: list[int]) -> bytes:
    """An archive of records of those many bytes, record i filled with i modulo 256."""
    file = io.BytesIO()
    with ArchiveWriter(file, forge.MODEL) as writer:
        for i, length in enumerate(lengths):
            writer.add(bytes([i % 256]) * length, 8 * length)
    return file.getvalue()


class TestUrls:
    @pytest.mark.parametrize(
        "text", ["s3://b/a.psl", "HTTPS://h/a", "simplecache::s3://b/a", "zip://a::file://b.zip"]
    )
    def test_protocols(self, text: str) -> None:
        assert is_url(text)

    @pytest.mark.parametrize(
        "text", ["a.psl", "C://a.psl", r"C:\a.psl", "a:b", "s3:/a", "dir/s3://a", "://a", ""]
    )
    def test_paths(self, text: str) -> None:
        assert not is_url(text)

    @pytest.mark.parametrize(
        ("url", "name", "suffix"),
        [
            ("s3://bucket/a.b/c.psl", "c.psl", ".psl"),
            ("s3://bucket/a?b.png", "a?b.png", ".png"),
            ("https://host/a.png?size=2.0", "a.png", ".png"),
            ("s3://bucket/folder/", "folder", ""),
            ("simplecache::s3://bucket/a.tar", "a.tar", ".tar"),
            ("zip://a.tar::s3://bucket/b.zip", "a.tar", ".tar"),
        ],
    )
    def test_name(self, url: str, name: str, suffix: str) -> None:
        assert (Remote(url).name, Remote(url).suffix) == (name, suffix)

    def test_a_local_file_with_a_colon_stays_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("a:b.psl").write_bytes(forge.archive())
        assert pseudocodec.info("a:b.psl")["images"] == 3


class TestSources:
    def test_every_way_to_name_it_gives_the_same(self, tmp_path: Path) -> None:
        data = forge.archive()
        (tmp_path / "a.psl").write_bytes(data)
        url = stored(data)
        local = (tmp_path / "a.psl").as_uri()
        for source in (url, Remote(url), fsspec.open(url), local, fsspec.open(local)):
            with open_source(source) as file:
                assert file.read() == data

    def test_options_given_to_fsspec_open_are_kept(self) -> None:
        opened = fsspec.open(stored(forge.archive()), anything=1)
        remote = Remote.on(opened.fs, opened.path)
        assert remote.fs.storage_options == {"anything": 1}
        assert pseudocodec.info(opened)["images"] == 3

    def test_an_open_file_of_fsspec_is_left_open(self) -> None:
        with fsspec.open(stored(forge.archive())) as file:
            assert pseudocodec.info(file)["images"] == 3
            assert not file.closed

    def test_pictures_by_url_are_those_of_the_file(self) -> None:
        path = GOLDEN / "digits-archive.psl"
        url = stored(path.read_bytes())
        with pseudocodec.open(path) as there, pseudocodec.open(url) as here:
            np.testing.assert_array_equal(np.stack(list(here)), np.stack(list(there)))
        single = GOLDEN / "digits-single.psl"
        url = stored(single.read_bytes())
        np.testing.assert_array_equal(pseudocodec.decode(url), pseudocodec.decode(single))
        assert pseudocodec.verify(url) == pseudocodec.verify(single)


class TestRanges:
    def test_one_of_many_equal_pictures_costs_the_front_and_its_block(self) -> None:
        url = stored(archive([15] * COUNT))
        with open_source(url) as file:
            record = ArchiveReader(file).record(7_777)
        assert record.payload == bytes([7_777 % 256]) * 15
        size, start = 15 * BLOCK + 4, 56 + 7_777 // BLOCK * (15 * BLOCK + 4)
        assert Counted.ranges == [(0, FRONT_BYTES), (start, start + size)]
        assert Counted.fetched() == 1024 + 3844
        assert len(Counted.sizes) == 1

    def test_one_of_many_different_pictures_costs_the_index_too(self) -> None:
        lengths = [10 + i % 16 for i in range(COUNT)]  # codes of 4 bits, in steps of 8 bits
        url = stored(archive(lengths))
        with open_source(url) as file:
            record = ArchiveReader(file).record(7_777)
        assert record.payload == bytes([7_777 % 256]) * lengths[7_777]
        size = sum(lengths[:BLOCK]) + 4  # of every block but the last
        start, end = 56 + 7_777 // BLOCK * size, len(Counted.store["bucket/a.psl"])
        index = COUNT * 4 // 8 + 4
        assert Counted.ranges == [(0, FRONT_BYTES), (end - index, end), (start, start + size)]
        assert Counted.fetched() == 1024 + 5004 + 4484
        assert len(Counted.sizes) == 1

    def test_the_first_block_is_not_fetched_twice(self) -> None:
        url = stored(archive([15] * COUNT))
        with open_source(url) as file:
            ArchiveReader(file).record(0)
        assert Counted.ranges == [(0, FRONT_BYTES), (FRONT_BYTES, 56 + 3844)]

    def test_a_small_file_is_one_request(self) -> None:
        data = forge.single(body=b"payload")
        with open_source(stored(data)) as file:
            assert file.read() == data
        assert Counted.ranges == [(0, len(data))]

    def test_a_closed_archive_fetches_nothing(self) -> None:
        archive = pseudocodec.open(stored(forge.archive()))
        archive.close()
        Counted.forget()
        with pytest.raises(ValueError, match="closed"):
            archive._reader.record(0)
        assert not Counted.ranges

    @pytest.mark.usefixtures("small_tiles")
    def test_a_region_costs_the_front_and_the_tiles_in_reach(self, photo_model) -> None:
        import torch

        picture = photo_models.smooth(200, 310, seed=3)
        data = pseudocodec.encode(picture, model=photo_model, quality=50, effort=0)
        part = pseudocodec.decode(stored(data), region=(0, 0, 16, 16), device="cpu")
        expected = pseudocodec.decode(data, region=(0, 0, 16, 16), device="cpu")
        np.testing.assert_array_equal(part, expected)
        grid = Grid(200, 310)
        reach = photo_model.transform(torch.device("cpu")).config.reach
        front = 28 + 3 + 8 * grid.tiles + 4
        lengths = [int.from_bytes(data[i : i + 4], "little") for i in range(31, front - 4, 8)]
        ends = list(itertools.accumulate(lengths, initial=front))
        tiles = grid.touching(Box(0, 0, 1, 1).grown(reach, grid.latents))
        behind = [(max(ends[i], FRONT_BYTES), ends[i + 1]) for i in tiles]
        assert Counted.ranges == [(0, FRONT_BYTES), *(r for r in behind if r[0] < r[1])]
        assert Counted.fetched() < len(data)


class TestFiles:
    def test_it_behaves_like_a_file(self) -> None:
        data = bytes(range(256)) * 20
        reference = io.BytesIO(data)
        with Remote(stored(data)).open(buffering=0) as file:
            assert file.readable()
            assert file.seekable()
            for offset, whence, size in [
                *((0, 0, 3), (-2, 1, 5), (-7, 2, 99), (9999, 0, 1), (1020, 0, 8), (5, 0, 0)),
                *((-1, 2, -1), (3, 0, -1)),
            ]:
                assert file.seek(offset, whence) == reference.seek(offset, whence)
                assert file.read(size) == reference.read(size)
                assert file.tell() == reference.tell()
            with pytest.raises(ValueError, match="before the file"):
                file.seek(-1)

    def test_small_reads_are_gathered_by_a_buffer(self) -> None:
        data = bytes(100_000)
        with Remote(stored(data)).open() as file:
            while file.read(100):
                pass
        assert Counted.ranges == [(0, len(data))]

    def test_short_reads_are_continued(self) -> None:
        class Slow(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                return super().read(min(size, 7))

        file = RemoteFile(Slow(bytes(range(100))), "slow")
        assert file.read() == bytes(range(100))

    def test_closing_closes_the_file_below(self) -> None:
        below = io.BytesIO(b"data")
        RemoteFile(below, "a").close()
        assert below.closed


class TestErrors:
    def test_fsspec_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "fsspec.core", None)
        with pytest.raises(PslError, match=r'run pip install "pseudocodec\[fsspec\]"'):
            pseudocodec.info("s3://bucket/a.psl")

    def test_a_protocol_needs_another_package(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "adlfs", None)
        with pytest.raises(PslError, match=r"cannot read az://b/a.psl: Install adlfs"):
            pseudocodec.info("az://b/a.psl")

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("nosuch://a.psl", "cannot read nosuch://a.psl: Protocol not known: nosuch"),
            ("counted://bucket/gone.psl", "there is no such file, or it cannot be reached"),
            ("memory://gone.psl", "there is no such file, or it cannot be reached"),
            ("file:///", "it is a folder"),
        ],
    )
    def test_files_that_cannot_be_opened(self, url: str, sentence: str) -> None:
        for read in (pseudocodec.open, pseudocodec.info, pseudocodec.verify, pseudocodec.decode):
            with pytest.raises(PslError, match=sentence) as caught:
                read(url)
            assert url in str(caught.value)

    @pytest.mark.parametrize(
        ("failure", "sentence"),
        [
            (TimeoutError(), "TimeoutError$"),
            (ConnectionError("connection\nreset by peer."), "connection reset by peer$"),
            (PermissionError("Forbidden"), "access is denied$"),
            (RuntimeError("503 \x1b[31mSlow Down"), "503 \ufffd\\[31mSlow Down$"),
        ],
    )
    def test_a_request_that_fails(self, failure: Exception, sentence: str) -> None:
        url = stored(archive([15] * COUNT))
        with open_source(url) as file:
            reader = ArchiveReader(file)
            Counted.failure = failure
            with pytest.raises(PslError, match=f"^cannot read {url}: {sentence}"):
                reader.record(9_999)

    def test_other_content_is_named(self) -> None:
        with pytest.raises(NotPsl, match="a PNG picture"):
            pseudocodec.info(stored(b"\x89PNG\r\n\x1a\n" + bytes(99)))

    def test_a_server_that_sends_files_only_whole(self) -> None:
        class Stream(io.BytesIO):
            def seek(self, *_: int) -> int:
                raise ValueError("Cannot seek streaming HTTP file")

        stream = Stream(forge.archive())
        with pytest.raises(PslError, match=r"cannot read parts of http://a.*download it first"):
            RemoteFile(stream, "http://a")
        assert stream.closed


class _Ranges(BaseHTTPRequestHandler):
    """Serves one file, by range."""

    data: ClassVar[bytes] = b""
    seen: ClassVar[list[str]] = []
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.seen.append("HEAD")
        self._head(200, len(self.data))

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.seen.append(wanted)
        start, end = map(int, wanted.removeprefix("bytes=").split("-"))
        self._head(206, end + 1 - start)
        self.wfile.write(self.data[start : end + 1])

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    pytest.importorskip("aiohttp", reason="fsspec reads HTTP through aiohttp, not installed")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Ranges) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_http_ranges(server: str) -> None:
    _Ranges.data, _ = archive([15] * COUNT), _Ranges.seen.clear()
    url = f"{server}/a.psl"
    remote = Remote.on(fsspec.filesystem("http", skip_instance_cache=True), url)
    with open_source(remote) as file:
        assert ArchiveReader(file).record(7_777).payload == bytes([7_777 % 256]) * 15
    remote.fs.close_session(remote.fs.loop, remote.fs._session)
    assert _Ranges.seen == ["HEAD", "bytes=0-1023", "bytes=115376-119219"]
