"""The repositories over dicts: all that `ProcessProducts` asks for, without a database."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from feedmill.kernel import Batch
from feedmill.products.entities import FEED_COLUMNS, OFFER_COLUMNS, PRODUCT_COLUMNS, Dealer, Failure, Success
from feedmill.products.outcomes import failures_of
from feedmill.products.repositories import Records
from feedmill.stores.protocol import LaneOutcome, LaneReject, RangePart, RunInfo
from tests.products.feeds import REFUSED_PRICE, REFUSED_TITLE
from tests.products.model import Cell, Offer, Product, Tables

type Fields = dict[str, Cell]


class RefusalError(Exception):
    """What a database raises for a row."""


@dataclass
class MemoryStore:
    """Tables, and the journal. Guarded by `lock`."""

    tables: Tables = field(default_factory=Tables)
    done: dict[tuple[str, int, int, int], LaneOutcome] = field(default_factory=dict)
    unfinished: list[RunInfo] = field(default_factory=list)
    refuses: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class MemoryLot:
    """Rows by their record numbers, and the tables as they are within the transaction."""

    def __init__(self, run: RunInfo, part: RangePart, tables: Tables, *, refuses: bool) -> None:
        self.run = run
        self.part = part
        self.tables = tables
        self.refuses = refuses
        self.feed: dict[int, Fields] = dict(_rows(part))
        self.is_empty = not self.feed
        self.aside: dict[int, Fields] = {}
        self.refused: dict[int, Fields] = {}
        self.effects: dict[int, str] = {}

    def attempt(self, steps: Sequence[Callable[[Records], None]]) -> list[LaneReject]:
        rejects = []
        while self.feed:
            before = copy.deepcopy(self.tables)
            try:
                for step in steps:
                    step(Records(min(self.feed), max(self.feed)))
            except RefusalError:
                self._restore(before)
                refused = self._refused(steps)
                self._restore(before)
                self.effects.clear()
                for record in refused:
                    rejects.append(LaneReject(record, "", "database", "refused", ""))
                    self._replace(record)
            else:
                break
        return rejects

    def _restore(self, tables: Tables) -> None:
        for name, value in vars(copy.deepcopy(tables)).items():
            setattr(self.tables, name, value)

    def _refused(self, steps: Sequence[Callable[[Records], None]]) -> list[int]:
        for step in steps:
            refused = []
            for record in sorted(self.feed):
                before = copy.deepcopy(self.tables)
                try:
                    step(Records(record, record))
                except RefusalError:
                    self._restore(before)
                    refused.append(record)
            if refused:
                return refused
        return []

    def _replace(self, record: int) -> None:
        row = self.feed.pop(record)
        self.refused[record] = row
        runners_up = [other for other, fields in self.aside.items() if key_of(fields) == key_of(row)]
        if runners_up:
            self.feed[max(runners_up)] = self.aside.pop(max(runners_up))

    def outcome(self, rejects: Sequence[LaneReject]) -> LaneOutcome:
        effects = list(self.effects.values())
        return LaneOutcome(
            effects.count("inserted"),
            effects.count("updated"),
            len(self.feed) - len(effects),
            len(self.aside),
            tuple(sorted(rejects, key=lambda reject: reject.record)),
        )


def _rows(part: RangePart) -> Iterator[tuple[int, Fields]]:
    for piece in part.slices:
        names = piece.batch.plan.names
        for record, *cells in _tuples(piece.batch, part, piece.record_base):
            fields = dict.fromkeys(FEED_COLUMNS) | dict(zip(names, map(_plain, cells), strict=True))
            yield int(str(record)), fields


def _tuples(batch: Batch, part: RangePart, base: int) -> Sequence[tuple[object, ...]]:
    return batch.tuples(part.lane, part.lanes, record_base=base)


def _plain(cell: object) -> Cell:
    if cell is None or isinstance(cell, str | int | float | datetime):
        return cell
    return float(str(cell))


def key_of(fields: Fields) -> tuple[str, str]:
    return str(fields["dealer_code"]), str(fields["sku"])


def product_in(fields: Fields) -> Product:
    return tuple(fields[name] for name in PRODUCT_COLUMNS[1:])


def offer_in(fields: Fields) -> Offer:
    return tuple(fields[name] for name in OFFER_COLUMNS)


class MemoryDealers:
    def __init__(self, store: MemoryStore, *, create: bool) -> None:
        self._store = store
        self._create = create

    def save(self, dealers: Sequence[Dealer]) -> None:
        for dealer in dealers:
            self._store.tables.dealers[dealer.code] = dealer.name

    def set_aside_unknown(self, lot: MemoryLot) -> list[LaneReject]:
        unknown = [
            record for record, fields in lot.feed.items() if fields["dealer_code"] not in lot.tables.dealers
        ]
        if self._create:
            lot.tables.dealers.update({str(lot.feed[record]["dealer_code"]): None for record in unknown})
            return []
        for record in unknown:
            lot.refused[record] = lot.feed.pop(record)
        return [LaneReject(record, "dealer_code", "unknown_dealer", "unknown", "") for record in unknown]


class MemoryProducts:
    def upsert(self, lot: MemoryLot, records: Records) -> None:
        last = {str(fields["sku"]): record for record, fields in sorted(lot.feed.items())}
        for sku, record in last.items():
            product = product_in(lot.feed[record])
            if records.first <= record <= records.last and lot.tables.products.get(sku) != product:
                if lot.refuses and lot.feed[record]["title"] == REFUSED_TITLE:
                    raise RefusalError
                lot.tables.products[sku] = product
                lot.effects[record] = "updated"


class MemoryProductDealers:
    def set_aside_duplicates(self, lot: MemoryLot) -> None:
        last = {key_of(fields): record for record, fields in sorted(lot.feed.items())}
        for record in set(lot.feed) - set(last.values()):
            lot.aside[record] = lot.feed.pop(record)

    def upsert(self, lot: MemoryLot, records: Records) -> None:
        for record, fields in lot.feed.items():
            key, offer = key_of(fields), offer_in(fields)
            if records.first <= record <= records.last and lot.tables.offers.get(key) != offer:
                if lot.refuses and fields["price"] == float(REFUSED_PRICE):
                    raise RefusalError
                lot.effects[record] = "updated" if key in lot.tables.offers else "inserted"
                lot.tables.offers[key] = offer


class MemoryQueue:
    def publish(self, lot: MemoryLot) -> None:
        for record, op in lot.effects.items():
            fields = lot.feed[record]
            sku = str(fields["sku"])
            told = (sku, op, lot.tables.products[sku], offer_in(fields))
            lot.tables.events[f"{lot.run.run_id}:{lot.part.feed}:{record}"] = told


class MemoryIntegrations:
    lanes: int

    def __init__(self, store: MemoryStore, *, lanes: int, every_outcome: bool) -> None:
        self.lanes = lanes
        self._store = store
        self._every_outcome = every_outcome
        self._run: RunInfo | None = None

    def begin(self, run: RunInfo, *, keeps_hashes: bool = True) -> RunInfo:
        if run.resume:
            run = next(old for old in reversed(self._store.unfinished) if old.source == run.source)
        else:
            self._store.unfinished.append(run)
        self._run = run
        return run

    def prepare(self, batch: Batch) -> None:
        pass

    def lane(self, number: int) -> MemoryLane:
        assert self._run is not None
        return MemoryLane(self._store, self._run)

    def record(self, lot: MemoryLot, rejects: Sequence[LaneReject]) -> None:
        def note(record: int, fields: Fields | None, *told: Cell) -> None:
            key = key_of(fields) if fields else (None, None)
            lot.tables.outcomes[lot.run.run_id, lot.part.feed, record] = (*key, *told)

        for record, fields in lot.feed.items():
            if self._every_outcome or record in lot.effects:
                note(record, fields, lot.effects.get(record, "unchanged"), "", "")
        if self._every_outcome:
            for record, fields in lot.aside.items():
                note(record, fields, "duplicate", "", "")
        for record, code, column, _message in failures_of(lot.part, rejects):
            note(record, lot.refused.get(record), "failed", column, code)

    def hurry(self) -> None:
        pass

    def finish(self) -> None:
        assert self._run is not None
        self._store.unfinished.remove(self._run)

    def abort(self) -> None:
        pass

    def successes(self, run: str) -> list[Success]:
        return [
            Success(feed, record, str(told[2]))
            for (of, feed, record), told in sorted(self._store.tables.outcomes.items())
            if of == run and told[2] != "failed"
        ]

    def failures(self, run: str) -> list[Failure]:
        return [
            Failure(feed, record, str(told[3]), str(told[4]), "")
            for (of, feed, record), told in sorted(self._store.tables.outcomes.items())
            if of == run and told[2] == "failed"
        ]


class MemoryLane:
    def __init__(self, store: MemoryStore, run: RunInfo) -> None:
        self._store = store
        self._run = run

    def apply(self, part: RangePart, work: Callable[[MemoryLot], LaneOutcome]) -> LaneOutcome:
        store, key = self._store, (self._run.run_id, part.feed, part.lane, part.lo)
        with store.lock:
            if key not in store.done:
                lot = MemoryLot(self._run, part, copy.deepcopy(store.tables), refuses=store.refuses)
                outcome = work(lot)
                store.tables, store.done[key] = lot.tables, outcome
            return store.done[key]

    def close(self) -> None:
        pass
