"""Texts that sit at the edges of the rules: on both sides of each limit, and just beside each grammar.

They serve twice: every one of them against every kind of field (`test_reference_values.py`), and as what
random feeds are made of (`strategies.py`).
"""


def listed(*lists: str) -> tuple[str, ...]:
    """Take texts out of lists in which a bar stands between two."""
    return tuple("|".join(lists).split("|"))


WORDS = listed(
    "|a|ab|abc|Abc|x y|  x  y |\u2003x\x1fy\n|ÉCOLE|école|ǅ|ΣΑΣ|ß|İ|ŉ|ΐ|日本語|😀|N/A|null|10|a.c|-|a$|a\n"
)
BOOLEANS = listed("true|True|TRUE|1|false|False|FALSE|0|tRue|yes|sim|não|2| 1")
INTEGERS = listed(
    "0|-0|+7|007|-5|1.0|+|-|1 2|٣|１|0x10|1_000|99999999999999999999999|0000000000000000000000000000005",
    "9223372036854775807|9223372036854775808|+9223372036854775807|-9223372036854775808",
    "-9223372036854775809",
)
NUMBERS = listed(
    "00|1.5|.5|5.|.|+.|-.5e1|1e2|1E-2|1e|1e+|e1|12.34|12.345|12.340|999.99|999.999|1000|1e400|1e-400",
    "0e999999999999|0e1073741822|0e1073741823|1e99999999999999999999|-0.0|0.000|-1e-2|1.|1.e1|1..2",
    "1e1.5|1e5|4.9e-324|2.4703282292062327e-324|2.4703282292062328e-324|2.47e-324",
    "2.2250738585072011e-308|1.7976931348623158e308|1.7976931348623159e308",
    "179769313486231580793728971405301e276|9007199254740993|9007199254740992.99999999999999999999999",
    "9007199254740993.00000000000000000001|8.5|NaN|nan|-NaN|INF|-inf|+INF|Infinity|-Infinity|1,5|1 |--1",
    "1.2.3|1d2|0x1p3|1e131071|1e131072|0.1e131073|1e-16383|1e-16384|0.0e-16382|0.0e-16383|10e-16384",
    "123456789012345678|0.123456789012345678|1234567890123456789|0.000000000000000001",
    "0.0000000000000000010|123456789012345.6789|1234567890123456.789",
    "12345678901234567890123456789.0123456789|12345678|1234567.8",
)
MOMENTS = listed(
    "2024-02-29|2023-02-29|1900-02-29|2000-02-29|0001-01-01|0000-01-01|9999-12-31|10000-01-01",
    "2024-13-01|2024-00-01|2024-01-00|2024-04-31|2024-1-01|24-01-01|2024-02-30|+024-01-01|2024-01-01 ",
    "٢024-01-01|20240-1-1|00:00:00|23:59:59|24:00:00|23:60:00|23:59:60|7:05:00|12:34:56.7|12:34:56.",
    "12:34:56.1234560|12:34:56.1234567|12:34:56,7|12:34|12:34:56Z|12:34:56.000001|2024-02-29T12:34:56",
    "2024-02-29 12:34:56|2024-02-29T12:34:56Z|2024-02-29T12:34:56.5+02:30|2024-02-29  12:34:56",
    "2024-02-29T12:34:56+15:59|2024-02-29T12:34:56-15:59|2024-02-29T12:34:56+16:00",
    "2024-02-29T12:34:56+00:60|2024-02-29T12:34:56+99:99|2024-02-29T12:34:56-00:00",
    "2024-02-29T12:34:56+2|2024-02-29T12:34:56+0200|0001-01-01T00:00:00+00:01|0001-01-01T00:00:00-00:01",
    "9999-12-31T23:59:59-00:01|9999-12-31T23:59:59+00:01|2024-02-29t12:34:56z|2024-02-29T12:34",
    "2024-02-29T12:34:56 Z|2024-02-29T24:00:00|2024-02-29T12:34:56.1Z|29/02/2024|9/2/2024|9/02/2024",
    "009/2/2024|29/02/24|Feb 29, 2024|feb 9, 2024|FEB 09, 2024|May 1, 2024|Fev 1, 2024|20240229|2024029",
    "29. February 24|1. may 69|1. MAY 68|1. Sept 68|2024-366|2023-366|2024-000|2024-60|2024-060|022924%",
    "022924|12:30 PM|12:30 am|0:30 AM|12:00 AM|13:00 PM|01:00 P|7:5|07:05|123456|12345|1234560",
    "29/02/2024 1:30PM|29/02/2024 01:30pm|2024-02-29 1:2:3|2024-02-29 1:02:003",
    "2024-02-29T12:34:56.123456+0130|2024-02-29T12:34:56.1+01:30|2024-02-29T12:34:56.12345670Z",
    "Feb 29 2024 12:34 -15:59|Feb 29 2024 12:34 -1600",
)
EMAILS = (
    *listed(
        "a@b.c|a@b|a.b+c@d-e.f|a..b@c|.a@b|a.@b|a@-b.c|a@b-|a@b_c|a@b..c|a@.b|a@b.|é@ü.de|a@b@c|@b|a@|@|a",
        'a b@c|(a)@c|!#$%&\'*+/=?^_`{}~@b|a,b@c|a\\b@c|"a b"@c|"a\\"b"@c|"a"b"@c|"a@c|""@c',
        '"a@b"@c|"a\\é"@c|"a\x01"@c|a@[127.0.0.1]|a@[127.0.0.256]|a@[127.0.0]|a@[127.0.0.1|a@[IPv6:::1]',
        "a@[ipv6:1::]|a@[IPv6:::g]|a@[::1]|a@[]|a@1.2.3.4|a@b.1|\x7f@b|a@b\x7f",
    ),
    f"{'a' * 64}@b",
    f"{'a' * 65}@b",
    f"{'é' * 32}@b",
    f"{'é' * 33}@b",
    f"a@{'b' * 63}",
    f"a@{'b' * 64}",
    "a@" + "b." * 127 + "b",
    "a@" + "b." * 127 + "bb",
)
HOSTS = listed(
    "[::1]|[::]|[1::]|[1:2:3:4:5:6:7:8]|[1:2:3:4:5:6:7::]|[::2:3:4:5:6:7:8]|[1::2::3]|[:::]|[12345::]",
    "[::1.2.3.4]|[::1.2.3.256]|[::01.2.3.4]|[1:2:3:4:5:6:7:8:9]|[1:2:3:4:5:6:1.2.3.4]",
    "[1:2:3:4:5:6:7:1.2.3.4]|[1.2.3.4]|[::g]|[:1]|[1:]|[fe80::1%25eth0]|[v1.a:b]|[v.a]|[vg.a]|[v1.]",
    "[V1f.~]|[v1.é]|[::1|::1]|[]|a_b|a%41|a%4|%zz|é|a b|1.2.3.4|a.b.|",
)
URIS = (
    *listed(
        "http://a.b/c?d#e|http://a b|mailto:a@b|//a|a:|:a|http:|http:/a|http:a|http:///a|http://a/%4",
        "http://a/%41|http://a/%4g|http://é|http://a/é|x:/a//b|1x:a|a+b-c.d:e|a_b:c|http://a:b@c:1/",
        "http://a@b@c/|http://a:x/|http://a:/|http://a:1:2/|urn:a:b|http://a/?[|http://a/[|http://a/#a#b",
        "http://a/?a?b/c|http://a\\b|http://|notaurl|http://a/;=,!$&'()*+:@|http://a/<|http://a/\"",
        "http://a/^|http://a/`|http://a/{|http://a/\x7f|HTTP://A|x:#|x:?|x:??|http://a/ ",
    ),
    *(f"http://{host}:80/" for host in HOSTS),
)
UUIDS = listed(
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    "a0eebc999c0b4ef8bb6d6bb9bd380a11|{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
    "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
    "a0eebc999-c0b-4ef8-bb6d-6bb9bd380a11|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111",
    "a0eebc99:9c0b-4ef8-bb6d-6bb9bd380a11",
)
GTINS = listed(
    "4006381333931|4006381333932|96385074|96385075|036000291452|00012345600012|00012345600013",
    "123456789012|00o27000382493|12345670|1234567|123456789|0123456789|01234567890|012345678901234",
    "٤006381333931|00000000| 96385074",
)
ISBNS = listed(
    "0306406152|0306406153|080442957X|080442957x|08044295X7|9780306406157|9780306406158|9771234567898|9798886451740",
    "978-0-306-40615-7|X306406152|0-306-40615-2|030640615|97803064061570|٠306406152|978030640615X",
)
VINS = listed(
    "1M8GDM9AXKP042788|1M8GDM9A1KP042788|11111111111111111|1m8gdm9axkp042788|IM8GDM9AXKP042788|1M8GDM9AXKP04278",
    "5GZCZ43D13S812715|SGZCZ43D13S812715|WVWZZZ1JZ3W386752|1M8GDM9AXKP0427888|1M8GDM9AÄKP04278",
)
REGISTERED = listed("EUR|BRL|eur|XXX|EU|BR|BRA|br|UK|GB|GBR|076|DEU|DE |")
LANGUAGES = listed(
    "en|EN|pt-BR|zh-Hant-TW|de-CH-1996|sl-rozaj-biske|es-419|en-a-bbb-x-a|x-whatever|x|x-|en-|-en|qq|und|mas",
    "english|en_US|i-klingon|zh-cmn-Hans-CN|zh-yue-cmn-gan-abc|a-DE|en-x|en-x-1|en-a|en-a-b|ar-a-aaa-b-bbb|de--AT",
    "de-419-DE|de-Latn-Latn|de-1996-1996|hy-Latn-IT-arevela|en-abcdefghi|en-x-abcdefghi|de-19966|é|en-É|de-0|en-0-aa",
)
BINARIES = listed(
    "aGk=|aGk|aGkh|aG=k|====|A===|AA==|AB==|aGk=\n|aGkh aGkh|-_-_|+/+/|aGk=aGkh|é+/=|AA=A|=AAA|A|AA|AAA="
)
STRING_FORMATS = {
    "email": EMAILS, "uri": URIS, "uuid": UUIDS, "gtin": GTINS, "isbn": ISBNS, "vin": VINS,
    "currency": REGISTERED, "country": REGISTERED, "language": LANGUAGES, "binary": BINARIES,
}  # fmt: skip
"""Texts for each format of strings."""

JSONS = (
    *(
        "{}",
        "[]",
        " [ ] ",
        '{"a": 1}',
        '{"a":1.0}',
        '{"a":[1,true,null]}',
        '{"a":[1,1,null]}',
        "[1, 2]",
        "[1,2e0]",
    ),
    *(
        '["a"]',
        "[1,]",
        "[,1]",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        "{a:1}",
        "[01]",
        "[1.]",
        "[.5]",
        "[-]",
        "[-0]",
        "[+1]",
    ),
    *(
        "[1e5]",
        "[1E+5]",
        "[1e]",
        "[1e131071]",
        "[1e131072]",
        "[NaN]",
        "[Infinity]",
        "[true]",
        "[tru]",
        "[nul]",
        "[",
        "]",
    ),
    *(
        '["\\u0041"]',
        '["\\u0000"]',
        '["\\ud83d\\ude00"]',
        '["\\ud83d"]',
        '["\\ude00"]',
        '["\\ud83d\\n"]',
        '["\\x"]',
    ),
    *(
        '["\t"]',
        '["\\"]',
        '["\\""]',
        '["a',
        "[1] x",
        "[[1],[2]]",
        '{"a":{"b":[{}]}}',
        "{}{}",
        "[1 2]",
        '{"a" 1}',
        "null",
    ),
    *('"a"', "1", "-1.5e3", '{"a":1,"a":2}', '{"a":1}}', "[[[]]", "[1]\n", "\u00a0[]", "[" * 512 + "]" * 512),
    *(
        "[" * 513 + "]" * 513,
        '{"a":' * 512 + "1" + "}" * 512,
        '{"a":' * 513 + "1" + "}" * 513,
        "[1," + "0" * 70 + "]",
    ),
)
GEOJSONS = (
    '{"type":"Point","coordinates":[1,2]}',
    '{"coordinates":[1,2.0],"type":"Point"}',
    '{"type":"Point","coordinates":[1]}',
    '{"type":"Point","coordinates":[]}',
    '{"type":"Point","coordinates":["1","2"]}',
    '{"type":"Point"}',
    '{"type":"point","coordinates":[1,2]}',
    '{"type":"MultiPoint","coordinates":[[1,2],[3,4,5]]}',
    '{"type":"MultiPoint","coordinates":[1,2]}',
    '{"type":"LineString","coordinates":[[1,2],[3,4]]}',
    '{"type":"LineString","coordinates":[[1,2]]}',
    '{"type":"LineString","coordinates":[]}',
    '{"type":"MultiLineString","coordinates":[[[1,2],[3,4]],[[1,2]]]}',
    '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0.0]]]}',
    '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,1]]]}',
    '{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]}',
    '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0,0]]]}',
    '{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}',
    '{"type":"MultiPolygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}',
    '{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}]}',
    '{"type":"GeometryCollection","geometries":[{"type":"Feature"}]}',
    '{"type":"GeometryCollection","geometries":[' * 17 + "]}" * 17,
    '{"type":"GeometryCollection","geometries":[' * 18 + "]}" * 18,
    '{"type":"Feature","properties":null,"geometry":null}',
    '{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,2]}}',
    '{"type":"Feature","geometry":null}',
    '{"type":"Feature","properties":[],"geometry":null}',
    '{"type":"FeatureCollection","features":[]}',
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":null}]}',
    '{"type":"FeatureCollection","features":[{"type":"Point","coordinates":[1,2]}]}',
    '{"type":"Topology","objects":{},"arcs":[]}',
    '{"type":"Topology","objects":{}}',
)
GEOPOINTS = (
    *(
        "90.5, 45.5",
        "90.50,45.50",
        "180,90",
        "-180,-90",
        "180.0001,0",
        "0,90.1",
        "0,0",
        " 1 , 2 ",
        "1 2",
        "1,2,3",
        "1,",
    ),
    *(
        ",1",
        "1e2,1",
        "a,b",
        "[1, 2]",
        "[1.0,2]",
        "[181,0]",
        "[1]",
        "[1,2,3]",
        '["1","2"]',
        '{"lon": 1, "lat": 2}',
    ),
    *(
        '{"lat":2.0,"lon":1}',
        '{"lon":1}',
        '{"lon":1,"lat":2,"x":3}',
        '{"lon":"1","lat":"2"}',
        "[1,2",
        "NaN,1",
    ),
)
DURATIONS = listed(
    "P1Y|P12M|P1M|P30D|P31D|P28D|PT0S|P0D|-P0M|P1Y2M3DT4H5M6.7S|-P1Y|PT1.5S|PT1.50S|PT36H|P1DT12H|P|PT|P1|1Y|P1YT",
    "P1H|PT1D|P1M1Y|PT1M1H|P-1Y|P1.5Y|PT1.S|PT.5S|PT1.123456789S|PT1.1234567891S|PT1.1234567890S|P1W|p1y|+P1Y",
    "P9999999999Y|P10000000000Y|P00000000000001Y|-PT0.5S|PT2419200S|PT2678400.5S",
    "P1D P1D|P1YM|-P1M|-P30D|PT59M|PT3540S",
)
YEARS = listed(
    "2024|0000|1999|9999|999|10000|-2024|+024|2024Z|２０２４|20 4|2024-02|0000-01|9999-12|2024-13|2024-00"
)
YEARS += listed("2024-2|202402|2024-02-01|2024/02|-2024-02")
LISTS = listed("a,b|1,2|1,2.5|1, 2|1;2|,|a,|,a|true,false|2024-02-29,2024-03-01|12:34:56,1:2|a, b, c")
DRESSED = listed(
    "€ 1.234,56|1.234,56 €|1,234.56|$1,234.56|95%|-95%|- 95%|-€5|€ -5|€-5|5-|(5)|Rs.500|Rs 500|.5|-.5|$.5",
    "5.|5.%|1.2.3|1234.56|1234,56|1.5|12,34,567|1.234e2|1,5e3",
    "1,2,3|1,,2|,1|1,|1,234|1.234|1 234,5|1'234.5|1,234e2|1e1,0|NaN|-INF|INF%|15.00 BRL|BRL 15.00|BRL15.00",
    "15.00BRL",
    "15.00  BRL|15.00 brl|15.00 XXX|BRL|BRL 15.00 BRL|15.00 EUR|1,234.50 EUR|EUR -5|-5 EUR|EUR",
    "€5 EUR|12345678 JPY| BRL",
    "x|%|a1b2c|1 2|+5 kg|1/2|5e3 m|٣%|1,234,567.891 USD",
)
KINDS = {
    "year": YEARS,
    "yearmonth": YEARS,
    "duration": DURATIONS,
    "list": LISTS,
    "geopoint": GEOPOINTS,
    "object": JSONS,
    "array": JSONS,
    "geojson": GEOJSONS,
}

_FORMATS = tuple(text for texts in STRING_FORMATS.values() for text in texts)
_PLAIN = (*WORDS, *BOOLEANS, *INTEGERS, *NUMBERS, *MOMENTS, *_FORMATS)
_KINDS = (*JSONS, *GEOJSONS, *GEOPOINTS, *DURATIONS, *YEARS, *LISTS, *DRESSED)
EVERYTHING = tuple(dict.fromkeys((*_PLAIN, *_KINDS)))

DATE_PATTERNS = ("%d/%m/%Y", "%b %d, %Y", "%Y%m%d", "%d. %B %y", "%Y-%j", "%m%d%y%%", "%Y %d%m")
TIME_PATTERNS = ("%H:%M", "%I:%M %p", "%H%M%S", "%H:%M:%S.%f", "%p%I")
DATETIME_PATTERNS = (
    "%Y-%m-%d %H:%M:%S",
    "%d/%m/%Y %I:%M%p",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%b %d %Y %H:%M %z",
    "%y%j%H%M%S%f",
    "%d/%m/%Y",
)
"""strptime patterns, with directives next to each other, next to digits, and at the ends."""

PRECISIONS = ((None, None), (5, 2), (18, 0), (18, 18), (3, 0), (1, 1), (19, 4), (38, 10), (38, 38), (1000, 0))
"""Digits in all and after the point: with and without room for an int64, and at PostgreSQL's limit."""
