"""Compressed feeds: told by their bytes, read to the byte before a fault, and no bombs."""

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from feedmill.errors import FeedError, ReadError
from feedmill.readers import open_feed
from tests.readers.feedfiles import read_all

HEADER = b"a,b\n"
RECORDS = b"".join(b'%d,"x\n%d"\n' % (n, n * n) for n in range(30_000))
FEED = HEADER + RECORDS

KINDS: list[Callable[[bytes], bytes]] = [gzip.compress, bz2.compress, lzma.compress]
kinds = pytest.mark.parametrize("compress", KINDS, ids=["gzip", "bzip2", "xz"])


def content(path: Path, chunk_size: int = 100_000) -> tuple[bytes, str]:
    """Read what comes of the records, and the fault."""
    read = bytearray()
    try:
        with open_feed(str(path), chunk_size=chunk_size) as reader:
            for chunk in reader:
                read += chunk.data[: chunk.size]
    except ReadError as error:
        return bytes(read), str(error)
    return bytes(read), ""


@kinds
@pytest.mark.parametrize("chunk_size", [1000, 1 << 20])
def test_the_name_does_not_matter(
    compress: Callable[[bytes], bytes], chunk_size: int, tmp_path: Path
) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(compress(FEED))
    assert content(path, chunk_size) == (RECORDS, "")


@kinds
def test_progress_is_counted_in_the_file(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(compress(FEED))
    with open_feed(str(path)) as reader:
        for _ in reader:
            pass
        assert reader.bytes_read == reader.bytes_total == path.stat().st_size


@kinds
def test_members_one_after_another_are_one_feed(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(compress(FEED[:1000]) + compress(b"") + compress(FEED[1000:]))
    assert content(path) == (RECORDS, "")


@kinds
@pytest.mark.parametrize("zeros", [1, 4, 200_000])
def test_zero_padding_is_no_data(compress: Callable[[bytes], bytes], zeros: int, tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(compress(FEED) + bytes(zeros))
    assert content(path) == (RECORDS, "")


@kinds
def test_anything_else_behind_it_is_a_fault(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(compress(FEED) + b"signed, the sender")
    read, fault = content(path)
    assert read == RECORDS
    assert "it is damaged" in fault


@kinds
def test_a_stream_that_stops_in_the_middle(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "feed"
    data = compress(FEED)
    path.write_bytes(data[:-20])
    read, fault = content(path)
    assert RECORDS.startswith(read)
    assert read.endswith(b'"\n') or not read
    assert f"it ends in the middle of the compressed data, at byte {len(data) - 20} of the file" in fault


def test_a_missing_gzip_trailer_costs_no_record(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(gzip.compress(FEED)[:-8])
    read, fault = content(path)
    assert read == RECORDS
    assert "ends in the middle" in fault


def test_a_wrong_gzip_checksum_costs_no_record(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    data = bytearray(gzip.compress(FEED))
    data[-5] ^= 1
    path.write_bytes(data)
    read, fault = content(path)
    assert read == RECORDS
    assert "it is damaged (" in fault
    assert "incorrect data check" in fault


def test_gzip_is_read_to_the_very_byte_before_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    deflate = zlib.compressobj(wbits=31)
    data = deflate.compress(FEED) + deflate.flush(zlib.Z_FULL_FLUSH) + b"\xff\xff\xff"
    path.write_bytes(data)
    read, fault = content(path, chunk_size=7777)
    assert read == RECORDS
    assert "invalid" in fault


@kinds
def test_damage_inside_is_a_fault_with_its_place(compress: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "feed"
    data = bytearray(compress(FEED))
    data[len(data) * 3 // 4] ^= 0xFF
    path.write_bytes(data)
    _, fault = content(path)  # what was read may be wrong: a checksum stands behind what it covers
    assert f"feed {path} (" in fault
    assert "of the file, byte" in fault


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    deflate = zlib.compressobj(wbits=31)
    zeros = bytes(1 << 20)
    data = b"".join(deflate.compress(zeros) for _ in range(40)) + deflate.flush()
    path.write_bytes(gzip.compress(b"a\n1\n") + data)
    read, fault = content(path)
    assert len(read) < 20 << 20
    assert "expands more than 200 times" in fault


def test_repetitive_but_small_is_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(gzip.compress(b"a\n" + b"1\n" * 4_000_000))
    with open_feed(str(path)) as reader:
        assert sum(chunk.size for chunk in reader) == 8_000_000


def test_zstandard_is_read_or_said_to_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    # One raw block: magic, a header with one byte of content size, the block's header, the data, no checksum.
    path.write_bytes(b"\x28\xb5\x2f\xfd\x20\x06" + (6 << 3 | 1).to_bytes(3, "little") + b"a\n1\n2\n")
    if sys.version_info >= (3, 14) or _has_backport():
        assert read_all(path).columns == ("a",)
    else:
        with pytest.raises(FeedError, match=r"install backports\.zstd, or pipe it in: zstd -dc"):
            open_feed(str(path))


def _has_backport() -> bool:
    try:
        import backports.zstd  # noqa: F401
    except ImportError:
        return False
    return True


def test_a_damaged_head_is_a_fault_when_opened(tmp_path: Path) -> None:
    path = tmp_path / "feed.gz"
    path.write_bytes(b"\x1f\x8b\x08\x00garbage, all of it")
    with pytest.raises(ReadError, match=r"feed .*/feed\.gz \(gzip\): it (is damaged|ends in the middle)"):
        open_feed(str(path))
