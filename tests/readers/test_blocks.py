"""Files, pipes and what is no feed."""

import os
import threading
from pathlib import Path

import pytest

from feedmill.errors import FeedError, ReadError
from feedmill.readers import open_feed
from feedmill.readers.blocks import FileSource, HeadedSource
from tests.readers.feedfiles import read_all


def test_a_file_knows_its_size(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abcdef")
    with FileSource(str(path)) as source:
        assert source.bytes_total == 6
        view = memoryview(bytearray(4))
        assert source.readinto(view) == 4
        assert (bytes(view), source.bytes_read) == (b"abcd", 4)
        assert not source.is_silent(0)


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written over"])
def test_a_file_that_is_changed_while_it_is_read_is_a_fault_at_its_end(tmp_path: Path, change: str) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"a,b\n" + b"12,3\n" * 1_000)
    os.utime(path, (1, 1))  # a second write within a tick of the clock has the same time
    with open_feed(str(path), chunk_size=100) as reader:
        chunks = iter(reader)
        first = next(chunks)
        if change == "grows":
            path.write_bytes(path.read_bytes() + b"45,6")
        elif change == "shrinks":
            os.truncate(path, 1_000)
        else:
            path.write_bytes(b"a,b\n" + b"21,3\n" * 1_000)
        size = path.stat().st_size
        told = "it was written to" if size == 5004 else f"it had 5004 bytes, and has {size}"
        with pytest.raises(ReadError, match=f"was changed while it was read: {told};"):
            for _ in chunks:
                pass
        assert bytes(first.data[: first.size]).startswith(b"12,3\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"feed .*/none.csv does not exist") as caught:
        open_feed(str(tmp_path / "none.csv"))
    assert caught.value.exit_code == 2


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match=r"is a directory; name the files in it"):
        open_feed(str(tmp_path))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.csv"
    path.write_bytes(b"a\n1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read anything; say what the system would say to others
        monkeypatch.setattr("io.FileIO", _refuse)
    with pytest.raises(FeedError, match=r"secret.csv may not be read: permission denied"):
        open_feed(str(path))


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_name_no_file_can_have() -> None:
    with pytest.raises(FeedError, match="cannot be opened"):
        open_feed("a\0b")


def test_a_named_pipe_is_read_as_it_fills(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for piece in (b"a,", b"b\n1", b',"2\n', b'2"\n'):
                pipe.write(piece)

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    try:
        read = read_all(path)
    finally:
        writer.join()
    assert (read.columns, read.rows) == (("a", "b"), [(1, "1", "2\n2")])


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a,b\n1,2\n")
    os.close(writing)
    saved = os.dup(0)
    os.dup2(reading, 0)
    try:
        reader = open_feed("-")
        assert (reader.name, reader.bytes_total, reader.fingerprint) == ("standard input", None, None)
        assert [bytes(chunk.data[: chunk.size]) for chunk in reader] == [b"1,2\n"]
        assert reader.bytes_read == 8
        reader.close()
        assert os.fstat(0)  # still open
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(reading)


def test_a_pipe_made_non_blocking_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        source = FileSource(f"/dev/fd/{reading}")
        os.set_blocking(source._file.fileno(), False)
        assert source.is_silent(0)
        writer = threading.Thread(target=os.write, args=(writing, b"x"), name="writer")
        writer.start()
        assert source.readinto(memoryview(bytearray(4))) == 1
        writer.join()
        source.close()
    finally:
        os.close(reading)
        os.close(writing)


def test_what_was_looked_at_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abcdef")
    with FileSource(str(path)) as file:
        source = HeadedSource(file, 4)
        assert source.head == b"abcd"
        view = memoryview(bytearray(3))
        read = bytearray()
        while count := source.readinto(view):
            read += view[:count]
        assert read == b"abcdef"


class TestFingerprint:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "feed.csv"
        path.write_bytes(b"a,b\n" + b"1,2\n" * 50_000)
        return path

    @staticmethod
    def of(path: Path) -> object:
        with open_feed(str(path)) as reader:
            list(reader)
            return reader.fingerprint

    def test_it_is_the_same_as_long_as_the_file_is(self, path: Path) -> None:
        assert self.of(path) == self.of(path)

    def test_growth_shows(self, path: Path) -> None:
        before = self.of(path)
        with path.open("ab") as file:
            file.write(b"3,4\n")
        assert self.of(path) != before

    def test_another_head_or_tail_shows_even_with_the_same_times(self, path: Path) -> None:
        before = self.of(path)
        status = path.stat()
        for offset in (4, status.st_size - 2):
            with path.open("r+b") as file:
                file.seek(offset)
                file.write(b"9")
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            after = self.of(path)
            assert after != before
            before = after

    def test_a_copy_is_another_file(self, path: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.csv"
        copy.write_bytes(path.read_bytes())
        assert self.of(copy) != self.of(path)
