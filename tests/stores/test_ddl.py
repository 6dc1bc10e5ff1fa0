import pytest

from feedmill.errors import UsageError
from feedmill.schema import Constraints, Field, Schema
from feedmill.stores.ddl import TableName, check_names, create_table, postgres_type, sqlite_type

TYPES = [
    (Field("x"), "text", "TEXT"),
    (Field("x", format="uuid"), "uuid", "TEXT"),
    (Field("x", format="email"), "text", "TEXT"),
    (Field("x", "integer"), "bigint", "INTEGER"),
    (Field("x", "number"), "numeric", "TEXT"),
    (Field("x", "number", precision=15, scale=2), "numeric(15,2)", "NUMERIC(15,2)"),
    (Field("x", "number", precision=16, scale=2), "numeric(16,2)", "TEXT"),
    (Field("x", "number", precision=5), "numeric(5,0)", "NUMERIC(5,0)"),
    (Field("x", "number", storage="float64"), "double precision", "REAL"),
    (Field("x", "boolean"), "boolean", "INTEGER"),
    (Field("x", "date"), "date", "TEXT"),
    (Field("x", "time"), "time", "TEXT"),
    (Field("x", "datetime"), "timestamptz", "TEXT"),
]


@pytest.mark.parametrize(("field", "in_postgres", "in_sqlite"), TYPES)
def test_types(field: Field, in_postgres: str, in_sqlite: str) -> None:
    assert (postgres_type(field), sqlite_type(field)) == (in_postgres, in_sqlite)


def test_create_table() -> None:
    schema = Schema(
        (Field("a"), Field('b"', "integer", constraints=Constraints(required=True))), primary_key=("a",)
    )
    assert create_table(TableName("t", "s"), schema, schema.primary_key, "postgresql") == (
        'CREATE TABLE IF NOT EXISTS "s"."t" (\n  "a" text NOT NULL,\n  "b""" bigint NOT NULL,\n'
        '  PRIMARY KEY ("a")\n)'
    )


@pytest.mark.parametrize(
    ("text", "namespace", "name"),
    [
        ("items", "", "items"),
        ("shop.items", "shop", "items"),
        ('"a.b"', "", "a.b"),
        ('"a ""b"""."c.d"', 'a "b"', "c.d"),
        ("order items", "", "order items"),
        ("Größe", "", "Größe"),
    ],
)
def test_table_names(text: str, namespace: str, name: str) -> None:
    table = TableName.parse(text)
    assert (table.namespace, table.name) == (namespace, name)


@pytest.mark.parametrize("text", ["", "a.b.c", ".a", "a.", '"a', 'a"b', '""', '"a"b'])
def test_texts_that_name_no_table(text: str) -> None:
    with pytest.raises(UsageError, match="is no table's name"):
        TableName.parse(text)


def test_sqlite_folds_names() -> None:
    with pytest.raises(UsageError, match="letter case"):
        check_names(TableName("t"), ["sku", "SKU"], "sqlite")
    check_names(TableName("t"), ["sku", "SKU"], "postgresql")
    check_names(TableName("t"), ["ä", "Ä"], "sqlite")
