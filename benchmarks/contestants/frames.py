"""Columns: the same rules as expressions of Polars', SQL of DuckDB's, kernels of pyarrow's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.feeds import FIELDS

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

REQUIRED: Final = (
    *("dealer_code", "sku", "title", "price", "currency", "stock", "condition", "url", "updated_at"),
)
PRICE: Final = r"^[+-]?\d{1,10}(\.\d{1,2})?$"
STOCK: Final = r"^\d{1,7}$"
WEIGHT: Final = r"^[+-]?\d+(\.\d+)?$"
GTIN: Final = r"^(\d{8}|\d{12,14})$"
URL: Final = r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$"


def polars_frame(path: Path) -> int:
    """Read a lazy frame of texts, cast and judge it in one query."""
    import polars as pl

    texts = pl.scan_csv(path, infer_schema=False, truncate_ragged_lines=True, encoding="utf8-lossy")
    trimmed = [pl.col(name).str.strip_chars() for name in ("dealer_code", "sku", "brand")]
    title = pl.col("title").str.replace_all(r"\s+", " ").str.strip_chars()
    frame = texts.with_columns(*trimmed, title, pl.col("condition").str.to_lowercase()).with_columns(
        good_price=pl.col("price").str.contains(PRICE),
        price=pl.col("price").cast(pl.Decimal(12, 2), strict=False),
        stock=pl.col("stock").cast(pl.Int64, strict=False),
        weight=pl.col("weight_kg").cast(pl.Float64, strict=False),
        moment=pl.col("updated_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%#z", strict=False, time_zone="UTC"),
    )
    good = frame.filter(
        *(pl.col(name).is_not_null() & (pl.col(name) != "") for name in ("dealer_code", "sku", "title")),
        *(pl.col(name).str.len_chars() <= longest for name, longest in (("dealer_code", 16), ("sku", 64))),
        (pl.col("title").str.len_chars() <= 150) & ~pl.col("title").str.contains("\ufffd", literal=True),
        (pl.col("brand").str.len_chars() <= 70).fill_null(value=True),
        (pl.col("description").str.len_chars() <= 5_000).fill_null(value=True),
        pl.col("gtin").is_null() | _is_gtin(pl.col("gtin")),
        pl.col("good_price") & (pl.col("price") >= 0.01),
        pl.col("stock").is_between(0, 1_000_000),
        pl.col("currency").is_in(["BRL", "USD", "EUR"]),
        pl.col("condition").is_in(["new", "used", "refurbished"]),
        pl.col("url").str.contains(URL),
        pl.col("moment").is_not_null(),
        pl.col("weight_kg").is_null() | (pl.col("weight") > 0),
    ).collect()
    return len(good)


def _is_gtin(text: pl.Expr) -> pl.Expr:
    import polars as pl

    padded = text.str.zfill(14)
    digits = [padded.str.slice(place, 1).cast(pl.Int32, strict=False) for place in range(14)]
    total = pl.sum_horizontal([digit * (1 if place % 2 else 3) for place, digit in enumerate(digits)])
    return text.str.contains(GTIN) & (total % 10 == 0)


def duckdb_table(path: Path) -> int:
    """Make one table of the good records; the reader drops what it cannot read."""
    import duckdb

    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in FIELDS)
    source = (
        "read_csv(?, header = true, ignore_errors = true, auto_detect = false, "
        f"""delim = ',', quote = '"', escape = '"', columns = {{{columns}}})"""
    )
    digits = " + ".join(
        f"{1 if place % 2 else 3} * substr(lpad(gtin, 14, '0'), {place + 1}, 1)::INT" for place in range(14)
    )
    query = f"""
        CREATE TABLE good AS
        WITH texts AS (
            SELECT * REPLACE (
                trim(dealer_code) AS dealer_code, trim(sku) AS sku, trim(brand) AS brand,
                trim(regexp_replace(title, '\\s+', ' ', 'g')) AS title, lower(condition) AS condition)
            FROM {source}),
        typed AS (
            SELECT * REPLACE (
                if(regexp_matches(price, '{PRICE}'), try_cast(price AS DECIMAL(12, 2)), NULL) AS price,
                if(regexp_matches(stock, '{STOCK}'), try_cast(stock AS BIGINT), NULL) AS stock,
                try_cast(updated_at AS TIMESTAMPTZ) AS updated_at),
                try_cast(weight_kg AS DOUBLE) AS kilos
            FROM texts)
        SELECT * FROM typed
        WHERE dealer_code <> '' AND length(dealer_code) <= 16 AND sku <> '' AND length(sku) <= 64
          AND title <> '' AND length(title) <= 150
          AND coalesce(length(brand), 0) <= 70 AND coalesce(length(description), 0) <= 5000
          AND price >= 0.01 AND stock BETWEEN 0 AND 1000000
          AND currency IN ('BRL', 'USD', 'EUR') AND condition IN ('new', 'used', 'refurbished')
          AND regexp_matches(url, '{URL}') AND updated_at IS NOT NULL
          AND (weight_kg IS NULL OR kilos > 0)
          AND (gtin IS NULL OR (regexp_matches(gtin, '{GTIN}') AND
               CASE WHEN regexp_matches(gtin, '{GTIN}') THEN ({digits}) % 10 = 0 END))"""
    with duckdb.connect() as connection:
        ((good,),) = connection.execute(query, [str(path)]).fetchall()
    return int(good)


def pyarrow_table(path: Path) -> int:
    """Read batches of texts; no cast leaves out what cannot be cast, so a pattern comes first."""
    import pyarrow as pa
    from pyarrow import csv

    parse = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda _: "skip")
    convert = csv.ConvertOptions(
        check_utf8=False,
        column_types=dict.fromkeys(FIELDS, pa.string()),
        strings_can_be_null=True,
        null_values=[""],
    )
    batches = csv.open_csv(path, parse_options=parse, convert_options=convert)
    kept = [_kept(batch) for batch in batches]
    return sum(batch.num_rows for batch in kept)


def _kept(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Filter a batch of texts and cast what is left."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = dict(zip(FIELDS, batch.columns, strict=True))
    for name in ("dealer_code", "sku", "brand"):
        columns[name] = pc.ascii_trim_whitespace(columns[name])
    columns["title"] = pc.ascii_trim_whitespace(
        pc.replace_substring_regex(columns["title"], r"[ \t\r\n]+", " ")
    )
    columns["condition"] = pc.ascii_lower(columns["condition"])
    is_like = pc.match_substring_regex
    tests = [pc.is_valid(columns[name]) for name in REQUIRED]
    tests += [pc.greater(pc.binary_length(columns[name]), 0) for name in ("dealer_code", "sku", "title")]
    for name, longest in (
        ("dealer_code", 16),
        ("sku", 64),
        ("title", 150),
        ("brand", 70),
        ("description", 5_000),
    ):
        tests.append(pc.fill_null(pc.less_equal(pc.binary_length(columns[name]), longest), True))
    for name, pattern in (("price", PRICE), ("stock", STOCK), ("url", URL)):
        tests.append(is_like(columns[name], pattern))
    tests.append(pc.is_in(columns["currency"], pa.array(["BRL", "USD", "EUR"])))
    tests.append(pc.is_in(columns["condition"], pa.array(["new", "used", "refurbished"])))
    gtin = columns["gtin"]
    tests.append(pc.fill_null(is_like(gtin, GTIN), True))
    digits = pc.if_else(pc.fill_null(tests[-1], False), gtin, None)
    tests.append(pc.fill_null(_sums_to_ten(digits), True))
    weight = pc.if_else(is_like(columns["weight_kg"], WEIGHT), columns["weight_kg"], None).cast(pa.float64())
    tests.append(pc.or_(pc.is_null(columns["weight_kg"]), pc.fill_null(pc.greater(weight, 0), False)))
    moment = pc.strptime(
        pc.replace_substring_regex(columns["updated_at"], r"(Z|[+-]\d\d:\d\d)$", ""),
        "%Y-%m-%dT%H:%M:%S",
        "us",
        error_is_null=True,
    )
    tests.append(pc.is_valid(moment))
    mask = pc.fill_null(_all(tests), False)
    columns["weight_kg"], columns["updated_at"] = weight, moment
    table = pa.RecordBatch.from_pydict(columns).filter(mask)
    price, stock = table["price"].cast(pa.decimal128(12, 2)), table["stock"].cast(pa.int64())
    limits = [pc.greater_equal(price.cast(pa.float64()), 0.01), pc.less_equal(stock, 1_000_000)]
    table = table.set_column(FIELDS.index("price"), "price", price).set_column(
        FIELDS.index("stock"), "stock", stock
    )
    return table.filter(_all(limits))


def _sums_to_ten(gtin: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    padded = pc.ascii_lpad(gtin, 14, "0")
    total = None
    for place in range(14):
        digit = pc.multiply(
            pc.utf8_slice_codeunits(padded, place, place + 1).cast(pa.int32()), 1 if place % 2 else 3
        )
        total = digit if total is None else pc.add(total, digit)
    return pc.equal(pc.multiply(pc.divide(total, 10), 10), total)


def _all(tests: list[pa.Array]) -> pa.Array:
    import pyarrow.compute as pc

    mask = tests[0]
    for test in tests[1:]:
        mask = pc.and_kleene(mask, test)
    return mask
