import pytest

from feedmill.errors import UrlError
from feedmill.stores.url import parse_url, redacted

SECRET = "s3cretCanary"


@pytest.mark.parametrize(
    ("url", "kind", "path"),
    [
        ("sqlite:///feedmill.db", "sqlite", "feedmill.db"),
        ("sqlite:////var/lib/shop.db", "sqlite", "/var/lib/shop.db"),
        ("sqlite:///a b%20c.db", "sqlite", "a b%20c.db"),
        ("good.csv", "csv", "good.csv"),
        ("/dir.d/GOOD.CSV", "csv", "/dir.d/GOOD.CSV"),
        ("good.jsonl", "jsonl", "good.jsonl"),
    ],
)
def test_files(url: str, kind: str, path: str) -> None:
    target = parse_url(url)
    assert (target.kind, target.path, target.settings, target.text) == (kind, path, {}, url)


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("postgresql://", {}),
        ("postgres://db", {"host": "db"}),
        ("postgresql:///shop", {"dbname": "shop"}),
        ("postgresql://ann@/shop", {"user": "ann", "dbname": "shop"}),
        ("postgresql://db:5433/shop", {"host": "db", "port": "5433", "dbname": "shop"}),
        (
            "postgresql://a%40b:p%25%2F%3F%40@h/d",
            {"user": "a@b", "password": "p%/?@", "host": "h", "dbname": "d"},
        ),
        ("postgresql://ann:a:b@h", {"user": "ann", "password": "a:b", "host": "h"}),
        ("postgresql://[::1]:5432/d", {"host": "::1", "port": "5432", "dbname": "d"}),
        ("postgresql://one:1,two:2/d", {"host": "one,two", "port": "1,2", "dbname": "d"}),
        ("postgresql://one,two:2/d", {"host": "one,two", "port": ",2", "dbname": "d"}),
        ("postgresql://%2Frun%2Fpg/d", {"host": "/run/pg", "dbname": "d"}),
        (
            "postgresql://h/d?sslmode=require&options=-csearch_path%3Dshop",
            {"host": "h", "dbname": "d", "sslmode": "require", "options": "-csearch_path=shop"},
        ),
    ],
)
def test_postgres(url: str, settings: dict[str, str]) -> None:
    target = parse_url(url)
    assert target.kind == "postgresql"
    assert target.settings == settings


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{SECRET}%zz@db/shop",
        f"postgresql://ann:{SECRET}%@db/shop",
        f"postgresql://ann:{SECRET}%00@db/shop",
        f"postgresql://ann:{SECRET}%ff@db/shop",
        f"postgresql://ann:p@{SECRET}@db/shop",
        f"postgresql://ann:{SECRET}/x@db/shop",
        f"postgresql://ann:{SECRET}?x@db/shop",
        f"postgresql://ann:x#{SECRET}/@db/shop",
        f"postgresql://ann:{SECRET}:x",
        f"postgresql://db/shop?{SECRET}",
        f"postgresql://db/shop?password={SECRET}%zz",
        f"postgresql://db/shop?PASSWORD={SECRET}",
        f"postgresql://ann:{SECRET}@db:port/shop",
        f"postgresql://ann:{SECRET}@db/shop\0",
        f"host=db password={SECRET}",
        f"postgresql:ann:{SECRET}@db",
        f"mysql://ann:{SECRET}@db/shop",
    ],
)
def test_no_mistake_shows_the_secret(url: str) -> None:
    with pytest.raises(UrlError) as caught:
        parse_url(url)
    shown = "".join(map(str, (caught.value, repr(caught.value), caught.value.__cause__)))
    assert SECRET not in shown
    assert SECRET[:5] not in shown


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://shop.db", "three slashes"),
        ("sqlite:///", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("sqlite:///a.db?mode=ro", "no parameters"),
        ("out.txt", "use sqlite:///file.db"),
        ("", "use sqlite:///file.db"),
        ("mysql://db", "'mysql'"),
        ("postgresql://db:99999x/shop", "host:port"),
    ],
)
def test_mistakes_say_what_to_write(url: str, words: str) -> None:
    with pytest.raises(UrlError, match=words):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ann:{SECRET}@db/shop",
        f"postgresql://ann:{SECRET}@x@db/shop",
        f"postgresql://ann:x@{SECRET}@db/shop",
        f"postgresql://ann:a/{SECRET}@db/shop",
        f"postgresql://ann:%zz{SECRET}@db",
        f"postgresql://db/shop?password={SECRET}&sslmode=require",
        f"postgresql://db/shop?sslmode=require&sslpassword={SECRET}",
        f"postgresql://db/shop?Password={SECRET}",
    ],
)
def test_redacted_has_no_secret(url: str) -> None:
    assert SECRET not in redacted(url)
    assert "***" in redacted(url)


def test_redacted_keeps_the_rest() -> None:
    assert (
        redacted("postgresql://ann:x@db:5432/shop?sslmode=require")
        == "postgresql://ann:***@db:5432/shop?sslmode=require"
    )
    assert redacted("sqlite:///shop.db") == "sqlite:///shop.db"


def test_target_hides_its_secrets() -> None:
    target = parse_url(f"postgresql://ann:{SECRET}%21@db/shop?sslpassword=other")
    assert SECRET not in repr(target)
    assert target.scrub(f'password "{SECRET}!" or "other"') == 'password "***" or "***"'
