from pathlib import Path

import pytest

from feedmill.errors import UsageError
from feedmill.schema import Field, Schema
from feedmill.stores.files import FileSink
from feedmill.stores.opening import open_sink
from feedmill.stores.table import TableSink

SCHEMA = Schema((Field("sku"),), primary_key=("sku",))


@pytest.mark.parametrize(
    ("url", "kind", "lanes"),
    [
        ("sqlite:///{}/shop.db", TableSink, 1),
        ("{}/good.csv", FileSink, 1),
        ("postgresql://127.0.0.1:1/shop", TableSink, 3),
    ],
)
def test_nothing_is_touched_before_begin(tmp_path: Path, url: str, kind: type, lanes: int) -> None:
    sink = open_sink(url.format(tmp_path), SCHEMA, "items", lanes=3)
    assert isinstance(sink, kind)
    assert sink.lanes == lanes
    assert list(tmp_path.iterdir()) == []
    sink.abort()


@pytest.mark.parametrize(
    ("url", "table", "mode", "words"),
    [
        ("sqlite:///x.db", "", None, "--table"),
        ("sqlite:///x.db", "a.b.c", None, "no table's name"),
        ("sqlite:///x.db", "a.b", None, "has no schemas"),
        ("sqlite:///x.db", "items", "typo", "use one of upsert"),
        ("x.csv", "", "upsert", "replace or append"),
    ],
)
def test_what_cannot_be_opened(url: str, table: str, mode: str | None, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_sink(url, SCHEMA, table, mode=mode)


def test_lanes_need_connections() -> None:
    with pytest.raises(UsageError, match="lower --lanes"):
        open_sink("postgresql://127.0.0.1:1/shop", SCHEMA, "items", lanes=26)
