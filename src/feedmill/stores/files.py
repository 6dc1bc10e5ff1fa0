"""CSV and JSON Lines files as stores: one lane, records in input order.

The file appears when the run finishes; until then there is none, so a file is not resumed but written again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from feedmill.errors import StoreError, UsageError
from feedmill.stores.outfile import OutFile
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo

if TYPE_CHECKING:
    from feedmill.schema import Schema
    from feedmill.stores.url import Target

type FileMode = Literal["replace", "append"]


class FileSink:
    """A CSV or JSON Lines file that records are written to.

    Parameters
    ----------
    target : Target
        Of kind ``csv`` or ``jsonl``.
    schema : Schema
        Its fields' names are a CSV file's header line.
    mode : str, default "replace"
        ``replace`` or ``append``. Appended records follow what the file holds, without a second header.

    Raises
    ------
    UsageError
        Another mode: a file has no keys.

    Thread safety
    -------------
    as `protocol.Sink` says
    """

    lanes = 1

    def __init__(self, target: Target, schema: Schema, mode: str | None = None) -> None:
        if mode not in {None, "replace", "append"}:
            raise UsageError(
                f"{target.path}: a file can be loaded with --mode replace or append, as it has no keys, not "
                f"{mode}."
            )
        self._target = target
        self._schema = schema
        self._append = mode == "append"
        self._file: OutFile | None = None

    def begin(self, run: RunInfo) -> RunInfo:
        """Open the file beside its target and write the header line."""
        if run.resume:
            raise UsageError(
                f"{self._target.path}: a file is written whole and cannot be resumed; run without --resume."
            )
        self._file = OutFile(self._target.path, StoreError, keep=self._append)
        if self._target.kind == "csv":
            if self._file.size == 0:
                self._file.write(header_line(self._schema.names))
            elif first_line(self._target.path) != header_line(self._schema.names).rstrip(b"\r\n"):
                self._file.discard()
                raise UsageError(
                    f"{self._target.path}: its header is not the schema's fields in their order; append to "
                    "a file that has them."
                )
        return run

    def lane(self, number: int) -> FileLane:  # noqa: ARG002 - there is one
        """Return the only lane."""
        if self._file is None:
            raise UsageError("A lane was opened before the run was begun; call begin first.")
        return FileLane(self._file, self._target.kind)

    def finish(self) -> None:
        """Let the file appear."""
        if self._file is not None:
            self._file.commit()

    def abort(self) -> None:
        """Leave the target as it was."""
        if self._file is not None:
            self._file.discard()


class FileLane:
    """The lane of a file.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, file: OutFile, kind: str) -> None:
        self._file = file
        self._kind = kind

    def apply(self, part: RangePart) -> LaneOutcome:
        """Write a part's rows; each counts as inserted."""
        rows = 0
        for piece in part.slices:
            batch = piece.batch
            encode = batch.csv if self._kind == "csv" else batch.jsonl
            self._file.write(encode(part.lane, part.lanes))
            rows += batch.lane_rows(part.lane, part.lanes)
        return LaneOutcome(inserted=rows)

    def close(self) -> None:
        """Do nothing: the sink decides whether the file appears."""


def header_line(names: tuple[str, ...]) -> bytes:
    """Write a header as the kernel writes records."""
    return b",".join(map(csv_cell, names)) + b"\n"


def csv_cell(name: str) -> bytes:
    """Quote a cell where RFC 4180 asks for it, and where it is empty: an empty cell is a missing value."""
    if not name or any(character in name for character in ',"\r\n'):
        name = '"' + name.replace('"', '""') + '"'
    return name.encode()


def first_line(path: str) -> bytes:
    """Read a file's first line, without its end."""
    descriptor = os.open(Path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - it is a descriptor
        return file.readline().rstrip(b"\r\n")
