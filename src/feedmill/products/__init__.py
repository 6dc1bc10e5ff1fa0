"""The main job: dealers' product feeds become products, offers, outcomes and events.

::

    process_feeds(feeds, url)                   all of it in one call
    with open_products(url) as database:        the same in steps
        job = make_job(database)                ProcessProducts over five parts
        output = job.execute(feeds)             output.report, .success_list, .failure_list

=============  =========================================================================
process        `ProcessProducts`: the steps of the job, over five protocols
repositories   the protocols: dealers, products, product_dealers, integrations, queue
sql, journal   their one implementation in SQL, for any `database.SqlDatabase`
postgres       PostgreSQL, and
sqlite         SQLite: the few things that differ
memory         what is stored already, so that it need not be sent
lot, staged    the rows of one transaction, in temporary tables
gate           whether a feed is like the last accepted one: `profile` says what it is like, `accepted` what
               that one was like
staging        the staging table as a feed
retry          failed records, mended, once more
outbox, relay  events to a message broker (`broker`); `doorbell` waits for them
snapshot       what a feed does not list any more is discontinued
rehearsal      the run in a transaction that is rolled back
lists          successes and failures as sequences that stay in the database
migrations     the tables: ``sql/<dialect>/NNN_name.sql``
=============  =========================================================================
"""

from feedmill.products.entities import Dealer, Failure, Success
from feedmill.products.gate import Gate
from feedmill.products.job import make_job, plan_feeds, process_feeds, process_staged, read_dealers
from feedmill.products.opening import migrate, open_products
from feedmill.products.process import Output, ProcessProducts, product_schema
from feedmill.products.rehearsal import Changes, PriceMove
from feedmill.products.relay import Relayed, RelayOptions, relay_events
from feedmill.products.retry import retry_failed
from feedmill.products.staging import StagingTable

__all__ = [
    "Changes",
    "Dealer",
    "Failure",
    "Gate",
    "Output",
    "PriceMove",
    "ProcessProducts",
    "RelayOptions",
    "Relayed",
    "StagingTable",
    "Success",
    "make_job",
    "migrate",
    "open_products",
    "plan_feeds",
    "process_feeds",
    "process_staged",
    "product_schema",
    "read_dealers",
    "relay_events",
    "retry_failed",
]
