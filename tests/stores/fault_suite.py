"""What every database store does when something goes wrong; `suite` tells who runs this."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from feedmill.errors import StoreError, UsageError
from feedmill.schema import Field, Schema
from feedmill.stores import ledger
from tests.stores.feeding import CHUNK_BYTES, CrashError, Ranges, Result, load, parts_of, run_info
from tests.stores.model import Model
from tests.stores.rigs import NO_RETRY
from tests.stores.suite import KEYLESS, SMALL, random_ranges

if TYPE_CHECKING:
    from collections.abc import Callable

    from feedmill.stores.merge import Mode
    from feedmill.stores.protocol import RangePart
    from tests.stores.rigs import Rig

FEED: Ranges = [
    [[("a", 1), ("b", 1), ("a", 2)]],
    [[("c", 1)], [("b", 2), None, ("d", 1)]],
    [[("a", 3), ("e", None), ("c", 1)]],
]


def crash_before(lo: int) -> Callable[[RangePart], None]:
    def crash(part: RangePart) -> None:
        if part.lo >= lo:
            raise CrashError

    return crash


def resume(rig: Rig, mode: Mode, lanes: int, run_id: str = "other") -> Result:
    sink = rig.sink(SMALL, mode=mode, lanes=lanes)
    return load(sink, SMALL, FEED, run_info(run_id, resume=True))


class ResumeSuite:
    """Runs that end early, and are continued."""

    @pytest.mark.parametrize("mode", ["upsert", "insert", "ignore", "append", "replace"])
    @pytest.mark.parametrize("done", [0, 1, 2, 3])
    def test_resumed_run_equals_undisturbed_run(self, rig: Rig, mode: Mode, done: int) -> None:
        rig.execute(
            f"CREATE TABLE items (sku text {'' if mode == 'append' else 'PRIMARY KEY'}, stock bigint)",
            "INSERT INTO items VALUES ('b', 9), ('z', 1)",
        )
        # How `replace` empties the table is seen by a row that a second emptying would remove.
        model = Model(mode, 1, [("b", 9), ("z", 1)]).load(FEED)
        lanes = min(2, rig.max_lanes)
        starts = sorted({part.lo for part in parts_of(SMALL, FEED, 0, 1)})
        if done < len(starts):
            with pytest.raises(CrashError):
                load(
                    rig.sink(SMALL, mode=mode, lanes=lanes),
                    SMALL,
                    FEED,
                    run_info("first"),
                    before=crash_before(starts[done]),
                )
            result = resume(rig, mode, lanes)
            assert result.run.run_id == "first"
            assert result.replayed() == done * lanes
        else:
            result = load(rig.sink(SMALL, mode=mode, lanes=lanes), SMALL, FEED, run_info("first"))
        assert sorted(rig.query("SELECT * FROM items"), key=repr) == sorted(model.rows, key=repr)
        assert result.counts() == model.counts()
        assert [reject.record for reject in result.rejects()] == model.rejected

    def test_part_is_done_or_not_at_all(self, rig: Rig) -> None:
        sink = rig.sink(SMALL)
        sink.begin(run_info())
        writer = sink.lane(0)
        part = parts_of(SMALL, FEED, 0, 1)[0]
        writer.apply(part)
        before = (
            rig.query("SELECT * FROM items ORDER BY sku"),
            rig.query("SELECT count(*) FROM feedmill_ledger"),
        )
        broken = parts_of(SMALL, [[[("a", 5), ("q", 1)]], [[("q", 7)]]], 0, 1)[1]
        rig.execute("DROP TABLE feedmill_runs", "ALTER TABLE feedmill_ledger RENAME TO hidden")
        with pytest.raises(StoreError):
            writer.apply(broken)
        rig.execute("ALTER TABLE hidden RENAME TO feedmill_ledger")
        after = (
            rig.query("SELECT * FROM items ORDER BY sku"),
            rig.query("SELECT count(*) FROM feedmill_ledger"),
        )
        assert after == before
        writer.close()
        sink.abort()

    def test_part_applied_twice_counts_once(self, rig: Rig) -> None:
        sink = rig.sink(SMALL, mode="insert")
        sink.begin(run_info())
        writer = sink.lane(0)
        part = parts_of(SMALL, [[[("a", 1), ("b", 1), ("a", 2)]]], 0, 1)[0]
        first, second = writer.apply(part), writer.apply(part)
        assert (second.inserted, second.rejects, second.replayed) == (first.inserted, first.rejects, True)
        assert not first.replayed
        writer.close()
        sink.finish()

    def test_two_processes_share_one_run(self, rig: Rig) -> None:
        with pytest.raises(CrashError):
            load(rig.sink(KEYLESS), KEYLESS, FEED, run_info("first"), before=crash_before(0))
        sinks = [rig.sink(KEYLESS), rig.sink(KEYLESS)]
        for sink in sinks:
            assert sink.begin(run_info("again", resume=True)).run_id == "first"
        results = [Result(run_info()), Result(run_info())]
        barrier = threading.Barrier(2)

        def work(number: int) -> None:
            writer = sinks[number].lane(0)
            for part in parts_of(KEYLESS, FEED, 0, 1):
                barrier.wait(timeout=60)
                results[number].outcomes.append(writer.apply(part))
            writer.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [row for (row,) in rig.query("SELECT count(*) FROM items")] == [9]
        assert results[0].counts() == results[1].counts() == (9, 0, 0, 0)
        assert results[0].replayed() + results[1].replayed() == len(FEED)
        for sink in sinks:
            sink.finish()

    def test_new_run_loads_again(self, rig: Rig) -> None:
        for number in range(3):
            load(rig.sink(KEYLESS), KEYLESS, FEED, run_info(f"run-{number}"))
        assert rig.query("SELECT count(*) FROM items") == [(27,)]

    def test_run_id_is_taken_once(self, rig: Rig) -> None:
        load(rig.sink(KEYLESS), KEYLESS, FEED, run_info("same"))
        with pytest.raises(UsageError, match="same already"):
            rig.sink(KEYLESS).begin(run_info("same"))

    def test_finished_run_is_not_resumed(self, rig: Rig) -> None:
        load(rig.sink(SMALL), SMALL, FEED)
        with pytest.raises(UsageError, match="no unfinished run"):
            resume(rig, "upsert", 1)

    def test_a_run_is_not_resumed_when_a_later_one_has_finished(self, rig: Rig) -> None:
        with pytest.raises(CrashError):
            load(rig.sink(SMALL), SMALL, FEED, run_info("first"), before=crash_before(CHUNK_BYTES))
        load(rig.sink(SMALL, mode="ignore"), SMALL, FEED, run_info("second", source="feed-2"))
        before = rig.query("SELECT * FROM feedmill_runs ORDER BY run_id")
        with pytest.raises(
            UsageError, match=r"run first was broken off, but run second .* has come to its end"
        ):
            resume(rig, "upsert", 1)
        assert rig.query("SELECT * FROM feedmill_runs ORDER BY run_id") == before
        # Another table's runs, and those of other feeds, are nothing to it; nor is one that is unfinished.
        rig.execute("UPDATE feedmill_runs SET target = 'table other, upsert' WHERE run_id = 'second'")
        load(rig.sink(SMALL), SMALL, FEED, replace(run_info("third", source="x"), feeds=("other.csv",)))
        with pytest.raises(CrashError):
            load(rig.sink(SMALL), SMALL, FEED, run_info("fourth"), before=crash_before(CHUNK_BYTES))
        assert resume(rig, "upsert", 1).run.run_id == "fourth"
        with pytest.raises(UsageError, match="but run fourth"):
            resume(rig, "upsert", 1)

    def test_runs_keep_their_order_when_the_clock_is_set_back(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        days = iter(["2026-03-02", "2026-03-01", "2025-03-01", "2026-03-03"])
        monkeypatch.setattr(ledger, "now", lambda: f"{next(days, '2026-03-04')}T00:00:00.000000+00:00")
        for name in ("first", "second", "third", "fourth"):
            with pytest.raises(CrashError):
                load(rig.sink(SMALL), SMALL, FEED, run_info(name), before=crash_before(CHUNK_BYTES))
        runs = rig.query("SELECT run_id, started_at FROM feedmill_runs ORDER BY started_at")
        assert [name for name, _ in runs] == ["first", "second", "third", "fourth"]
        assert runs[1] == ("second", "2026-03-02T00:00:00.000001+00:00")
        assert runs[3][1] == "2026-03-03T00:00:00.000000+00:00"
        assert resume(rig, "upsert", 1).run.run_id == "fourth"

    def test_resuming_wants_the_same_feed_and_settings(self, rig: Rig) -> None:
        with pytest.raises(CrashError):
            load(rig.sink(SMALL), SMALL, FEED, run_info("first"), before=crash_before(CHUNK_BYTES))
        with pytest.raises(UsageError, match="changed since run first"):
            rig.sink(SMALL).begin(run_info("x", source="feed-2", resume=True))
        with pytest.raises(UsageError, match="Standard input"):
            rig.sink(SMALL).begin(run_info("x", source="", resume=True))
        with pytest.raises(UsageError, match="no unfinished run"):
            rig.sink(SMALL, mode="ignore").begin(run_info("x", resume=True))
        other_chunks = run_info("x", resume=True)
        with pytest.raises(UsageError, match="--chunk-size 1048576"):
            rig.sink(SMALL).begin(type(other_chunks)("x", "feed-1", ("feed.csv",), 77, resume=True))
        with pytest.raises(UsageError, match="another schema"):
            rig.sink(SMALL).begin(type(other_chunks)("x", "feed-1", ("feed.csv",), plan="new", resume=True))
        assert resume(rig, "upsert", 1).run.run_id == "first"

    def test_range_of_another_shape_is_refused(self, rig: Rig) -> None:
        with pytest.raises(CrashError):
            load(rig.sink(SMALL), SMALL, FEED, run_info("first"), before=crash_before(CHUNK_BYTES))
        with pytest.raises(StoreError, match="bytes 0 to 1000"):
            load(rig.sink(SMALL), SMALL, [[[("a", 1)], [("b", 1)]]], run_info("x", resume=True))

    def test_aborted_sink_applies_nothing_more(self, rig: Rig) -> None:
        sink = rig.sink(SMALL)
        sink.begin(run_info())
        writer = sink.lane(0)
        parts = parts_of(SMALL, FEED, 0, 1)
        writer.apply(parts[0])
        sink.abort()
        with pytest.raises(StoreError, match="--resume"):
            writer.apply(parts[1])
        writer.close()


class PoisonSuite:
    """Rows that only the database refuses."""

    def test_check_constraint(self, rig: Rig) -> None:
        rig.execute(
            "CREATE TABLE items (sku text PRIMARY KEY, stock bigint CONSTRAINT stock_positive CHECK (stock "
            "> 0))"
        )
        result = load(rig.sink(SMALL), SMALL, [[[("a", 1), ("b", -2), ("c", 3)]], [[("b", 0), ("a", 2)]]])
        assert rig.query("SELECT * FROM items ORDER BY sku") == [("a", 2), ("c", 3)]
        assert result.counts() == (2, 1, 0, 0)
        assert [(reject.record, reject.code) for reject in result.rejects()] == [
            (2, "database"),
            (4, "database"),
        ]
        assert "stock_positive" in result.rejects()[0].message
        assert "23514" in result.rejects()[0].message

    def test_foreign_key(self, rig: Rig) -> None:
        rig.execute(
            "CREATE TABLE shops (id bigint PRIMARY KEY)",
            "INSERT INTO shops VALUES (1), (2)",
            "CREATE TABLE items (sku text PRIMARY KEY, stock bigint REFERENCES shops (id))",
        )
        result = load(rig.sink(SMALL), SMALL, [[[("a", 1), ("b", 7), ("c", None), ("d", 2), ("e", 8)]]])
        assert rig.query("SELECT sku FROM items ORDER BY sku") == [("a",), ("c",), ("d",)]
        assert [reject.record for reject in result.rejects()] == [2, 5]
        assert all("23503" in reject.message for reject in result.rejects())

    def test_second_unique_constraint_keeps_the_first(self, rig: Rig) -> None:
        rig.execute("CREATE TABLE items (sku text PRIMARY KEY, stock bigint UNIQUE)")
        result = load(rig.sink(SMALL), SMALL, [[[("a", 1), ("b", 2), ("c", 1), ("d", 2), ("e", 3)]]])
        assert rig.query("SELECT sku FROM items ORDER BY sku") == [("a",), ("b",), ("e",)]
        assert [(reject.record, reject.column, reject.value) for reject in result.rejects()] == [
            (3, "stock", "1"),
            (4, "stock", "2"),
        ]
        assert all(reject.code == "database" and "23505" in reject.message for reject in result.rejects())

    @pytest.mark.parametrize(
        ("mode", "stored", "counts", "rejected"),
        [
            # The last good record of a key wins; a refused one is not there for the others.
            ("upsert", [("a", 3), ("b", 1)], (2, 0, 0, 1), [3, 6]),
            ("insert", [("a", 2), ("b", 1)], (2, 0, 0, 0), [3, 4, 6]),
            ("ignore", [("a", 2), ("b", 1)], (2, 0, 2, 0), [3]),
        ],
    )
    def test_refused_winner_gives_way(
        self,
        rig: Rig,
        mode: Mode,
        stored: list[tuple[str, int]],
        counts: tuple[int, ...],
        rejected: list[int],
    ) -> None:
        rig.execute("CREATE TABLE items (sku text PRIMARY KEY, stock bigint CHECK (stock > 0))")
        rows = [("a", 2), ("b", 1), ("c", -1), ("a", 3), None, ("a", -9)]
        result = load(rig.sink(SMALL, mode=mode), SMALL, [[rows]])
        assert rig.query("SELECT * FROM items ORDER BY sku") == stored
        if mode == "ignore":
            # Record 6 lost to record 2 before the database saw it.
            rejected, counts = [3], (2, 0, 2, 0)
        assert [reject.record for reject in result.rejects()] == rejected
        assert result.counts() == counts

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("mode", ["upsert", "ignore", "append"])
    def test_all_neighbours_are_loaded(self, rig: Rig, mode: Mode, seed: int) -> None:
        source = random.Random(f"{mode} {seed}")
        count = 400
        poison = set(source.sample(range(count), source.choice([1, 7, 60])))
        rows = [(f"{number:04}", -1 if number in poison else 1) for number in range(count)]
        rig.execute("CREATE TABLE items (sku text PRIMARY KEY, stock bigint CHECK (stock > 0))")
        lanes = min(3, rig.max_lanes)
        result = load(rig.sink(SMALL, mode=mode, lanes=lanes), SMALL, [[rows[:250], rows[250:]]])
        assert {reject.record - 1 for reject in result.rejects()} == poison
        assert result.counts() == (count - len(poison), 0, 0, 0)
        assert [sku for (sku,) in rig.query("SELECT sku FROM items ORDER BY sku")] == [
            sku for sku, stock in rows if stock == 1
        ]

    def test_resumed_run_has_the_rejects_of_its_first_part(self, rig: Rig) -> None:
        rig.execute("CREATE TABLE items (sku text PRIMARY KEY, stock bigint CHECK (stock > 0))")
        rows: Ranges = [[[("a", 1), ("ünï\U0001f600", -2)]], [[("c", 1), ("d", -4)]]]
        with pytest.raises(CrashError):
            load(rig.sink(SMALL), SMALL, rows, run_info("first"), before=crash_before(CHUNK_BYTES))
        resumed = load(rig.sink(SMALL), SMALL, rows, run_info("x", resume=True))
        rig.execute("DELETE FROM items")
        undisturbed = load(rig.sink(SMALL), SMALL, rows, run_info("second"))
        assert resumed.rejects() == undisturbed.rejects()
        assert resumed.counts() == undisturbed.counts() == (2, 0, 0, 0)

    @pytest.mark.parametrize("seed", range(4))
    def test_every_row_has_one_end(self, rig: Rig, seed: int) -> None:
        schema = Schema(
            (Field("sku"), Field("size", "integer"), Field("stock", "integer")), primary_key=("sku", "size")
        )
        rig.execute(
            "CREATE TABLE items (sku text, size bigint, stock bigint CHECK (stock <> 2), PRIMARY KEY (sku, "
            "size))"
        )
        ranges = random_ranges(random.Random(seed), 3)
        rows = sum(row is not None for chunks in ranges for chunk in chunks for row in chunk)
        for mode in ("upsert", "insert", "ignore"):
            result = load(
                rig.sink(schema, mode=mode, lanes=seed % rig.max_lanes + 1), schema, ranges, run_info(mode)
            )
            rejected = [reject.record for reject in result.rejects()]
            assert len(set(rejected)) == len(rejected)
            assert sum(result.counts()) + len(rejected) == rows

    def test_without_retries_a_fault_is_reported_once(self, rig: Rig) -> None:
        sink = rig.sink(SMALL, retry=NO_RETRY)
        sink.begin(run_info())
        rig.execute("DROP TABLE items")
        writer = sink.lane(0)
        with pytest.raises(StoreError, match="items") as caught:
            writer.apply(parts_of(SMALL, [[[("canary-value", 1)]]], 0, 1)[0])
        assert "canary-value" not in str(caught.value)
        writer.close()
        sink.abort()
