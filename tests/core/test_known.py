"""`Known` against dicts: which rows are left out, and what is said of them."""

from __future__ import annotations

from random import Random

import pytest

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Contents, KeyIndex, Known, Plan
from feedmill.schema import Field, Schema

SCHEMA = Schema((Field("dealer"), Field("sku"), Field("title"), Field("price", "integer")))
CONTENTS = Contents((0, 1), (1,), (1, 2), (0, 3), salt=7)
OTHERS = Contents((0,), (0,), (0,), (1, 2, 3), salt=7)

type Row = tuple[str, str, str, int]


def parsed(rows: list[Row]) -> Batch:
    plan = Plan(SCHEMA, Dialect(header=False), lane_key=("sku",))
    return plan.parse("".join(",".join(map(str, row)) + "\n" for row in rows).encode())


class Naive:
    """The rule, row by row."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Row] = {}
        self.titles: dict[str, str] = {}

    def choose(self, rows: list[Row]) -> tuple[list[int], int, int]:
        sent: dict[int, Row] = {}
        left_out: dict[tuple[str, str], int] = {}
        duplicate = 0
        for number, row in enumerate(rows):
            key = row[:2]
            is_known = self.records.get(key) == row and self.titles.get(row[1]) == row[2]
            if is_known and not any(other[1] == row[1] for other in sent.values()):
                duplicate += key in left_out
                left_out[key] = number
                continue
            duplicate += left_out.pop(key, None) is not None
            sent[number] = row
            self.records[key], self.titles[row[1]] = row, row[2]
        return sorted(sent), len(left_out), duplicate


def random_rows(random: Random, count: int) -> list[Row]:
    return [
        (
            random.choice("ab"),
            f"s{random.randrange(6)}",
            random.choice(["Cup", "Mug", "x" * 40]),
            random.randrange(2),
        )
        for _ in range(count)
    ]


def rewritten(known: Known, stored: bytes, random: Random) -> bytes:
    """What stays of all entries, in blocks of any size, and in any order."""
    size = 40 * random.randrange(1, 8)
    stay = known.current([stored[i : i + size] for i in range(0, len(stored), size)])
    entries = [block[i : i + 40] for block in stay for i in range(0, len(block), 40)]
    assert len(entries) == len({entry[:8] for entry in entries}) <= len(known)
    random.shuffle(entries)
    return b"".join(entries)


@pytest.mark.parametrize("seed", range(40))
def test_it_equals_the_naive_rule(seed: int) -> None:
    random = Random(seed)
    known, naive, stored = Known(), Naive(), b""
    for _ in range(6):
        rows = random_rows(random, random.randrange(1, 40))
        cut = random.randrange(len(rows) + 1)
        batches = [parsed(piece) for piece in (rows[:cut], rows[cut:])]
        for batch in batches:
            # Whether somebody has done it before, and by what, makes no difference.
            hashed_by = random.choice([CONTENTS, OTHERS, None])
            if hashed_by is not None:
                batch.hash_rows(hashed_by)
        masks, sent, unchanged, duplicate, entries = known.choose(batches, 0, 1, CONTENTS)
        chosen, left_out, repeated = naive.choose(rows)
        assert [number for number, mark in enumerate(b"".join(masks)) if mark] == chosen
        assert (sent, unchanged, duplicate) == (len(chosen), left_out, repeated)
        assert (
            batches[1].tuples(chosen=masks[1])
            == [row for number, row in enumerate(rows) if number in chosen][sum(masks[0]) :]
        )
        stored += entries
        if random.random() < 0.5:
            # What is stored says all that is known.
            stored = rewritten(known, stored, random) if random.random() < 0.5 else stored
            known = Known()
            known.load(stored)


def test_every_byte_of_a_text_counts() -> None:
    for length in range(1, 50):
        title = "x" * length
        known = Known()
        known.choose([parsed([("a", "s1", title, 1)])], 0, 1, CONTENTS)
        others = [title[:place] + "y" + title[place + 1 :] for place in range(length)]
        for other in (*others, title[1:], title + "x"):
            batch = parsed([("a", "s1", title, 1), ("a", "s1", other, 1)])
            assert known.choose([batch], 0, 1, CONTENTS)[:2] == ([b"\0\1"], 1), other
            known.choose([parsed([("a", "s1", title, 1)])], 0, 1, CONTENTS)


def test_lanes_share_what_is_known() -> None:
    rows: list[Row] = [("a", f"s{number}", "Cup", 1) for number in range(5_000)]
    batch = parsed(rows)
    entries = b"".join(Known().choose([batch], lane, 3, CONTENTS)[4] for lane in range(3))
    total = 0
    for lane in range(3):
        known = Known(2_000)
        known.load(entries, lane, 3)
        _, sent, unchanged, _, _ = known.choose([batch], lane, 3, CONTENTS)
        assert (sent, unchanged) == (0, batch.lane_rows(lane, 3))
        assert known.nbytes < 2_000 * 49
        total += len(known)
    assert total == 5_000


def test_rows_that_stay_say_what_they_said() -> None:
    """Where some rows are taken out for their keys, the hashes of the others go with them."""
    rows: list[Row] = [("a", f"s{number // 2}", "Cup" * (number % 7), number % 3) for number in range(100)]
    batch = parsed(rows)
    batch.hash_rows(CONTENTS)
    left = batch.claim_keys(KeyIndex([(1,)]), 0, [Code.DUPLICATE_KEY])
    assert left is not None
    assert left.rows == 50
    again = parsed(rows[::2])
    assert Known().choose([left], 0, 1, CONTENTS) == Known().choose([again], 0, 1, CONTENTS)


def test_what_is_forgotten_is_sent() -> None:
    batch = parsed([("a", "s1", "Cup", 1), ("b", "s1", "Cup", 1), ("a", "s2", "Cup", 1)])
    known = Known()
    entries = known.choose([batch], 0, 1, CONTENTS)[4]
    entries += known.forget([batch], 0, 1, CONTENTS, records=[(0, 0)])
    again = Known()
    again.load(entries)
    for which in (known, again):
        # The other dealer's, too: what is stored of the product is not known any more.
        assert which.choose([batch], 0, 1, CONTENTS)[:2] == ([b"\1\1\0"], 2)
    known.forget([batch], 0, 1, CONTENTS)
    assert known.choose([batch], 0, 1, CONTENTS)[1] == 3


def test_what_is_forgotten_does_not_stay() -> None:
    batch = parsed([("a", "s1", "Cup", 1), ("b", "s1", "Cup", 1), ("a", "s2", "Cup", 1)])
    known = Known()
    entries = known.choose([batch], 0, 1, CONTENTS)[4]
    entries += known.forget([batch], 0, 1, CONTENTS, records=[(0, 0)])
    [stays] = known.current([entries])
    assert len(stays) == 2 * 40
    again = Known()
    again.load(stays)
    assert again.choose([batch], 0, 1, CONTENTS) == known.choose([batch], 0, 1, CONTENTS)


@pytest.mark.parametrize("records", [0, 150_000])
def test_a_table_that_grows_keeps_what_it_has(records: int) -> None:
    """Beyond pages of its own, it gives those back that it has moved."""
    rows: list[Row] = [("a", f"s{number}", "Cup", number) for number in range(200_000)]
    known = Known(records)
    entries = known.choose([parsed(rows)], 0, 1, CONTENTS)[4]
    assert known.choose([parsed(rows)], 0, 1, CONTENTS)[1:4] == (0, 200_000, 0)
    assert b"".join(known.current([entries[: len(entries) // 2], entries[len(entries) // 2 :]])) == entries


def test_what_does_not_fit_is_refused() -> None:
    batch = parsed([("a", "s1", "Cup", 1)])
    known = Known()
    with pytest.raises(ValueError, match="whole number of entries"):
        known.load(b"x")
    with pytest.raises(ValueError, match="whole number of entries"):
        known.current([b"x" * 41])
    with pytest.raises(ValueError, match="lane 2 of 2"):
        known.load(b"", 2, 2)
    with pytest.raises(ValueError, match="lane -1 of 2"):
        known.current([b""], -1, 2)
    with pytest.raises(IndexError, match="no field 9"):
        known.choose([batch], 0, 1, Contents((0, 1), (1,), (1, 9), (0,)))
    with pytest.raises(IndexError, match="no field 9"):
        batch.hash_rows(Contents((0, 1), (1,), (1, 9), (0,)))
    with pytest.raises(ValueError, match="none of the batch's rows"):
        known.forget([batch], 0, 1, CONTENTS, records=[(0, 5)])
    with pytest.raises(ValueError, match="indices of fields"):
        Contents((-1,), (), (), ())
    with pytest.raises(ValueError, match="a byte for each of 1 rows"):
        batch.tuples(chosen=b"")
