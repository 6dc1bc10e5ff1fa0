"""The gate: whether a dealer's feed is like the last one that was accepted, or went wrong on its way here.

A feed of wrong prices is a good feed to a schema. What gives it away is the feed before it: a hundred times
the price, half the records, another currency, a column that is empty or gone. Each dealer is held against its
own last accepted run. What is found is said with both figures and with what would have been let in.

If you add a kind of finding: give it a limit in `Gate`, a function in `CHECKS`, and a row in docs/gate.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final, Self

from feedmill.errors import UsageError
from feedmill.products.profile import Priced, Profile

MIN_RECORDS: Final = 20
"""Records below which a share or a median is chance."""

MAX_CODE_CHARACTERS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """How far a dealer's feed may be from its last accepted one.

    Parameters
    ----------
    volume : float
        So many times the records, or that fraction of them.
    empty : float
        Percentage points by which a column may have more empty cells.
    price : float
        So many times the median price, or that fraction of it, in one currency.
    currency : float
        Percentage points of the records that may be in another currency.
    accept : bool
        Let the feed in, whatever is found, and compare later ones with it.

    Raises
    ------
    UsageError
        A limit would hold every feed.
    """

    volume: float = 2.0
    empty: float = 20.0
    price: float = 5.0
    currency: float = 20.0
    accept: bool = False

    def __post_init__(self) -> None:
        for name in ("volume", "price"):
            if not getattr(self, name) > 1:
                raise UsageError(f"--gate-limit {name} says how many times as much; it is more than 1")
        for name in ("empty", "currency"):
            if not getattr(self, name) > 0:
                raise UsageError(f"--gate-limit {name} is percentage points, more than 0")

    def limited(self, limits: Sequence[str]) -> Self:
        """Change limits as they are written on a command line.

        Examples
        --------
        >>> Gate().limited(["price=3", "empty=50"]).price
        3.0
        """
        names = [item.name for item in fields(self) if item.name != "accept"]
        changed: dict[str, float] = {}
        for limit in limits:
            name, _, value = limit.partition("=")
            try:
                if name not in names:
                    raise ValueError
                changed[name] = float(value)
            except ValueError:
                raise UsageError(
                    f"--gate-limit {limit}: write NAME=NUMBER; the names are {', '.join(names)}"
                ) from None
        return replace(self, **changed)  # type: ignore[arg-type]  # of the limits, all numbers


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a dealer's part of its last accepted run was like, and when that was."""

    profile: Profile
    accepted_at: str

    @property
    def then(self) -> str:
        """Name the run by its minute."""
        return f"on {self.accepted_at[:10]} at {self.accepted_at[11:16]} UTC"


type Check = Callable[[Gate, Accepted, Profile], Iterator[str]]


def findings(gate: Gate, accepted: Mapping[str, Accepted], seen: Mapping[str, Profile]) -> list[str]:
    """Hold a feed against the last accepted runs of its dealers.

    Parameters
    ----------
    gate : Gate
    accepted : mapping of str to Accepted
        By dealers' codes; those that are not in the feed are missed in it.
    seen : mapping of str to Profile
        By dealers' codes. A dealer that has no accepted run is let in.

    Returns
    -------
    list of str
        One line each, in the order of the dealers' codes; empty if all is well.
    """
    nobody = Profile(0, {}, {})
    found = []
    for code in sorted(accepted):
        who = f"dealer {code[:MAX_CODE_CHARACTERS]!r}: "
        now = seen.get(code, nobody)
        # Of a dealer that is missing there is no more to say.
        for check in CHECKS if now.records else CHECKS[:1]:
            found += [who + words for words in check(gate, accepted[code], now)]
    return found


def _volume(gate: Gate, last: Accepted, now: Profile) -> Iterator[str]:
    before = last.profile.records
    if max(before, now.records) >= MIN_RECORDS and _is_far(before, now.records, gate.volume):
        yield (
            f"{now.records:,} good records, {before:,} {last.then}; "
            f"let in are {before / gate.volume:,.0f} to {before * gate.volume:,.0f}"
        )


def _columns(_: Gate, last: Accepted, now: Profile) -> Iterator[str]:
    for name, filled in last.profile.columns.items():
        if name not in now.columns and filled.empty < filled.records:
            yield f"the feed has no column {name}, which it had {last.then}"


def _empty(gate: Gate, last: Accepted, now: Profile) -> Iterator[str]:
    if min(last.profile.records, now.records) < MIN_RECORDS:
        return
    for name, filled in now.columns.items():
        before = last.profile.columns.get(name)
        if before is not None and filled.empty_percent - before.empty_percent > gate.empty:
            yield (
                f"{name} is empty in {filled.empty_percent:.1f} % of the records, in "
                f"{before.empty_percent:.1f} % {last.then}; let in are {gate.empty:g} points more"
            )


def _currencies(gate: Gate, last: Accepted, now: Profile) -> Iterator[str]:
    if any(_has_spread(gate, last.profile, now, currency) for currency in now.currencies):
        yield (
            f"the currency is {_shares(now)}, it was {_shares(last.profile)} {last.then}; "
            f"let in are {gate.currency:g} points in another one"
        )


def _prices(gate: Gate, last: Accepted, now: Profile) -> Iterator[str]:
    for currency, priced in now.currencies.items():
        former, before = _former(gate, last.profile, now, currency)
        if before.median is None or priced.median is None:
            continue
        is_chance = min(before.records, priced.records) < MIN_RECORDS
        if not is_chance and _is_far(before.median, priced.median, gate.price):
            other = "" if former == currency else f" {former or 'without a currency'}"
            yield (
                f"the median price is {_amount(priced.median)} {currency or 'without a currency'}, it was "
                f"{_amount(before.median)}{other} {last.then}{_times(before.median, priced.median)}; "
                f"let in are {_amount(before.median / gate.price)} to {_amount(before.median * gate.price)}"
            )


CHECKS: Final[tuple[Check, ...]] = (_volume, _columns, _empty, _currencies, _prices)
"""In the order of their findings; the one that a missing dealer is found by is the first."""


def _has_spread(gate: Gate, last: Profile, now: Profile, currency: str) -> bool:
    """Whether more of the records are in a currency than may be."""
    is_chance = min(last.records, now.records) < MIN_RECORDS
    return not is_chance and now.currency_percent(currency) - last.currency_percent(currency) > gate.currency


def _former(gate: Gate, last: Profile, now: Profile, currency: str) -> tuple[str, Priced]:
    """Find the prices that a currency's are compared with: its own, or those that it has taken the place of.

    What is dear in one currency is cheap in another: such prices are compared only where the currency is
    itself a finding, so that what is told is all of it, and never hold a feed alone.
    """
    before = last.currencies.get(currency, Priced(0, None))
    if before.records >= MIN_RECORDS or not _has_spread(gate, last, now, currency):
        return currency, before
    former = max(last.currencies, key=lambda name: last.currency_percent(name) - now.currency_percent(name))
    return former, last.currencies[former]


def _is_far(before: float, now: float, times: float) -> bool:
    """Whether it is more than so many times as much, or less than that fraction."""
    return now > before * times or now * times < before


def _amount(number: float) -> str:
    """Write the three digits that are known of a price or a ratio, without an exponent."""
    return f"{float(f'{number:.3g}'):,.12g}"


def _times(before: float, now: float) -> str:
    """Say how much dearer it is, and what that looks like."""
    if not before or not now:
        return ""
    times = now / before
    what = f"{_amount(times)} times as much" if times > 1 else f"1/{_amount(1 / times)} of it"
    if 70 < max(times, 1 / times) < 140:
        what += ", as if by cents for whole units" if times > 1 else ", as if by whole units for cents"
    return f" ({what})"


def _shares(profile: Profile) -> str:
    """List the currencies that matter."""
    shares = sorted(((profile.currency_percent(name), name) for name in profile.currencies), reverse=True)
    return ", ".join(f"{name or 'missing'} {percent:.1f} %" for percent, name in shares[:3]) or "missing"
