"""Encodings: read in pieces, and what cannot be decoded stays wrong in its own cell."""

import encodings
import pkgutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill import records as records_module
from feedmill.codes import quoted
from feedmill.dialect import Dialect
from feedmill.errors import DialectError, FeedError, ReadError
from feedmill.kernel import Plan
from feedmill.readers import open_feed
from feedmill.readers import transcoded as transcoded_module
from feedmill.readers.buffers import BufferPool
from feedmill.readers.transcoded import TranscodedSource
from feedmill.records import Base, rejects_of
from tests.readers.feedfiles import read_all, texts
from tests.readers.test_cutter import Drip

TEXT = 'name,note\nÉlan,été\nnaïve,"a\nb"\n'


def transcoded(data: bytes, encoding: str, step: int = 1 << 20, room: int = 1 << 16) -> bytes:
    source = TranscodedSource(Drip(data, step), encoding, "f")
    view = memoryview(bytearray(room))
    read = bytearray()
    while count := source.readinto(view):
        read += view[:count]
    return bytes(read)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_records_are_those_of_the_text(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(TEXT.encode(encoding))
    read = read_all(path, Dialect(encoding=encoding), chunk_size=8)
    assert read.columns == ("name", "note")
    assert read.rows == [(1, "Élan", "été"), (2, "naïve", "a\nb")]


ENCODINGS = sorted({module.name for module in pkgutil.iter_modules(encodings.__path__)} - {"aliases"})
NO_TEXT = {
    *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"),
    *("idna", "punycode", "undefined"),
    *("mbcs", "oem"),  # of Windows
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_read_right_or_refused(encoding: str, tmp_path: Path) -> None:
    if encoding in NO_TEXT:
        with pytest.raises(DialectError, match=f"encoding '{encoding}' "):
            Dialect(encoding=encoding)
        return
    letters = [letter for letter in "éÄßяжλ한国日本ابעשţőñ€ไทđ" if is_in(letter, encoding)]
    path = tmp_path / "feed.csv"
    path.write_bytes(
        "".join(["name,note\n", *(f"{each},{each}x\n" for each in letters), "A,1\n"]).encode(encoding)
    )
    read = read_all(path, Dialect(encoding=encoding), chunk_size=8)
    expected = [(each, f"{each}x") for each in letters] + [("A", "1")]
    assert [row[1:] for row in read.rows] == expected
    assert read.rejects == []


def is_in(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def test_korean(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("이름,값\n사과,배\n".encode("cp949"))
    read = read_all(path, Dialect(encoding="cp949"))
    assert (read.columns, read.rows) == (("이름", "값"), [(1, "사과", "배")])


@given(
    text=st.text(st.characters(codec="utf-8"), max_size=60),
    encoding=st.sampled_from(["utf-16", "utf-32", "utf-8"]),
    step=st.integers(1, 7),
    room=st.integers(1, 9),
)
def test_pieces_do_not_matter(text: str, encoding: str, step: int, room: int) -> None:
    assert transcoded(text.encode(encoding), encoding, step, room).decode() == text


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("ascii", b"a,b\n1,\xc3\xa9\n2,x\n"),  # together the two bytes would be UTF-8, yet they are no ASCII
        ("cp1252", b"a,b\n1,\x81\n2,x\n"),
        ("cp949", b"a,b\n1,\xff\xff\n2,x\n"),
        ("utf-16-le", "a,b\n1,".encode("utf-16-le") + b"\x00\xdc" + "\n2,x\n".encode("utf-16-le")),
    ],
)
def test_what_cannot_be_decoded_rejects_its_cell(encoding: str, data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(data)
    read = read_all(path, Dialect(encoding=encoding))
    assert [(place[0], code, index) for place, code, index, _ in read.rejects] == [(1, "encoding", 1)]
    assert read.rows == [(2, "2", "x")]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_what_cannot_be_decoded_is_shown_as_it_was(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"feed.{ending}"
    path.write_bytes({"csv": b"t\na\x81b\n", "jsonl": b'{"t": "a\x81b"}\n'}[ending])
    dialect = Dialect(encoding="cp1252", format=ending)
    with open_feed(str(path), dialect, 1 << 20, BufferPool()) as reader:
        (batch,) = [reader.parse(chunk, Plan(texts("t"), reader.dialect)) for chunk in reader]
    (reject,) = rejects_of(batch, ("t",), Base())
    assert reject.code == "encoding"
    assert reject.value == {"csv": r"a\x81b", "jsonl": r'{"t": "a\x81b"}'}[ending]
    assert reject.message == f"expected text in cp1252, got {quoted(reject.value)}"


@pytest.mark.parametrize("encoding", sorted({*ENCODINGS} - NO_TEXT))
def test_what_stands_for_a_byte_is_no_character_of_the_encoding(encoding: str) -> None:
    if Dialect(encoding=encoding).encoding in records_module._UNCLEAR:
        return
    for byte in range(256):
        assert not is_in(chr(0xDC00 + byte), encoding)


def test_half_a_character_at_the_end_is_no_silent_loss(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("a,b\n1,2".encode("utf-16-le") + b"3")
    read = read_all(path, Dialect(encoding="utf-16-le"))
    assert [code for _, code, _, _ in read.rejects] == ["encoding"]


def test_places_are_counted_in_the_text(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("é,b\né,2,3\n".encode("latin-1"))
    read = read_all(path, Dialect(encoding="latin-1"))
    assert [(place, code) for place, code, _, _ in read.rejects] == [((1, 2, 10), "extra_cell")]


def test_utf_16_read_as_utf_8_is_told_by_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(TEXT.encode("utf-16"))
    with pytest.raises(FeedError, match="starts like UTF-16, not UTF-8; say so: --encoding utf-16"):
        read_all(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_mark_that_is_wanted_and_not_there_is_named(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(TEXT.encode(f"{encoding}-le"))
    with pytest.raises(FeedError, match=f"not in {encoding}, near byte 0: .* BOM; say {encoding}-le"):
        read_all(path, Dialect(encoding=encoding))


def test_what_never_becomes_a_character_ends_the_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcoded_module, "_HELD_BYTES", 200_000)
    run = b"+" + b"AGEAYQBh" * 50_000
    with pytest.raises(ReadError, match=r"not in utf-7, near byte 262144: 200000 bytes without a character"):
        transcoded(run, "utf-7", step=1 << 16)
    assert transcoded(run[:160_001] + b"-", "utf-7") == b"a" * 60_000
