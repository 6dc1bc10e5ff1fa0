"""Accepted runs: what each dealer's part was like, in ``feedmill_profiles``, for the gate to compare with.

::

    pass_gate        reads the feed, compares, holds it; nothing is written
    GatedJournal     the journal of the run that follows: over the same bytes, or not at all; the profiles are
                     written in the transaction that marks the run finished

So a run that was killed, interrupted or had too many failures is no accepted one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from itertools import batched
from typing import Final

from feedmill.errors import FeedHeldError, UsageError
from feedmill.products.database import SqlDatabase
from feedmill.products.gate import Accepted, Gate, findings
from feedmill.products.journal import SqlIntegrations
from feedmill.products.profile import Profile, Seen, profile_feeds
from feedmill.products.snapshot import Snapshot
from feedmill.run_options import RunOptions
from feedmill.schema import Schema
from feedmill.stores import ledger
from feedmill.stores.protocol import RunInfo
from feedmill.stores.transaction import Transaction, text

MAX_TOLD: Final = 20
"""Findings that are shown; a feed that is wrong altogether has thousands."""

ROWS: Final = 500
"""Profiles a statement, of about 1 KB each."""

_log = logging.getLogger("feedmill.gate")


def pass_gate[T: Transaction](
    gate: Gate, database: SqlDatabase[T], paths: Sequence[str], schema: Schema, options: RunOptions
) -> Seen:
    """Read feeds, and let them in or not.

    Returns
    -------
    Seen
        For the `GatedJournal` of the run. If its report says that it was stopped, there is to be no run.

    Raises
    ------
    FeedHeldError
        A dealer's part is not like its last accepted one.
    UsageError
        A feed cannot be read twice, or has too many dealers.
    """
    seen = profile_feeds(paths, schema, options)
    if seen.report.stopped:
        return seen
    accepted = _accepted(database, seen)
    found = findings(gate, accepted, seen.dealers)
    known = len(seen.dealers.keys() & accepted.keys())
    _log.info(
        "gate: compared with their last accepted runs: %d dealers; nothing to compare with yet: %d",
        known,
        len(seen.dealers) - known,
    )
    if not found:
        return seen
    lines = found[:MAX_TOLD] + ([f"and {len(found) - MAX_TOLD:,} more"] if len(found) > MAX_TOLD else [])
    if not gate.accept:
        held = FeedHeldError(
            "\n  ".join((f"{', '.join(seen.feeds)}: held by the gate, nothing was written", *lines))
            + "\nIf that is as it should be: --gate --accept loads it, and later feeds are compared with it."
        )
        held.findings = tuple(found)
        raise held
    for line in lines:
        _log.warning("gate: accepted all the same: %s", line)
    return seen


class GatedJournal[T: Transaction](SqlIntegrations[T]):
    """The journal of a run that the gate has let in.

    Parameters
    ----------
    database, every_outcome, verify, snapshot
        As for `SqlIntegrations`.
    seen : Seen
        What the gate has seen.
    """

    def __init__(
        self,
        database: SqlDatabase[T],
        seen: Seen,
        *,
        every_outcome: bool = False,
        verify: bool = False,
        snapshot: Snapshot | None = None,
    ) -> None:
        super().__init__(database, every_outcome=every_outcome, verify=verify, snapshot=snapshot)
        self._seen = seen

    def begin(self, run: RunInfo, *, keeps_hashes: bool = True) -> RunInfo:
        """Register the run, or find the one to resume.

        Raises
        ------
        UsageError
            It is not over the bytes that the gate has seen.
        """
        if run.source != self._seen.source:
            raise UsageError(f"{', '.join(run.feeds)}: changed since the gate has seen it; start it again.")
        return super().begin(run, keeps_hashes=keeps_hashes)

    def close_books(self, transaction: T) -> None:
        """Mark the run finished, and its dealers' profiles as the last accepted ones."""
        super().close_books(transaction)
        names = ("code", "run_id", "feeds", "accepted_at", "profile")
        source = self.database.json_rows([(name, "text") for name in names])
        feeds, moment = _names(self._seen), ledger.now()
        for dealers in batched(self._seen.dealers.items(), ROWS, strict=False):
            rows = [
                [code, self.run_id, feeds, moment, json.dumps(profile.to_json())] for code, profile in dealers
            ]
            transaction.execute(
                "INSERT INTO feedmill_profiles (dealer_id, run_id, feeds, accepted_at, profile)"
                " SELECT d.id, given.run_id, given.feeds, given.accepted_at, given.profile"
                f" FROM ({source}) AS given JOIN dealers AS d ON d.code = given.code WHERE true"
                " ON CONFLICT (dealer_id) DO UPDATE SET run_id = excluded.run_id, feeds = excluded.feeds,"
                " accepted_at = excluded.accepted_at, profile = excluded.profile",
                (json.dumps(rows),),
            )
        # A dealer that was let go is missed no more.
        transaction.execute(
            "DELETE FROM feedmill_profiles WHERE feeds = ? AND run_id <> ?", (feeds, self.run_id)
        )


def _names(seen: Seen) -> str:
    """Write the names of feeds, in whatever order they were given, as `feedmill_profiles` has them."""
    return json.dumps(sorted(seen.feeds))


def _accepted[T: Transaction](database: SqlDatabase[T], seen: Seen) -> Mapping[str, Accepted]:
    """Read what was accepted of the dealers that are in the feed, or were when it had the same name."""
    codes = json.dumps([[code] for code in seen.dealers])
    source = database.json_rows([("code", "text")])

    def read(transaction: T) -> dict[str, Accepted]:
        rows = transaction.execute(
            "SELECT d.code, p.accepted_at, p.profile FROM feedmill_profiles AS p"
            " JOIN dealers AS d ON d.id = p.dealer_id"
            f" WHERE p.feeds = ? OR d.code IN (SELECT code FROM ({source}) AS given)",
            (_names(seen), codes),
        )
        return {
            text(code): Accepted(Profile.from_json(json.loads(text(profile))), text(accepted_at))
            for code, accepted_at, profile in rows
        }

    session = database.session("gate")
    try:
        return session.transact(read)
    finally:
        session.close()
