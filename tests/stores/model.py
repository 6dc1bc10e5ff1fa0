"""What the modes mean, one record at a time: the suite holds the stores' set-based statements to this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feedmill.stores.merge import Mode
    from tests.stores.feeding import Ranges, Row


@dataclass
class Model:
    """A table, the counts of a load into it, and the records it rejected.

    The first `key_fields` values of a row are its key; 0 for a table without one.
    """

    mode: Mode
    key_fields: int
    rows: list[Row] = field(default_factory=list)
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: list[int] = field(default_factory=list)

    def load(self, ranges: Ranges) -> Model:
        if self.mode == "replace":
            self.rows = []
        record = 0
        for chunks in ranges:
            numbered: list[tuple[int, Row]] = []
            for row in (row for rows in chunks for row in rows):
                record += 1
                if row is not None:
                    numbered.append((record, row))
            self._range(numbered)
        return self

    def counts(self) -> tuple[int, int, int, int]:
        return self.inserted, self.updated, self.unchanged, self.duplicate

    def _range(self, numbered: Sequence[tuple[int, Row]]) -> None:
        # In mode upsert and replace, only the last record of a key in a range is looked at.
        last = {self._key(row): record for record, row in numbered}
        for record, row in numbered:
            if self.mode == "append" or not self.key_fields:
                self._insert(row)
            elif self.mode in {"upsert", "replace"} and last[self._key(row)] != record:
                self.duplicate += 1
            else:
                self._by_key(record, row)

    def _by_key(self, record: int, row: Row) -> None:
        stored = [index for index, old in enumerate(self.rows) if self._key(old) == self._key(row)]
        if not stored:
            self._insert(row)
        elif self.mode == "insert":
            self.rejected.append(record)
        elif self.mode == "ignore" or self.rows[stored[0]] == row:
            self.unchanged += 1
        else:
            self.rows[stored[0]] = row
            self.updated += 1

    def _insert(self, row: Row) -> None:
        self.rows.append(row)
        self.inserted += 1

    def _key(self, row: Row) -> Row:
        return row[: self.key_fields]
