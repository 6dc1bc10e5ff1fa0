import os
import stat
import threading
from pathlib import Path

import pytest

from feedmill.errors import StoreError, UsageError
from feedmill.stores.outfile import OutFile, umask


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def temporary(directory: Path) -> Path:
    [path] = directory.glob(".*.tmp")
    return path


def test_appears_at_commit(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    file = OutFile(str(path), StoreError)
    file.write(b"a\n")
    assert not path.exists()
    assert mode(temporary(tmp_path)) == 0o600
    file.commit()
    assert path.read_bytes() == b"a\n"
    assert mode(path) == 0o666 & ~umask()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_umask_is_the_process_s() -> None:
    old = os.umask(0o027)
    try:
        assert umask() == 0o027
    finally:
        os.umask(old)


def test_keeps_the_mode_of_what_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    path.chmod(0o640)
    file = OutFile(str(path), StoreError)
    file.commit()
    assert (path.read_bytes(), mode(path)) == (b"", 0o640)


def test_discard_leaves_the_target(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    file = OutFile(str(path), StoreError)
    file.write(b"new")
    file.discard()
    file.discard()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_discard_after_commit_is_harmless(tmp_path: Path) -> None:
    file = OutFile(str(tmp_path / "out.csv"), StoreError)
    file.commit()
    file.discard()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_keep_starts_with_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(b"old\n")
    file = OutFile(str(path), StoreError, keep=True)
    assert file.size == 4
    file.write(b"new\n")
    file.commit()
    assert path.read_bytes() == b"old\nnew\n"


def test_keep_of_nothing(tmp_path: Path) -> None:
    file = OutFile(str(tmp_path / "out.csv"), StoreError, keep=True)
    assert file.size == 0
    file.discard()


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_symbolic_link_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "out.csv").symlink_to(tmp_path / target)
    with pytest.raises(UsageError, match="symbolic link"):
        OutFile(str(tmp_path / "out.csv"), StoreError)
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_link_that_appears_meanwhile_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    file = OutFile(str(tmp_path / "out.csv"), StoreError)
    file.write(b"new")
    (tmp_path / "out.csv").symlink_to(tmp_path / "victim")
    file.commit()
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert (tmp_path / "out.csv").read_bytes() == b"new"


def test_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="directory"):
        OutFile(str(tmp_path), StoreError)


def test_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    file = OutFile(str(path), StoreError)
    file.write(b"through")
    file.commit()
    reader.join(60)
    assert read == [b"through"]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_streams_are_links_by_design(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    file = OutFile(f"/dev/fd/{writer}", StoreError)
    file.write(b"through")
    file.commit()
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    os.close(writer)


def test_a_stream_that_can_only_be_read_is_refused() -> None:
    reader, writer = os.pipe()
    with pytest.raises(UsageError, match=rf"/dev/fd/{reader}: it can only be read; name a file"):
        OutFile(f"/dev/fd/{reader}", StoreError)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("number", ["999999999", "9" * 11, "9" * 30, "9" * 5_000])
def test_a_stream_of_a_number_that_no_stream_has_is_refused(number: str) -> None:
    with pytest.raises(UsageError, match="name a file"):
        OutFile(f"/dev/fd/{number}", StoreError)


def test_long_names_get_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".csv")
    file = OutFile(str(path), StoreError)
    file.commit()
    assert path.exists()
