"""Make the sample feed from open data: ``make_sample.py DATA [OUT]``.

DATA is a folder that holds the three sources named in README.md; OUT is the folder to write to, this
script's own by default. The same sources give the same bytes. What each column is made of, and why some
values are wrong, is said in README.md; nothing here is random, and nothing is repaired.
"""

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

DEALERS = 40  # stores that are dealers: enough to see dealers in the outcomes, few enough to read
UNLISTED_DEALER = "9999"  # serves the buyers below, and dealers.csv does not have it
UNLISTED_COUNTRIES = {"Portugal", "Finland", "Austria"}
LAST_DAYS = ("2010-12-19", "2010-12-20", "2010-12-21", "2010-12-22", "2010-12-23")
SALES_PER_ITEM = 6  # 42,481 sales on 6,561 items: every sixth sale, so all days are seen

CURRENCY_OF = {
    "Australia": "AUD", "Bahrain": "BHD", "Channel Islands": "GBP", "Denmark": "DKK", "Iceland": "ISK",
    "Israel": "ILS", "Japan": "JPY", "Lithuania": "LTL", "Norway": "NOK", "Poland": "PLN", "Sweden": "SEK",
    "Switzerland": "CHF", "United Kingdom": "USD",
}  # fmt: skip
KILOGRAMS_OF = {"g": 0.001, "gr": 0.001, "kg": 1.0, "oz": 0.028349523125, "lb": 0.45359237, "lbs": 0.45359237}
MAIL_ADDRESS = re.compile(r"\w@\w+\.\w")
MASS = re.compile(r"(.*?)\s*\b(g|gr|kg|oz|lbs?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sale:
    """One line of an invoice."""

    invoice: str
    code: str
    description: str
    quantity: str
    time: str
    price: str
    customer: str
    country: str


@dataclass(frozen=True, slots=True)
class Offer:
    """One record of the feed; the attributes are its header."""

    dealer_code: str
    sku: str
    gtin: str
    title: str
    brand: str
    category: str
    price: str
    currency: str
    stock: str
    condition: str
    url: str
    updated_at: str
    weight_kg: str
    description: str


def main() -> None:
    """Write dealer_feed.csv and dealers.csv."""
    data = Path(sys.argv[1])
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent
    stores = list(read_stores(data / "real/bestbuy/stores.jsonl"))[:DEALERS]
    codes = [code for code, _ in stores]
    days = {
        path.stem: list(read_sales(path)) for path in sorted((data / "real/uci_online_retail").glob("*.csv"))
    }
    sales = [sale for day in days.values() for sale in day]
    with (data / "real/datakick/items.csv").open(encoding="utf-8", newline="") as file:
        items = list(csv.DictReader(file))
    offers = [
        offer_of_item(item, sales[SALES_PER_ITEM * n], codes)
        for n, item in enumerate(items)
        if not MAIL_ADDRESS.search(item["Name"])  # one name is somebody's addresses and telephone number
    ]
    offers += [offer_of_gift(sale, codes) for day in LAST_DAYS for sale in days[day]]
    offers.sort(key=lambda offer: offer.updated_at)
    write(out / "dealer_feed.csv", [field.name for field in fields(Offer)], map(astuple, offers))
    write(out / "dealers.csv", ["code", "name"], stores)


def read_stores(path: Path) -> Iterator[tuple[str, str]]:
    """Read the full-size stores: number and name."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            store = json.loads(line)
            if store["type"] == "BigBox":
                yield str(store["id"]), store["name"]


def read_sales(path: Path) -> Iterator[Sale]:
    """Read the sales of one day."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            yield Sale(*row)


def offer_of_item(item: dict[str, str], sale: Sale, codes: list[str]) -> Offer:
    """Offer an item of the grocery list with the figures of a sale."""
    gtin = item["GTIN-14"]
    image = item["Images"].split(",")[0]
    return Offer(
        dealer_code=dealer_of(sale, codes),
        sku=gtin.lstrip("0"),
        gtin=gtin,
        title=item["Name"],
        brand=item["Brand Name"],
        category=category_of(item),
        price=sale.price,
        currency=CURRENCY_OF.get(sale.country, "EUR"),
        stock=sale.quantity,
        condition=condition_of(sale),
        url=image or f"https://www.brocade.io/products/{gtin}",
        updated_at=sale.time.replace(" ", "T") + "Z",
        weight_kg=weight_of(item["Size"]),
        description=item["Ingredients"],
    )


def offer_of_gift(sale: Sale, codes: list[str]) -> Offer:
    """Offer what was sold."""
    return Offer(
        dealer_code=dealer_of(sale, codes),
        sku=sale.code,
        gtin="",
        title=sale.description,
        brand="",
        category="Gifts",
        price=sale.price,
        currency=CURRENCY_OF.get(sale.country, "EUR"),
        stock=sale.quantity,
        condition=condition_of(sale),
        url=f"https://gifts.example/items/{sale.code}",
        updated_at=sale.time.replace(" ", "T") + "Z",
        weight_kg="",
        description="",
    )


def dealer_of(sale: Sale, codes: list[str]) -> str:
    """Let each customer, or each invoice without one, always buy from the same dealer."""
    if sale.country in UNLISTED_COUNTRIES:
        return UNLISTED_DEALER
    number = sale.customer.removesuffix(".0") or sale.invoice.lstrip("AC")
    return codes[int(number) % len(codes)]


def condition_of(sale: Sale) -> str:
    """Tell goods that came back from new ones: their invoice is a cancellation."""
    return "Returned" if sale.invoice.startswith("C") else "New"


def category_of(item: dict[str, str]) -> str:
    """Tell books and food by the columns that only they fill."""
    if item["Author"] or item["Publisher"]:
        return "Books"
    return "Food" if item["Serving Size"] or item["Calories"] else ""


def weight_of(size: str) -> str:
    """Turn a mass into kilograms; a bare number, or an amount that is none, stays as it stands."""
    mass = MASS.match(size)
    if mass is None:
        return size if size.isdigit() else ""
    if size[: mass.end(1)].lower().endswith(("fl", "fl.")):
        return ""
    try:
        return f"{float(mass[1]) * KILOGRAMS_OF[mass[2].lower()]:.4g}"
    except ValueError:
        return mass[1]


def write(path: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Write a CSV file as RFC 4180 has it, with plain line feeds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
