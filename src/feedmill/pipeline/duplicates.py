"""Records that share a key: which of them stay.

The collector asks, record by record in input order, so the answer is the same for any number of workers:

========  ==============================================  =================================
policy    of a primary key                                of a unique key
========  ==============================================  =================================
last      not looked at here: a table keeps the last one  a later record is a `unique` reject
first     a later record is a duplicate: a success that   a later record is a duplicate
          no store is handed
reject    a later record is a `duplicate_key` reject      a later record is a `unique` reject
========  ==============================================  =================================

The last record cannot win a unique key: an upsert takes back an earlier record of a primary key, but nothing
takes back another record, which may be in the store already, with its events sent. A record has its
keys only if it is good and none of them was taken: what is out takes no key away from others.

Keys are kept as digests (`_core/key_table.h`): 18 to 37 bytes for each key of each record, of any length.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

from feedmill.codes import Code
from feedmill.kernel import KeyIndex
from feedmill.pipeline.judged import JudgedBatch
from feedmill.pipeline.parsed import Broken, ParsedChunk, Piece

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from feedmill.kernel import Batch
    from feedmill.keys import Duplicates
    from feedmill.schema import Schema


class DuplicateCheck:
    """Find records whose keys are taken.

    Parameters
    ----------
    schema : Schema
        With its keys.
    policy : {"last", "first", "reject"}
    feeds : sequence of str
        The run's feeds, to name a record by.

    Thread safety
    -------------
    one thread, the collector's
    """

    def __init__(self, schema: Schema, policy: Duplicates, feeds: Sequence[str]) -> None:
        self._feeds = feeds
        names = [(key, Code.UNIQUE) for key in schema.shared_by_none]
        if schema.primary_key and policy != "last":
            names.insert(0, (schema.primary_key, Code.DUPLICATE_KEY))
        self._keys = names
        self._codes = [0 if policy == "first" else int(code) for _, code in names]
        self._index = KeyIndex([[schema.names.index(name) for name in key] for key, _ in names])
        self._starts: list[int] = []  # records before each feed
        self._records = 0

    @classmethod
    def wanted(cls, schema: Schema, policy: Duplicates, feeds: Sequence[str]) -> Self | None:
        """Make one if there is anything to find."""
        check = cls(schema, policy, feeds)
        return check if check._keys else None

    def checked(self, chunk: ParsedChunk) -> ParsedChunk:
        """Judge the next chunk of the input; give what stays of it."""
        while len(self._starts) <= chunk.feed:
            self._starts.append(self._records)
        pieces = []
        for piece in chunk.pieces:
            content = piece.content
            if not isinstance(content, Broken):
                content = self._judged(content)
            self._records += content.records
            pieces.append(Piece(piece.start, content))
        if all(old.content is new.content for old, new in zip(chunk.pieces, pieces, strict=True)):
            return chunk
        return replace(
            chunk,
            pieces=tuple(pieces),
            failures=sum(piece.content.failures for piece in pieces),
            nbytes=sum(piece.content.nbytes for piece in pieces),
            duplicates=sum(getattr(piece.content, "duplicates", 0) for piece in pieces),
        )

    def _judged(self, batch: Batch) -> Batch:
        rows = batch.claim_keys(self._index, self._records, self._codes)
        return JudgedBatch.of(batch, rows, self._note)

    def _note(self, key: int, holder: int, _value: bytes) -> str:
        """Name the record that has a key by its number, counted over all feeds from 1."""
        # Feeds that have begun since then begin after it.
        starts = self._starts
        feed = bisect_right(starts, holder - 1) - 1
        place = f" of {self._feeds[feed]}" if len(self._feeds) > 1 else ""
        return f"expected a new {', '.join(self._keys[key][0])}, record {holder - starts[feed]}{place} has it"
