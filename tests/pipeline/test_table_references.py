"""Foreign keys that refer to a table: the same findings as with a file, from PostgreSQL and from SQLite."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from feedmill import Dialect, Field, RunOptions, Schema, UsageError, load, read, validate
from feedmill.cli import main
from feedmill.keys import ForeignKey
from feedmill.pipeline import references
from feedmill.stores import postgres_connection
from feedmill.stores.table_text import TableAddress

if TYPE_CHECKING:
    from collections.abc import Callable

OFFERS = Schema(
    (Field("dealer", "integer"), Field("region"), Field("sku")),
    foreign_keys=(ForeignKey(("dealer", "region"), "dealers", ("id", "area")),),
)
FEED = 'dealer,region,sku\n1,N,A\n1,S,B\n02,S,C\n,S,D\nx,N,E\n3,,F\n4,"q""\n,r",G\n'
FOUND = ["2 foreign_key dealer=1, region=S", "5 type x"]
TABLE = "CREATE TABLE dealers (id integer, name text, area text)"
ROWS = [(1, "One", "N"), (2, "Two", "S"), (None, "Four", "S"), (3, "Three", None), (4, "Five", 'q"\n,r')]

type Execute = Callable[..., None]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("feed.csv").write_text(FEED)
    return tmp_path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return "sqlite:///shop.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def execute(url: str) -> Execute:
    """Return what executes a statement, once, or once for each of the rows given."""

    def on_postgres(statement: str, *rows: tuple[object, ...]) -> None:
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            for row in rows or [()]:
                cursor.execute(statement.replace("?", "%s").encode(), row or None)

    def on_sqlite(statement: str, *rows: tuple[object, ...]) -> None:
        with closing(sqlite3.connect("shop.db")) as connection:
            for row in rows or [()]:
                connection.execute(statement, row)
            connection.commit()

    return on_sqlite if url.startswith("sqlite") else on_postgres


@pytest.fixture
def dealers(execute: Execute) -> None:
    execute(TABLE)
    execute("INSERT INTO dealers VALUES (?, ?, ?)", *ROWS)


def found(schema: Schema, place: str, **more: object) -> list[str]:
    rejects: list[str] = []
    options = RunOptions(references={"dealers": place}, **more)  # type: ignore[arg-type]
    with read(
        "feed.csv",
        schema,
        rejects=lambda each: rejects.append(f"{each.position.record} {each.code} {each.value}"),
        options=options,
    ) as records:
        list(records)
    return rejects


@pytest.mark.usefixtures("dealers")
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_what_the_table_lacks_is_a_reject(url: str, workers: int) -> None:
    assert found(OFFERS, f"{url}#dealers", workers=workers, chunk_size=20) == FOUND


@pytest.mark.usefixtures("dealers")
def test_a_file_of_the_same_rows_gives_the_same(url: str) -> None:
    with Path("dealers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "name", "area"), *ROWS])
    assert found(OFFERS, "dealers.csv") == found(OFFERS, f"{url}#dealers") == FOUND


@pytest.mark.usefixtures("dealers")
def test_a_view_will_do_and_a_name_may_be_any(url: str, execute: Execute) -> None:
    execute('CREATE VIEW "odd.name" AS SELECT id AS "the ""id""", area FROM dealers WHERE id < 2')
    schema = replace(
        OFFERS, foreign_keys=(ForeignKey(("dealer", "region"), "dealers", ('the "id"', "area")),)
    )
    assert found(schema, f'{url}#"odd.name"')[:2] == [FOUND[0], "3 foreign_key dealer=2, region=S"]


def test_loading_sees_what_was_there_when_the_run_began(url: str, execute: Execute) -> None:
    execute("CREATE TABLE offers (dealer integer, region text, sku text)")
    execute(TABLE)
    execute("INSERT INTO dealers VALUES (?, ?, ?)", *ROWS)
    options = RunOptions(references={"dealers": f"{url}#dealers"}, rejects="rejects.csv")
    report = load("feed.csv", url, OFFERS, table="offers", options=options)
    assert (report.successes, report.failures, report.outcomes.inserted) == (5, 2, 5)
    assert report.rejects_by_code == {"foreign_key": 1, "dealer.type": 1}


EVERY_TYPE = Schema(
    (
        Field("text", transforms=("lower",)),
        Field("id", format="uuid"),
        Field("whole", "integer", group_char="."),
        Field("price", "number", decimal_char=",", precision=9, scale=2),
        Field("exact", "number", decimal_char=","),
        Field("real", "number", storage="float64"),
        Field("flag", "boolean", true_values=("sim",), false_values=("não",)),
        Field("day", "date", format="%d/%m/%Y"),
        Field("clock", "time", format="%H.%M"),
        Field("moment", "datetime", format="%d/%m/%Y %H:%M"),
        Field("year", "year"),
        Field("month", "yearmonth"),
        Field("span", "duration"),
        Field("place", "geopoint"),
        Field("items", "list", delimiter=";"),
        Field("anything", "any"),
    ),
    missing_values=("", "-"),
)
ROW = (
    *("Ärmel", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "1.234", "12,50", "0,1000", "1e20", "sim"),
    *("29/02/2024", "07.30", "29/02/2024 07:30", "2024", "2024-02", "P1D", "1.5, 2", "a;b", "x"),
)
OTHER = (
    *("Ärmeln", "6BA7B810-9DAD-11D1-80B4-00C04FD430C9", "1.235", "12,51", "0,1001", "INF", "não"),
    *("01/03/2024", "07.31", "29/02/2024 07:31", "2025", "2024-03", "P2D", "1.5, 3", "a;c", "y"),
)


@pytest.mark.parametrize("number", range(len(ROW)), ids=EVERY_TYPE.names)
def test_what_was_loaded_is_found_however_the_feed_is_dressed(url: str, number: int) -> None:
    """Each type: a table filled from a feed has the keys of that feed, and no other."""
    name = EVERY_TYPE.names[number]
    tab = Dialect(delimiter="\t")
    head = "\t".join(EVERY_TYPE.names) + "\n"
    Path("feed.csv").write_text(head + "\t".join(ROW) + "\n" + "\t".join("-" * len(ROW)) + "\n")
    assert load("feed.csv", url, EVERY_TYPE, table="seen", options=RunOptions(dialect=tab)).successes == 2
    Path("feed.csv").write_text(head + "".join("\t".join(row) + "\n" for row in (ROW, OTHER, "-" * len(ROW))))
    schema = replace(EVERY_TYPE, foreign_keys=(ForeignKey((name,), "dealers", (name,)),))
    rejects = found(schema, f"{url}#seen", dialect=tab)
    assert [each.split()[:2] for each in rejects] == [["2", "foreign_key"]]


def test_types_that_say_the_same_meet(url: str, execute: Execute) -> None:
    """An integer field meets numeric, double, and text columns; rows that are no integers are no keys."""
    Path("feed.csv").write_text("dealer,region,sku\n7,a,\n8,b,\n9,c,\n")
    schema = replace(OFFERS, foreign_keys=(ForeignKey(("dealer",), "dealers", ("id",)),))
    columns = ["numeric(9,2)", "double precision", "text", "bigint"]
    for column in columns:
        execute("DROP TABLE IF EXISTS dealers")
        execute(f"CREATE TABLE dealers (id {column})")
        execute("INSERT INTO dealers VALUES (?)", ("7",), ("0009",))
        if column == "text":
            execute("INSERT INTO dealers VALUES (?)", ("eight",))
        assert found(schema, f"{url}#dealers") == ["2 foreign_key 8"], column


@pytest.mark.parametrize("column", ["double precision", "real"])
def test_whole_numbers_meet_floats_of_any_size(url: str, execute: Execute, column: str) -> None:
    """PostgreSQL writes 1e+15, and 1e+06 where there are fewer digits, which is no integer."""
    whole = [1_000_000, 10**15, -(2**62), 0]
    there = [*whole, 0.5, -1e300 if column == "double precision" else -1e30, float("inf"), None]
    execute(f"CREATE TABLE dealers (id {column})")
    execute("INSERT INTO dealers VALUES (?)", *((number,) for number in there))
    Path("feed.csv").write_text("dealer,region,sku\n" + "".join(f"{number},a,\n" for number in [*whole, 5]))
    schema = replace(OFFERS, foreign_keys=(ForeignKey(("dealer",), "dealers", ("id",)),))
    # A real has digits for one part in sixteen million.
    lacking = ["2 foreign_key 1000000000000000"] if column == "real" and not url.startswith("sqlite") else []
    assert found(schema, f"{url}#dealers") == [*lacking, "5 foreign_key 5"]


def test_times_without_a_zone_are_in_utc(postgres_url: str) -> None:
    Path("feed.csv").write_text("at\n2024-02-29T12:00:00Z\n2024-02-29T13:00:00+01:00\n2024-02-29T13:00:00Z\n")
    with psycopg.connect(postgres_url, options="-c TimeZone=America/Sao_Paulo") as connection:
        connection.execute("CREATE TABLE seen (naive timestamp, aware timestamptz)")
        connection.execute("INSERT INTO seen VALUES ('2024-02-29 12:00', '2024-02-29 12:00+00')")
        connection.execute("INSERT INTO seen VALUES ('infinity', '-infinity'), ('0044-01-01 BC', NULL)")
    for column in ("naive", "aware"):
        schema = Schema((Field("at", "datetime"),), foreign_keys=(ForeignKey(("at",), "dealers", (column,)),))
        # A value in the table that the kernel cannot read is no key, as in a file.
        assert found(schema, f"{postgres_url}#seen") == ["3 foreign_key 2024-02-29T13:00:00Z"]


def test_a_blob_is_equal_to_no_text() -> None:
    Path("feed.csv").write_text("dealer,region,sku\n1,a,\n2,b,\n")
    with closing(sqlite3.connect("shop.db")) as database:
        database.execute("CREATE TABLE dealers (area)")
        database.execute("INSERT INTO dealers VALUES ('a'), (x'62'), (CAST(x'ff' AS TEXT))")
        database.commit()
    schema = replace(OFFERS, foreign_keys=(ForeignKey(("region",), "dealers", ("AREA",)),))
    assert found(schema, "sqlite:///shop.db#dealers") == ["2 foreign_key b"]


def test_a_table_is_read_by_a_stream(url: str, execute: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows there are, some are held at a time, and each key costs what is said."""
    monkeypatch.setattr(references, "CHUNK_BYTES", 1_000)
    sizes: list[int] = []
    whole_rows = references._whole_rows

    def watched(*arguments: object) -> object:
        for rows in whole_rows(*arguments):  # type: ignore[arg-type]
            sizes.append(len(rows))
            yield rows

    monkeypatch.setattr(references, "_whole_rows", watched)
    execute(TABLE)
    sequence = "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) "
    execute(f"INSERT INTO dealers {sequence} SELECT n, 'a\"\nname', 'N' FROM s")
    Path("feed.csv").write_text("dealer,region,sku\n20000,N,A\n20001,N,B\n")
    assert found(OFFERS, f"{url}#dealers") == ["2 foreign_key dealer=20001, region=N"]
    assert sum(sizes) > 200_000
    most = 200_000 if url.startswith("sqlite") else 2_000
    assert max(sizes) < most


@pytest.mark.usefixtures("dealers")
def test_what_is_not_there_is_said_before_the_run(url: str) -> None:
    shown = "sqlite:///shop.db" if url.startswith("sqlite") else r"postgresql://tester:\*\*\*@\S+"
    with pytest.raises(UsageError, match=rf"foreignKeys: {shown} has no table dealer; name one"):
        found(OFFERS, f"{url}#dealer")
    schema = replace(OFFERS, foreign_keys=(ForeignKey(("dealer",), "dealers", ("code",)),))
    with pytest.raises(
        UsageError, match=rf"table dealers of {shown} has no column 'code'; it has id, name, area"
    ):
        load("feed.csv", "out.csv", schema, options=RunOptions(references={"dealers": f"{url}#dealers"}))
    assert not Path("out.csv").exists()
    for place in (url, f"{url}#", f"{url}#a@b", "mysql://u:s3cret@h/d#t", "csv://x#"):
        with pytest.raises(UsageError) as refused:
            found(OFFERS, place)
        assert "s3cret" not in str(refused.value)
        assert url.partition("@")[0] not in str(refused.value) or url.startswith("sqlite")


def test_a_database_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"sqlite:///none\.db: there is no such file"):
        found(OFFERS, "sqlite:///none.db#dealers")
    assert not Path("none.db").exists()
    Path("text.db").write_text("no database " * 100)
    with pytest.raises(UsageError, match=r"table dealers of sqlite:///text\.db cannot be read: file is not"):
        found(OFFERS, "sqlite:///text.db#dealers")
    with pytest.raises(UsageError, match="an SQLite file has no schemas"):
        found(OFFERS, "sqlite:///text.db#shop.dealers")


def test_a_server_that_is_not_there_or_refuses(postgres_url: str) -> None:
    for place in (
        "postgresql://ann:s3cret@127.0.0.1:1/shop#dealers",
        postgres_url.replace("tester:", "nobody:s3cret") + "#dealers",
    ):
        with pytest.raises(UsageError, match=r"foreignKeys: postgresql://\w+:\*\*\*@") as refused:
            found(OFFERS, place)
        assert "s3cret" not in str(refused.value)


def test_a_table_may_take_longer_than_a_statement_of_a_run(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_connection.SETTINGS, "statement_timeout", "500ms")
    with psycopg.connect(postgres_url) as connection:
        slow = "CASE WHEN pg_sleep(0.7) IS NOT NULL THEN 'N' END"
        connection.execute(f"CREATE VIEW slow AS SELECT 1 AS id, {slow} AS area".encode())
    assert found(OFFERS, f"{postgres_url}#slow")[0] == FOUND[0]
    # A limit that somebody has set holds.
    with pytest.raises(UsageError, match="57014"):
        found(OFFERS, f"{postgres_url}?options=-cstatement_timeout%3D500#slow")


def test_a_right_that_is_missing_is_told(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE dealers (id int, area text)")
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 's3cret'")
        try:
            place = "postgresql://reader:s3cret@" + postgres_url.rpartition("@")[2] + "#dealers"
            with pytest.raises(UsageError, match=r"permission denied for table dealers .* grant the role"):
                found(OFFERS, place)
        finally:
            connection.execute("DROP ROLE reader")


def test_a_schema_names_no_database() -> None:
    place = "postgresql://ann:s3cret@db/shop#dealers"
    schema = replace(OFFERS, foreign_keys=(ForeignKey(("dealer",), place, ("id",)),))
    with pytest.raises(UsageError, match="--reference NAME=URL#table") as refused:
        validate("feed.csv", schema)
    assert "s3cret" not in str(refused.value)


def test_an_address_is_shown_without_its_password() -> None:
    address = TableAddress.parse("postgresql://ann:se%23cret@db/shop#sales.dealers")
    assert "cret" not in str(address)
    assert "cret" not in repr(address)
    assert (address.table.namespace, address.table.name) == ("sales", "dealers")


@pytest.mark.usefixtures("dealers")
def test_on_the_command_line(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = replace(OFFERS, name="").to_descriptor()
    Path("offers.json").write_text(json.dumps(document))
    command = ["validate", "feed.csv", "--schema", "offers.json", "--no-progress", "--reference"]
    assert main([*command, f"dealers={url}#dealers"]) == 1
    assert "1  foreign_key" in capsys.readouterr().out
    secret = "postgresql://ann:s3cret@127.0.0.1:1/shop"
    for place in (
        f"{secret}#dealers",  # no name
        f"{secret}?connect_timeout=3#dealers",
        f"={secret}#dealers",
        f"dealers={secret}",  # no table
        f"dealers={secret}#dealers",
        f"other={secret}#dealers",
        f"dealers={secret.replace('s3cret', 's3c#ret')}#dealers",
        f"dealers={secret.replace('s3cret', 's3%cret')}#dealers",
    ):
        assert main([*command, place]) == 2, place
        told = capsys.readouterr().err
        assert "s3c" not in told, place
    assert main([*command, f"dealers={secret}#a", "--reference", f"dealers={secret}#b"]) == 2
    assert "two places" in (told := capsys.readouterr().err)
    assert "s3cret" not in told


@pytest.mark.usefixtures("dealers")
def test_what_is_loaded_may_refer_to_the_same_database(url: str) -> None:
    Path("offers.json").write_text(json.dumps(replace(OFFERS, name="").to_descriptor()))
    command = [
        "load",
        "feed.csv",
        "--schema",
        "offers.json",
        "--no-progress",
        "--to",
        url,
        "--table",
        "offers",
    ]
    assert main([*command, "--reference", f"dealers={url}#dealers"]) == 1
