"""The sample feed is what its README says, and can be made again."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
FIELDS = (
    *("dealer_code", "sku", "gtin", "title", "brand", "category", "price", "currency", "stock"),
    *("condition", "url", "updated_at", "weight_kg", "description"),
)


@pytest.fixture
def offers() -> list[dict[str, str]]:
    with (EXAMPLES / "dealer_feed.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_it_has_the_records_and_fields_that_the_readme_names(offers: list[dict[str, str]]) -> None:
    assert tuple(offers[0]) == FIELDS
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"{len(offers):,} records" in readme
    assert f"{sum(offer['category'] == 'Gifts' for offer in offers):,} gifts" in readme


def test_one_dealer_is_missing_from_the_dealers(offers: list[dict[str, str]]) -> None:
    with (EXAMPLES / "dealers.csv").open(encoding="utf-8", newline="") as file:
        dealers = {dealer["code"]: dealer["name"] for dealer in csv.DictReader(file)}
    assert len(dealers) == 40
    assert all(dealers.values())
    assert {offer["dealer_code"] for offer in offers} - set(dealers) == {"9999"}


def test_the_script_makes_the_same_bytes(data: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, EXAMPLES / "make_sample.py", data, tmp_path], check=True)
    for name in ("dealer_feed.csv", "dealers.csv"):
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes()
