"""What a feed is like, dealer by dealer: how much, how complete, in which currencies, at what prices.

A profile is made of counts only, which can be added in any order, so it is the same for any number of
threads. It takes a pass over the feed of its own, with the same rules as the run: what fails there is not
counted here. Prices are counted by their step on a scale of 5 % a step, so a median takes no list of prices.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from feedmill.errors import FeedmillError, UsageError
from feedmill.iso_4217 import CURRENCIES
from feedmill.products.entities import FEED_COLUMNS, LANE_KEY
from feedmill.products.staged import columns_fed
from feedmill.readers import is_stream
from feedmill.runs import run_feeds
from feedmill.stores.protocol import LaneOutcome

if TYPE_CHECKING:
    from feedmill.report import Report
    from feedmill.run_options import RunOptions
    from feedmill.schema import Schema
    from feedmill.stores.protocol import RangePart, RunInfo

STEP: Final = math.log(1.05)
"""Of the scale prices are counted on: a median is known to 2.5 %, and there are a few hundred at most."""

FREE: Final = -(10**6)
"""The step of a price of nothing, below all others."""

MAX_DEALERS: Final = 10_000
"""Dealers a pass keeps counts of, of some 10 KB each: their codes are the feed's, and may be endless."""

MAX_LANES: Final = 4

KNOWN: Final = frozenset(CURRENCIES)

OTHER: Final = "other"
"""A currency that is no code of ISO 4217, where the schema lets one in: there is no end of those."""


VALUES: Final = frozenset({"dealer_code", "currency", "price"})
"""Columns whose values are looked at; of the others it matters whether there is one."""


@dataclass(frozen=True, slots=True)
class Priced:
    """The records in one currency, and the median of their prices; None where none has a price."""

    records: int
    median: float | None


@dataclass(frozen=True, slots=True)
class Filled:
    """The records whose feed has a column, and those of them with nothing in it."""

    records: int
    empty: int

    @property
    def empty_percent(self) -> float:
        """Empty cells of a hundred."""
        return 100 * self.empty / self.records if self.records else 0.0


@dataclass(frozen=True, slots=True)
class Profile:
    """One dealer's good records.

    Attributes
    ----------
    records : int
        How many there are.
    columns : mapping of str to Filled
        By column; those that no feed has are not there.
    currencies : mapping of str to Priced
        By currency; "" for records without one, "other" for what is none.
    """

    records: int
    columns: Mapping[str, Filled]
    currencies: Mapping[str, Priced]

    def currency_percent(self, currency: str) -> float:
        """Count the records in a currency, of a hundred."""
        found = self.currencies.get(currency)
        return 100 * found.records / self.records if found and self.records else 0.0

    def to_json(self) -> dict[str, object]:
        """Make it of what JSON has."""
        return {
            "records": self.records,
            "columns": {name: [filled.records, filled.empty] for name, filled in self.columns.items()},
            "currencies": {name: [priced.records, priced.median] for name, priced in self.currencies.items()},
        }

    @classmethod
    def from_json(cls, told: Mapping[str, object]) -> Profile:
        """Read what `to_json` made."""
        records, columns, currencies = told["records"], told["columns"], told["currencies"]
        assert isinstance(records, int)
        assert isinstance(columns, dict)
        assert isinstance(currencies, dict)
        return cls(
            records,
            {name: Filled(*counts) for name, counts in columns.items()},
            {name: Priced(*counts) for name, counts in currencies.items()},
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pass over feeds has seen.

    Attributes
    ----------
    source : str
        The feeds' fingerprint, as `RunInfo.source`.
    feeds : tuple of str
        Their names, as `RunInfo.feeds`.
    dealers : mapping of str to Profile
        By the dealers' codes.
    report : Report
        Of the pass.
    """

    source: str
    feeds: tuple[str, ...]
    dealers: Mapping[str, Profile]
    report: Report


def profile_feeds(paths: Sequence[str], schema: Schema, options: RunOptions) -> Seen:
    """Read feeds once, in parallel, and keep counts.

    Parameters
    ----------
    paths, schema, options
        As for `feedmill.runs.run_feeds`; nothing is written, and no limit of failures is heeded.

    Raises
    ------
    UsageError
        A feed cannot be read twice, or has too many dealers.
    RunError
        A feed broke off.
    """
    if any(map(is_stream, paths)):
        raise UsageError("--gate reads the feed twice, and a stream is gone by then; name a file.")
    sink = ProfileSink(min(options.first_workers or os.process_cpu_count() or 1, MAX_LANES))
    quiet = replace(options, rejects=None, failed=None, failure_limit=None, resume=False, progress=None)
    try:
        report = run_feeds(paths, schema, sink, options=quiet, lane_key=LANE_KEY)
    except FeedmillError as error:
        # It would read as the report of a run that has loaded something.
        error.report = None
        raise
    return Seen(sink.source, sink.feeds, sink.profiles(), report)


class Tallies:
    """Counts of records, from which profiles are made: by dealer, and by what is to be told of each.

    They are kept column by column and not dealer by dealer, as a dealer has few records in a chunk.
    """

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.had: Counter[tuple[str, str]] = Counter()  # by column
        self.empty: Counter[tuple[str, str]] = Counter()  # by column
        self.prices: Counter[tuple[str, str, int | None]] = Counter()  # by currency and step

    def add(self, columns: Mapping[str, Sequence[object]]) -> None:
        """Count records, given as the columns their feed has."""
        codes = [str(code) for code in columns["dealer_code"]]
        records = Counter(codes)
        self.records.update(records)
        for name, values in columns.items():
            for code, count in records.items():
                self.had[code, name] += count
            if None in values:
                empty = Counter(code for code, value in zip(codes, values, strict=True) if value is None)
                for code, count in empty.items():
                    self.empty[code, name] += count
        nothing = (None,) * len(codes)
        currencies, prices = columns.get("currency", nothing), columns.get("price", nothing)
        # A step takes a logarithm, a currency a look into a list; few values occur, many times each.
        named = {value: _currency(value) for value in set(currencies)}
        steps = {value: _step(value) for value in set(prices)}
        cells = zip(codes, map(named.__getitem__, currencies), map(steps.get, prices), strict=True)
        self.prices.update(cells)

    def update(self, other: Tallies) -> None:
        """Add another lane's counts."""
        self.records.update(other.records)
        self.had.update(other.had)
        self.empty.update(other.empty)
        self.prices.update(other.prices)

    def profiles(self) -> dict[str, Profile]:
        """Make the dealers' profiles, in the order of their codes."""
        steps: dict[str, dict[str, dict[int | None, int]]] = {code: {} for code in self.records}
        for (code, currency, step), count in self.prices.items():
            steps[code].setdefault(currency, {})[step] = count
        return {code: self._profile(code, steps[code]) for code in sorted(self.records)}

    def _profile(self, code: str, steps: Mapping[str, Mapping[int | None, int]]) -> Profile:
        return Profile(
            self.records[code],
            {
                name: Filled(self.had[code, name], self.empty[code, name])
                for name in FEED_COLUMNS
                if (code, name) in self.had
            },
            {name: Priced(sum(found.values()), _median(found)) for name, found in sorted(steps.items())},
        )


class ProfileSink:
    """A pass over feeds, as the pipeline sees it: a store that keeps counts; see `feedmill.stores.protocol`.

    Thread safety
    -------------
    Each lane is its own thread's; `profiles`: when the run has ended.
    """

    fed_only = True  # as in the run that it is held against

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self.source = ""
        self.feeds: tuple[str, ...] = ()
        self._lanes = [_Lane() for _ in range(lanes)]

    def begin(self, run: RunInfo) -> RunInfo:
        """Take note of what is read."""
        self.source, self.feeds = run.source, run.feeds
        return run

    def lane(self, number: int) -> _Lane:
        """Give a lane its counts."""
        return self._lanes[number]

    def finish(self) -> None:
        """Do nothing: it is all in memory."""

    def abort(self) -> None:
        """Do nothing: no lane waits for anything."""

    def profiles(self) -> dict[str, Profile]:
        """Add up what the lanes have counted."""
        whole = Tallies()
        for lane in self._lanes:
            whole.update(lane.tallies)
        _check(whole)
        return whole.profiles()


class _Lane:
    """One lane's counts."""

    def __init__(self) -> None:
        self.tallies = Tallies()

    def apply(self, part: RangePart) -> LaneOutcome:
        """Count a part's records."""
        fed = columns_fed(part).intersection(FEED_COLUMNS)
        columns: dict[str, list[object]] = {name: [] for name in fed}
        for piece in part.slices:
            names = piece.batch.plan.names
            wanted = [number for number, name in enumerate(names) if name in VALUES]
            rows = piece.batch.tuples(part.lane, part.lanes, style="sqlite", values_of=wanted)
            for name, values in zip(names, zip(*rows, strict=True), strict=False):
                if name in columns:
                    columns[name] += values
        if part.rows:
            self.tallies.add(columns)
            _check(self.tallies)
        return LaneOutcome(inserted=part.rows)

    def close(self) -> None:
        """Do nothing."""


def _check(tallies: Tallies) -> None:
    if len(tallies.records) > MAX_DEALERS:
        raise UsageError(
            f"--gate compares dealer by dealer, and the feed has more than {MAX_DEALERS:,} of them; "
            "run it without --gate, or in several feeds."
        )


def _currency(value: object) -> str:
    """Name a currency as it is counted."""
    if not value:
        return ""
    return str(value) if value in KNOWN else OTHER


def _step(price: object) -> int | None:
    """Find a price's step on the scale."""
    if price is None:
        return None
    amount = float(str(price))
    return math.floor(math.log(amount) / STEP) if amount > 0 else FREE


def _median(steps: Mapping[int | None, int]) -> float | None:
    """Find the step in the middle; give the price in its middle, to three digits."""
    priced = sorted((step, count) for step, count in steps.items() if step is not None)
    left = (sum(count for _, count in priced) + 1) // 2
    for step, count in priced:
        left -= count
        if left <= 0:
            return 0.0 if step == FREE else float(f"{math.exp((step + 0.5) * STEP):.3g}")
    return None
